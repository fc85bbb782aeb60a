"""The panel: controls, a picture that is computed again at every change, and its text equivalent.

A value set in a cell is drawn at once, so that an error stops the cell. A value that comes from the
page waits a moment: while a slider is being dragged, only the newest value is drawn.
"""

import asyncio
import base64
import gc
import html
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anywidget
import ipywidgets as ipw
import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

STATIC = Path(__file__).parent / "static"
# seconds, in which messages that are already waiting are read before anything is drawn
DELAY = 0.01
# of every control: a description of any length beside it
_WIDE = {
    "style": {"description_width": "initial"},
    "layout": {"width": "28em", "max_width": "98%"},
}


def static(name: str) -> str:
    """A script or style sheet of the package."""
    return (STATIC / name).read_text(encoding="utf-8")


def style_sheet() -> str:
    """The CSS that all widgets share, in notebooks and on pages."""
    return static("panels.css")


@contextmanager
def _tidy() -> Iterator[None]:
    """Garbage-collect a figure right after it is drawn.

    A figure is full of reference cycles. Without this, some twenty of them reach the oldest
    generation together, and then Python goes through every object of the kernel: a pause of a quarter
    of a second.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
        gc.collect(0)


def _png(ax: Axes) -> bytes:
    """The figure as PNG; drawn once, where savefig would draw it twice."""
    figure = ax.figure
    figure.set_dpi(90)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = io.BytesIO()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=4)
    plt.close(figure)
    return buffer.getvalue()


def _from_page() -> bool:
    """Is the kernel answering a message of the page, and not running a cell?"""
    kernel = getattr(get_ipython(), "kernel", None)
    parent = kernel.get_parent() if kernel else {}
    return parent.get("header", {}).get("msg_type") == "comm_msg"


def sentence(error: Exception) -> str:
    """The first line of an error, for the readout."""
    return str(error).strip().partition("\n")[0] or f"{type(error).__name__} without a message."


def still_display(text: str, png: bytes) -> tuple[dict, dict]:
    """What readers without a kernel see: data and metadata of a display."""
    data = {"text/plain": text, "image/png": base64.b64encode(png).decode("ascii")}
    return data, {"image/png": {"alt": text}}


class Box(ipw.VBox):
    """A box of widgets whose text equivalent is that of its readout, with a panel inside or none."""

    readout: ipw.HTML

    def __repr__(self) -> str:
        return html.unescape(re.sub(r"<[^>]*>", "", self.readout.value))

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        data = super()._repr_mimebundle_(**kwargs) | {"text/plain": repr(self)}
        panels = [child for child in self.children if isinstance(child, Panel)]
        if not panels:
            return data, {}
        still, metadata = still_display(panels[0].text, panels[0].picture.value)
        return data | still, metadata


class _Labels(anywidget.AnyWidget):
    """Gives the sliders of the panel around it a name, and its picture a text, for screen readers."""

    _esm = static("labels.js")


class Panel(ipw.VBox):
    """Controls above a picture above a readout; its repr is the readout's text.

    draw: the controls' values by name -> Axes and the sentence that says what the figure shows.
    Between a change on the page and its picture the panel has the CSS class xailab-busy, which becomes
    visible after 0.3 seconds. An error of ``draw`` is shown in the readout and raised.
    """

    def __init__(self, draw: Callable[..., tuple[Axes, str]], controls: dict[str, ipw.Widget]):
        self.controls = controls
        self.picture = ipw.Image(format="png")
        self.readout = ipw.HTML()
        self.text = ""
        self._draw = draw
        self._drawn: dict | None = None
        self._waiting: asyncio.TimerHandle | None = None
        style = ipw.HTML(f"<style>{style_sheet()}</style>", layout=ipw.Layout(display="none"))
        super().__init__([style, *controls.values(), self.picture, self.readout, _Labels()])
        self.add_class("xailab-panel")
        for control in controls.values():
            control.observe(self._changed, names="value")
        self._redraw()

    def _changed(self, _change) -> None:
        if not _from_page():
            self._redraw()
            return
        self._forget()
        self.add_class("xailab-busy")
        self._waiting = asyncio.get_running_loop().call_later(DELAY, self._redraw)

    def _forget(self) -> None:
        """Cancel a drawing that is still waiting."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self.remove_class("xailab-busy")

    def _redraw(self) -> None:
        values = {name: control.value for name, control in self.controls.items()}
        if values == self._drawn:
            self._forget()
            return
        try:
            self.picture.value, text = self.shown(**values)
        except Exception as error:
            self._say(sentence(error), error=True)
            raise
        self._say(text)
        self._drawn = values

    def shown(self, **values) -> tuple[bytes, str]:
        """Picture (PNG) and sentence for these values; the other controls keep their values.

        The panel itself does not change.
        """
        now = {name: control.value for name, control in self.controls.items()}
        with _tidy():
            return self._paint(**now | values)

    def _paint(self, **values) -> tuple[bytes, str]:
        ax, text = self._draw(**values)
        return _png(ax), text

    def _say(self, text: str, error: bool = False) -> None:
        """Show ``text`` and cancel a drawing that is waiting; the next change draws again."""
        self._drawn = None
        self.text = text
        kind = "class='xailab-readout xailab-error' role='alert'"
        if not error:
            kind = "class='xailab-readout' role='status' aria-live='polite'"
        self.readout.value = f"<div {kind}>{html.escape(text)}</div>"
        self._forget()

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        # the complete readout, which ipywidgets would cut after 110 characters
        still, metadata = still_display(self.text, self.picture.value)
        return super()._repr_mimebundle_(**kwargs) | still, metadata


def panel(draw: Callable[..., tuple[Axes, str]], **controls: ipw.Widget) -> Panel:
    """A panel of your own: ``draw`` takes the controls' values by name, returns Axes and a sentence."""
    return Panel(draw, controls)


def slider(kind: type[ipw.Widget], description: str, **settings) -> ipw.Widget:
    """A slider of this kind, as wide as the other controls; it reports a value when it is released."""
    return kind(description=description, continuous_update=False, **_WIDE, **settings)


def dropdown(description: str, options: list, value: object = None) -> ipw.Dropdown:
    """A list of options, each a value or (label, value); it starts with ``value`` or the first."""
    if value is None:
        value = options[0][1] if isinstance(options[0], tuple) else options[0]
    return ipw.Dropdown(description=description, options=options, value=value, **_WIDE)


def color_switch(choices: dict) -> ipw.Dropdown:
    """The choice of colours: ``settings.PALETTES`` for heat maps, ``settings.COLORS`` for signs."""
    switch = dropdown("colours", list(choices))
    switch.add_class("xailab-colours")
    return switch
