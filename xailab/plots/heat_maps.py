"""Heat maps: alone, over their picture, with the object's box, with a colour bar."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from .._utils.validation import check_mask
from ..data.images import as_rgb
from .settings import HEAT, axes_or_new, check_map

# of the line around a marked region
REGION = "#7fc4ff"


def photo(image: np.ndarray, title: str = "", ax: Axes | None = None) -> Axes:
    """A picture without axes. image: (H, W, 3) uint8 or (H, W) grey."""
    ax = axes_or_new(ax, height=3.2, width=3.2)
    ax.imshow(image, cmap="gray")
    ax.set_title(title)
    ax.set_axis_off()
    return ax


def heatmap(h: np.ndarray, title: str = "", ax: Axes | None = None) -> Axes:
    """A heat map on the fixed scale 0 to 1: black is no evidence, so an empty map looks empty."""
    h, ax = check_map(h), axes_or_new(ax, height=3.2, width=3.2)
    ax.imshow(h, cmap=HEAT, vmin=0, vmax=1)
    ax.set_title(title)
    ax.set_axis_off()
    return ax


def heat_bar(
    axes, label: str = "heat (1 = the map's maximum)", *, top: float = 1.0, cmap: str = HEAT
) -> Colorbar:
    """The colour bar beside heat maps or overlays, from 0 to ``top``.

    axes: an Axes, or an array of those of one figure. label: what the numbers are. top: the value of the
    last colour, for maps that were divided by it. cmap: the colours of the maps.
    """
    beside = list(np.ravel(axes))
    scale = ScalarMappable(Normalize(0, top), cmap)
    return beside[0].figure.colorbar(scale, ax=beside, label=label, shrink=0.9, aspect=30)


def blend(image: np.ndarray, h: np.ndarray, cmap: str = HEAT) -> np.ndarray:
    """The picture in grey with the heat map laid over it: uint8 (H, W, 3).

    h: (H, W) in [0, 1], its opacity is 0.75 h. cmap: one of ``settings.PALETTES``.
    """
    image = as_rgb(image)
    h = check_map(h, image)
    grey = np.repeat(image.mean(2, keepdims=True), 3, axis=2) * 0.8
    color = plt.get_cmap(cmap)(h)[..., :3] * 255
    opacity = 0.75 * np.clip(h, 0, 1)[..., None]
    return ((1 - opacity) * grey + opacity * color).astype(np.uint8)


def overlay(
    image: np.ndarray, h: np.ndarray, title: str = "", ax: Axes | None = None, *, cmap: str = HEAT
) -> Axes:
    """A heat map over the grey picture.

    Parameters
    ----------
    image : array (H, W, 3), uint8
        The picture.
    h : array (H, W)
        The heat map, in [0, 1].
    title : str
        Above the picture.
    ax : Axes, optional
        Where to draw; None makes a new figure.
    cmap : str
        One of ``settings.PALETTES``.
    """
    return photo(blend(image, h, cmap=cmap), title, ax)


def papers_and_ours(image: np.ndarray, h: np.ndarray) -> np.ndarray:
    """One heat map over its picture, as most papers colour it and as this course does.

    Left: the colours "jet" (blue is low, red is high), mixed half and half with the picture, as
    pytorch-grad-cam does it. Right: ``overlay``. Each has its colour bar; returns both Axes.

    image: (H, W, 3) uint8. h: (H, W) in [0, 1].
    """
    image = as_rgb(image)
    h = check_map(h, image)
    _, axes = plt.subplots(1, 2, figsize=(8, 3.3), layout="constrained")
    jet = 0.5 * image + 127.5 * plt.get_cmap("jet")(h)[..., :3]
    photo(jet.astype(np.uint8), "jet: red = high, blue = low", axes[0])
    heat_bar(axes[0], cmap="jet")
    overlay(image, h, "this course: pale = high, grey photo = 0", axes[1])
    heat_bar(axes[1])
    return axes


def boxed(
    image: np.ndarray,
    h: np.ndarray,
    mask: np.ndarray,
    threshold: float = 0.5,
    title: str = "",
    ax: Axes | None = None,
    *,
    cmap: str = HEAT,
) -> Axes:
    """The overlay with the object's bounding box (white) and the outline of the marked region (blue).

    The box lies on the outermost pixels of the object, inside the picture. ``box_legend`` names both.

    Parameters
    ----------
    image, h, title, ax, cmap
        As in ``overlay``.
    mask : array (H, W), bool
        The object.
    threshold : float
        The region is {h >= threshold * max(h)}.
    """
    mask, h = check_mask(mask), check_map(h, image)
    if mask.shape != h.shape or not mask.any():
        raise ValueError(
            f"The mask must have the heat map's shape {h.shape} and not be empty; it has {mask.shape}."
        )
    ax = overlay(image, h, title, ax, cmap=cmap)
    ys, xs = np.nonzero(mask)
    corner, width, height = (xs.min(), ys.min()), np.ptp(xs), np.ptp(ys)
    box = plt.Rectangle(corner, width, height, fill=False, ec="white", lw=2, clip_on=False)
    ax.add_patch(box)
    if h.max() > 0:
        ax.contour(h, [threshold * h.max()], colors=[REGION], linewidths=1.5)
    return ax


def box_legend(axes, threshold: float = 0.5) -> Legend:
    """Names the white box and the blue line of ``boxed`` below the figure.

    axes: an Axes of the figure, or an array of them. threshold: that of ``boxed``.
    """
    figure = np.ravel(axes)[0].figure
    half = "half" if threshold == 0.5 else f"{threshold:g}"
    handles = [
        Line2D([], [], color="white", lw=2, label="bounding box of the object"),
        Line2D([], [], color=REGION, lw=1.5, label=f"region above {half} of the map's maximum"),
    ]
    return figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=2 if figure.get_figwidth() > 6 else 1,
        fontsize=9,
        facecolor="#555555",
        labelcolor="white",
    )
