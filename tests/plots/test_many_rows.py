"""Figures of the Shapley values of many rows: what is drawn is what was given."""

import numpy as np
import pytest

from xailab import plots

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


def test_dependence_draws_value_against_value_and_refuses_unknown_columns(many, frame):
    ax = plots.dependence(many.values, frame, "b", "c", OUTPUT)
    offsets = np.asarray(ax.collections[0].get_offsets())
    assert offsets[:, 0] == pytest.approx(frame["b"].to_numpy())
    assert offsets[:, 1] == pytest.approx(many.values[:, 1])
    assert OUTPUT in ax.get_ylabel()
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
