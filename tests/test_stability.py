"""Agreement between runs: Jaccard by hand, the bar for reporting, and errors against a known truth."""

from types import SimpleNamespace

import numpy as np
import pytest

from xailab import shapley, stability


def run(weights, r2=0.9, local=0.5, model=0.5, conditions=("a", "b", "c")):
    return SimpleNamespace(
        weights=np.array(weights, float),
        r2=r2,
        local_prediction=local,
        model_prediction=model,
        conditions=conditions,
    )


def test_jaccard_by_hand():
    weights = [[3, 2, 0.1], [3, -2, 0.1], [3, 0.1, 2]]  # top 2: ab, ab, ac
    assert stability.jaccard(weights, 2) == pytest.approx((1 + 1 / 3 + 1 / 3) / 3)
    assert stability.jaccard(weights, 1) == 1
    assert stability.jaccard(weights, 3) == 1


def test_top_k_ranks_by_size_and_gives_ties_to_the_earlier_column():
    assert list(stability.top_k(np.array([0.1, -3.0, 2.0, 2.0]), 3)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("weights", "k", "message"),
    [
        ([[1, 2]], 1, "two runs"),
        ([1, 2], 1, "two runs"),
        ([[1, 2], [1, 2]], 0, "between 1 and 2"),
        ([[1, 2], [1, 2]], 3, "between 1 and 2"),
    ],
)
def test_what_cannot_be_compared_is_refused(weights, k, message):
    with pytest.raises(ValueError, match=message):
        stability.jaccard(weights, k)


def test_the_table_says_which_signs_and_places_hold():
    found = stability.Stability((run([3, 1, -0.1]), run([2, -2, -0.2])), k=1)
    table = found.table()
    assert list(table.index) == ["a", "b", "c"]
    assert list(table["mean"]) == pytest.approx([2.5, -0.5, -0.15])
    assert list(table["low"]) == [2, -2, -0.2]
    assert list(table["same sign"]) == [1, 0.5, 1]
    assert list(table["in top 1"]) == [1, 0, 0]


@pytest.mark.parametrize(
    ("change", "fault"),
    [({"r2": 0.4}, "R2"), ({"local": 0.7}, "misses"), ({"weights": [0, 0, 9]}, "Jaccard")],
)
def test_each_part_of_the_bar_can_stop_a_report(change, fault):
    good = run([3, 2, 1])
    assert stability.Stability((good, good), 1).reportable
    bad = run(**({"weights": [3, 2, 1]} | change))
    runs = (bad, bad) if "weights" not in change else (good, bad)
    found = stability.Stability(runs, 1)
    assert not found.reportable
    assert [fault in sentence for sentence in found.faults()] == [True]
    assert "Do not report" in found.describe()
    assert "do not report" in str(found)


def test_gaps_of_both_signs_do_not_cancel():
    found = stability.Stability((run([1, 2, 3], local=0.8), run([1, 2, 3], local=0.2)), 1)
    assert found.local_error == pytest.approx(0.3)


def test_repeat_asks_once_a_seed_and_needs_two():
    seeds = []
    found = stability.repeat(lambda seed: seeds.append(seed) or run([seed, 0, 0]), [4, 5], k=1)
    assert seeds == [4, 5]
    assert list(found.weights[:, 0]) == [4, 5]
    with pytest.raises(ValueError, match="Two different seeds"):
        stability.repeat(lambda seed: run([1, 2, 3]), [1, 1])
    with pytest.raises(ValueError, match="between 1 and 3"):
        stability.repeat(lambda seed: run([1, 2, 3]), k=4)


def test_errors_are_zero_for_the_truth_and_fall_with_size(rng):
    B, x = rng.normal(size=(20, 4)), rng.normal(size=4)

    def f(X):
        return X[:, 0] * X[:, 1] * X[:, 2] + np.abs(X[:, 2]) * X[:, 3]

    truth = shapley.exact(f, x, B)
    none = stability.errors("exact", lambda size, seed: truth, truth, (1,), (0,))
    assert none[["error", "gap"]].to_numpy() == pytest.approx(0, abs=1e-12)
    found = stability.errors(
        "orders", lambda n, s: shapley.sampling(f, x, B, n_permutations=n, seed=s), truth, (1, 64)
    )
    assert len(found) == 20
    mean = found.groupby("size")["error"].mean()
    assert mean[64] < mean[1] / 3
    assert (found["cost"] == found["size"] * 2 * 5 * 20).all()
    other = shapley.exact(f, np.append(x, 1.0)[:5], np.column_stack([B, B[:, 0]]))
    with pytest.raises(ValueError, match="same features"):
        stability.errors("x", lambda n, s: other, truth, (1,))
