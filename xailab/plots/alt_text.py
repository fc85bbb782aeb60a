"""The text equivalent of a figure, read from the figure itself, for screen readers.

``plots.style`` turns it on in a notebook: every figure that is shown from then on carries its
description, and the pages use it as the picture's alternative text.
"""

import base64
import io
from collections.abc import Iterator

import numpy as np
from IPython import get_ipython
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FuncFormatter

NAMING = (FixedFormatter, FuncFormatter, StrCategoryFormatter)
# characters; a longer text is too long to listen to
LIMIT = 1500


def describe(figure: Figure) -> str:
    """What the figure shows, in words: titles, named rows with their numbers, lines, axis labels."""
    parts = [
        _scale(ax) if ax.get_label() == "<colorbar>" else _axes(ax)
        for ax in figure.axes
        if not _empty(ax)
    ]
    credit = [text.get_text() for text in (figure._suptitle, figure._supxlabel) if text]
    text = " ".join(part for part in [*parts, *(f"{line}." for line in credit)] if part)
    # as settings.literal writes a dollar
    text = text.replace(r"\$", "$")
    return text if len(text) <= LIMIT else f"{text[:LIMIT].rsplit(' ', 1)[0]} ..."


def _empty(ax: Axes) -> bool:
    return not (ax.images or ax.lines or ax.patches or ax.collections)


def _scale(bar: Axes) -> str:
    names, (low, high) = list(_names(bar.yaxis).values()), bar.get_ylim()
    ends = f"{names[0]} to {names[-1]}" if names else f"{low:.3g} to {high:.3g}"
    label = " ".join(bar.get_ylabel().split())
    return f"Colours: {label}, {ends}." if label else f"Colours: {ends}."


def _axes(ax: Axes) -> str:
    titles = [ax.get_title(place).strip() for place in ("left", "center", "right")]
    name = ", ".join(" ".join(title.split()) for title in titles if title)
    kind = "Picture" if ax.images and not (ax.axison and len(ax.get_xticks())) else "Figure"
    said = [f"{kind}: {name}" if name else kind]
    said += [f"{axis} axis: {label}" for axis, label in _labels(ax)]
    said += _rows(ax) or list(_lines(ax))
    return "; ".join(said) + "."


def _labels(ax: Axes) -> Iterator[tuple[str, str]]:
    for axis, label in (("x", ax.get_xlabel()), ("y", ax.get_ylabel())):
        if label.strip():
            yield axis, " ".join(label.split())


def _names(axis: Axis) -> dict[float, str]:
    """The tick labels of an axis of categories: position -> name; empty for an axis of numbers."""
    if not isinstance(axis.get_major_formatter(), NAMING):
        return {}
    places = axis.get_ticklocs()
    names = axis.get_major_formatter().format_ticks(places)
    return {place: name for place, name in zip(places, names, strict=True) if name}


def _rows(ax: Axes) -> list[str]:
    """Each row of bars or intervals, from the top: its name and its numbers."""
    names = _names(ax.yaxis)
    said = []
    for y, name in sorted(names.items(), reverse=not ax.yaxis_inverted()):
        numbers = [t.get_text() for t in ax.texts if _at(t, y)] or _widths(ax, y)
        ends = [line.get_xdata() for line in ax.lines if _level(line, y)]
        spans = [f"from {min(x):.3g} to {max(x):.3g}" for x in ends if len(x) == 2]
        said.append(" ".join([name, *numbers, *spans]))
    return said


def _at(text, y: float) -> bool:
    return hasattr(text, "xy") and np.isclose(text.xy[1], y)


def _widths(ax: Axes, y: float) -> list[str]:
    bars = [p for p in ax.patches if hasattr(p, "get_width")]
    return [f"{p.get_width():.3g}" for p in bars if np.isclose(p.get_y() + p.get_height() / 2, y)]


def _level(line: Line2D, y: float) -> bool:
    at = np.asarray(line.get_ydata(), dtype=float)
    return line.get_transform().contains_branch(line.axes.transData) and np.allclose(at, y)


def _lines(ax: Axes) -> Iterator[str]:
    """Each named line: where it begins, where it ends, and where it is highest."""
    names = _names(ax.xaxis)
    for line in ax.lines:
        x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata(), dtype=float)
        if line.get_label().startswith("_") or len(x) < 2:
            continue
        place = [names.get(v, f"{v:.3g}") for v in x]
        top = int(np.nanargmax(y))
        said = f"{line.get_label()}: {y[0]:.3g} at {place[0]}, {y[-1]:.3g} at {place[-1]}"
        yield said + (f", highest {y[top]:.3g} at {place[top]}" if 0 < top < len(y) - 1 else "")


def turn_on(formatter=None) -> None:
    """Let shown figures carry their description from now on; has no effect outside a notebook.

    formatter: an IPython DisplayFormatter, by default that of the running kernel.
    """
    shell = get_ipython()
    if formatter is None and shell is not None:
        formatter = shell.display_formatter
    if formatter is not None:
        formatter.mimebundle_formatter.for_type(Figure, _bundle)


def _bundle(figure: Figure, include=None, exclude=None) -> tuple[dict, dict]:
    """The figure as IPython's own formatter draws it, with its description."""
    png = io.BytesIO()
    figure.savefig(png, format="png", bbox_inches="tight", facecolor=figure.get_facecolor())
    text = describe(figure)
    data = {"image/png": base64.b64encode(png.getvalue()).decode("ascii"), "text/plain": text}
    return data, {"image/png": {"alt": text}}
