"""The course's figures. Every function takes ``ax=None``, returns the Axes and never calls show().

One visual language: orange raises, blue lowers (apart for colour-blind readers and in grey print),
neutral is grey; heat maps use a map whose lightness grows with the value. Axis labels name the
output space. ``describe`` functions say in words what a figure shows.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm
from skimage.segmentation import find_boundaries

__all__ = [
    "attribution_heatmap", "boxed", "contributions", "curves", "decision", "dependence", "dial", "force",
    "grid", "heatmap", "importance",
    "intervals", "overlay", "overlays", "photo", "ranges", "style", "summary", "superpixel_heatmap",
    "superpixel_mask", "superpixel_outlines", "waterfall",
]  # fmt: skip

RAISES, LOWERS, NEUTRAL = "#d1600f", "#2a6fb0", "#8a8a8a"
LOW_HIGH = LinearSegmentedColormap.from_list("low_high", ["#2a6fb0", "#c9c9c9", "#d1600f"])
HEAT = "inferno"


def style() -> None:
    """The course's figure settings, called once in a notebook's first cell."""
    plt.rcParams.update({
        "figure.figsize": (7, 3.6), "figure.dpi": 100, "figure.constrained_layout.use": True,
        "font.size": 10, "axes.titlesize": 11, "axes.spines.top": False,
        "axes.spines.right": False, "image.cmap": HEAT, "axes.titlelocation": "left",
    })  # fmt: skip


def _axes(ax: Axes | None, height: float = 3.6, width: float = 7.0) -> Axes:
    if ax is not None:
        return ax
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def _colours(values: Sequence[float]) -> list[str]:
    return [RAISES if v > 0 else LOWERS for v in values]


# --- tables ------------------------------------------------------------------------------------


def contributions(
    table: pd.Series, output: str = "probability of income > 50K", ax: Axes | None = None
) -> Axes:
    """Signed bars, the largest on top. table: labels -> contributions in units of ``output``.

    Introduced in notebook 02.
    """
    ordered = table.iloc[np.argsort(table.abs().to_numpy(), kind="stable")]
    ax = _axes(ax, height=0.8 + 0.28 * len(ordered))
    bars = ax.barh([str(label) for label in ordered.index], ordered, color=_colours(ordered))
    ax.bar_label(bars, [f"{v:+.2f}" for v in ordered], padding=3, fontsize=9)
    ax.axvline(0, color="black", lw=0.8)
    ax.margins(x=0.15)
    ax.set_xlabel(f"contribution to the {output}\n(blue lowers, orange raises)")
    return ax


def importance(
    values: np.ndarray, features: Sequence[str],
    output: str = "probability of income > 50K", ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Mean absolute contribution of each feature, the largest on top. values: (n, d).

    Introduced in notebook 03.
    """
    size = np.abs(values).mean(0)
    order = np.argsort(size, kind="stable")
    ax = _axes(ax, height=0.8 + 0.28 * len(order))
    bars = ax.barh(np.array(features)[order], size[order], color=NEUTRAL)
    ax.bar_label(bars, [f"{v:.3f}" for v in size[order]], padding=3, fontsize=9)
    ax.margins(x=0.12)
    ax.set_xlabel(f"mean |Shapley value|, {output}, n = {len(values)}")
    return ax


def _spread(x: np.ndarray, width: float = 0.38, bins: int = 80) -> np.ndarray:
    """Vertical offsets that lay points of one bin beside each other, densest in the middle."""
    low, high = x.min(), x.max()
    bin = ((x - low) / (high - low or 1) * bins).astype(int)
    order = np.lexsort((np.arange(len(x)), bin))
    counts = np.bincount(bin)
    starts = np.cumsum(counts) - counts
    place = np.empty(len(x))
    place[order] = np.arange(len(x)) - np.repeat(starts, counts)
    side = np.where(place % 2 == 0, 1, -1) * np.ceil(place / 2)
    return width * side / max(1, np.ceil(counts.max() / 2))


