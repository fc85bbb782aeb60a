"""Panels for one picture: CAM methods and layers, superpixels, LIME, an upload button.

Each has controls, readout and text, as all panels of ``widgets``.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import ipywidgets as ipw
import numpy as np

from .. import cam, lime_image, models, plots
from .._utils.labels import label, layer_label
from .._utils.validation import check_int, truncated
from ..data.images import from_bytes
from ..plots.settings import COLORS, PALETTES
from .panels import Box, Panel, color_switch, dropdown, panel, sentence, slider


def layer_choices(
    layers: dict[str, tuple[int, int, int]], last: str | None = None, begin: str | None = None
) -> list[tuple[str, str]]:
    """(label, name) of every candidate layer; the label gives its output: "blocks.4 (40 maps, 28 x 28)".

    A layer with the same shape as the one around it is left out, unless it is one of these. last: the
    one that is called so. begin: the one that is chosen first.
    """
    return [
        (layer_label(name, shape, last=name == last), name)
        for name, shape in layers.items()
        if name in (last, begin) or layers.get(name.rpartition(".")[0]) != shape
    ]


def cam_explorer(
    cnn: models.CNN, image: np.ndarray, *, layer: str | None = None, classes: int = 5
) -> Panel:
    """Choose a CAM method, a layer and one of the most probable classes; see the overlay.

    image: what ``CNN.view`` takes. layer: where to begin, None for the last. classes: how many to
    offer. controls: method, layer, target, colours. The readout names the score, the size of the map
    and the share of the picture above half of the maximum.
    """
    view, x = cnn.view(image), cnn.preprocess(image)
    p = cnn.predict_proba([view])[0]
    best = np.argsort(-p, kind="stable")[: check_int("classes", classes)].tolist()
    shapes, known = cnn.layers, {}
    if layer is not None and not (isinstance(layer, str) and layer in shapes):
        raise ValueError(f"layer must be one of {', '.join(shapes)}, not {truncated(layer)}.")
    begin = layer or cnn.default_layer

    def draw(method: str, layer: str, target: int, colours: str):
        key = (method, layer, target)
        if key not in known:
            known[key] = cam.heatmaps(cnn, x, layer, target, [method])[method][0]
        h, method = known[key], label(method)
        where = layer_label(layer, shapes[layer], last=layer == cnn.default_layer)
        marked = f"{np.mean(h >= 0.5):.0%} of the picture lies above half of the maximum"
        text = (
            f"{method} of the logit of '{cnn.categories[target]}' (probability "
            f"{p[target]:.2f}) at {where}: "
            f"{marked if h.any() else 'the map is empty, nothing here supports the class'}."
        )
        cmap = PALETTES[colours]
        ax = plots.overlay(view, h, f"{method}\n{where}", cmap=cmap)
        ax.figure.set_size_inches(4.4, 3.4)
        plots.heat_bar(ax, cmap=cmap)
        return ax, text

    return panel(
        draw,
        method=dropdown("method", [(label(m), m) for m in cam.METHODS if m != "cam"]),
        layer=dropdown("layer", layer_choices(shapes, cnn.default_layer, begin), begin),
        target=dropdown("class", [(f"{cnn.categories[i]} {p[i]:.2f}", i) for i in best]),
        colours=color_switch(PALETTES),
    )


def network_explorer(
    image: np.ndarray,
    networks: Mapping[str, models.CNN | Callable[[], models.CNN]] | None = None,
    *,
    weights: Mapping[str, str | Path] | None = None,
) -> ipw.VBox:
    """``cam_explorer`` with a list of networks above it.

    networks: name -> CNN, or a function that makes it and is called when it is chosen; None lists
    those of ``models.cnn_names()`` whose weights are on this computer. weights: name -> the path of
    a weights file, for more of them: ``weights={"vgg16": "vgg16.pth"}``. A note names the others, or
    says why a network could not be loaded. controls: network and those of the explorer, whose
    readout it has.
    """
    known, weights = models.cnn_names(), dict(weights or {})
    if unknown := [name for name in weights if name not in known]:
        raise ValueError(
            f"weights must map names out of {', '.join(known)} to files, not {truncated(unknown[0])}."
        )
    absent = []
    if networks is None:
        networks = {name: partial(models.load_cnn, name) for name, here in known.items() if here}
        absent = [name for name, here in known.items() if not here and name not in weights]
    networks = {
        **networks,
        **{name: partial(models.load_cnn, name, path) for name, path in weights.items()},
    }
    if not networks:
        raise ValueError("networks must name at least one network: {name: CNN}.")
    listed = (
        f"Not on this computer: {', '.join(absent)}; "
        "<code>weights={name: 'path/to/file.pth'}</code> adds one whose state dict you have."
        if absent
        else ""
    )
    choice = dropdown("network", [(label(name), name) for name in networks])
    note, box = ipw.HTML(listed), Box()

    def show(_change=None) -> None:
        box.add_class("xailab-busy")
        try:
            chosen = networks[choice.value]
            explorer = cam_explorer(chosen() if callable(chosen) else chosen, image)
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
    """Choose the segmentation and the number of superpixels; no model is used.

    image: uint8 (H, W, 3). n: where the number begins. controls: method, n. The readout gives the
    number of superpixels and of their possible maskings.
    """
    cut = lru_cache(maxsize=64)(lambda method, n: lime_image.superpixels(image, method, n))

    def draw(method: str, n: int):
        segments = cut(method, n)
        m = int(segments.max()) + 1
        size = np.bincount(segments.ravel()) / segments.size
        text = (
            f"{label(method)}: {m} superpixels, the largest covers {size.max():.0%} of the picture; "
            f"there are 2 to the power {m} ways to hide some of them."
        )
        return plots.superpixel_outlines(image, segments, f"{m} superpixels"), text

    return panel(
        draw,
        method=dropdown("segmentation", [(label(m), m) for m in lime_image.SEGMENTATIONS]),
        n=slider(ipw.IntSlider, "superpixels wanted", min=5, max=150, step=5, value=n),
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
    """LIME for one image, with its settings as controls.

    A new setting asks the model again; ``top`` only draws again. The readout gives the number of
    model calls, R2 and the strongest superpixel. controls: method (segmentation), n (superpixels),
    samples, hide, top (how many to show), colours.

    Parameters
    ----------
    predict_proba : callable
        Images -> (n, classes).
    image : array (H, W, 3), uint8
        The picture that is explained.
    target : int, optional
        The class, None for the most probable one.
    n, n_samples : int
        Where the controls begin.
    seed : int
        Of the samples.
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
        method=dropdown("segmentation", [(label(m), m) for m in lime_image.SEGMENTATIONS]),
        n=slider(ipw.IntSlider, "superpixels wanted", min=5, max=100, step=5, value=n),
        samples=slider(ipw.IntSlider, "samples", min=50, max=1000, step=50, value=n_samples),
        hide=dropdown("hidden ones are", list(lime_image.FILLS)),
        top=slider(ipw.IntSlider, "how many to show", min=1, max=20, value=8),
        colours=color_switch(COLORS),
    )


