"""Sliders over the rest of the package: each factory returns a VBox that a test can drive.

box.controls: name -> the ipywidgets control. box.readout: an HTML widget whose text says what the
picture shows. box.picture: the drawn PNG. Setting a control's value redraws at once; an error is
shown in the readout as one sentence and raised, never swallowed.
"""

import html
import io
from collections.abc import Callable

import ipywidgets as ipw
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from . import metrics, plots, shapley

__all__ = ["instance_explorer", "panel", "threshold_explorer"]


def _png(ax: Axes) -> bytes:
    buffer = io.BytesIO()
    ax.figure.savefig(buffer, format="png", dpi=90)
    plt.close(ax.figure)
    return buffer.getvalue()


class Panel(ipw.VBox):
    """Controls above a picture above a readout; its repr is the readout's text."""

    def __init__(self, draw: Callable[..., tuple[Axes, str]], controls: dict[str, ipw.Widget]):
        self.controls = controls
        self.picture = ipw.Image(format="png")
        self.readout = ipw.HTML()
        self.text = ""
        self._draw = draw
        super().__init__([*controls.values(), self.picture, self.readout])
        for control in controls.values():
            control.observe(self._redraw, names="value")
        self._redraw()

    def _redraw(self, _change=None) -> None:
        try:
            ax, text = self._draw(**{name: c.value for name, c in self.controls.items()})
        except Exception as error:
            self._say(str(error))
            raise
        self.picture.value = _png(ax)
        self._say(text)

    def _say(self, text: str) -> None:
        self.text = text
        self.readout.value = f"<div role='status' aria-live='polite'>{html.escape(text)}</div>"

    def __repr__(self) -> str:
        return self.text


def panel(draw: Callable[..., tuple[Axes, str]], **controls: ipw.Widget) -> Panel:
    """A panel of your own: ``draw`` takes the controls' values by name, returns Axes and a sentence."""
    return Panel(draw, controls)


def _slider(kind, description: str, **settings) -> ipw.Widget:
    return kind(
        description=description, continuous_update=False, style={"description_width": "initial"},
        layout=ipw.Layout(width="28em"), **settings,
    )  # fmt: skip


def instance_explorer(
    predict: Callable, X: pd.DataFrame, background: pd.DataFrame,
    output: str = "probability of income > 50K",
) -> Panel:  # fmt: skip
    """Slide through the rows of a table: the exact Shapley values of each as a waterfall.

    predict: rows -> (n,). X: the rows to choose from. background: rows for "not known".
    Introduced in notebook 03.
    """

    def draw(row: int):
        attribution = shapley.exact(predict, X.iloc[row], background)
        return plots.waterfall(attribution, output), f"Row {row}. {attribution.describe()}"

    return panel(draw, row=_slider(ipw.IntSlider, "row", min=0, max=len(X) - 1))


def threshold_explorer(image: np.ndarray, heatmap: np.ndarray, mask: np.ndarray) -> Panel:
    """Slide the threshold that turns a heat map into a region, and watch the five metrics.

    image: (H, W, 3) uint8. heatmap: (H, W) in [0, 1]. mask: (H, W) bool. Introduced in notebook 06.
    """

    def draw(threshold: float):
        scores = metrics.localisation(heatmap, mask, threshold)
        numbers = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
        marked = metrics.region(heatmap, threshold).mean()
        text = f"Threshold {threshold:.2f}: {marked:.0%} of the picture is marked; {numbers}."
        return plots.boxed(image, heatmap, mask, threshold), text

    return panel(
        draw,
        threshold=_slider(ipw.FloatSlider, "threshold", min=0.05, max=0.95, step=0.05, value=0.5),
    )
