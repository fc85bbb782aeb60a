"""The threshold overlay: a slider whose picture and numbers are made in the browser.

It needs no kernel once it is shown, so it also works in static pages. Its numbers equal those of
``metrics``: Python sends for every pixel the number of slider steps at which it is marked, and the
browser only counts.
"""

import io
import zlib

import anywidget
import matplotlib.pyplot as plt
import numpy as np
import traitlets
from PIL import Image
from skimage.segmentation import find_boundaries

from .. import metrics
from .._utils.labels import label
from .._utils.validation import check_mask
from ..plots.settings import PALETTES
from .panels import static, still_display

STEPS = 100
# of the marked region, as in overlay.js
EDGE = (127, 196, 255)
THRESHOLDS = np.arange(1, STEPS + 1) / STEPS


def levels(heatmap: np.ndarray) -> np.ndarray:
    """(H, W) uint8: at how many of the thresholds 0.01, 0.02, ..., 1 a pixel belongs to the region.

    ``levels(h) >= k`` equals ``metrics.region(h, k / 100)`` for k from 1 to 100; zero everywhere for
    an all-zero map. heatmap: (H, W), finite, >= 0.
    """
    h = np.asarray(heatmap, dtype=float)
    if not metrics.region(h, 1.0).any():
        return np.zeros(h.shape, dtype=np.uint8)
    return np.searchsorted(THRESHOLDS * h.max(), h, side="right").astype(np.uint8)


class Handle:
    """One control with the attributes of an ipywidgets control: value, options or min, max, step."""

    def __init__(self, owner: traitlets.HasTraits, name: str, **settings):
        self._owner, self._name = owner, name
        vars(self).update(settings)

    @property
    def value(self):
        """The value; setting it draws."""
        return getattr(self._owner, self._name)

    @value.setter
    def value(self, new) -> None:
        setattr(self._owner, self._name, new)


class Spoken(anywidget.AnyWidget):
    """A widget drawn by the browser, with a text equivalent that is its readout and its repr."""

    @property
    def text(self) -> str:
        """What the picture shows, word for word as on the page."""
        raise NotImplementedError

    def still(self) -> bytes:
        """The picture as PNG, for readers without a kernel."""
        raise NotImplementedError

    @property
    def readout(self) -> Handle:
        """``readout.value`` is the text, as in a panel."""
        return Handle(self, "text")

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        still, said = still_display(self.text, self.still())
        return data | still, metadata | said


class ThresholdOverlay(Spoken):
    """A photo, one or several heat maps and the object's mask under one threshold slider.

    image: (H, W, 3) uint8. heatmap: (H, W) >= 0, or name -> such maps. mask: (H, W) bool, not empty.
    threshold, method and colours are traits that Python and the page can set. text: what the picture
    shows, word for word as on the page. controls: threshold, method, colours.
    """

    _esm = static("dom.js") + static("overlay.js")
    _css = static("panels.css")
    threshold = traitlets.Float(0.5).tag(sync=True)
    method = traitlets.Unicode().tag(sync=True)
    colours = traitlets.Unicode("orange").tag(sync=True)
    size = traitlets.List().tag(sync=True)
    photo = traitlets.Bytes().tag(sync=True)
    mask = traitlets.Bytes().tag(sync=True)
    maps = traitlets.Dict().tag(sync=True)
    palettes = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        image: np.ndarray,
        heatmap: np.ndarray | dict[str, np.ndarray],
        mask: np.ndarray,
        threshold: float = 0.5,
    ):
        image, on_object = np.asarray(image), check_mask(mask)
        maps_by_name = heatmap if isinstance(heatmap, dict) else {"heat map": heatmap}
        self.heatmaps = {label(name): h for name, h in maps_by_name.items()}
        if not self.heatmaps:
            raise ValueError("heatmap is an empty dict: give at least one map of shape (H, W).")
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[:2] != on_object.shape:
            raise ValueError(
                f"image must be uint8 of shape (H, W, 3) with the mask's H and W {on_object.shape}, "
                f"not {image.dtype} {image.shape}."
            )
        self.on_object = on_object
        maps = {
            name: {
                "levels": zlib.compress(levels(h).tobytes(), 9),
                "saliency": metrics.saliency_score(h, on_object),
            }
            for name, h in self.heatmaps.items()
        }
        super().__init__(
            threshold=threshold,
            method=next(iter(maps)),
            size=list(on_object.shape),
            maps=maps,
            photo=_grey_jpeg(image),
            palettes=_palettes(),
            mask=zlib.compress(on_object.astype(np.uint8).tobytes(), 9),
        )
        self.controls = {
            "threshold": Handle(self, "threshold", min=1 / STEPS, max=1.0, step=1 / STEPS),
            "method": Handle(self, "method", options=tuple(maps)),
            "colours": Handle(self, "colours", options=tuple(PALETTES)),
        }

    @traitlets.validate("threshold")
    def _on_a_step(self, proposal) -> float:
        step = round(proposal["value"] * STEPS)
        if not 1 <= step <= STEPS:
            raise traitlets.TraitError(
                f"threshold must lie in [0.01, 1], a share of the maximum, not {proposal['value']}."
            )
        return step / STEPS

    @traitlets.validate("method", "colours")
    def _known(self, proposal) -> str:
        known = self.maps if proposal["trait"].name == "method" else PALETTES
        if known and proposal["value"] not in known:
            raise traitlets.TraitError(
                f"{proposal['trait'].name} must be one of {', '.join(known)}, not "
                f"{proposal['value']!r}."
            )
        return proposal["value"]

    @property
    def text(self) -> str:
        """The page's text, computed by ``metrics`` from the heat map itself."""
        h = self.heatmaps[self.method]
        scores = metrics.localisation(h, self.on_object, self.threshold)
        numbers = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
        marked = metrics.region(h, self.threshold).mean()
        return (
            f"{self.method}: threshold {self.threshold:.2f} marks {marked:.0%} of the picture; "
            f"{numbers}."
        )

    def still(self) -> bytes:
        """The picture as PNG, painted as the browser paints it."""
        level = levels(self.heatmaps[self.method])
        marked = level >= round(self.threshold * STEPS)
        base = np.asarray(Image.open(io.BytesIO(self.photo)), dtype=float)
        palette = np.frombuffer(self.palettes[self.colours], np.uint8).reshape(-1, 3)
        share = (0.35 + 0.4 * level / STEPS)[..., None]
        painted = (1 - share) * base + share * palette[level]
        picture = np.where(marked[..., None], painted, base).astype(np.uint8)
        picture[find_boundaries(marked, mode="inner")] = EDGE
        picture[find_boundaries(self.on_object, mode="inner")] = 255
        written = io.BytesIO()
        Image.fromarray(picture).save(written, "PNG")
        return written.getvalue()


def _grey_jpeg(image: np.ndarray) -> bytes:
    """The picture in grey and a little darker, as in ``plots.blend`` under a heat map."""
    buffer = io.BytesIO()
    grey = (image.mean(2, keepdims=True) * 0.8).astype(np.uint8)
    Image.fromarray(np.repeat(grey, 3, axis=2)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _palettes() -> dict[str, bytes]:
    """name -> red, green, blue of the levels 0 to 100, without the dark start of the colour map."""
    place = 0.25 + 0.75 * np.arange(STEPS + 1) / STEPS
    return {
        name: (plt.get_cmap(map_)(place)[:, :3] * 255).round().astype(np.uint8).tobytes()
        for name, map_ in PALETTES.items()
    }
