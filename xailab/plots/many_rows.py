"""Figures of the Shapley values of many rows: importance, summary, dependence, decision, heat map."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from .._utils.labels import feature_label
from .._utils.tables import column_names
from .._utils.validation import check_array
from .settings import (
    LOW_HIGH,
    LOWERS,
    NEUTRAL,
    RAISES,
    axes_or_new,
    bars,
    check_explained,
    check_values,
    literal,
    name_rows,
    words,
)


def importance(
    values: np.ndarray,
    features: Sequence[str],
    output: str = "probability of income > 50K",
    ax: Axes | None = None,
) -> Axes:
    """Mean absolute contribution of each feature, the largest on top. values: (n, d)."""
    features = list(features)
    size = np.abs(check_values(values, features)).mean(0)
    order = np.argsort(size, kind="stable")
    ax = axes_or_new(ax, height=0.8 + 0.28 * len(order))
    drawn = bars(ax, [features[j] for j in order], size[order], color=NEUTRAL)
    ax.bar_label(drawn, [f"{v:.3f}" for v in size[order]], padding=3, fontsize=9)
    ax.margins(x=0.12)
    ax.set_xlabel(f"mean |Shapley value|, {output}, n = {len(values)}")
    return words(ax)


def _spread(x: np.ndarray) -> np.ndarray:
    """Vertical offsets in [-0.38, 0.38] that place the points of one of 80 bins beside each other."""
    low, high = x.min(), x.max()
    bin = ((x - low) / (high - low or 1) * 80).astype(int)
    order = np.lexsort((np.arange(len(x)), bin))
    counts = np.bincount(bin)
    starts = np.cumsum(counts) - counts
    place = np.empty(len(x))
    place[order] = np.arange(len(x)) - np.repeat(starts, counts)
    side = np.where(place % 2 == 0, 1, -1) * np.ceil(place / 2)
    return 0.38 * side / max(1, np.ceil(counts.max() / 2))


def low_to_high(column: pd.Series) -> np.ndarray:
    """The ranks of a column from 0, its smallest value, to 1, its largest; ties share a rank."""
    ranks = column.rank().to_numpy()
    return (ranks - ranks.min()) / (np.ptp(ranks) or 1)


def summary(
    values: np.ndarray,
    X: pd.DataFrame,
    output: str = "probability of income > 50K",
    ax: Axes | None = None,
    *,
    categories: Collection[str] = (),
) -> Axes:
    """The beeswarm (summary) plot: one dot per row and feature, placed by its Shapley value.

    The most important feature is on top. The colour is the rank of the feature's own value, from its
    smallest (blue) to its largest (orange), so that one extreme value does not fade all others.

    Parameters
    ----------
    values : array (n, d)
        Shapley values of X's rows.
    X : DataFrame (n, d)
        The rows.
    output : str
        What the values are measured in, for the label.
    ax : Axes, optional
        Where to draw; None makes a new figure.
    categories : collection of str
        Features whose values are codes: their dots are grey, since codes are neither low nor high.
    """
    values = _values_of(values, X)
    order = np.argsort(np.abs(values).mean(0), kind="stable")
    ax = axes_or_new(ax, height=1.2 + 0.36 * len(order), width=7.5)
    for y, j in enumerate(order):
        name = X.columns[j]
        place = values[:, j], y + _spread(values[:, j])
        if name in categories:
            ax.scatter(*place, color=NEUTRAL, s=7, rasterized=True)
        else:
            scale = {"cmap": LOW_HIGH, "vmin": 0, "vmax": 1}
            ax.scatter(*place, c=low_to_high(X[name]), s=7, rasterized=True, **scale)
    ax.axvline(0, color="black", lw=0.8)
    name_rows(ax, X.columns[order])
    ax.set_xlabel(f"Shapley value, {output}, n = {len(X)}")
    label = "value of the feature (rank)"
    return words(ax, _low_high_bar(ax, f"{label}; grey: a category" if categories else label))


def _values_of(values, X) -> np.ndarray:
    """The Shapley values of X's rows, and X itself, checked."""
    if not isinstance(X, pd.DataFrame):
        raise TypeError("X must be a DataFrame; pd.DataFrame(array, columns=names) makes one.")
    values = check_values(values, column_names("X", X), len(X))
    if not np.isfinite(check_array("X", X)).all():
        raise ValueError("X must not have missing or infinite values; drop those rows first.")
    return values


def _low_high_bar(ax: Axes, label: str) -> Axes:
    """A colour bar from low to high beside the Axes."""
    colors = ScalarMappable(Normalize(0, 1), LOW_HIGH)
    bar = ax.figure.colorbar(colors, ax=ax, ticks=[0, 1], aspect=40, pad=0.02)
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label(label)
    return bar.ax


