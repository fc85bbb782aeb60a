"""Heat maps: the colour bar, the bounding box and its legend, and the same map in jet."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from xailab import plots
from xailab.plots import alt_text

IMAGE = np.full((8, 6, 3), 128, np.uint8)
MAP = np.zeros((8, 6))
MAP[2:6, 3:6] = np.arange(12).reshape(4, 3) / 11


def _bars(figure):
    return [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]


@pytest.mark.parametrize("mask", [np.ones((8, 6), bool), MAP > 0, MAP == 1])
def test_the_bounding_box_is_that_of_the_mask_and_lies_inside_the_picture(mask):
    ax = plots.boxed(IMAGE, MAP, mask)
    (box,) = ax.patches
    rows, columns = np.nonzero(mask)
    x0, y0, x1, y1 = box.get_bbox().extents
    assert (x0, y0, x1, y1) == (columns.min(), rows.min(), columns.max(), rows.max())
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    assert left < x0 and x1 < right and top < y0 and y1 < bottom
    assert not box.get_clip_on()


def test_the_legend_names_the_box_and_the_threshold_below_the_pictures():
    ax = plots.boxed(IMAGE, MAP, MAP > 0)
    said = [text.get_text() for text in plots.box_legend(ax).get_texts()]
    assert said == ["bounding box of the object", "region above half of the map's maximum"]
    _, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for ax in axes:
        plots.boxed(IMAGE, MAP, MAP > 0, 0.3, ax=ax)
    legend = plots.box_legend(axes, 0.3)
    assert "above 0.3 of the map's" in legend.get_texts()[1].get_text()
    axes[0].figure.canvas.draw()
    below = legend.get_window_extent().y1
    assert all(ax.get_window_extent().y0 >= below for ax in axes)


def test_a_colour_bar_runs_from_zero_to_the_value_of_the_last_colour():
    _, axes = plt.subplots(1, 2, layout="constrained")
    bar = plots.heat_bar(axes)
    assert (bar.vmin, bar.vmax) == (0, 1) and "1 = the map's maximum" in bar.ax.get_ylabel()
    assert bar.cmap.name == plots.settings.HEAT
    raw = plots.heat_bar(plots.heatmap(MAP), "raw", top=3.5, cmap="jet")
    assert (raw.vmin, raw.vmax, raw.cmap.name) == (0, 3.5, "jet")
    assert alt_text.describe(raw.ax.figure).endswith("Colours: raw, 0 to 3.5.")


def test_pictures_in_a_grid_share_one_colour_bar_if_asked():
    rows = {"a": [IMAGE, IMAGE], "b": [IMAGE, IMAGE]}
    assert not _bars(plots.grid(rows, ["photo", "grad_cam"])[0, 0].figure)
    axes = plots.grid(rows, ["photo", "grad_cam"], bar=True)
    assert len(_bars(axes[0, 0].figure)) == 1


def test_jet_is_blue_where_the_map_is_zero_and_red_at_its_maximum_and_ours_is_grey_there():
    axes = plots.papers_and_ours(IMAGE, MAP)
    jet, ours = (ax.images[0].get_array() for ax in axes)
    low, high = (0, 0), np.unravel_index(MAP.argmax(), MAP.shape)
    red, green, blue = jet[low]
    assert blue > red == green
    red, green, blue = jet[high]
    assert red > green == blue
    assert len(set(ours[low].tolist())) == 1
    assert ours[high].sum() > ours[low].sum()
    assert [bar.get_ylabel() for bar in _bars(axes[0].figure)] == [
        "heat (1 = the map's maximum)"
    ] * 2
    with pytest.raises(ValueError, match="differ in size"):
        plots.papers_and_ours(IMAGE, MAP.T)
