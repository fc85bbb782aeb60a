"""Pickers and sliders for pictures: CAM methods and layers, superpixels, LIME, an upload button.

Panels as in ``widgets``: box.controls, box.readout and box.text, driven by a test without a browser.
"""

import html
from collections.abc import Callable
from functools import lru_cache, partial

import ipywidgets as ipw
import numpy as np

from .. import cam, lime_image, models, plots
from .._utils.validation import check_int, truncated
from ..data.images import from_bytes
from ..plots.settings import COLORS, PALETTES
from . import Panel, _slider, colour_switch, panel
from .panels import Box, sentence

METHOD_NAMES = {
    "cam": "CAM",
    "grad_cam": "Grad-CAM",
    "grad_cam_pp": "Grad-CAM++",
    "layer_cam": "Layer-CAM",
    "ablation_cam": "Ablation-CAM",
    "hires_cam": "HiResCAM",
}


def _dropdown(description: str, options: list, value: object = None) -> ipw.Dropdown:
    if value is None:  # ipywidgets would start without a choice
        value = options[0][1] if isinstance(options[0], tuple) else options[0]
    return ipw.Dropdown(
        description=description,
        options=options,
        value=value,
        layout=ipw.Layout(width="28em", max_width="98%"),
        style={"description_width": "initial"},
    )


def layer_choices(layers: dict[str, tuple[int, int, int]]) -> list[tuple[str, str]]:
    """(label, name) of every candidate layer, the label telling its output: "head: 1280 maps, 7 x 7".

    A part that returns the same shape as the layer around it is left out. Notebook 05.
    """
    return [
        (f"{name}: {k} maps, {h} x {w}", name)
        for name, (k, h, w) in layers.items()
        if layers.get(name.rpartition(".")[0]) != (k, h, w)
    ]


def cam_explorer(
    cnn: models.CNN, image: np.ndarray, *, layer: str | None = None, classes: int = 5
) -> Panel:
    """Pick a CAM method, a layer and one of the most probable classes; see the overlay at once.

    image: what ``CNN.view`` takes. layer: where to begin, None for the last. controls: method,
    layer, target. The readout names the score, the map's size and how much of the picture lies
    above half of the maximum. Introduced in notebook 05.
    Raises ValueError for an unknown layer.
    """
    view, x = cnn.view(image), cnn.preprocess(image)
    p = cnn.predict_proba([view])[0]
    best = np.argsort(-p, kind="stable")[: check_int("classes", classes)].tolist()
    shapes, known = cnn.layers, {}
    if layer is not None and layer not in shapes:
        raise ValueError(f"layer must be one of {', '.join(shapes)}, not {truncated(layer)}.")

    def draw(method: str, layer: str, target: int, colours: str):
        key = (method, layer, target)
        if key not in known:
            known[key] = cam.heatmaps(cnn, x, layer, target, [method])[method][0]
        h, (k, height, width) = known[key], shapes[layer]
        marked = f"{np.mean(h >= 0.5):.0%} of the picture lies above half of the maximum"
        text = (
            f"{METHOD_NAMES[method]} of the logit of '{cnn.categories[target]}' (probability "
            f"{p[target]:.2f}) at {layer}, {k} maps of {height} x {width}: "
            f"{marked if h.any() else 'the map is empty, nothing here speaks for the class'}."
        )
        title = f"{METHOD_NAMES[method]}, {layer}"
        return plots.overlay(view, h, title, cmap=PALETTES[colours]), text

    return panel(
        draw,
        method=_dropdown("method", [(METHOD_NAMES[m], m) for m in cam.METHODS if m != "cam"]),
        layer=_dropdown("layer", layer_choices(shapes), layer or cnn.default_layer),
        target=_dropdown("class", [(f"{cnn.categories[i]} {p[i]:.2f}", i) for i in best]),
        colours=colour_switch(PALETTES),
    )


def network_explorer(
    image: np.ndarray, networks: dict[str, Callable[[], models.CNN]] | None = None
) -> ipw.VBox:
    """``cam_explorer`` with a list of networks in front of it.

    networks: name -> function that makes the CNN, called when it is chosen; None lists those of
    ``models.cnn_names()`` whose weights are on this computer, and the note names the others, or says
    why a network cannot be had.
    controls: network and those of the explorer; readout is the explorer's. Raises ValueError for an
    empty dict. Introduced in notebook 05.
    """
    absent = [] if networks else [name for name, here in models.cnn_names().items() if not here]
    if networks is None:
        networks = {
            n: partial(models.load_cnn, n) for n, here in models.cnn_names().items() if here
        }
    if not networks:
        raise ValueError("networks must name at least one network: {name: function that makes it}.")
    listed = (
        f"Not on this computer: {', '.join(absent)}; "
        "<code>load_cnn(name, weights='path/to/file.pth')</code> reads a state dict that you have."
        if absent
        else ""
    )
    choice, note, box = _dropdown("network", list(networks)), ipw.HTML(listed), Box()

    def show(_change=None) -> None:
        box.add_class("xailab-busy")
        try:
            explorer = cam_explorer(networks[choice.value](), image)
        except Exception as error:
            note.value = html.escape(sentence(error))
            raise
        finally:
            box.remove_class("xailab-busy")
        note.value = listed
        box.children = (choice, note, explorer)
        box.controls = {"network": choice, **explorer.controls}
        box.readout = explorer.readout

    show()
    choice.observe(show, names="value")
    return box