def dependence(
    values: np.ndarray,
    X: pd.DataFrame,
    feature: str,
    color_by: str | None = None,
    output: str = "probability of income > 50K",
    ax: Axes | None = None,
    *,
    categories: Mapping[str, Sequence[str]] | None = None,
    units: Mapping[str, str] | None = None,
) -> Axes:
    """A feature's Shapley value against its own value, coloured by a second feature if one is given.

    Dots of a feature of whole numbers are moved sideways at random, by less than a third.

    Parameters
    ----------
    values : array (n, d)
        Shapley values of X's rows.
    X : DataFrame (n, d)
        The rows.
    feature : str
        The column on the x axis.
    color_by : str, optional
        The column whose ranks colour the dots, no category.
    output : str
        What the values are measured in, for the label.
    ax : Axes, optional
        Where to draw; None makes a new figure.
    categories : mapping, optional
        feature -> the names of its codes, as in ``Adult.categories``.
    units : mapping, optional
        feature -> unit of its numbers, as in ``Adult.units``.
    """
    values = _values_of(values, X)
    for name in [feature] if color_by is None else [feature, color_by]:
        if name not in X.columns:
            raise ValueError(f"There is no feature {name!r}; X has {list(X.columns)}.")
    categories = categories or {}
    if color_by in categories:
        raise ValueError(
            f"{color_by!r} has categories, which are neither low nor high; colour by a number, "
            "or draw the categories in separate figures."
        )
    ax, scales = axes_or_new(ax), []
    x, y = X[feature].to_numpy(dtype=float), values[:, X.columns.get_loc(feature)]
    if (x == np.round(x)).all():
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        x = x + np.random.default_rng(0).uniform(-0.3, 0.3, len(x))
    if color_by is None:
        ax.scatter(x, y, s=14, color=NEUTRAL)
    else:
        scale = {"cmap": LOW_HIGH, "vmin": 0, "vmax": 1}
        ax.scatter(x, y, s=14, c=low_to_high(X[color_by]), **scale)
        scales = [_low_high_bar(ax, f"{color_by} (rank)")]
    if feature in categories:
        codes = np.unique(X[feature]).astype(int)
        names = [literal(categories[feature][code]) for code in codes]
        ax.set_xticks(codes, names, rotation=30, ha="right", rotation_mode="anchor")
    ax.axhline(0, color="black", lw=0.8)
    ax.set_xlabel(feature_label(feature, units))
    ax.set_ylabel(f"Shapley value of {feature}\n({output})")
    return words(ax, *scales)


def decision(
    attributions, highlight: Sequence[int] = (), output: str | None = None, ax: Axes | None = None
) -> Axes:
    """The path of each row from the base value (bottom) to its prediction (top), one step per feature.

    attributions: ``shapley.Attributions``. Features are added from the least important up, in the same
    order for all rows. highlight: positions of rows that are drawn black and numbered; the others are
    orange if they end above the base value, else blue and dashed.
    """
    check_explained(attributions, many=True)
    beyond = [i for i in highlight if not 0 <= i < len(attributions)]
    if beyond:
        raise ValueError(
            f"highlight names row {beyond[0]}, but there are the rows 0 to {len(attributions) - 1}."
        )
    order = np.argsort(np.abs(attributions.values).mean(0), kind="stable")
    steps = attributions.values[:, order]
    paths = attributions.base + np.cumsum(np.column_stack([np.zeros(len(steps)), steps]), axis=1)
    ax = axes_or_new(ax, height=1.2 + 0.26 * len(order))
    for i, path in enumerate(paths):
        raised = path[-1] > attributions.base
        ax.plot(
            path,
            range(len(path)),
            lw=0.8,
            alpha=0.5,
            zorder=1,
            ls="-" if raised else "--",
            color=RAISES if raised else LOWERS,
        )
        if i in highlight:
            ax.plot(path, range(len(path)), color="black", lw=1.8, zorder=3)
            ax.annotate(
                str(i),
                (path[-1], len(path) - 1),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=9,
            )
    ax.axvline(attributions.base, color=NEUTRAL, ls=":", lw=1)
    ends = [
        Line2D([], [], color=RAISES, label="ends above the base value"),
        Line2D([], [], color=LOWERS, ls="--", label="ends at it or below"),
    ]
    ax.legend(handles=ends, frameon=False, fontsize=9, loc="lower right")
    ax.set_yticks(np.arange(len(order)) + 0.5, [literal(attributions.features[j]) for j in order])
    ax.set_ylim(0, len(order) + 0.6)
    ax.set_xlabel(
        f"{output or attributions.output}: from the base value {attributions.base:.3f} (dotted), "
        f"n = {len(steps)}"
    )
    return words(ax)


def attribution_heatmap(attributions, output: str | None = None, ax: Axes | None = None) -> Axes:
    """Values as colours: one column per row, sorted by prediction, and one line per feature.

    attributions: ``shapley.Attributions``. The colour scale ends at the 99th percentile of |value|.
    The curve above shows the predictions.
    """
    check_explained(attributions, many=True)
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
    name_rows(ax, [attributions.features[j] for j in order])
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
    return words(ax, bar.ax)
