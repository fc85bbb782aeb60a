"""Localisation metrics by hand, against scikit-learn, and as laws."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    jaccard_score,
    precision_score,
    recall_score,
)

from xailab import metrics

# whole numbers, so that thresholds at halves never fall on a value and no rounding can matter
maps = arrays(float, (5, 6), elements=st.integers(0, 8).map(float)).filter(lambda h: h.any())
masks = arrays(bool, (5, 6)).filter(lambda m: m.any())
thresholds = st.integers(1, 100).map(lambda t: t / 100)

OVERLAPS = (metrics.iou, metrics.precision, metrics.recall, metrics.f1)


@pytest.fixture
def case():
    """4 x 4: the region at 0.5 has 6 pixels, the object 4, 3 lie in both."""
    heatmap = np.array(
        [[8, 6, 0, 0], [4, 4, 2, 0], [0, 4, 1, 0], [0, 0, 3, 5]],
        dtype=float,
    )
    mask = np.array(
        [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]],
        dtype=bool,
    )
    return heatmap, mask


# --- by hand -----------------------------------------------------------------------------------


def test_the_five_metrics_of_a_4_by_4_case(case):
    heatmap, mask = case
    expected = {
        "saliency": 12 / 37,
        "iou": 3 / 7,
        "recall": 3 / 4,
        "precision": 3 / 6,
        "f1": 6 / 10,
    }
    assert metrics.localisation(heatmap, mask) == pytest.approx(expected)
    assert list(metrics.localisation(heatmap, mask)) == list(expected)
    assert metrics.saliency_score(heatmap, mask) == pytest.approx(12 / 37)
    found = [f(heatmap, mask) for f in OVERLAPS]
    assert found == pytest.approx([3 / 7, 1 / 2, 3 / 4, 3 / 5])


@pytest.mark.parametrize(
    ("threshold", "both", "marked"),
    [(0.1, 3, 9), (0.25, 3, 8), (0.26, 3, 7), (0.6, 0, 3), (1, 0, 1)],
)
def test_the_region_is_what_reaches_the_share_of_the_maximum(case, threshold, both, marked):
    heatmap, mask = case
    assert metrics.region(heatmap, threshold).sum() == marked
    assert metrics.iou(heatmap, mask, threshold) == pytest.approx(both / (marked + 4 - both))
    assert metrics.precision(heatmap, mask, threshold) == pytest.approx(both / marked)


def test_a_map_that_is_the_mask_scores_one_everywhere(case):
    _, mask = case
    assert set(metrics.localisation(mask.astype(float), mask).values()) == {1.0}
    beside = metrics.localisation((~mask).astype(float), mask)
    assert set(beside.values()) == {0.0}


def test_the_pointing_game_asks_where_the_maximum_lies(case):
    heatmap, mask = case
    assert metrics.pointing_game(heatmap, mask) == 0.0
    assert metrics.pointing_game(heatmap * mask, mask) == 1.0
    assert metrics.pointing_game(np.zeros((4, 4)), mask) == 0.0


def test_a_plateau_counts_by_its_share_on_the_object_however_the_picture_is_turned():
    heatmap, mask = np.zeros((4, 6)), np.zeros((4, 6), bool)
    heatmap[1:3, 1:4] = 1
    mask[1:3, 1:4] = True
    mask[1, 1] = False
    for turn in (lambda a: a, np.flipud, np.fliplr, np.transpose, np.rot90):
        assert metrics.pointing_game(turn(heatmap), turn(mask)) == pytest.approx(5 / 6)


def test_the_grid_pointing_game_is_the_share_of_heat_in_one_cell(case):
    heatmap, _ = case
    shares = [metrics.grid_pointing_game(heatmap, cell) for cell in range(4)]
    assert shares == pytest.approx([22 / 37, 2 / 37, 4 / 37, 9 / 37])
    assert metrics.grid_pointing_game(heatmap, 15, side=4) == pytest.approx(5 / 37)
    for cell, side in ((4, 2), (-1, 2), (0, 3)):
        with pytest.raises(ValueError, match="grid needs a cell from 0"):
            metrics.grid_pointing_game(heatmap, cell, side)


def test_the_box_mask_fills_the_extent_of_the_mask():
    mask = np.zeros((5, 6), bool)
    mask[1, 4] = mask[3, 2] = True
    expected = np.zeros((5, 6), bool)
    expected[1:4, 2:5] = True
    assert np.array_equal(metrics.box_mask(mask), expected)
    with pytest.raises(ValueError, match="The mask is empty"):
        metrics.box_mask(np.zeros((5, 6), bool))


def test_the_best_threshold_has_the_highest_mean():
    curves = np.array([[0.1, 0.5, 0.2], [0.9, 0.6, 0.1]])
    assert metrics.best_threshold(curves, [0.2, 0.4, 0.6]) == 0.4
    assert metrics.best_threshold(curves[1:], [0.2, 0.4, 0.6]) == 0.2
    with pytest.raises(ValueError, match=r"curves must have shape \(items, 2\)"):
        metrics.best_threshold(curves, [0.2, 0.4])


def test_cross_validated_scores_use_the_threshold_that_was_best_on_the_other_half():
    # items 0 and 2 are best at 0.3, items 1 and 3 at 0.6: each is scored at the others' threshold
    curves = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
    assert metrics.cross_validated_threshold(curves, [0.3, 0.6]).tolist() == [0.1, 0.2, 0.3, 0.4]


# --- scikit-learn as oracle, and laws ----------------------------------------------------------


@given(maps, masks, thresholds)
def test_overlaps_agree_with_scikit_learn(heatmap, mask, threshold):
    marked = (heatmap >= threshold * heatmap.max()).ravel()
    for ours, theirs in zip(
        OVERLAPS, (jaccard_score, precision_score, recall_score, f1_score), strict=True
    ):
        expected = theirs(mask.ravel(), marked, zero_division=0)
        assert ours(heatmap, mask, threshold) == pytest.approx(expected, abs=1e-12)


@given(maps, masks, thresholds)
def test_scores_are_shares_and_f1_is_the_harmonic_mean(heatmap, mask, threshold):
    scores = metrics.localisation(heatmap, mask, threshold)
    assert all(0 <= score <= 1 for score in scores.values())
    p, r = scores["precision"], scores["recall"]
    assert scores["f1"] == pytest.approx(2 * p * r / (p + r) if p + r else 0)
    assert scores["f1"] == pytest.approx(2 * scores["iou"] / (1 + scores["iou"]))
    assert scores["iou"] <= min(p, r) + 1e-12


@given(maps, masks, st.tuples(thresholds, thresholds))
def test_recall_never_grows_with_the_threshold(heatmap, mask, pair):
    low, high = sorted(pair)
    assert metrics.recall(heatmap, mask, low) >= metrics.recall(heatmap, mask, high)


@given(maps, masks, thresholds, st.integers(-20, 20))
def test_the_unit_of_the_map_does_not_matter(heatmap, mask, threshold, power):
    # a power of two, so that equality is exact
    scaled = heatmap * 2.0**power
    expected = metrics.localisation(heatmap, mask, threshold)
    assert metrics.localisation(scaled, mask, threshold) == expected


@given(maps, masks, st.floats(1e-6, 1e6))
def test_scaling_by_any_constant_changes_nothing_between_the_values(heatmap, mask, factor):
    # times 1 to 8 never a whole number
    threshold = 0.513
    assume(heatmap.max() > 0)
    for metric in OVERLAPS:
        assert metric(heatmap * factor, mask, threshold) == metric(heatmap, mask, threshold)
    assert metrics.saliency_score(heatmap * factor, mask) == pytest.approx(
        metrics.saliency_score(heatmap, mask)
    )


@given(maps, masks, st.lists(thresholds, min_size=1, max_size=6))
def test_the_curve_is_the_metrics_at_each_threshold(heatmap, mask, chosen):
    curve = metrics.threshold_curve(heatmap, mask, chosen)
    for i, threshold in enumerate(chosen):
        at = metrics.localisation(heatmap, mask, threshold)
        assert {name: float(values[i]) for name, values in curve.items()} == pytest.approx(at)
    assert all(values.shape == (len(chosen),) for values in curve.values())


# --- maps and masks that do not work -----------------------------------------------------------


def test_an_all_zero_map_warns_once_and_scores_zero(case):
    heatmap, mask = np.zeros((4, 4)), case[1]
    for metric in (*OVERLAPS, metrics.saliency_score):
        with pytest.warns(UserWarning, match="The heat map is zero everywhere"):
            assert metric(heatmap, mask) == 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores = metrics.localisation(heatmap, mask)
    assert set(scores.values()) == {0.0}
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="zero everywhere"):
        curve = metrics.threshold_curve(heatmap, mask, [0.2, 0.5])
    assert all(np.array_equal(values, [0, 0]) for values in curve.values())


@pytest.mark.parametrize(
    "metric",
    [
        *OVERLAPS,
        metrics.saliency_score,
        metrics.localisation,
        metrics.pointing_game,
        lambda h, m: metrics.threshold_curve(h, m, [0.5]),
    ],
)
def test_an_empty_mask_or_one_of_another_shape_is_refused(case, metric):
    heatmap, mask = case
    with pytest.raises(ValueError, match="The mask is empty: without an object"):
        metric(heatmap, np.zeros_like(mask))
    with pytest.raises(ValueError, match=r"heatmap \(4, 4\) and mask \(4, 3\) must have one shape"):
        metric(heatmap, mask[:, :3])


@pytest.mark.parametrize("threshold", [0, -0.5, 1.01, np.nan])
def test_a_threshold_outside_0_to_1_is_refused(case, threshold):
    for metric in (*OVERLAPS, metrics.localisation):
        with pytest.raises(ValueError, match=r"threshold must lie in \(0, 1\]"):
            metric(*case, threshold)
    with pytest.raises(ValueError, match=r"thresholds must lie in \(0, 1\]"):
        metrics.threshold_curve(*case, [0.5, threshold])


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1])
def test_a_map_with_negative_or_infinite_values_is_refused(case, value):
    heatmap, mask = case
    heatmap[2, 2] = value
    for metric in (*OVERLAPS, metrics.saliency_score):
        with pytest.raises(ValueError, match=r"heatmap must be .* finite numbers >= 0"):
            metric(heatmap, mask)


@given(st.integers(0, 10_000), st.integers(1, 20), st.sampled_from([2, 5, 1000, 10**9]))
def test_average_precision_equals_scikit_learns(seed, side, levels):
    rng = np.random.default_rng(seed)
    h = rng.integers(0, levels, (side, side + 1)) / levels
    mask = rng.random(h.shape) < rng.random()
    mask[0, 0] = True
    h[-1, -1] = 1
    expected = average_precision_score(mask.ravel(), h.ravel())
    assert metrics.average_precision(h, mask) == pytest.approx(expected, abs=1e-12)
    assert metrics.average_precision(h.astype(np.float32), mask) == pytest.approx(
        average_precision_score(mask.ravel(), h.astype(np.float32).ravel()), abs=1e-12
    )


def test_average_precision_of_known_maps():
    mask = np.array([[True, True, False, False]])
    assert metrics.average_precision(np.array([[4.0, 3, 2, 1]]), mask) == 1
    # both pixels of the object come last: 1/2 * 1/3 + 1/2 * 2/4
    assert metrics.average_precision(np.array([[1.0, 2, 3, 4]]), mask) == pytest.approx(5 / 12)
    # one group of ties: the share of the image that is object
    assert metrics.average_precision(np.ones((1, 4)), mask) == 0.5


def test_average_precision_does_not_change_with_a_monotone_rescaling(rng):
    h = rng.random((30, 30))
    mask = rng.random((30, 30)) < 0.2
    cubed = metrics.average_precision(h**3, mask)
    assert metrics.average_precision(h, mask) == pytest.approx(cubed, abs=1e-12)


def test_average_precision_of_bad_input():
    h = np.ones((2, 2))
    with pytest.raises(ValueError, match="empty"):
        metrics.average_precision(h, np.zeros((2, 2), bool))
    with pytest.raises(ValueError, match="one shape"):
        metrics.average_precision(h, np.ones((2, 3), bool))
    with pytest.raises(ValueError, match="finite"):
        metrics.average_precision(h * np.nan, np.ones((2, 2), bool))
    with pytest.warns(UserWarning, match="zero everywhere"):
        assert metrics.average_precision(h * 0, np.eye(2, dtype=bool)) == 0
