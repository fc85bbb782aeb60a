"""Figures of the Shapley values of many rows: what is drawn is what was given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from xailab import plots
from xailab.plots import settings

OUTPUT = "probability of rain"


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


TIED = pd.DataFrame({"gain": [0.0] * 8 + [10, 99], "sex": [0.0] * 3 + [1.0] * 7})


def test_the_smallest_value_is_the_low_color_and_the_largest_the_high_also_with_ties():
    values = np.column_stack([np.arange(10.0), np.arange(10.0) / 2])
    ax = plots.summary(values, TIED)
    ends = [to_hex(settings.LOW_HIGH(0.0)), to_hex(settings.LOW_HIGH(1.0))]
    for dots, column in zip(ax.collections, ["sex", "gain"], strict=True):
        shown = np.asarray(dots.get_array())
        at_ends = [TIED[column].min(), TIED[column].max()]
        for end, value, color in zip((0, 1), at_ends, ends, strict=True):
            assert shown[TIED[column] == value] == pytest.approx(end)
            assert to_hex(dots.cmap(dots.norm(end))) == color
    ax = plots.dependence(values, TIED, "sex", "gain")
    assert np.asarray(ax.collections[0].get_array())[:8] == pytest.approx(0)
    assert np.asarray(ax.collections[0].get_array())[-1] == 1


def test_a_constant_column_has_one_color():
    assert plots.many_rows.low_to_high(pd.Series([5.0, 5, 5])).tolist() == [0, 0, 0]


def test_categories_are_grey_in_the_summary():
    values = np.column_stack([np.arange(10.0), np.arange(10.0) / 2])
    ax = plots.summary(values, TIED, categories={"sex": ("Female", "Male")})
    assert ax.collections[0].get_array() is None
    assert {to_hex(c) for c in ax.collections[0].get_facecolor()} == {settings.NEUTRAL}
    assert ax.collections[1].get_array() is not None
    assert "grey: a category" in ax.figure.axes[-1].get_ylabel()


def test_dependence_on_a_category_shows_its_names_and_refuses_it_as_a_color():
    values, names = np.zeros((10, 2)), {"sex": ("Female", "Male")}
    ax = plots.dependence(values, TIED, "sex", categories=names)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["Female", "Male"]
    with pytest.raises(ValueError, match="'sex' has categories"):
        plots.dependence(values, TIED, "gain", "sex", categories=names)


def test_whole_numbers_have_whole_ticks():
    school = pd.DataFrame({"school": np.arange(1.0, 17)})
    ticks = plots.dependence(np.zeros((16, 1)), school, "school").get_xticks()
    assert len(ticks) > 3 and (ticks == np.round(ticks)).all()


def test_dots_of_whole_numbers_are_moved_a_little_and_the_same_every_time():
    values = np.zeros((10, 2))
    first, again = (
        np.asarray(plots.dependence(values, TIED, "gain").collections[0].get_offsets())[:, 0]
        for _ in range(2)
    )
    assert first.tolist() == again.tolist()
    assert 0 < np.abs(first - TIED["gain"]).max() <= 0.3
    assert len(set(first)) == 10


def test_dependence_draws_value_against_value_and_refuses_unknown_columns(many, frame):
    ax = plots.dependence(many.values, frame, "b", "c", OUTPUT)
    offsets = np.asarray(ax.collections[0].get_offsets())
    assert offsets[:, 0] == pytest.approx(frame["b"].to_numpy())
    assert offsets[:, 1] == pytest.approx(many.values[:, 1])
    assert OUTPUT in ax.get_ylabel() and ax.get_xlabel() == "b"
    ax = plots.dependence(many.values, frame, "b", units={"a": "kg", "b": "years"})
    assert ax.get_xlabel() == "b (years)"
    with pytest.raises(ValueError, match="no feature 'd'"):
        plots.dependence(many.values, frame, "d")
    with pytest.raises(ValueError, match="no feature 'd'"):
        plots.dependence(many.values, frame, "b", "d")


def test_every_path_of_the_decision_plot_ends_at_its_prediction(many):
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