def _uploaded(value: Sequence[dict] | dict[str, dict]) -> list[tuple[str, bytes]]:
    """Name and content of the chosen files. ipywidgets 7, which Colab has, keeps them by name."""
    if isinstance(value, dict):
        return [(name, bytes(file["content"])) for name, file in value.items()]
    return [(file["name"], bytes(file["content"])) for file in value]


def upload(use: Callable[[np.ndarray], ipw.Widget]) -> ipw.VBox:
    """A button for a picture of your own; ``use(image)`` makes the widget that is shown for it.

    image: uint8 (H, W, 3), upright. A file that is not an image is named in the readout, and a
    ValueError is raised. controls: file. The picture stays on this computer.
    """
    button = ipw.FileUpload(accept="image/*", multiple=False, description="a picture of yours")
    readout = ipw.HTML("No picture chosen yet.")
    box = Box([button, readout])
    box.controls, box.readout = {"file": button}, readout

    def show(change) -> None:
        for name, content in _uploaded(change["new"]):
            try:
                image = from_bytes(content, name)
            except ValueError as error:
                readout.value = html.escape(str(error))
                raise
            height, width = image.shape[:2]
            readout.value = html.escape(f"{name}: {width} x {height} pixels.")
            box.children = (button, readout, use(image))

    button.observe(show, names="value")
    return box
