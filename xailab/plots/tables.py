"""Figures for tables: one explanation, repeated runs, means with intervals, curves."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .._utils.labels import label
from .settings import (
    COLORS,
    DASHES,
    LINE_COLORS,
    LOWERS,
    NEUTRAL,
    RAISES,
    axes_or_new,
    bars,
    check_explained,
    check_values,
    name_rows,
    sign_colors,
    spread,
    value_name,
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
    for name, y in lines.items():
        if np.shape(y) != np.shape(x):
            raise ValueError(
                f"The line {name!r} has shape {np.shape(y)} but x {np.shape(x)}; they must agree."
            )
    ax = axes_or_new(ax)
    for i, (name, y) in enumerate(lines.items()):
        ax.plot(x, y, ls=DASHES[i % 6], color=LINE_COLORS[i % 6], label=label(name))
    crowded = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if len(lines) > 4 else {}
    ax.legend(frameon=False, fontsize=9, **crowded)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    return words(ax)


def contributions(
    table: pd.Series, output: str = "probability of income > 50K", ax: Axes | None = None
) -> Axes:
    """Signed bars, the largest on top. table: labels -> contributions in units of ``output``."""
    if not isinstance(table, pd.Series):
        raise TypeError(
            f"table must be a Series, label -> contribution, not {type(table).__name__}; of an "
            'attribution.table() pass its column ["value"].'
        )
    values = check_values([table.to_numpy()], table.index)[0]
    order = np.argsort(np.abs(values), kind="stable")
    ordered = values[order]
    ax = axes_or_new(ax, height=0.8 + 0.28 * len(ordered))
    drawn = bars(ax, table.index[order], ordered, color=sign_colors(ordered))
    ax.bar_label(drawn, [f"{v:+.2f}" for v in ordered], padding=3, fontsize=9)
    ax.axvline(0, color="black", lw=0.8)
    ax.margins(x=0.15)
    ax.set_xlabel(f"contribution to the {output}\n(blue lowers, orange raises)")
    return words(ax)


def waterfall(
    attribution,
    output: str | None = None,
    ax: Axes | None = None,
    *,
    categories: Mapping[str, Sequence[str]] | None = None,
    colors: tuple[str, str] = COLORS["orange and blue"],
) -> Axes:
    """From the base value (below) to the prediction, one step per feature, the smallest first.

    Parameters
    ----------
    attribution : shapley.Attribution
        One explained prediction.
    output : str, optional
        What the values are measured in; None takes it from the attribution.
    ax : Axes, optional
        Where to draw; None makes a new figure.
    categories : mapping, optional
        feature -> the names of its codes, as in ``Adult.categories``.
    colors : pair of str
        For positive and for negative values.
    """
    check_explained(attribution, many=False)
    output = output or attribution.output
    table = attribution.table().iloc[::-1]
    steps = table["value"].to_numpy()
    left = attribution.base + np.concatenate([[0], np.cumsum(steps)])
    ax = axes_or_new(ax, height=1.8 + 0.3 * len(steps))
    labels = [f"{f} = {value_name(f, x, categories)}" for f, x in table["data"].items()]
    bars(ax, labels, steps, left=left[:-1], color=sign_colors(steps, colors))
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
    # each line stops short of the other's name
    ax.plot([left[0]] * 2, [-1.3, len(steps) - 0.5], color=NEUTRAL, ls=":", lw=1)
    ax.plot([left[-1]] * 2, [-0.5, len(steps) + 0.2], color="black", ls="--", lw=1)
    # room on both sides: the values are written to the right of the bars
    room = 0.15 * (np.ptp(left) or 1)
    ax.set_xlim(left.min() - room, left.max() + room)
    ax.set_ylim(-1.3, len(steps) + 0.2)
    up = attribution.prediction >= attribution.base
    ends = [("base value", left[0], -0.9, up), ("prediction", left[-1], len(steps) - 0.1, not up)]
    for name, x, y, to_the_right in ends:
        side = {"xytext": (4 if to_the_right else -4, 0), "ha": "left" if to_the_right else "right"}
        ax.annotate(name, (x, y), textcoords="offset points", va="center", fontsize=9, **side)
    ax.set_xlabel(
        f"{output}\nfrom the base value {attribution.base:.3f} (dotted)\n"
        f"to the prediction {attribution.prediction:.3f} (dashed)"
    )
    return words(ax)


def force(
    attribution,
    output: str | None = None,
    ax: Axes | None = None,
    *,
    categories: Mapping[str, Sequence[str]] | None = None,
) -> Axes:
    """All values on one line: positive ones end at the prediction, negative ones begin there.

    On both sides the largest value is next to the prediction. A bar is named if it is wider than 2 %
    of all bars together. attribution: a ``shapley.Attribution``. categories: as in ``waterfall``.
    """
    check_explained(attribution, many=False)
    output = output or attribution.output
    ax = axes_or_new(ax, height=3.4, width=9)
    table = attribution.table()
    whole = np.abs(attribution.values).sum() or 1
    named = []
    for color, sign in ((RAISES, 1), (LOWERS, -1)):
        at = attribution.prediction
        for feature, (x, value) in table[np.sign(table["value"]) == sign].iterrows():
            ax.barh(0, -value, left=at, color=color, edgecolor="white", height=0.5)
            name = f"{feature} = {value_name(feature, x, categories)}"
            named.append((at - value / 2, abs(value), name, color))
            at -= value
    wide = sorted(bar for bar in named if bar[1] > 0.02 * whole)
    # the names stand side by side, at least this far from each other, so that they cannot cross
    gap = 0.045 * whole
    places = spread([x for x, *_ in wide], gap)
    for place, (x, value, name, color) in zip(places, wide, strict=True):
        ax.plot([x, place], [0.27, 0.5], color=color, lw=0.8)
        style = {"rotation": 35, "rotation_mode": "anchor", "fontsize": 9, "color": color}
        ax.text(place, 0.54, f"{name} ({'+-'[color == LOWERS]}{value:.3f})", **style)
    up = attribution.prediction >= attribution.base
    ends = [
        ("base value", attribution.base, NEUTRAL, ":", not up),
        ("prediction", attribution.prediction, "black", "--", up),
    ]
    for name, x, color, dash, to_the_right in ends:
        ax.plot([x, x], [-0.75, 0.25], color=color, ls=dash, lw=1.2)
        side = {"xytext": (4 if to_the_right else -4, 0), "ha": "left" if to_the_right else "right"}
        text = f"{name} {x:.3f}"
        ax.annotate(text, (x, -0.65), textcoords="offset points", va="center", fontsize=9, **side)
    # the names lean to the right and need room there and above
    ends = [bar.get_x() for bar in ax.patches] + [
        bar.get_x() + bar.get_width() for bar in ax.patches
    ]
    ax.set_xlim(min([*ends, attribution.base]) - gap, max([*ends, *places]) + 6 * gap)
    ax.set_ylim(-0.9, 2.6)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(
        f"{output}\n(orange raises it, up to the prediction; blue lowers it, from there on)"
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
    missing = [c for c in ("mean", "low", "high") if c not in getattr(table, "columns", ())]
    if missing or not len(table):
        raise ValueError(
            "table must have one row at least and the columns mean, low and high, as "
            f"Stability.table() has them; {missing[0] if missing else 'a row'} is missing."
        )
    check_values(table[["mean", "low", "high"]].to_numpy().T, table.index)
    ordered = table.iloc[::-1]
    settled = np.sign(ordered["low"]) == np.sign(ordered["high"])
    ax = axes_or_new(ax, height=1.0 + 0.28 * len(ordered))
    drawn = bars(ax, ordered.index, ordered["mean"].to_numpy())
    for bar, color, sure in zip(drawn, sign_colors(ordered["mean"], colors), settled, strict=True):
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
    name_rows(ax, [label(name) for name in reversed(table)])
    ax.set_ylim(-0.6, len(table) - 0.3)
    ax.locator_params(axis="x", nbins=6)
    ax.set_xlabel(xlabel)
    return words(ax)


def dots(table: pd.DataFrame, xlabel: str, ax: Axes | None = None) -> Axes:
    """One dot per repeated run and a line at their mean; a row per column, the first on top.

    For a few runs, where an interval would promise too much. table: runs x named quantities.
    """
    ax = axes_or_new(ax, height=0.9 + 0.3 * table.shape[1])
    for y in range(table.shape[1]):
        runs = table.iloc[:, -1 - y]
        mean = runs.mean()
        ax.plot(runs, [y] * len(table), "o", color=LOWERS, ms=5, alpha=0.6, mec="none")
        ax.plot([mean, mean], [y - 0.3, y + 0.3], color="black", lw=1.5)
        ax.annotate(
            f"{mean:.3f}",
            (runs.max(), y),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    name_rows(ax, reversed(table.columns))
    ax.margins(x=0.1)
    ax.set_xlabel(f"{xlabel}\n(a dot per run, n = {len(table)}; line and number: their mean)")
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
