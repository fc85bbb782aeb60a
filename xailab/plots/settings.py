"""What all figures share: the settings, the colours, an Axes when none is given, plain curves."""

from collections.abc import Sequence

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
# what a switch offers, the default first; in every heat palette lightness grows with the value, so
# that all eyes and a copier see the same order, and the two colors differ in lightness too
PALETTES = {"orange": HEAT, "blue to yellow": "cividis", "grey": "gray"}
COLORS = {"orange and blue": (RAISES, LOWERS), "black and grey": ("#1a1a1a", "#b0b0b0")}


def style() -> None:
    """The course's figure settings, called once in a notebook's first cell.

    Figures shown after it carry their text equivalent (``figure_text``). Notebook 01.
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
    """The Axes with names of the data as they are: a dollar in a column's name begins no formula."""
    legend = ax.get_legend()
    named = [ax.title, ax._left_title, ax._right_title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
    for axis in (ax.xaxis, ax.yaxis):  # other formatters write their numbers as formulas
        if isinstance(axis.get_major_formatter(), FixedFormatter | StrCategoryFormatter):
            named += axis.get_ticklabels()
    for text in [*named, *(legend.get_texts() if legend else ())]:
        text.set_parse_math(False)
    return ax


def colours(
    values: Sequence[float], colors: tuple[str, str] = COLORS["orange and blue"]
) -> list[str]:
    """Orange for what raises, blue for what lowers (and for zero); or another pair of ``COLORS``."""
    raises, lowers = colors
    return [raises if v > 0 else lowers for v in values]


def curves(
    x: np.ndarray, lines: dict[str, np.ndarray], xlabel: str, ylabel: str, ax: Axes | None = None
) -> Axes:
    """Several lines over one x, told apart by colour and dash and named in a legend. Notebook 02."""
    ax = axes_or_new(ax)
    dashes = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1))]
    colors = ["#000000", "#d1600f", "#2a6fb0", "#3d8f6f", "#9c5fa8", "#8a6d1f"]
    for i, (name, y) in enumerate(lines.items()):
        ax.plot(x, y, ls=dashes[i % 6], color=colors[i % 6], label=name)
    crowded = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if len(lines) > 4 else {}
    ax.legend(frameon=False, fontsize=9, **crowded)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    return ax
