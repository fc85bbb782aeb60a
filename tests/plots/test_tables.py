"""The figures for tables: what is drawn is what was given, and every axis names its output."""

from itertools import pairwise

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from xailab import plots, shapley, stability
from xailab.plots import settings

OUTPUT = "probability of rain"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(30, 3)), columns=["a", "b", "c"])
    return shapley.exact_rows(
        lambda Z: (Z["a"] + 3 * Z["b"] * Z["c"]).to_numpy(), X, X, output=OUTPUT
    )


@pytest.fixture(scope="module")
def frame(many):
    return pd.DataFrame(many.data, columns=many.features)


def colour(bar):
    return to_hex(bar.get_facecolor())


def test_contributions_put_the_largest_on_top_and_colour_by_sign():
    ax = plots.contributions(pd.Series({"small": 0.1, "large": -0.5, "none": 0.0}), OUTPUT)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["none", "small", "large"]
    assert [bar.get_width() for bar in ax.patches] == [0.0, 0.1, -0.5]
    assert colour(ax.patches[2]) == settings.LOWERS
    assert colour(ax.patches[1]) == settings.RAISES
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


def test_importance_is_the_mean_absolute_value(many):
    ax = plots.importance(many.values, many.features, OUTPUT)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(
        sorted(np.abs(many.values).mean(0))
    )
    assert f"{OUTPUT}, n = 30" in ax.get_xlabel()


def test_summary_has_a_dot_for_every_row_and_feature(many, frame):
    ax = plots.summary(many.values, frame, OUTPUT)
    order = np.argsort(np.abs(many.values).mean(0))
    for dots, j in zip(ax.collections, order, strict=True):
        assert np.asarray(dots.get_offsets())[:, 0] == pytest.approx(many.values[:, j])
    assert [t.get_text() for t in ax.get_yticklabels()] == list(frame.columns[order])
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
    raises = [bar for bar in ax.patches if colour(bar) == settings.RAISES]
    lowers = [bar for bar in ax.patches if colour(bar) == settings.LOWERS]
    ups, downs = one.values[one.values > 0], one.values[one.values < 0]
    assert sum(abs(bar.get_width()) for bar in raises) == pytest.approx(ups.sum())
    assert sum(abs(bar.get_width()) for bar in lowers) == pytest.approx(-downs.sum())
    assert {round(bars[0].get_x(), 9) for bars in (raises, lowers) if bars} == {
        round(one.prediction, 9)
    }


def test_the_force_plot_names_no_more_than_asked(many):
    assert len(plots.force(many[1], top=1).texts) == 1


def test_dependence_draws_value_against_value_and_names_strangers(many, frame):
    ax = plots.dependence(many.values, frame, "b", "c", OUTPUT)
    offsets = np.asarray(ax.collections[0].get_offsets())
    assert offsets[:, 0] == pytest.approx(frame["b"].to_numpy())
    assert offsets[:, 1] == pytest.approx(many.values[:, 1])
    assert OUTPUT in ax.get_ylabel()
    with pytest.raises(ValueError, match="no feature 'd'"):
        plots.dependence(many.values, frame, "d")
    with pytest.raises(ValueError, match="no feature 'd'"):
        plots.dependence(many.values, frame, "b", "d")


def test_every_way_of_the_decision_plot_ends_at_its_prediction(many):
    ax = plots.decision(many[:5], highlight=[2])
    ends = [line.get_xdata()[-1] for line in ax.lines if len(line.get_xdata()) == 4]
    starts = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 4]
    assert sorted(ends) == pytest.approx(sorted([*many.predictions[:5], many.predictions[2]]))
    assert starts == pytest.approx([many.base] * 6)
    assert [text.get_text() for text in ax.texts] == ["2"]
    assert OUTPUT in ax.get_xlabel()


def test_the_heat_map_sorts_rows_by_prediction_and_features_by_importance(many):
    ax = plots.attribution_heatmap(many)
    rows, columns = np.argsort(many.predictions), np.argsort(-np.abs(many.values).mean(0))
    assert np.asarray(ax.images[0].get_array()) == pytest.approx(many.values[rows][:, columns].T)
    low, high = ax.images[0].get_clim()
    assert low == -high
    assert [t.get_text() for t in ax.get_yticklabels()] == [many.features[j] for j in columns]
    assert OUTPUT in ax.figure.axes[-1].get_ylabel()


class Run:
    conditions = ("a", "b")
    model_prediction = 0.5

    def __init__(self, r2):
        self.r2, self.local_prediction, self.weights = r2, 0.5, np.array([1.0, 0.5])


def test_the_dial_shades_only_what_should_not_be_reported():
    found = [stability.Stability((Run(r2), Run(r2)), 1) for r2 in (0.9, 0.1, 0.8)]
    ax = plots.dial([1.0, 10.0, 100.0], found, "width")
    assert len(ax.patches) == 1
    low, high = ax.patches[0].get_extents().transformed(ax.transData.inverted()).intervalx
    assert (low, high) == pytest.approx((10**0.5, 10**1.5))
    assert ax.lines[0].get_ydata() == pytest.approx([0.9, 0.1, 0.8])


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
def test_a_figure_of_ones_own_is_drawn_into(many, draw):
    _, ax = plt.subplots()
    assert draw(many, ax) is ax
    assert ax.has_data()
