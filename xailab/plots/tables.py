"""Figures for tables: one explanation, repeated runs, means with intervals, curves."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .settings import (
    COLORS,
    DASHES,
    LINE_COLORS,
    LOWERS,
    NEUTRAL,
    RAISES,
    axes_or_new,
    sign_colors,
    words,
)


def curves(
    x: np.ndarray, lines: dict[str, np.ndarray], xlabel: str, ylabel: str, ax: Axes | None = None
) -> Axes:
    """Several lines over one x, which differ in colour and dash and are named in a legend.

    Parameters
    ----------
    x : array (n,)
        Shared by all lines.
    lines : dict
        name -> (n,).
    xlabel, ylabel : str
        The labels of the axes.
    ax : Axes, optional
        Where to draw; None makes a new figure.
    """
    ax = axes_or_new(ax)
    for i, (name, y) in enumerate(lines.items()):
        ax.plot(x, y, ls=DASHES[i % 6], color=LINE_COLORS[i % 6], label=name)
    crowded = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if len(lines) > 4 else {}
    ax.legend(frameon=False, fontsize=9, **crowded)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    return ax


def contributions(
    table: pd.Series, output: str = "probability of income > 50K", ax: Axes | None = None
) -> Axes:
    """Signed bars, the largest on top. table: labels -> contributions in units of ``output``."""
    ordered = table.iloc[np.argsort(table.abs().to_numpy(), kind="stable")]
    ax = axes_or_new(ax, height=0.8 + 0.28 * len(ordered))
    bars = ax.barh([str(label) for label in ordered.index], ordered, color=sign_colors(ordered))
    ax.bar_label(bars, [f"{v:+.2f}" for v in ordered], padding=3, fontsize=9)
    ax.axvline(0, color="black", lw=0.8)
    ax.margins(x=0.15)
    ax.set_xlabel(f"contribution to the {output}\n(blue lowers, orange raises)")
    return words(ax)


def waterfall(
    attribution,
    output: str | None = None,
    ax: Axes | None = None,
    *,
    colors: tuple[str, str] = COLORS["orange and blue"],
) -> Axes:
    """From the base value (below) to the prediction, one step per feature, the smallest first.

    attribution: a ``shapley.Attribution``. colors: for positive and for negative values.

    """
    output = output or attribution.output
    table = attribution.table().iloc[::-1]
    steps = table["value"].to_numpy()
    left = attribution.base + np.concatenate([[0], np.cumsum(steps)])
    ax = axes_or_new(ax, height=1.4 + 0.3 * len(steps))
    labels = [f"{f} = {v:g}" for f, v in table["data"].items()]
    ax.barh(labels, steps, left=left[:-1], color=sign_colors(steps, colors))
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


def force(attribution, output: str | None = None, ax: Axes | None = None) -> Axes:
    """All values on one line: positive ones end at the prediction, negative ones begin there.

    attribution: a ``shapley.Attribution``; the five largest values are named.

    """
    output = output or attribution.output
    ax = axes_or_new(ax, height=2.6, width=9)
    table = attribution.table()
    named = set(table.index[:5])
    for color, sign in ((RAISES, 1), (LOWERS, -1)):
        at = attribution.prediction
        side = table[np.sign(table["value"]) == sign]
        for level, (feature, (data, value)) in enumerate(side.iterrows()):
            ax.barh(0, -value, left=at, color=color, edgecolor="white", height=0.5)
            if feature in named:
                below, away = level % 2 == 0, 14 if level % 4 < 2 else 28
                ax.annotate(
                    f"{feature} = {data:g}",
                    (at - value / 2, -0.27 if below else 0.27),
                    xytext=(0, -away - 4 if below else away),
                    textcoords="offset points",
                    ha="center",
                    fontsize=8,
                    color=color,
                    arrowprops={"arrowstyle": "-", "color": color},
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


def ranges(
    table: pd.DataFrame,
    output: str = "probability of income > 50K",
    ax: Axes | None = None,
    *,
    colors: tuple[str, str] = COLORS["orange and blue"],
) -> Axes:
    """Bars of the mean with a line over the whole range of repeated runs, the first row on top.

    table: columns mean, low, high; the index names the rows (``Stability.table``). A bar whose line
    crosses zero is drawn pale: its sign is not settled. colors: for positive and for negative means.
    """
    ordered = table.iloc[::-1]
    settled = np.sign(ordered["low"]) == np.sign(ordered["high"])
    ax = axes_or_new(ax, height=1.0 + 0.28 * len(ordered))
    bars = ax.barh([str(label) for label in ordered.index], ordered["mean"])
    for bar, color, sure in zip(bars, sign_colors(ordered["mean"], colors), settled, strict=True):
        bar.set(color=color, alpha=1.0 if sure else 0.35)
    ax.hlines(range(len(ordered)), ordered["low"], ordered["high"], color="black", lw=1.5)
    low, high = ax.get_xlim()
    # a weight of 1e-8 must not look like one of 1
    ax.set_xlim(min(low, -0.01), max(high, 0.01))
    ax.axvline(0, color="black", lw=0.8)
    ax.set_xlabel(
        f"contribution to the {output}\n(bar: mean, line: smallest to largest, pale: sign unsettled)"
    )
    return words(ax)


def dial(x: Sequence[float], found: Sequence, xlabel: str, ax: Axes | None = None) -> Axes:
    """Stability against a setting: R2, top-k Jaccard and local error, means over the seeds.

    Grey where the verdict is not to report, pale grey where it is undecided. x: the setting's values,
    increasing, on a log scale. found: a ``stability.Stability`` for each.
    """
    names = {
        "R2 on fresh draws": "r2",
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
            shade = "0.94" if one.verdict == "undecided" else "0.85"
            ax.axvspan(low, high, color=shade, lw=0, zorder=0)
    ax.set_title("Grey: do not report, pale grey: undecided")
    return words(ax)


def intervals(table: dict, xlabel: str, ax: Axes | None = None) -> Axes:
    """Means with their intervals, one row each. table: label -> ``metrics.Interval``."""
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


def error_against_cost(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """How the error of an estimate falls with its cost, both on log scales, one line per method.

    table: columns method, cost (model evaluations) and error (in units of the output).
    """
    ax = axes_or_new(ax)
    for i, (method, rows) in enumerate(table.groupby("method", sort=False)):
        mean = rows.groupby("cost")["error"].mean()
        style = {"ls": DASHES[i % 5], "marker": "osD^v"[i % 5], "color": LINE_COLORS[i % 5]}
        ax.plot(mean.index, mean, ms=4, label=method, **style)
    ax.loglog()
    ax.legend(frameon=False, fontsize=9)
    ax.set_xlabel("model evaluations")
    ax.set_ylabel("mean |error| of a value")
    return words(ax)
