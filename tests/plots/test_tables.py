"""Figures of one explanation and of repeated runs: what is drawn is what was given."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from xailab import metrics, plots, shapley, stability
from xailab.plots import settings

OUTPUT = "probability of rain"


def color(bar):
    return to_hex(bar.get_facecolor())


def test_contributions_put_the_largest_on_top_and_color_by_sign():
    ax = plots.contributions(pd.Series({"small": 0.1, "large": -0.5, "none": 0.0}), OUTPUT)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["none", "small", "large"]
    assert [bar.get_width() for bar in ax.patches] == [0.0, 0.1, -0.5]
    assert color(ax.patches[2]) == settings.LOWERS
    assert color(ax.patches[1]) == settings.RAISES
    assert OUTPUT in ax.get_xlabel()


def test_ranges_draw_the_whole_range_and_pale_bars_for_unsettled_signs():
    table = pd.DataFrame(
        {"mean": [0.4, -0.1], "low": [0.3, -0.3], "high": [0.5, 0.1]}, ["sure", "unsure"]
    )
    ax = plots.ranges(table, OUTPUT)
    top, bottom = ax.patches[1], ax.patches[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["unsure", "sure"]
    assert top.get_alpha() == 1
    assert bottom.get_alpha() < 1
    segments = [line.tolist() for line in ax.collections[0].get_segments()]
    assert segments == [[[-0.3, 0], [0.1, 0]], [[0.3, 1], [0.5, 1]]]
    assert OUTPUT in ax.get_xlabel()


def test_the_waterfall_goes_from_base_to_prediction(many):
    one = many[0]
    ax = plots.waterfall(one)
    bars = ax.patches
    assert bars[0].get_x() + min(bars[0].get_width(), 0) <= one.base + 1e-12
    assert bars[0].get_x() == pytest.approx(one.base)
    assert bars[-1].get_x() + bars[-1].get_width() == pytest.approx(one.prediction)
    for lower, upper in pairwise(bars):
        assert lower.get_x() + lower.get_width() == pytest.approx(upper.get_x())
    assert OUTPUT in ax.get_xlabel()
    assert plots.waterfall(one, "log-odds").get_xlabel().startswith("log-odds")


def test_the_force_plots_bars_meet_at_the_prediction_and_span_the_pushes(many):
    one = many[1]
    ax = plots.force(one)
    raises = [bar for bar in ax.patches if color(bar) == settings.RAISES]
    lowers = [bar for bar in ax.patches if color(bar) == settings.LOWERS]
    ups, downs = one.values[one.values > 0], one.values[one.values < 0]
    assert sum(abs(bar.get_width()) for bar in raises) == pytest.approx(ups.sum())
    assert sum(abs(bar.get_width()) for bar in lowers) == pytest.approx(-downs.sum())
    assert {round(bars[0].get_x(), 9) for bars in (raises, lowers) if bars} == {
        round(one.prediction, 9)
    }


def test_the_waterfall_cuts_no_bar_and_no_value(many):
    for i in range(len(many)):
        bars = (ax := plots.waterfall(many[i])).patches
        low, high = ax.get_xlim()
        ends = [end for bar in bars for end in (bar.get_x(), bar.get_x() + bar.get_width())]
        assert low < min(ends)
        assert high > max(ends)
        plt.close(ax.figure)


def test_one_prediction_is_drawn_with_the_names_of_its_categories():
    one = shapley.exact(lambda Z: Z.sum(1), [2.0, 1.0], [[0.0, 0.0]])
    names = {"x1": ("cat", "dog")}
    labels = [t.get_text() for t in plots.waterfall(one, categories=names).get_yticklabels()]
    assert labels == ["x1 = dog", "x0 = 2"]
    texts = [t.get_text() for t in plots.force(one, categories=names).texts]
    assert {"x1 = dog (+1.000)", "x0 = 2 (+2.000)"} <= set(texts)


def test_base_value_and_prediction_are_named_at_their_lines(many):
    one = many[0]
    at = {t.get_text(): t.xy[0] for t in plots.waterfall(one).texts}
    assert at["base value"] == pytest.approx(one.base)
    assert at["prediction"] == pytest.approx(one.prediction)
    at = {t.get_text(): getattr(t, "xy", [0])[0] for t in plots.force(one).texts}
    assert at[f"base value {one.base:.3f}"] == pytest.approx(one.base)
    assert at[f"prediction {one.prediction:.3f}"] == pytest.approx(one.prediction)


def test_the_force_plot_names_every_value_above_two_percent():
    x = np.array([100.0, -50, 30, 4, 3, -2, 1])
    one = shapley.exact(lambda Z: np.asarray(Z).sum(1), x, np.zeros((1, 7)))
    texts = [text.get_text() for text in plots.force(one).texts]
    named = [text.split(" = ")[0] for text in texts if " = " in text]
    assert sorted(named) == ["x0", "x1", "x2", "x3"]


def test_names_of_neighbouring_bars_in_the_force_plot_keep_a_distance():
    x = np.array([50.0, 3, 3, 3, 3, 3, -3, -3])
    one = shapley.exact(lambda Z: np.asarray(Z).sum(1), x, np.zeros((1, 8)))
    texts = [text for text in plots.force(one).texts if " = " in text.get_text()]
    places = [text.get_position()[0] for text in texts]
    assert len(places) == 8
    assert (np.diff(places) >= 0.045 * np.abs(x).sum() - 1e-9).all()


def test_dots_draw_every_run_and_the_mean():
    ax = plots.dots(pd.DataFrame({"a": [1.0, 3.0], "b": [0.0, 1.0]}), "error")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["b", "a"]
    assert [list(line.get_xdata()) for line in ax.lines] == [[0, 1], [0.5, 0.5], [1, 3], [2, 2]]
    assert [t.get_text() for t in ax.texts] == ["0.500", "2.000"]
    assert "n = 2" in ax.get_xlabel()


class Run:
    conditions = ("a", "b")
    model_prediction = 0.5

    def __init__(self, r2):
        self.r2, self.local_prediction, self.weights = r2, 0.5, np.array([1.0, 0.5])


class Planted(stability.Stability):
    """R2 on fresh draws is what the runs say."""

    @property
    def r2s(self):
        return np.array([run.r2 for run in self.runs])


def test_the_dial_shades_only_what_should_not_be_reported():
    found = [Planted((Run(r2),) * 10, 1) for r2 in (0.9, 0.1, 0.8)]
    ax = plots.dial([1.0, 10.0, 100.0], found, "width")
    assert len(ax.patches) == 1
    low, high = ax.patches[0].get_extents().transformed(ax.transData.inverted()).intervalx
    assert (low, high) == pytest.approx((10**0.5, 10**1.5))
    assert ax.lines[0].get_ydata() == pytest.approx([0.9, 0.1, 0.8])


def test_the_dial_shades_the_undecided_more_faintly():
    found = [Planted((Run(r2), *[Run(0.9)] * 9), 1) for r2 in (0.9, 0.1)]
    found.append(Planted((Run(0.1),) * 10, 1))
    ax = plots.dial([1.0, 10.0, 100.0], found, "width")
    faint, strong = (patch.get_facecolor()[0] for patch in ax.patches)
    assert faint > strong


def test_error_curves_average_over_the_seeds():
    table = pd.DataFrame(
        {"method": ["m", "m", "m", "k"], "cost": [10, 10, 20, 5], "error": [0.1, 0.3, 0.1, 1.0]}
    )
    ax = plots.error_against_cost(table)
    assert list(ax.lines[0].get_xdata()) == [10, 20]
    assert list(ax.lines[0].get_ydata()) == pytest.approx([0.2, 0.1])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["m", "k"]
    assert ax.get_xscale() == ax.get_yscale() == "log"


@pytest.mark.parametrize(
    "draw",
    [
        lambda many, ax: plots.waterfall(many[0], ax=ax),
        lambda many, ax: plots.force(many[0], ax=ax),
        lambda many, ax: plots.decision(many, ax=ax),
        lambda many, ax: plots.attribution_heatmap(many, ax=ax),
        lambda many, ax: plots.importance(many.values, many.features, ax=ax),
    ],
)
def test_given_axes_are_drawn_into(many, draw):
    _, ax = plt.subplots()
    assert draw(many, ax) is ax
    assert ax.has_data()


def test_figures_name_methods_as_readers_know_them():
    i = metrics.Interval(0.5, 0.4, 0.6, 9)
    ax = plots.intervals({"grad_cam_pp": i, "layer_cam - grad_cam": i, "mine": i}, "IoU")
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["mine", "Layer-CAM - Grad-CAM", "Grad-CAM++"]
    lines = {"random_map": np.ones(3), "hires_cam": np.zeros(3)}
    legend = plots.curves(np.arange(3), lines, "x", "y").get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["random map", "HiResCAM"]
    image, h = np.zeros((8, 8, 3), np.uint8), np.eye(8)
    axes = plots.overlays(image, {"grad_cam_pp": h, "edge_map": h}, columns=3)
    assert [ax.get_title("center") for ax in axes.flat] == ["the picture", "Grad-CAM++", "edge map"]
    axes = plots.grid({"ablation_cam": [image]}, ["cam"])
    assert axes[0, 0].get_title("center") == "CAM" and axes[0, 0].get_ylabel() == "Ablation-CAM"
