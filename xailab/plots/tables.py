"""Figures for tables: contributions, Shapley values of one row and of many, repeated runs.

Reached as ``plots.waterfall`` and so on; every function takes ``ax=None`` and returns the Axes.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm

from .settings import COLORS, LOW_HIGH, LOWERS, NEUTRAL, RAISES, axes_or_new, colours, curves, words


def contributions(
    table: pd.Series, output: str = "probability of income > 50K", ax: Axes | None = None
) -> Axes:
    """Signed bars, the largest on top. table: labels -> contributions in units of ``output``.

    Introduced in notebook 02.
    """
    ordered = table.iloc[np.argsort(table.abs().to_numpy(), kind="stable")]
    ax = axes_or_new(ax, height=0.8 + 0.28 * len(ordered))
    bars = ax.barh([str(label) for label in ordered.index], ordered, color=colours(ordered))
    ax.bar_label(bars, [f"{v:+.2f}" for v in ordered], padding=3, fontsize=9)
    ax.axvline(0, color="black", lw=0.8)
    ax.margins(x=0.15)
    ax.set_xlabel(f"contribution to the {output}\n(blue lowers, orange raises)")
    return words(ax)


def importance(
    values: np.ndarray,
    features: Sequence[str],
    output: str = "probability of income > 50K",
    ax: Axes | None = None,
) -> Axes:
    """Mean absolute contribution of each feature, the largest on top. values: (n, d).

    Introduced in notebook 03.
    """
    size = np.abs(values).mean(0)
    order = np.argsort(size, kind="stable")
    ax = axes_or_new(ax, height=0.8 + 0.28 * len(order))
    bars = ax.barh(np.array(features)[order], size[order], color=NEUTRAL)
    ax.bar_label(bars, [f"{v:.3f}" for v in size[order]], padding=3, fontsize=9)
    ax.margins(x=0.12)
    ax.set_xlabel(f"mean |Shapley value|, {output}, n = {len(values)}")
    return words(ax)


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
    values: np.ndarray,
    X: pd.DataFrame,
    output: str = "probability of income > 50K",
    ax: Axes | None = None,
) -> Axes:
    """One dot for every row and feature: where it pushes, coloured by the feature's own value.

    values: (n, d) Shapley values of X's rows. Most important feature on top. The colour is the
    feature's rank in its column, so one extreme value does not fade all others.
    Introduced in notebook 03.
    """
    order = np.argsort(np.abs(values).mean(0), kind="stable")
    ax = axes_or_new(ax, height=1.2 + 0.36 * len(order), width=7.5)
    colour = X.rank(pct=True).to_numpy()
    for y, j in enumerate(order):
        dots = ax.scatter(
            values[:, j],
            y + _spread(values[:, j]),
            c=colour[:, j],
            cmap=LOW_HIGH,
            s=7,
            vmin=0,
            vmax=1,
            rasterized=True,
        )
    ax.axvline(0, color="black", lw=0.8)
    ax.set_yticks(range(len(order)), X.columns[order])
    ax.set_xlabel(f"Shapley value, {output}, n = {len(X)}")
    bar = ax.figure.colorbar(dots, ax=ax, ticks=[0, 1], aspect=40, pad=0.02)
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label("value of the feature (rank)")
    return words(ax)


def waterfall(
    attribution,
    output: str | None = None,
    ax: Axes | None = None,
    *,
    colors: tuple[str, str] = COLORS["orange and blue"],
) -> Axes:
    """From the base value to the prediction, one feature a step, the smallest first from below.

    attribution: a ``shapley.Attribution``. colors: the colours of what raises and what lowers.
    Introduced in notebook 03.
    """
    output = output or attribution.output
    table = attribution.table().iloc[::-1]
    steps = table["value"].to_numpy()
    left = attribution.base + np.concatenate([[0], np.cumsum(steps)])
    ax = axes_or_new(ax, height=1.4 + 0.3 * len(steps))
    labels = [f"{f} = {v:g}" for f, v in table["data"].items()]
    ax.barh(labels, steps, left=left[:-1], color=colours(steps, colors))
    for y, step in enumerate(steps):
        ax.annotate(
            f"{step:+.3f}",
            (max(left[y], left[y + 1]), y),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
        ax.plot([left[y + 1]] * 2, [y - 0.4, y + 1.4], color="black", lw=0.5)
    ax.axvline(attribution.base, color=NEUTRAL, ls=":", lw=1)
    ax.axvline(attribution.prediction, color="black", ls="--", lw=1)
    ax.margins(x=0.15)
    ax.set_xlabel(
        f"{output}\nfrom the base value {attribution.base:.3f} (dotted) "
        f"to the prediction {attribution.prediction:.3f} (dashed)"
    )
    return words(ax)


def force(attribution, output: str | None = None, top: int = 5, ax: Axes | None = None) -> Axes:
    """The pushes on one line: orange from the left up to the prediction, blue back from the right.

    attribution: a ``shapley.Attribution``; the ``top`` largest pushes are named.
    Introduced in notebook 03.
    """
    output = output or attribution.output
    ax = axes_or_new(ax, height=2.6, width=9)
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
                    f"{feature} = {data:g}",
                    (at - value / 2, -0.27 if below else 0.27),
                    xytext=(0, -away - 4 if below else away),
                    textcoords="offset points",
                    ha="center",
                    fontsize=8,
                    color=colour,
                    arrowprops={"arrowstyle": "-", "color": colour},
                )
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
    return words(ax)


def dependence(
    values: np.ndarray,
    X: pd.DataFrame,
    feature: str,
    colour_by: str | None = None,
    output: str = "probability of income > 50K",
    ax: Axes | None = None,
) -> Axes:
    """A feature's Shapley value against its own value; a second feature colours the dots.

    values: (n, d) Shapley values of X's rows. Raises ValueError for a name that X does not have.
    Introduced in notebook 03.
    """
    for name in filter(None, (feature, colour_by)):
        if name not in X.columns:
            raise ValueError(f"There is no feature {name!r}; X has {list(X.columns)}.")
    ax = axes_or_new(ax)
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
    return words(ax)


def intervals(table: dict, xlabel: str, ax: Axes | None = None) -> Axes:
    """Means with their intervals, one line each. table: label -> metrics.Interval. Notebook 01."""
    ax = axes_or_new(ax, height=0.9 + 0.32 * len(table))
    for y, interval in enumerate(reversed(table.values())):
        ax.plot([interval.low, interval.high], [y, y], color=LOWERS, lw=3, solid_capstyle="butt")
        ax.plot(interval.mean, y, "o", color="black", ms=5)
        ax.annotate(
            f"{interval.mean:.3f}",
            (interval.mean, y),
            xytext=(0, 6),
            fontsize=9,
            textcoords="offset points",
            ha="center",
        )
    ax.set_yticks(range(len(table)), list(reversed(table)))
    ax.set_ylim(-0.6, len(table) - 0.3)
    ax.locator_params(axis="x", nbins=6)
    ax.set_xlabel(xlabel)
    return words(ax)


def ranges(
    table: pd.DataFrame,
    output: str = "probability of income > 50K",
    ax: Axes | None = None,
    *,
    colors: tuple[str, str] = COLORS["orange and blue"],
) -> Axes:
    """Bars of the mean with a line over the whole range of repeated runs, the first row on top.

    table: columns mean, low, high; the index names the rows (``Stability.table``). A bar whose line
    crosses zero has no settled sign and is drawn pale. colors: the colours of what raises and what
    lowers. Introduced in notebook 02.
    """
    ordered = table.iloc[::-1]
    settled = np.sign(ordered["low"]) == np.sign(ordered["high"])
    ax = axes_or_new(ax, height=1.0 + 0.28 * len(ordered))
    bars = ax.barh([str(label) for label in ordered.index], ordered["mean"])
    for bar, colour, sure in zip(bars, colours(ordered["mean"], colors), settled, strict=True):
        bar.set(color=colour, alpha=1.0 if sure else 0.35)
    ax.hlines(range(len(ordered)), ordered["low"], ordered["high"], color="black", lw=1.5)
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, -0.01), max(high, 0.01))  # a weight of 1e-8 must not look like one of 1
    ax.axvline(0, color="black", lw=0.8)
    ax.set_xlabel(
        f"contribution to the {output}\n(bar: mean, line: smallest to largest, pale: sign unsettled)"
    )
    return words(ax)


def error_against_cost(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """How an estimate's error falls with its cost, both on log scales, a line for each method.

    table: columns method, cost (model evaluations) and error (in units of the output).
    Introduced in notebook 08.
    """
    ax = axes_or_new(ax)
    dashes = ["-", "--", "-.", ":", (0, (5, 1))]
    colours = ["#000000", "#d1600f", "#2a6fb0", "#3d8f6f", "#9c5fa8"]
    for i, (method, rows) in enumerate(table.groupby("method", sort=False)):
        mean = rows.groupby("cost")["error"].mean()
        ax.plot(
            mean.index,
            mean,
            ls=dashes[i % 5],
            marker="osD^v"[i % 5],
            ms=4,
            label=method,
            color=colours[i % 5],
        )
    ax.loglog()
    ax.legend(frameon=False, fontsize=9)
    ax.set_xlabel("model evaluations")
    ax.set_ylabel("mean |error| of a value")
    return words(ax)


def dial(x: Sequence[float], found: Sequence, xlabel: str, ax: Axes | None = None) -> Axes:
    """How stability moves with a setting: R2, top-k Jaccard and gap; grey where not to report.

    x: the setting's values, rising, drawn on a log scale. found: a ``stability.Stability`` for each.
    Introduced in notebook 02.
    """
    names = {
        "R2": "r2",
        f"Jaccard, top {found[0].k}": "jaccard",
        "local error, |local - model|": "local_error",
    }
    lines = {label: np.array([getattr(f, name) for f in found]) for label, name in names.items()}
    ax = curves(np.asarray(x), lines, xlabel, f"mean over {len(found[0].runs)} seeds", ax)
    ax.set_xscale("log")
    edges = np.sqrt(np.multiply(x[1:], x[:-1]))
    edges = np.concatenate([[x[0] ** 2 / edges[0]], edges, [x[-1] ** 2 / edges[-1]]])
    for low, high, one in zip(edges[:-1], edges[1:], found, strict=True):
        if not one.reportable:
            ax.axvspan(low, high, color="0.9", lw=0, zorder=0)
    ax.set_title("Grey: do not report")
    return words(ax)


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
    ax = axes_or_new(ax, height=1.2 + 0.26 * len(order))
    for i, way in enumerate(path):
        raised = way[-1] > attributions.base
        ax.plot(
            way,
            range(len(way)),
            lw=0.8,
            alpha=0.5,
            zorder=1,
            ls="-" if raised else "--",
            color=RAISES if raised else LOWERS,
        )
        if i in highlight:
            ax.plot(way, range(len(way)), color="black", lw=1.8, zorder=3)
            ax.annotate(
                str(i),
                (way[-1], len(way) - 1),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=9,
            )
    ax.axvline(attributions.base, color=NEUTRAL, ls=":", lw=1)
    ax.set_yticks(np.arange(len(order)) + 0.5, np.array(attributions.features)[order])
    ax.set_ylim(0, len(order) + 0.6)
    ax.set_xlabel(
        f"{output or attributions.output}: from the base value {attributions.base:.3f} (dotted), "
        f"n = {len(steps)}"
    )
    return words(ax)


def attribution_heatmap(attributions, output: str | None = None, ax: Axes | None = None) -> Axes:
    """Rows side by side, sorted by prediction: one column a row, one line a feature, colour the value.

    attributions: ``shapley.Attributions``. The colour scale ends at the 99th percentile of |value|.
    The line above shows the predictions. Introduced in notebook 03.
    """
    rows = np.argsort(attributions.predictions, kind="stable")
    order = np.argsort(-np.abs(attributions.values).mean(0), kind="stable")
    values = attributions.values[np.ix_(rows, order)].T
    limit = max(float(np.percentile(np.abs(values), 99)), 1e-12)
    ax = axes_or_new(ax, height=1.8 + 0.22 * len(order))
    drawn = ax.imshow(
        values,
        cmap=LOW_HIGH,
        norm=TwoSlopeNorm(0, -limit, limit),
        aspect="auto",
        interpolation="nearest",
    )
    ax.set_yticks(range(len(order)), np.array(attributions.features)[order])
    ax.set_xlabel(f"{len(rows)} rows, sorted by their prediction")
    p = attributions.predictions[rows]
    height = (p - p.min()) / (np.ptp(p) or 1)
    ax.plot(range(len(rows)), -0.8 - 2 * height, color="black", lw=1.2, clip_on=False)
    ax.annotate(
        f"prediction, {p[0]:.2f} to {p[-1]:.2f}",
        (0, -1.2),
        fontsize=9,
        annotation_clip=False,
    )
    ax.set_ylim(len(order) - 0.5, -3)
    ax.spines["left"].set_visible(False)
    bar = ax.figure.colorbar(drawn, ax=ax, pad=0.02, extend="both")
    bar.set_label(f"Shapley value,\n{output or attributions.output}")
    return words(ax)