def summary(
    values: np.ndarray, X: pd.DataFrame,
    output: str = "probability of income > 50K", ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """One dot for every row and feature: where it pushes, coloured by the feature's own value.

    values: (n, d) Shapley values of X's rows. Most important feature on top. The colour is the
    feature's rank in its column, so one extreme value does not fade all others.
    Introduced in notebook 03.
    """
    order = np.argsort(np.abs(values).mean(0), kind="stable")
    ax = _axes(ax, height=1.2 + 0.36 * len(order), width=7.5)
    colour = X.rank(pct=True).to_numpy()
    for y, j in enumerate(order):
        dots = ax.scatter(
            values[:, j], y + _spread(values[:, j]), c=colour[:, j], cmap=LOW_HIGH, s=7, vmin=0,
            vmax=1, rasterized=True,
        )  # fmt: skip
    ax.axvline(0, color="black", lw=0.8)
    ax.set_yticks(range(len(order)), X.columns[order])
    ax.set_xlabel(f"Shapley value, {output}, n = {len(X)}")
    bar = ax.figure.colorbar(dots, ax=ax, ticks=[0, 1], aspect=40, pad=0.02)
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label("value of the feature (rank)")
    return ax


def waterfall(attribution, output: str | None = None, ax: Axes | None = None) -> Axes:
    """From the base value to the prediction, one feature a step, the smallest first from below.

    attribution: a ``shapley.Attribution``. Introduced in notebook 03.
    """
    output = output or attribution.output
    table = attribution.table().iloc[::-1]
    steps = table["value"].to_numpy()
    left = attribution.base + np.concatenate([[0], np.cumsum(steps)])
    ax = _axes(ax, height=1.4 + 0.3 * len(steps))
    labels = [f"{f} = {v:g}" for f, v in table["data"].items()]
    ax.barh(labels, steps, left=left[:-1], color=_colours(steps))
    for y, step in enumerate(steps):
        ax.annotate(
            f"{step:+.3f}", (max(left[y], left[y + 1]), y), xytext=(4, 0),
            textcoords="offset points", va="center", fontsize=9,
        )  # fmt: skip
        ax.plot([left[y + 1]] * 2, [y - 0.4, y + 1.4], color="black", lw=0.5)
    ax.axvline(attribution.base, color=NEUTRAL, ls=":", lw=1)
    ax.axvline(attribution.prediction, color="black", ls="--", lw=1)
    ax.margins(x=0.15)
    ax.set_xlabel(
        f"{output}\nfrom the base value {attribution.base:.3f} (dotted) "
        f"to the prediction {attribution.prediction:.3f} (dashed)"
    )
    return ax


def force(attribution, output: str | None = None, top: int = 5, ax: Axes | None = None) -> Axes:
    """The pushes on one line: orange from the left up to the prediction, blue back from the right.

    attribution: a ``shapley.Attribution``; the ``top`` largest pushes are named.
    Introduced in notebook 03.
    """
    output = output or attribution.output
    ax = _axes(ax, height=2.6, width=9)
    table = attribution.table()
    named = set(table.index[:top])
    for colour, sign in ((RAISES, 1), (LOWERS, -1)):
        at = attribution.prediction
        side = table[np.sign(table["value"]) == sign]
        for level, (feature, (data, value)) in enumerate(side.iterrows()):
            ax.barh(0, -value, left=at, color=colour, edgecolor="white", height=0.5)
            if feature in named:
                below, away = level % 2 == 0, 14 if level % 4 < 2 else 28
                ax.annotate(
                    f"{feature} = {data:g}", (at - value / 2, -0.27 if below else 0.27),
                    xytext=(0, -away - 4 if below else away), textcoords="offset points",
                    ha="center", fontsize=8, color=colour,
                    arrowprops={"arrowstyle": "-", "color": colour},
                )  # fmt: skip
            at -= value
    ax.axvline(attribution.base, color=NEUTRAL, ls=":", lw=1)
    ax.axvline(attribution.prediction, color="black", ls="--", lw=1)
    ax.set_ylim(-1.1, 1.1)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(
        f"{output}: base value {attribution.base:.3f} (dotted), "
        f"prediction {attribution.prediction:.3f} (dashed)"
    )
    return ax


def dependence(
    values: np.ndarray, X: pd.DataFrame, feature: str, colour_by: str | None = None,
    output: str = "probability of income > 50K", ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """A feature's Shapley value against its own value; a second feature colours the dots.

    values: (n, d) Shapley values of X's rows. Raises ValueError for a name that X does not have.
    Introduced in notebook 03.
    """
    for name in filter(None, (feature, colour_by)):
        if name not in X.columns:
            raise ValueError(f"There is no feature {name!r}; X has {list(X.columns)}.")
    ax = _axes(ax)
    y = values[:, X.columns.get_loc(feature)]
    if colour_by is None:
        ax.scatter(X[feature], y, s=9, color=NEUTRAL)
    else:
        c = X[colour_by].rank(pct=True)
        dots = ax.scatter(X[feature], y, s=9, c=c, cmap=LOW_HIGH, vmin=0, vmax=1)
        bar = ax.figure.colorbar(dots, ax=ax, ticks=[0, 1], pad=0.02)
        bar.ax.set_yticklabels(["low", "high"])
        bar.set_label(f"{colour_by} (rank)")
    ax.axhline(0, color="black", lw=0.8)
    ax.set_xlabel(feature)
    ax.set_ylabel(f"Shapley value of {feature}\n({output})")
    return ax


def intervals(table: dict, xlabel: str, ax: Axes | None = None) -> Axes:
    """Means with their intervals, one line each. table: label -> metrics.Interval. Notebook 01."""
    ax = _axes(ax, height=0.9 + 0.32 * len(table))
    for y, interval in enumerate(reversed(table.values())):
        ax.plot([interval.low, interval.high], [y, y], color=LOWERS, lw=3, solid_capstyle="butt")
        ax.plot(interval.mean, y, "o", color="black", ms=5)
        ax.annotate(
            f"{interval.mean:.3f}", (interval.mean, y), xytext=(0, 6), fontsize=9,
            textcoords="offset points", ha="center",
        )  # fmt: skip
    ax.set_yticks(range(len(table)), list(reversed(table)))
    ax.set_ylim(-0.6, len(table) - 0.3)
    ax.locator_params(axis="x", nbins=6)
    ax.set_xlabel(xlabel)
    return ax


def ranges(
    table: pd.DataFrame, output: str = "probability of income > 50K", ax: Axes | None = None
) -> Axes:
    """Bars of the mean with a line over the whole range of repeated runs, the first row on top.

    table: columns mean, low, high; the index names the rows (``Stability.table``). A bar whose line
    crosses zero has no settled sign and is drawn pale. Introduced in notebook 02.
    """
    ordered = table.iloc[::-1]
    settled = np.sign(ordered["low"]) == np.sign(ordered["high"])
    ax = _axes(ax, height=1.0 + 0.28 * len(ordered))
    bars = ax.barh([str(label) for label in ordered.index], ordered["mean"])
    for bar, colour, sure in zip(bars, _colours(ordered["mean"]), settled, strict=True):
        bar.set(color=colour, alpha=1.0 if sure else 0.35)
    ax.hlines(range(len(ordered)), ordered["low"], ordered["high"], color="black", lw=1.5)
    ax.axvline(0, color="black", lw=0.8)
    ax.set_xlabel(
        f"contribution to the {output}\n(bar: mean, line: smallest to largest, pale: sign unsettled)"
    )
    return ax


def dial(
    x: Sequence[float], found: Sequence, xlabel: str, ax: Axes | None = None
) -> Axes:  # fmt: skip
    """How stability moves with a setting: R2, top-k Jaccard and gap; grey where not to report.

    x: the setting's values, rising, drawn on a log scale. found: a ``stability.Stability`` for each.
    Introduced in notebook 02.
    """
    names = {"R2": "r2", f"Jaccard, top {found[0].k}": "jaccard", "gap, local - model": "gap"}
    lines = {label: np.array([getattr(f, name) for f in found]) for label, name in names.items()}
    ax = curves(np.asarray(x), lines, xlabel, f"mean over {len(found[0].runs)} seeds", ax)
    ax.set_xscale("log")
    edges = np.sqrt(np.multiply(x[1:], x[:-1]))
    edges = np.concatenate([[x[0] ** 2 / edges[0]], edges, [x[-1] ** 2 / edges[-1]]])
    for low, high, one in zip(edges[:-1], edges[1:], found, strict=True):
        if not one.reportable:
            ax.axvspan(low, high, color="0.9", lw=0, zorder=0)
    ax.set_title("Grey: do not report")
    return ax


def decision(
    attributions, highlight: Sequence[int] = (), output: str | None = None, ax: Axes | None = None
) -> Axes:
    """Many rows' ways from the base value (bottom) to their predictions (top), a feature a step.

    attributions: ``shapley.Attributions``. Features are added from the least important up, the same
    order for all rows. highlight: positions of rows drawn black and numbered; all others are
    orange when they end above the base value and blue (dashed) below. Introduced in notebook 03.
    """
    order = np.argsort(np.abs(attributions.values).mean(0), kind="stable")
    steps = attributions.values[:, order]
    path = attributions.base + np.cumsum(np.column_stack([np.zeros(len(steps)), steps]), axis=1)
    ax = _axes(ax, height=1.4 + 0.3 * len(order))
    for i, way in enumerate(path):
        raised = way[-1] > attributions.base
        ax.plot(
            way, range(len(way)), lw=0.8, alpha=0.5, zorder=1, ls="-" if raised else "--",
            color=RAISES if raised else LOWERS,
        )  # fmt: skip
        if i in highlight:
            ax.plot(way, range(len(way)), color="black", lw=1.8, zorder=3)
            ax.annotate(
                str(i), (way[-1], len(way) - 1), xytext=(0, 3), textcoords="offset points",
                ha="center", fontsize=9,
            )  # fmt: skip
    ax.axvline(attributions.base, color=NEUTRAL, ls=":", lw=1)
    ax.set_yticks(np.arange(len(order)) + 0.5, np.array(attributions.features)[order])
    ax.set_ylim(0, len(order) + 0.6)
    ax.set_xlabel(
        f"{output or attributions.output}: from the base value {attributions.base:.3f} (dotted), "
        f"n = {len(steps)}"
    )
    return ax


def attribution_heatmap(
    attributions, output: str | None = None, ax: Axes | None = None
) -> Axes:  # fmt: skip
    """Rows side by side, sorted by prediction: one column a row, one line a feature, colour the value.

    attributions: ``shapley.Attributions``. The colour scale ends at the 99th percentile of |value|.
    The line above shows the predictions. Introduced in notebook 03.
    """
    rows = np.argsort(attributions.predictions, kind="stable")
    order = np.argsort(-np.abs(attributions.values).mean(0), kind="stable")
    values = attributions.values[np.ix_(rows, order)].T
    limit = max(float(np.percentile(np.abs(values), 99)), 1e-12)
    ax = _axes(ax, height=2.0 + 0.26 * len(order), width=7.5)
    drawn = ax.imshow(
        values, cmap=LOW_HIGH, norm=TwoSlopeNorm(0, -limit, limit), aspect="auto",
        interpolation="nearest",
    )  # fmt: skip
    ax.set_yticks(range(len(order)), np.array(attributions.features)[order])
    ax.set_xlabel(f"{len(rows)} rows, sorted by their prediction")
    p = attributions.predictions[rows]
    height = (p - p.min()) / (np.ptp(p) or 1)
    ax.plot(range(len(rows)), -0.8 - 2 * height, color="black", lw=1.2, clip_on=False)
    ax.annotate(
        f"prediction, {p[0]:.2f} to {p[-1]:.2f}", (0, -1.2), fontsize=9, annotation_clip=False,
    )  # fmt: skip
    ax.set_ylim(len(order) - 0.5, -3)
    ax.spines["left"].set_visible(False)
    bar = ax.figure.colorbar(drawn, ax=ax, pad=0.02, extend="both")
    bar.set_label(f"Shapley value,\n{output or attributions.output}")
    return ax


# --- images ------------------------------------------------------------------------------------


def photo(image: np.ndarray, title: str = "", ax: Axes | None = None) -> Axes:
    """A picture without axes. image: (H, W, 3) uint8 or (H, W) grey."""
    ax = _axes(ax, height=3.2, width=3.2)
    ax.imshow(image, cmap="gray")
    ax.set_title(title)
    ax.set_axis_off()
    return ax


def heatmap(h: np.ndarray, title: str = "", ax: Axes | None = None) -> Axes:
    """A heat map on the fixed scale 0 to 1: black is no evidence, so an empty map looks empty."""
    ax = _axes(ax, height=3.2, width=3.2)
    ax.imshow(h, cmap=HEAT, vmin=0, vmax=1)
    ax.set_title(title)
    ax.set_axis_off()
    return ax


def blend(image: np.ndarray, h: np.ndarray, strength: float = 0.75) -> np.ndarray:
    """The picture in grey with the heat map laid over it where it is bright: uint8 (H, W, 3).

    h: (H, W) in [0, 1]. Where h is 0 the grey picture stays untouched.
    """
    if h.shape != image.shape[:2]:
        raise ValueError(f"The heat map {h.shape} and the image {image.shape[:2]} differ in size.")
    grey = np.repeat(image.mean(2, keepdims=True), 3, axis=2) * 0.8
    colour = plt.get_cmap(HEAT)(h)[..., :3] * 255
    share = strength * np.clip(h, 0, 1)[..., None]
    return ((1 - share) * grey + share * colour).astype(np.uint8)


def overlay(image: np.ndarray, h: np.ndarray, title: str = "", ax: Axes | None = None) -> Axes:
    """A heat map over the grey picture. image: (H, W, 3) uint8, h: (H, W) in [0, 1]. Notebook 05."""
    return photo(blend(image, h), title, ax)


def boxed(
    image: np.ndarray, h: np.ndarray, mask: np.ndarray, threshold: float = 0.5, title: str = "",
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """The overlay with the object's box (white) and the outline of the marked region (blue)."""
    ax = overlay(image, h, title, ax)
    ys, xs = np.nonzero(mask)
    corners = (xs.min(), ys.min()), np.ptp(xs) + 1, np.ptp(ys) + 1
    ax.add_patch(plt.Rectangle(*corners, fill=False, ec="white", lw=2))
    if h.max() > 0:
        ax.contour(h, [threshold * h.max()], colors=["#7fc4ff"], linewidths=1.5)
    return ax


def grid(rows: dict[str, Sequence[np.ndarray]], columns: Sequence[str], size: float = 1.7):
    """Pictures in rows and columns with their names; returns the array of Axes.

    rows: name -> pictures (uint8) in the order of ``columns``.
    """
    _, axes = plt.subplots(
        len(rows), len(columns), squeeze=False, layout="constrained",
        figsize=(size * len(columns), size * len(rows) + 0.3),
    )  # fmt: skip
    for row, (line, (name, pictures)) in enumerate(zip(axes, rows.items(), strict=True)):
        for ax, column, picture in zip(line, columns, pictures, strict=True):
            ax.imshow(picture, cmap="gray")
            ax.set_xticks([])
            ax.set_yticks([])
            for spine in ax.spines.values():
                spine.set_visible(False)
            if row == 0:
                ax.set_title(column, loc="center", fontsize=9)
        line[0].set_ylabel(name, fontsize=9)
    return axes


def overlays(
    image: np.ndarray, maps: dict, credit: str = "", mask: np.ndarray | None = None,
    columns: int = 5, size: float = 1.9,
):  # fmt: skip
    """The picture and several heat maps over it, each under its name; returns the array of Axes.

    image: (H, W, 3) uint8. maps: name -> (H, W) in [0, 1]. credit: the line that must stand beside
    a photograph. mask: (H, W) bool, outlined on the picture. Notebook 06.
    """
    pictures = {"the picture": image} | {name: blend(image, h) for name, h in maps.items()}
    rows = -(-len(pictures) // columns)
    _, axes = plt.subplots(
        rows, columns, squeeze=False, layout="constrained",
        figsize=(size * columns, (size + 0.25) * rows + 0.2 * bool(credit)),
    )  # fmt: skip
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (name, picture) in zip(axes.flat, pictures.items(), strict=False):
        ax.imshow(picture, cmap="gray")
        ax.set_title(name, loc="center", fontsize=9)
    if mask is not None:
        axes[0, 0].contour(mask, [0.5], colors=["white"], linewidths=1.5)
    if credit:
        axes[0, 0].figure.supxlabel(f"Photo: {credit}", fontsize=7, color="#555555")
    return axes


def superpixel_outlines(
    image: np.ndarray, segments: np.ndarray, title: str = "", ax: Axes | None = None
) -> Axes:
    """The picture with the borders of its superpixels. Notebook 04."""
    picture = image.copy()
    picture[find_boundaries(segments, mode="inner")] = (255, 230, 80)
    return photo(picture, title, ax)


def superpixel_mask(image: np.ndarray, mask: np.ndarray, title: str = "", ax: Axes | None = None):
    """The strongest superpixels: orange outlines speak for the class, blue hatching against it.

    mask: (H, W) of +1, -1 and 0 as SuperpixelModel.mask gives it; the rest is faded.
    Notebook 04.
    """
    faded = image.astype(float) * 0.25 + 255 * 0.7
    picture = np.where(mask[..., None] != 0, image, faded).astype(np.uint8)
    ax = photo(picture, title, ax)
    for sign, colour, hatch in ((1, RAISES, None), (-1, LOWERS, "////")):
        where = (mask == sign).astype(float)
        if where.any():
            padded = np.pad(where, 1)
            edges = np.arange(-1, max(padded.shape))
            x, y = edges[: padded.shape[1]], edges[: padded.shape[0]]
            ax.contour(x, y, padded, [0.5], colors=[colour], linewidths=2)
            if hatch:
                fill = ax.contourf(x, y, padded, [0.5, 1.5], colors="none", hatches=[hatch])
                fill.set_edgecolor(colour)
    ax.set_xlim(-0.5, image.shape[1] - 0.5)
    ax.set_ylim(image.shape[0] - 0.5, -0.5)
    return ax


def superpixel_heatmap(
    h: np.ndarray, title: str = "", ax: Axes | None = None, *, limit: float | None = None,
    bar: bool = True,
) -> Axes:  # fmt: skip
    """Signed weights of superpixels: blue lowers, grey is neutral, orange raises. Notebook 04.

    limit: the weight at full colour, None for the largest; give one to compare several maps.
    """
    ax = _axes(ax, height=3.2, width=4)
    limit = limit or max(float(np.abs(h).max()), 1e-12)
    drawn = ax.imshow(h, cmap=LOW_HIGH, norm=TwoSlopeNorm(0, -limit, limit))
    if bar:
        ax.figure.colorbar(drawn, ax=ax, label="weight (probability)", shrink=0.8)
    ax.set_title(title)
    ax.set_axis_off()
    return ax


def curves(
    x: np.ndarray, lines: dict[str, np.ndarray], xlabel: str, ylabel: str, ax: Axes | None = None
) -> Axes:
    """Several lines over one x, told apart by colour, dash and a name at their right end."""
    ax = _axes(ax)
    dashes = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1))]
    colours = ["#000000", "#d1600f", "#2a6fb0", "#3d8f6f", "#9c5fa8", "#8a6d1f"]
    for i, (name, y) in enumerate(lines.items()):
        ax.plot(x, y, ls=dashes[i % 6], color=colours[i % 6], label=name)
    ax.legend(frameon=False, fontsize=9)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    return ax
