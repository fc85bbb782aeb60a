"""What all figures share: the settings, the colours, an Axes when none is given."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.category import StrCategoryFormatter
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FixedFormatter

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


def words(ax: Axes) -> Axes:
    """The Axes with the names of the data taken literally: a dollar in a column's name starts no formula."""
    legend = ax.get_legend()
    named = [ax.title, ax._left_title, ax._right_title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
    for axis in (ax.xaxis, ax.yaxis):
        # other formatters write numbers as formulas
        if isinstance(axis.get_major_formatter(), FixedFormatter | StrCategoryFormatter):
            named += axis.get_ticklabels()
    for text in [*named, *(legend.get_texts() if legend else ())]:
        text.set_parse_math(False)
    return ax


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
