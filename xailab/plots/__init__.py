"""The course's figures. Every function takes ``ax=None``, returns the Axes and never calls show().

Orange raises, blue lowers, grey is neutral; the colours differ for colour-blind readers and in grey
print. Heat maps use a colour map whose lightness grows with the value. Axis labels name the output.
Figures of several pictures are drawn here, heat maps in ``heat_maps``, those for tables in ``tables`` and
``many_rows``.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm

from .._utils.labels import label
from .._utils.validation import check_mask
from ..data.images import as_rgb
from .heat_maps import (
    blend,
    box_legend,
    boxed,
    heat_bar,
    heatmap,
    overlay,
    papers_and_ours,
    photo,
)
from .many_rows import attribution_heatmap, decision, dependence, importance, summary
from .settings import COLORS, HEAT, LOW_HIGH, axes_or_new, check_map, literal, style, words
from .tables import (
    contributions,
    curves,
    dial,
    dots,
    error_against_cost,
    force,
    intervals,
    ranges,
    waterfall,
)


def grid(
    rows: dict[str, Sequence[np.ndarray]],
    columns: Sequence[str],
    size: float = 1.7,
    bar: bool = False,
):
    """Pictures in rows and columns with their names; returns the array of Axes.

    rows: name -> pictures (uint8) in the order of ``columns``. size: of a picture, in inches.
    bar: with the colour bar of heat maps, where the pictures are overlays.
    """
    _, axes = plt.subplots(
        len(rows),
        len(columns),
        squeeze=False,
        layout="constrained",
        figsize=(size * len(columns) + 0.9 * bar, size * len(rows) + 0.3),
    )
    for row, (line, (name, pictures)) in enumerate(zip(axes, rows.items(), strict=True)):
        for ax, column, picture in zip(line, columns, pictures, strict=True):
            ax.imshow(picture, cmap="gray")
            ax.set_xticks([])
            ax.set_yticks([])
            for spine in ax.spines.values():
                spine.set_visible(False)
            if row == 0:
                ax.set_title(label(column), loc="center", fontsize=9)
        line[0].set_ylabel(label(name), fontsize=9)
    for ax in axes.flat:
        words(ax)
    if bar:
        heat_bar(axes)
    return axes


def overlays(
    image: np.ndarray,
    maps: dict,
    credit: str = "",
    mask: np.ndarray | None = None,
    columns: int = 5,
    size: float = 1.9,
):
    """The picture and several heat maps over it, each under its name; returns the array of Axes.

    Parameters
    ----------
    image : array (H, W, 3), uint8
        The picture.
    maps : dict
        name -> heat map (H, W) in [0, 1].
    credit : str
        Author and licence, which must be shown with a photograph.
    mask : array (H, W), bool, optional
        The object, outlined on the picture.
    columns : int
        How many pictures side by side.
    size : float
        Width and height of each picture, in inches.
    """
    pictures = {"the picture": image} | {name: blend(image, h) for name, h in maps.items()}
    rows = -(-len(pictures) // columns)
    _, axes = plt.subplots(
        rows,
        columns,
        squeeze=False,
        layout="constrained",
        figsize=(size * columns, (size + 0.25) * rows + 0.2 * bool(credit)),
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (name, picture) in zip(axes.flat, pictures.items(), strict=False):
        ax.imshow(picture, cmap="gray")
        ax.set_title(label(name), loc="center", fontsize=9)
        words(ax)
    if mask is not None:
        axes[0, 0].contour(check_mask(mask), [0.5], colors=["white"], linewidths=1.5)
    if credit:
        said = literal(f"Photo: {credit}")
        axes[0, 0].figure.supxlabel(said, fontsize=7, color="#555555")
    return axes


def superpixel_outlines(
    image: np.ndarray, segments: np.ndarray, title: str = "", ax: Axes | None = None
) -> Axes:
    """The picture with the borders of its superpixels."""
    # imported here because scikit-image takes long to load and most figures do not need it
    from skimage.segmentation import find_boundaries

    picture = as_rgb(image).copy()
    if np.shape(segments) != picture.shape[:2]:
        raise ValueError(
            f"segments {np.shape(segments)} and the image {picture.shape[:2]} differ in size."
        )
    picture[find_boundaries(segments, mode="inner")] = (255, 230, 80)
    return photo(picture, title, ax)


def superpixel_mask(
    image: np.ndarray,
    mask: np.ndarray,
    title: str = "",
    ax: Axes | None = None,
    *,
    colors: tuple[str, str] = COLORS["orange and blue"],
) -> Axes:
    """The strongest superpixels: orange outlines for the class, blue hatching against it.

    Parameters
    ----------
    image : array (H, W, 3), uint8
        The picture.
    mask : array (H, W)
        +1, -1 and 0 as ``SuperpixelModel.mask`` gives it; where it is 0 the picture is faded.
    title : str
        Above the picture.
    ax : Axes, optional
        Where to draw; None makes a new figure.
    colors : pair of str
        For and against the class.
    """
    image, mask = as_rgb(image), check_map(mask, image, "The mask")
    faded = image.astype(float) * 0.25 + 255 * 0.7
    picture = np.where(mask[..., None] != 0, image, faded).astype(np.uint8)
    ax = photo(picture, title, ax)
    for sign, color, hatch in ((1, colors[0], None), (-1, colors[1], "////")):
        where = (mask == sign).astype(float)
        if where.any():
            padded = np.pad(where, 1)
            edges = np.arange(-1, max(padded.shape))
            x, y = edges[: padded.shape[1]], edges[: padded.shape[0]]
            ax.contour(x, y, padded, [0.5], colors=[color], linewidths=2)
            if hatch:
                fill = ax.contourf(x, y, padded, [0.5, 1.5], colors="none", hatches=[hatch])
                fill.set_edgecolor(color)
    ax.set_xlim(-0.5, image.shape[1] - 0.5)
    ax.set_ylim(image.shape[0] - 0.5, -0.5)
    return ax


def superpixel_heatmap(
    h: np.ndarray,
    title: str = "",
    ax: Axes | None = None,
    *,
    limit: float | None = None,
    bar: bool = True,
    label: str = "weight (probability)",
) -> Axes:
    """Signed weights of superpixels: blue lowers, grey is neutral, orange raises.

    Parameters
    ----------
    h : array (H, W)
        The weight of each pixel's superpixel.
    title : str
        Above the picture.
    ax : Axes, optional
        Where to draw; None makes a new figure.
    limit : float, optional
        The weight at full colour, None for the largest; give one to compare several maps.
    bar : bool
        Whether to draw the colour scale.
    label : str
        What the scale counts.
    """
    h, ax = check_map(h), axes_or_new(ax, height=3.2, width=4)
    limit = limit or max(float(np.abs(h).max()), 1e-12)
    drawn = ax.imshow(h, cmap=LOW_HIGH, norm=TwoSlopeNorm(0, -limit, limit))
    if bar:
        ax.figure.colorbar(drawn, ax=ax, label=label, shrink=0.8)
    ax.set_title(title)
    ax.set_axis_off()
    return ax