def superpixel_explorer(image: np.ndarray, n: int = 50) -> Panel:
    """Slide the number of superpixels and pick the segmentation; no model is asked.

    image: uint8 (H, W, 3). controls: method, n. The readout counts the superpixels and tells how
    many possible maskings they have. Introduced in notebook 04.
    """
    cut = lru_cache(maxsize=64)(lambda method, n: lime_image.superpixels(image, method, n))

    def draw(method: str, n: int):
        segments = cut(method, n)
        m = int(segments.max()) + 1
        size = np.bincount(segments.ravel()) / segments.size
        text = (
            f"{method}: {m} superpixels, the largest covers {size.max():.0%} of the picture; "
            f"there are 2 to the power {m} ways to hide some of them."
        )
        return plots.superpixel_outlines(image, segments, f"{m} superpixels"), text

    return panel(
        draw,
        method=_dropdown("segmentation", list(lime_image.SEGMENTATIONS)),
        n=_slider(ipw.IntSlider, "superpixels wanted", min=5, max=150, step=5, value=n),
    )


def lime_explorer(
    predict_proba: Callable,
    image: np.ndarray,
    *,
    target: int | None = None,
    n: int = 20,
    n_samples: int = 100,
    seed: int = 0,
) -> Panel:
    """LIME for one image under five controls: segmentation, superpixels, samples, fill, how many to show.

    Moving a control asks the model again (n_samples images), unless that setting was seen before;
    ``top`` only draws again. The readout tells the model calls, R2 and the strongest superpixel.
    controls: method, n, samples, hide, top. Introduced in notebook 04.
    """
    known: dict[tuple, lime_image.SuperpixelModel] = {}

    def draw(method: str, n: int, samples: int, hide: str, top: int, colours: str):
        key = (method, n, samples, hide)
        if key not in known:
            segments = lime_image.superpixels(image, method, n)
            local = lime_image.explain(
                predict_proba,
                image,
                n_samples=max(samples, segments.max() + 3),
                segments=segments,
                hide=hide,
                target=target,
                seed=seed,
            )
            known[key] = local
        local = known[key]
        shown, count = local.mask(top), min(top, len(local.weights))
        text = (
            f"Shown: the {count} strongest of {len(local.weights)} superpixels, "
            f"{(shown != 0).mean():.0%} of the picture. {local.n_samples} model calls. {local.describe()}"
        )
        title = f"the {count} strongest superpixels"
        return plots.superpixel_mask(image, shown, title, colors=COLORS[colours]), text

    return panel(
        draw,
        method=_dropdown("segmentation", list(lime_image.SEGMENTATIONS)),
        n=_slider(ipw.IntSlider, "superpixels wanted", min=5, max=100, step=5, value=n),
        samples=_slider(ipw.IntSlider, "samples", min=50, max=1000, step=50, value=n_samples),
        hide=_dropdown("hidden ones are", list(lime_image.FILLS)),
        top=_slider(ipw.IntSlider, "how many to show", min=1, max=20, value=8),
        colours=colour_switch(COLORS),
    )


def upload(use: Callable[[np.ndarray], ipw.Widget]) -> ipw.VBox:
    """A button for a picture of your own; ``use(image)`` makes the widget that is shown for it.

    image: uint8 (H, W, 3), upright. A file that is no image is named in the readout and raises
    ValueError. controls: file. The picture stays on this computer. Introduced in notebook 05.
    """
    button = ipw.FileUpload(accept="image/*", multiple=False, description="a picture of yours")
    readout = ipw.HTML("No picture chosen yet.")
    box = Box([button, readout])
    box.controls, box.readout = {"file": button}, readout

    def show(change) -> None:
        for file in change["new"]:
            try:
                image = from_bytes(bytes(file["content"]), file["name"])
            except ValueError as error:
                readout.value = html.escape(str(error))
                raise
            height, width = image.shape[:2]
            readout.value = html.escape(f"{file['name']}: {width} x {height} pixels.")
            box.children = (button, readout, use(image))

    button.observe(show, names="value")
    return box
