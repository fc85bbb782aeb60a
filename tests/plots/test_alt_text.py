"""Figures describe themselves: every name and number that is drawn is in the text."""

import base64
import copy

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from IPython.core.formatters import DisplayFormatter

from xailab import metrics, plots
from xailab.course import notebooks, pages, site
from xailab.plots import alt_text


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def _said(axes) -> str:
    return alt_text.describe(np.ravel(axes)[0].figure)


def test_intervals_say_name_mean_and_both_ends_from_the_top():
    made = {
        "first": metrics.Interval(0.5, 0.4, 0.625, 9),
        "last": metrics.Interval(2, 1, 3, 9),
    }
    assert _said(plots.intervals(made, "IoU")) == (
        "Figure; x axis: IoU; first 0.500 from 0.4 to 0.625; last 2.000 from 1 to 3."
    )


def test_bars_say_their_labels_or_their_lengths():
    said = _said(plots.contributions(pd.Series({"age": -0.2, "sex": 0.31}), "logit"))
    assert "contribution to the logit (blue lowers, orange raises); sex +0.31; age -0.20." in said
    table = pd.DataFrame({"mean": [0.125, 2.0], "low": [0, 1], "high": [1, 3]}, index=["u", "v"])
    assert _said(plots.ranges(table)).endswith("u 0.125; v 2.")


def test_lines_say_where_they_begin_end_and_peak_by_the_names_of_the_axis():
    ax = plots.curves(
        np.arange(4), {"up": np.arange(4.0), "hill": np.array([1, 3, 2, 0.5])}, "layer", "rho"
    )
    assert _said(ax) == (
        "Figure; x axis: layer; y axis: rho; up: 0 at 0, 3 at 3; hill: 1 at 0, 0.5 at 3, highest 3 at 1."
    )
    ax.set_xticks(range(4), ["head", "b", "c", "stem"])
    assert "hill: 1 at head, 0.5 at stem, highest 3 at b." in _said(ax)


def test_pictures_say_titles_credits_and_the_scale_of_their_colours():
    grey = np.full((4, 4, 3), 99, np.uint8)
    assert (
        _said(plots.photo(grey, "gibbon: 0.99\nby N. N., CC0"))
        == "Picture: gibbon: 0.99 by N. N., CC0."
    )
    said = _said(plots.overlays(grey, {"grad_cam": np.ones((4, 4))}, "N. N., CC0"))
    assert said == "Picture: the picture. Picture: Grad-CAM. Photo: N. N., CC0."
    said = _said(plots.superpixel_heatmap(np.array([[0.25, -0.5]]), "all weights"))
    assert said.startswith("Picture: all weights.") and "weight (probability), -0.5 to 0.5." in said
    said = _said(plots.superpixel_heatmap(np.array([[0.25, -0.5]]), label="loss"))
    assert "loss, -0.5 to 0.5." in said


def test_a_long_description_is_cut_at_a_word():
    ax = plots.intervals({f"row {i}": metrics.Interval(1, 0, 2, 9) for i in range(99)}, "x")
    said = _said(ax)
    assert len(said) <= alt_text.LIMIT + 4 and said.endswith(" ...")


# --- on its way to the reader --------------------------------------------------------------------


@pytest.fixture
def cell():
    """A code cell that shows a figure, as a kernel with our settings would send it."""
    formatter = DisplayFormatter()
    alt_text.turn_on(formatter)
    data, metadata = formatter.format(
        plots.photo(np.zeros((4, 4, 3), np.uint8), 'a "b" <i>').figure
    )
    out = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    return nbformat.v4.new_code_cell("plot()", outputs=[out], execution_count=1)


def test_a_shown_figure_carries_its_text(cell):
    out = cell.outputs[0]
    assert base64.b64decode(out.data["image/png"])[1:4] == b"PNG"
    assert out.data["text/plain"] == pages.alt(out) == 'Picture: a "b" <i>.'


def test_the_pages_picture_has_the_text_as_alternative(cell):
    page = BeautifulSoup(pages.to_page(nbformat.v4.new_notebook(cells=[cell]), "T"), "html.parser")
    (picture,) = page.find_all("img")
    assert picture["alt"] == 'Picture: a "b" <i>.'
    assert picture["src"].startswith("data:image/png;base64,") and not page.find_all("i")


def test_the_site_gets_the_text(cell):
    made = site.still(nbformat.v4.new_notebook(cells=[copy.deepcopy(cell)]))
    assert made.cells[0].metadata["mystnb"] == {"image": {"alt": 'Picture: a "b" <i>.'}}


def test_the_notebook_keeps_picture_and_text(cell):
    made = notebooks.clean(nbformat.v4.new_notebook(cells=[copy.deepcopy(cell)]))
    (kept,) = made.cells[0].outputs
    assert pages.alt(kept) == kept.data["text/plain"] == 'Picture: a "b" <i>.'
    assert base64.b64decode(kept.data["image/png"])[1:4] == b"PNG"


def test_a_progress_line_is_shown_as_it_looks_in_the_end():
    text = "512 images go through the model\n\r32 of 512   \r512 of 512 images, done   \n"
    out = nbformat.v4.new_output("stream", name="stderr", text=text)
    warning = nbformat.v4.new_output("stream", name="stderr", text="a warning\n")
    cell = nbformat.v4.new_code_cell("ask()", outputs=[out, warning], execution_count=1)
    made = site.still(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs
    assert made[0].text == "512 images go through the model\n512 of 512 images, done\n"
    assert [o.name for o in made] == ["stdout", "stderr"]
