"""What all figures share: the settings, the colours, an Axes when none is given."""

import re
from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from .._utils.tables import by_name
from .._utils.validation import check_array
from ..shapley.attribution import Attribution, Attributions
from . import alt_text

RAISES, LOWERS, NEUTRAL = "#d1600f", "#2a6fb0", "#8a8a8a"
LOW_HIGH = LinearSegmentedColormap.from_list("low_high", ["#2a6fb0", "#c9c9c9", "#d1600f"])
HEAT = "inferno"
# The choices of a colour switch, the default first. In every palette lightness grows with the value, and
# the colours of a pair differ in lightness, so that they also work for colour-blind readers and in grey.
PALETTES = {"orange": HEAT, "blue to yellow": "cividis", "grey": "gray"}
COLORS = {"orange and blue": (RAISES, LOWERS), "black and grey": ("#1a1a1a", "#b0b0b0")}
# of several lines in one figure, which differ in colour and dash
LINE_COLORS = ("#000000", RAISES, LOWERS, "#3d8f6f", "#9c5fa8", "#8a6d1f")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))


def style() -> None:
    """The course's figure settings, called once in a notebook's first cell.

    Figures shown after it carry their text equivalent, see ``alt_text``.
    """
    alt_text.turn_on()
    plt.rcParams.update(
        {
            "figure.figsize": (7, 3.6),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "image.cmap": HEAT,
            "axes.titlelocation": "left",
        }
    )


def axes_or_new(ax: Axes | None, height: float = 3.6, width: float = 7.0) -> Axes:
    """``ax`` itself, or a new one of this size in inches."""
    if ax is not None:
        return ax
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def literal(name: object) -> str:
    """The name as Matplotlib has to be given it so that a dollar is a dollar and starts no formula."""
    return re.sub(r"(?<!\\)\$", r"\\$", str(name))


def words(ax: Axes, *others: Axes) -> Axes:
    """The Axes with the names of the data ``literal`` in titles, labels, texts and legend.

    others: the Axes of its colour bars.
    """
    for one in (ax, *others):
        legend = one.get_legend()
        named = [one.title, one._left_title, one._right_title, *one.texts]
        named += [one.xaxis.label, one.yaxis.label]
        for text in [*named, *(legend.get_texts() if legend else ())]:
            text.set_text(literal(text.get_text()))
    return ax


def bars(ax: Axes, names: Iterable, widths: np.ndarray, **settings):
    """Horizontal bars, the first at the bottom, each at its own place whatever the names are.

    Numbers as names are no positions, and two equal names are two bars. settings: of ``Axes.barh``.
    """
    drawn = ax.barh(range(len(widths)), widths, **settings)
    name_rows(ax, names)
    return drawn


def name_rows(ax: Axes, names: Iterable) -> None:
    """The names of the rows 0, 1, ... from the bottom."""
    names = [literal(name) for name in names]
    ax.set_yticks(range(len(names)), names)


def check_values(values, columns, rows: int | None = None) -> np.ndarray:
    """Shapley values as (n, d) finite floats, one column per name and, if given, one line per row.

    columns: names in the order of the values; a DataFrame of values is matched with them by name.
    """
    names = pd.Index(columns)
    values = check_array("values", by_name("values", values, names, "the table"))
    if values.ndim != 2 or not len(values) or values.shape[1] != len(names):
        raise ValueError(
            f"values must have shape (rows, {len(names)}), one column per name, not {values.shape}; "
            "of several classes choose one first, as values[:, :, 1]."
        )
    if rows is not None and len(values) != rows:
        raise ValueError(f"values has {len(values)} rows but X has {rows}; pass the same rows.")
    if not np.isfinite(values).all():
        raise ValueError("values must not have missing or infinite numbers.")
    return values


def check_explained(attributions, many: bool) -> None:
    """The Attribution of one row, or the Attributions of many; one sentence for anything else."""
    wanted = Attributions if many else Attribution
    if not isinstance(attributions, wanted):
        hint = "shapley.exact_rows(predict, X, background)" if many else "many[i], or shapley.exact"
        raise TypeError(
            f"attributions must be {'the Attributions' if many else 'one Attribution'}, as {hint} "
            f"makes, not {type(attributions).__name__}."
        )
    check_values(np.atleast_2d(attributions.values), attributions.features)


def check_map(h, image=None, name: str = "The heat map") -> np.ndarray:
    """A map (H, W) of finite numbers, of the image's size where there is one."""
    h = check_array(name, h)
    if h.ndim != 2 or not h.size or not np.isfinite(h).all():
        raise ValueError(f"{name} must be a (H, W) array of finite numbers, not {h.shape}.")
    if image is not None and h.shape != np.shape(image)[:2]:
        raise ValueError(f"{name} {h.shape} and the image {np.shape(image)[:2]} differ in size.")
    return h


def sign_colors(
    values: Sequence[float], colors: tuple[str, str] = COLORS["orange and blue"]
) -> list[str]:
    """colors[0] for values above 0, colors[1] for all others."""
    raises, lowers = colors
    return [raises if v > 0 else lowers for v in values]


def value_name(
    feature: str, value: float, categories: Mapping[str, Sequence[str]] | None = None
) -> str:
    """The value as text: the name of the category where it is a code, else the number."""
    names = (categories or {}).get(feature)
    return names[int(value)] if names else f"{value:g}"


def spread(places: Sequence[float], gap: float) -> np.ndarray:
    """The increasing places, moved to the right as little as keeps them ``gap`` apart."""
    moved = np.array(places, dtype=float)
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    return moved
