"""Bootstrap intervals against scipy and by hand; the paired test against counting every pattern."""

from itertools import product
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap, norm, wilcoxon

from xailab import metrics


def p_value(differences):
    """p of the comparison of two methods whose scores differ by these amounts."""
    return metrics.compare({"a": differences, "b": np.zeros(len(differences))})["p"].item()


# --- intervals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_agrees_with_scipys_percentile_bootstrap(rng, level):
    values = rng.gamma(2, size=40)
    found = metrics.bootstrap_interval(values, level)
    theirs = bootstrap(
        (values,),
        np.mean,
        confidence_level=level,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert found.mean == pytest.approx(values.mean())
    noise = 0.05 * (theirs.high - theirs.low)
    assert found.low == pytest.approx(theirs.low, abs=noise)
    assert found.high == pytest.approx(theirs.high, abs=noise)
    assert found.n == 40


def test_two_values_have_the_interval_that_can_be_counted():
    # means 0, 1/2, 1 come with probability 1/4, 1/2, 1/4
    assert metrics.bootstrap_interval([0, 1]) == (0.5, 0, 1, 2)
    assert metrics.bootstrap_interval([0, 1], level=0.4) == (0.5, 0.5, 0.5, 2)


def test_constant_values_have_an_interval_of_no_width():
    assert metrics.bootstrap_interval([0.25] * 7) == (0.25, 0.25, 0.25, 7)


def test_the_interval_covers_the_truth_about_as_often_as_it_says(rng):
    covered = 0
    for i in range(200):
        found = metrics.bootstrap_interval(rng.normal(3, 1, 40), 0.9, seed=i, n_resamples=500)
        covered += found.low <= 3 <= found.high
    # 180 expected, with a standard deviation of 4.2
    assert 165 <= covered <= 192


def test_the_interval_is_the_same_for_the_same_seed_and_reads_as_a_sentence(rng):
    values = rng.random(30)
    a, b, c = (metrics.bootstrap_interval(values, seed=seed) for seed in (0, 0, 1))
    assert a == b
    assert a != c
    assert str(metrics.Interval(0.5, 0.25, 0.754, 9)) == "0.50 [0.25, 0.75] (n = 9)"


@pytest.mark.parametrize(
    "interval",
    [
        metrics.bootstrap_interval,
        lambda v: metrics.paired_bootstrap(v, np.zeros(len(v))),
        lambda v: metrics.compare({"a": v, "b": np.zeros(len(v))}),
    ],
    ids=["mean", "paired", "compare"],
)
def test_an_interval_of_fewer_than_ten_values_warns_in_one_sentence(interval, recwarn):
    interval(np.arange(10.0))
    assert not recwarn
    interval(np.arange(9.0))
    (warning,) = recwarn
    assert warning.category is UserWarning and warning.filename == __file__
    text = str(warning.message)
    assert text.startswith("A bootstrap interval of 9 values is too narrow; below 10 report counts")
    assert text.count(".") == 1


@pytest.mark.filterwarnings("ignore:A bootstrap interval of 5")
def test_a_95_percent_interval_of_five_values_covers_the_truth_too_rarely(rng):
    covered = 0
    for i in range(400):
        found = metrics.bootstrap_interval(rng.normal(3, 1, 5), seed=i, n_resamples=500)
        covered += found.low <= 3 <= found.high
    # 380 would be right; about 336 are found, with a standard deviation of 7
    assert 308 <= covered <= 360


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.nan], [1.0, np.inf, 2.0]])
def test_one_value_or_one_that_is_not_finite_has_no_interval(values):
    with pytest.raises(ValueError, match="An interval needs at least 2 finite values"):
        metrics.bootstrap_interval(values)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_outside_0_to_1_is_refused(level):
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        metrics.bootstrap_interval([1, 2], level)


def test_the_paired_interval_is_that_of_the_differences(rng):
    a, b = rng.random(25), rng.random(25)
    assert metrics.paired_bootstrap(a, b) == metrics.bootstrap_interval(a - b)
    assert metrics.paired_bootstrap(a + 0.5, a) == pytest.approx((0.5, 0.5, 0.5, 25))
    assert metrics.paired_bootstrap(a, b).mean == pytest.approx(a.mean() - b.mean())


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1, 2, 3], [1, 2], "got 3 and 2 values"),
        ([], [], "one at least"),
        ([1, np.nan], [1, 2], "drop such items first"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        metrics.paired_bootstrap(a, b)
    with pytest.raises(ValueError, match=message):
        metrics.compare({"a": a, "b": b})


# --- the paired permutation test ---------------------------------------------------------------


def test_p_by_hand():
    # 8 differences of one size and sign: only all plus or all minus reach the mean
    assert p_value(np.ones(8)) == 2 / 2**8
    # 6 up and 2 down: patterns with at least 6 of one sign
    d = np.array([1, 1, 1, 1, 1, 1, -1, -1.0])
    expected = 2 * sum(comb(8, k) for k in (6, 7, 8)) / 2**8
    assert p_value(d) == pytest.approx(expected)
    assert p_value(np.zeros(5)) == 1


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=7))
def test_p_is_the_share_of_all_sign_patterns_that_reach_the_mean(differences):
    d = np.array(differences, dtype=float)
    sums = np.array(list(product([-1, 1], repeat=len(d)))) @ d
    assert p_value(d) == np.mean(np.abs(sums) >= abs(d.sum()))


