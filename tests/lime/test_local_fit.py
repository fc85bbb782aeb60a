"""The weighted ridge fit against scikit-learn, kernel and selection against the lime package."""

import numpy as np
import pytest
from lime.lime_base import LimeBase
from sklearn.linear_model import Ridge
from sklearn.metrics import pairwise_distances

from xailab.local_fit import (
    LinearFit,
    check_settings,
    cosine_distance,
    exponential_kernel,
    fit,
    fit_strongest,
    r2_on,
    strongest,
    sums_of,
)


@pytest.fixture
def samples(rng):
    """Correlated columns far from zero, answers with noise, weights over five decades."""
    Z = rng.normal(3, 2, (200, 6)) @ rng.normal(size=(6, 6))
    y = Z @ rng.normal(size=6) + rng.normal(size=200) + 10
    return Z, y, 10.0 ** rng.uniform(-5, 0, 200)


@pytest.mark.parametrize("alpha", [0.01, 1.0, 50.0])
def test_the_fit_equals_scikit_learns_weighted_ridge(samples, alpha):
    Z, y, weights = samples
    line = fit(Z, y, weights, alpha)
    oracle = Ridge(alpha=alpha, solver="cholesky").fit(Z, y, sample_weight=weights)
    np.testing.assert_allclose(line.weights, oracle.coef_, rtol=1e-10, atol=1e-10)
    assert line.intercept == pytest.approx(oracle.intercept_, abs=1e-10)
    assert line.r2 == pytest.approx(oracle.score(Z, y, sample_weight=weights), abs=1e-10)


def test_the_fit_of_one_column_is_the_formula_by_hand():
    # weighted means 1 and 3; Szz = 2, Szy = 4: slope 4 / (2 + 2), intercept 3 - 1 * 1
    line = fit(np.array([[0.0], [2.0]]), np.array([1.0, 5.0]), np.ones(2), alpha=2.0)
    assert line.weights == pytest.approx([1.0])
    assert line.intercept == pytest.approx(2.0)
    assert line.r2 == pytest.approx(1 - (1 + 1) / 8)


def test_a_sample_of_weight_three_counts_as_three_samples(rng):
    Z, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    weighted = fit(Z, y, np.array([3.0, 1, 1, 1, 1]))
    repeated = fit(np.vstack([Z[[0, 0]], Z]), np.append(y[[0, 0]], y), np.ones(7))
    np.testing.assert_allclose(weighted.weights, repeated.weights)
    assert weighted.intercept == pytest.approx(repeated.intercept)
    assert weighted.r2 == pytest.approx(repeated.r2)


@pytest.mark.parametrize("value", [0.0, 0.3, 1 / 3])
def test_a_constant_answer_has_no_weights_and_r2_zero(samples, value):
    Z, _, weights = samples
    line = fit(Z, np.full(200, value), weights)
    np.testing.assert_allclose(line.weights, 0, atol=1e-12)
    assert line.intercept == pytest.approx(value)
    assert line.r2 == 0.0


def test_r2_does_not_hang_on_the_unit_of_the_answer(samples):
    Z, y, weights = samples
    expected = fit(Z, y, weights)
    for unit in (1e-8, 1e8):  # the probability of an unlikely class is as good an answer
        line = fit(Z, y * unit, weights)
        assert line.r2 == pytest.approx(expected.r2)
        np.testing.assert_allclose(line.weights, expected.weights * unit)


@pytest.mark.parametrize("width", [0.25, 0.75 * np.sqrt(12), 10])
def test_the_kernel_is_limes_expression(width):
    d = np.linspace(0, 6, 50)
    expected = np.sqrt(np.exp(-(d**2) / width**2))  # as lime_tabular and lime_image write it
    np.testing.assert_allclose(exponential_kernel(d, width), expected, rtol=1e-12)
    assert exponential_kernel(np.array([0.0, width]), width) == pytest.approx([1, np.exp(-0.5)])


def test_the_cosine_distance_is_scikit_learns(rng):
    Z = np.vstack([np.ones(6), rng.integers(0, 2, (20, 6)), np.zeros(6)])
    theirs = pairwise_distances(Z, Z[:1], metric="cosine").ravel()
    np.testing.assert_allclose(cosine_distance(Z), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("width", [0, -1, float("nan"), "wide", None])
def test_a_kernel_width_that_is_not_positive_is_refused(width):
    with pytest.raises(ValueError, match="kernel_width must be a positive number"):
        check_settings(100, 3, width, None)


@pytest.mark.parametrize("k", range(1, 7))
def test_the_strongest_columns_are_limes_highest_weights(samples, k):
    Z, y, weights = samples
    theirs = LimeBase(None).feature_selection(Z, y, weights, k, "highest_weights")
    assert strongest(Z, y, weights, k).tolist() == sorted(theirs)


def test_a_fit_on_the_strongest_columns_is_a_fit_on_those_alone(samples):
    Z, y, weights = samples
    chosen = strongest(Z, y, weights, 2)
    line, alone = fit_strongest(Z, y, weights, 2), fit(Z[:, chosen], y, weights)
    assert np.array_equal(line.weights[chosen], alone.weights)
    assert np.count_nonzero(line.weights) == 2
    assert (line.intercept, line.r2) == (alone.intercept, alone.r2)


@pytest.mark.parametrize("k", [None, 6, 99])
def test_all_columns_are_kept_for_none_or_for_more_than_there_are(samples, k):
    line, whole = fit_strongest(*samples, k), fit(*samples)
    assert isinstance(line, LinearFit)
    assert np.array_equal(line.weights, whole.weights)


def test_sums_give_the_r2_of_any_line_on_the_rows_behind_the_first(samples, rng):
    Z, y, weights = samples
    other = Z[:, ::-1] + rng.normal(size=Z.shape)
    for line in (fit(Z, y, weights), fit(other, y, np.ones(200))):
        oracle = Ridge()
        oracle.coef_, oracle.intercept_ = line.weights, line.intercept
        expected = oracle.score(Z[1:], y[1:], sample_weight=weights[1:])
        found = r2_on(sums_of(Z, y, weights), line.weights, line.intercept - y[0])
        assert found == pytest.approx(expected, rel=1e-9)
    # sums of two draws are the sums of both together
    both = sums_of(Z[:100], y[:100], weights[:100])
    rest = np.append(0, np.arange(100, 200))
    both = both + sums_of(Z[rest], y[rest], weights[rest])
    np.testing.assert_allclose(both, sums_of(Z, y, weights), atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.3, 1 / 3])
def test_on_constant_answers_every_line_has_r2_zero(samples, value):
    Z, _, weights = samples
    y = np.full(200, value)
    line = fit_strongest(Z, y, weights, None)
    assert r2_on(line.sums, line.weights, line.intercept - y[0]) == 0.0


@pytest.mark.parametrize("k", [0, -1])
def test_fewer_than_one_column_is_refused(k):
    with pytest.raises(ValueError, match=f"num_features must be at least 1, .* not {k}"):
        check_settings(100, 3, 0.25, k)


def test_fewer_samples_than_a_line_needs_are_refused():
    check_settings(5, 3, 0.25, None)
    with pytest.raises(ValueError, match="n_samples must be at least 5 to fit 3 weights, not 4"):
        check_settings(4, 3, 0.25, None)
