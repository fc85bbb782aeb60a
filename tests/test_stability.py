"""Agreement between runs: Jaccard by hand, the bar for reporting, and errors against a known truth."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from xailab import lime_tabular, shapley, stability


def run(weights, r2=0.9, local=0.5, model=0.5, conditions=("a", "b", "c")):
    return SimpleNamespace(
        weights=np.array(weights, float),
        r2=r2,
        local_prediction=local,
        model_prediction=model,
        conditions=conditions,
    )


class Planted(stability.Stability):
    """R2 on fresh draws is what the runs say."""

    @property
    def r2s(self):
        return np.array([run.r2 for run in self.runs])


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
    [
        ({"r2": 0.4}, "R2 reaches 0.5"),
        ({"local": 0.7}, "within 0.1"),
        ({"weights": [0, 0, 9]}, "Jaccard"),
    ],
)
def test_each_part_of_the_bar_can_stop_a_report(change, fault):
    good = run([3, 2, 1])
    assert Planted((good,) * 10, 1).verdict == "may be reported"
    assert "May be reported." in Planted((good,) * 10, 1).describe()
    bad = run(**({"weights": [3, 2, 1]} | change))
    # the top feature of every run differs from that of most others
    others = tuple(run(w) for w in ([3, 2, 1], [2, 3, 1], [1, 3, 2], [0, 0, 9]))
    found = Planted((bad,) * 5 if "weights" not in change else (bad, *others), 1)
    assert found.verdict == "do not report" and not found.reportable
    assert [fault in sentence for sentence in found.faults()] == [True]
    assert "in none of 5 runs" in found.faults()[0]
    assert "Do not report: " in found.describe() and fault in found.describe()
    assert "do not report" in str(found)


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"r2": 0.4}, "R2 reaches 0.5"),
        ({"local": 0.7}, "within 0.1"),
        ({"weights": [0, 0, 9]}, "Jaccard"),
    ],
)
def test_a_part_that_only_some_runs_meet_leaves_it_undecided(change, doubt):
    good, bad = run([3, 2, 1]), run(**({"weights": [3, 2, 1]} | change))
    found = Planted((good,) * 9 + (bad,), 1)
    assert found.verdict == "undecided" and not found.reportable
    assert not found.faults()
    assert [doubt in sentence for sentence in found.doubts()] == [True]
    assert "in 9 of 10 runs" in found.doubts()[0]
    assert "Undecided: " in found.describe()


@pytest.mark.parametrize("r2", [0.496, 0.504])
def test_the_second_digit_of_one_run_does_not_turn_the_verdict(r2):
    values = (0.49, 0.51, 0.5, 0.52, r2) * 2
    found = Planted(tuple(run([3, 2, 1], r2=value) for value in values), 1)
    assert found.verdict == "undecided"


def test_a_run_is_compared_with_all_others():
    found = Planted(tuple(run(w) for w in ([3, 2, 0.1], [3, -2, 0.1], [3, 0.1, 2])), 2)
    assert found.jaccards == pytest.approx([2 / 3, 2 / 3, 1 / 3])
    assert found.jaccards.mean() == pytest.approx(found.jaccard)


def test_nine_runs_are_too_few():
    good = run([3, 2, 1])
    found = Planted((good,) * 9, 1)
    assert found.verdict == "undecided"
    assert found.doubts() == ["9 runs are too few, 10 are needed"]


# --- R2 on fresh draws -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noisy():
    """Seven columns, a rare one among them, and a model with interactions."""
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.integers(0, 2, (2000, 6)).astype(float), columns=list("abcdef"))
    X["rare"] = (rng.random(2000) < 0.08).astype(float)

    def proba(Z):
        p = 0.1 + 0.3 * Z["a"] * Z["b"] + 0.3 * Z["c"] * Z["rare"] + 0.25 * Z["rare"]
        return np.column_stack([1 - p, p])

    x = pd.Series(dict.fromkeys(X.columns, 1.0))

    def repeat(n, seeds=10, **settings):
        return stability.repeat(
            lambda seed: lime_tabular.explain(
                proba, x, X, categorical=list(X.columns), n_samples=n, seed=seed, **settings
            ),
            range(seeds),
            k=2,
        )

    return X, x, proba, repeat


def test_r2_is_that_of_the_rows_of_the_other_runs(noisy):
    X, x, proba, repeat = noisy
    found = repeat(60, seeds=3, kernel_width=1.0)
    drawn = [
        lime_tabular.perturb(x, X, 60, np.random.default_rng(seed), categorical=list(X.columns))
        for seed in range(3)
    ]
    for i, run in enumerate(found.runs):
        Z = np.concatenate([near.Z[1:] for j, near in enumerate(drawn) if j != i])
        y = proba(pd.DataFrame(Z, columns=X.columns))[:, 1]
        weight = np.exp(-(1 - Z).sum(1) / 2)
        miss = weight @ (y - run.intercept - Z @ run.weights) ** 2
        expected = 1 - miss / (weight @ (y - np.average(y, weights=weight)) ** 2)
        assert found.r2s[i] == pytest.approx(expected)


def test_r2_of_few_samples_is_too_high_on_their_own_rows_only(noisy):
    *_, repeat = noisy
    few, many = repeat(20), repeat(5000)
    own = [np.mean([run.r2 for run in found.runs]) for found in (few, many)]
    assert own[0] > own[1] + 0.04
    assert few.r2 < many.r2
    assert many.r2 == pytest.approx(own[1], abs=0.02)


def test_fewer_samples_never_make_a_line_reportable_where_more_do_not(adult, income_net):
    X_train, X_test, *_ = adult.split()
    for x in (adult.X.loc[28197], *(X_test.iloc[i] for i in (0, 1))):
        verdicts, mean = [], []
        for n in (50, 100, 200, 500, 1000, 5000, 10_000):
            found = stability.repeat(
                lambda seed, n=n, x=x: lime_tabular.explain(
                    income_net.predict_proba,
                    x,
                    X_train,
                    categorical=adult.categories,
                    n_samples=n,
                    seed=seed,
                ),
                range(10),
                k=3,
            )
            verdicts.append(found.reportable)
            mean.append(found.r2)
        assert verdicts[-2] or not any(verdicts[:-2]), verdicts
        assert max(mean[:2]) < mean[-2]


def test_runs_of_different_models_have_no_common_r2(noisy):
    X, x, proba, _ = noisy
    found = stability.repeat(
        lambda seed: lime_tabular.explain(
            lambda Z: proba(Z) * [1, seed / 5], x, X, n_samples=60, seed=seed
        ),
        (4, 5),
        k=2,
    )
    assert len(found.table()) == 7
    with pytest.raises(ValueError, match="runs of one model and row"):
        found.describe()


def test_gaps_of_both_signs_do_not_cancel():
    found = stability.Stability((run([1, 2, 3], local=0.8), run([1, 2, 3], local=0.2)), 1)
    assert found.local_errors == pytest.approx([0.3, 0.3])
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