def test_p_is_exact_up_to_14_items(rng):
    d = rng.normal(0.5, 1, 14)
    sums = np.array(list(product([-1, 1], repeat=14))) @ d
    assert p_value(d) == pytest.approx(np.mean(np.abs(sums) >= abs(d.sum()) - 1e-12), abs=1e-12)


def test_on_ranks_the_test_is_wilcoxons(rng):
    d = rng.permutation(np.arange(1.0, 11)) * np.where(rng.random(10) < 0.7, 1, -1)
    assert p_value(d) == pytest.approx(wilcoxon(d, method="exact").pvalue)


def test_p_of_many_items_comes_from_random_patterns_and_is_never_zero(rng):
    d = rng.normal(0.3, 1, 60)
    t = d.mean() / (np.sqrt((d**2).mean()) / np.sqrt(60))
    assert p_value(d) == pytest.approx(2 * norm.sf(abs(t)), abs=0.02)
    # no random pattern reaches this mean: (0 + 1) / (20,000 + 1) on each side
    assert p_value(d + 5) == pytest.approx(2 / 20_001)


# --- many comparisons --------------------------------------------------------------------------


def test_holms_p_values_by_hand():
    found = metrics.holm([0.01, 0.04, 0.03, 0.005])
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert metrics.holm([0.9, 0.8]) == pytest.approx([1, 1])


def test_the_comparison_has_one_row_per_pair(rng):
    base = rng.random(20)
    scores = {"a": base + 1, "b": base + rng.normal(0, 0.1, 20), "c": base}
    table = metrics.compare(scores)
    assert list(table.index) == ["a - b", "a - c", "b - c"]
    assert list(table.columns) == "difference low high n p p_holm significant".split()
    assert list(table["significant"]) == [True, True, False]
    assert table["p_holm"].tolist() == pytest.approx(metrics.holm(table["p"]).tolist())
    for pair, row in table.iterrows():
        a, b = (scores[name] for name in pair.split(" - "))
        interval = metrics.paired_bootstrap(a, b)
        assert tuple(row[["difference", "low", "high", "n"]]) == pytest.approx(interval)
    pd.testing.assert_frame_equal(table, metrics.compare(scores))


def test_the_verdict_uses_the_corrected_p():
    # six differences of one sign: p = 2 / 2^6 = 0.031; times 3, for three pairs, 0.094
    scores = {"a": np.ones(6), "b": np.zeros(6), "c": np.zeros(6)}
    table = metrics.compare(scores)
    assert table.loc["a - b", "p"] == 2 / 2**6 < 0.05
    assert table.loc["a - b", "p_holm"] == pytest.approx(3 * 2 / 2**6)
    assert not table["significant"].any()
    # a level of 0.9 allows 0.1: the same table, another verdict
    assert list(metrics.compare(scores, level=0.9)["significant"]) == [True, True, False]


def test_a_table_is_not_taken_for_items_nor_another_order_for_the_same():
    square = np.arange(9.0).reshape(3, 3)
    for call in (
        lambda: metrics.bootstrap_interval(square),
        lambda: metrics.paired_bootstrap(square, square),
        lambda: metrics.compare({"a": square, "b": square + 1}),
        lambda: metrics.holm(square / 9),
    ):
        with pytest.raises(ValueError, match=r"one number per item, of shape \(n,\), not \(3, 3\)"):
            call()
    a = pd.Series(np.arange(12.0))
    with pytest.raises(ValueError, match=r"b has a's rows in another order; pass b.loc\[a.index\]"):
        metrics.paired_bootstrap(a, a[::-1])


def test_the_verdict_of_a_comparison_is_holms():
    """A pair whose own p is below 0.05 and whose corrected p is not: the verdict follows the second."""
    rng = np.random.default_rng(0)
    base, noise = rng.normal(size=12), rng.normal(size=(4, 12))
    shifted = base + 0.9 + noise[0] * 0.8
    scores = {"a": base, "b": shifted, "c": base + noise[1], "d": base + noise[2]}
    table = metrics.compare(scores)
    between = (table["p"] < 0.05) & (table["p_holm"] >= 0.05)
    assert between.any()
    assert not table.loc[between, "significant"].any()
    assert (table["significant"] == (metrics.holm(table["p"]) < 0.05)).all()
