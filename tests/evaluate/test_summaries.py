"""Means, curves and conditions are those of the single scores, in the order of the views."""

import numpy as np
import pytest
from support.tiny import METHODS, Tiny, made

from xailab import evaluate, metrics


@pytest.fixture
def tiny():
    return Tiny()


def test_summaries_are_bootstrap_means_of_a_column_by_method(tiny):
    views = evaluate.views(tiny, made())
    maps = evaluate.maps(tiny, views, METHODS)
    table = evaluate.table(maps, views, threshold=0.3)
    iou = evaluate.by_method(table, "iou")
    assert list(iou) == list(METHODS)
    assert iou["layer_cam"][4] == metrics.iou(maps["layer_cam"][4], views[4].mask, 0.3)
    summary = evaluate.summary(table, ["iou"])
    assert summary.loc["grad_cam", "iou"] == metrics.bootstrap_interval(iou["grad_cam"])
    assert evaluate.means(iou)["grad_cam"] == summary.loc["grad_cam", "iou"]


def test_curves_and_scores_of_ones_own_follow_the_order_of_the_views(tiny):
    views = evaluate.views(tiny, made())
    maps = evaluate.maps(tiny, views, METHODS)
    curves = evaluate.curves(maps, views, [0.2, 0.6])
    assert curves["grad_cam"].shape == (7, 2)
    own = evaluate.over(maps, views, lambda h, s: metrics.iou(h, s.mask, 0.6))
    np.testing.assert_allclose(curves["grad_cam"][:, 1], own["grad_cam"])


def test_conditions_are_the_same_maps_under_other_conditions(tiny):
    items = made(6)
    items[5].target = 500  # a thing, by ImageNet's order
    views = evaluate.views(tiny, items)
    maps = {"one": np.stack([s.mask.astype(float) for s in views])}
    found = evaluate.conditions(maps, views, thresholds=(0.2,))
    assert list(found)[:2] == ["threshold 0.2", "box, not mask"]
    assert all(np.all(v["one"] == 1) for v in found.values())
    assert (len(found["animals"]["one"]), len(found["things"]["one"])) == (5, 1)
    assert len(found["small objects"]["one"]) + len(found["large objects"]["one"]) == 6


def test_an_object_of_the_middle_size_is_among_the_large_ones(tiny):
    """An odd number of views: the one in the middle is not small, so the halves differ by one."""
    sizes = [0.1, 0.2, 0.3, 0.4, 0.5]
    views = []
    for i, size in enumerate(sizes):
        mask = np.arange(100).reshape(10, 10) < 100 * size
        views.append(evaluate.View(f"v{i}", np.zeros((10, 10, 3), np.uint8), mask, 1, 1.0))
    maps = {"one": np.stack([np.full((10, 10), 1.0)] * 5)}
    found = evaluate.conditions(maps, views)
    # a map that is warm everywhere has an IoU of the object's size
    assert found["small objects"]["one"] == pytest.approx([0.1, 0.2])
    assert found["large objects"]["one"] == pytest.approx([0.3, 0.4, 0.5])
