"""Counterfactuals: closed forms of linear scores, brute force, the rules, the control."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from xailab import counterfactual as cf

W, C = np.array([2.0, -1.0, 0.5]), -1.0
SCALE = np.array([1.0, 3.0, 2.0])
X0 = np.array([0.1, 0.5, 0.2])


def test_closest_in_l2_is_the_optimisers():
    found = cf.closest_linear(W, C, X0, 1.5, SCALE)
    assert W @ found + C == pytest.approx(1.5)
    theirs = minimize(
        lambda z: (((z - X0) / SCALE) ** 2).sum(),
        X0,
        method="SLSQP",
        constraints={"type": "eq", "fun": lambda z: W @ z + C - 1.5},
        options={"ftol": 1e-14},
    )
    assert np.allclose(found, theirs.x, atol=1e-5)


def test_closest_in_l1_moves_the_one_feature_with_the_largest_weight_times_scale():
    found = cf.closest_linear(W, C, X0, 1.5, SCALE, "L1")
    assert list(found != X0) == [False, True, False]  # |w scale| = 2, 3, 1
    assert W @ found + C == pytest.approx(1.5)
    cost = (np.abs(found - X0) / SCALE).sum()
    rng = np.random.default_rng(0)
    others = X0 + rng.normal(size=(20_000, 3)) * SCALE * 3
    over = others[others @ W + C >= 1.5]
    assert (np.abs(over - X0) / SCALE).sum(1).min() >= cost


def test_closest_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="L1"):
        cf.closest_linear(W, C, X0, 1, SCALE, "L0")
    with pytest.raises(ValueError, match="All weights are zero"):
        cf.closest_linear(np.zeros(3), C, X0, 1, SCALE)


@pytest.fixture
def table():
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "age": rng.integers(20, 60, 400),
            "hours": rng.integers(1, 9, 400) * 10,
            "school": rng.integers(1, 7, 400),
            "job": rng.integers(0, 4, 400),
            "place": rng.integers(0, 2, 400),
        }
    ).astype(float)


X = pd.Series({"age": 30.0, "hours": 20.0, "school": 2.0, "job": 0.0, "place": 0.0})
RULES = cf.Rules(immutable=("age",), increase_only=("school",), categorical=("job", "place"))


def predict(rows):
    s = 0.02 * rows["hours"] + 0.3 * rows["school"] + 1.15 * (rows["job"] == 2) - 3.0
    return 1 / (1 + np.exp(-s))


def test_search_finds_what_brute_force_over_everything_finds(table):
    found = cf.search(predict, X, table, RULES, max_changes=2, n_answers=99)
    choices = [np.unique(table[c]) for c in table]
    choices[0] = [30.0]
    rows = pd.DataFrame(list(itertools.product(*choices)), columns=table.columns)
    rows = rows[rows["school"] >= 2]
    rows = rows[predict(rows) >= 0.5]
    changed = (rows != X).sum(1)
    units, kinds = RULES.units(table), table.columns.isin(RULES.categorical)
    cost = cf.distance(rows.to_numpy(), X.to_numpy(), units, kinds)
    fewest = changed.min()
    assert len(found.best.changes) == fewest
    assert found.best.cost == pytest.approx(cost[(changed == fewest).to_numpy()].min())
    assert all(a.prediction >= 0.5 for a in found.answers)
    assert all(a.prediction == pytest.approx(predict(a.row)) for a in found.answers)


def test_answers_differ_in_their_features_and_none_contains_another(table):
    sets = [set(a.changes) for a in cf.search(predict, X, table, RULES, n_answers=99).answers]
    assert len(sets) > 1
    assert not any(a <= b for a, b in itertools.permutations(sets, 2))


def test_fewer_changes_come_before_a_lower_cost():
    """Score 0.3 school + 0.04 hours - 5 from (10, 40): (11, 43) costs 0.65, (12, 40) costs 0.8."""
    whole = itertools.product(range(1, 17), range(1, 100))
    grid = pd.DataFrame(whole, columns=["school", "hours"], dtype=float)
    x = pd.Series({"school": 10.0, "hours": 40.0})
    units = cf.Rules(scale={"school": 2.5, "hours": 12.0})
    found = cf.search(lambda X: X.to_numpy() @ [0.3, 0.04] - 5, x, grid, units, threshold=0)
    assert found.best.row.tolist() == [12, 40] and found.best.cost == pytest.approx(0.8)
    assert units.cost(np.array([[11.0, 43.0]]), x.to_numpy(), grid)[0] == pytest.approx(0.65)


def test_the_rules_are_kept(table):
    rules = cf.Rules(("age", "hours"), ("school",), ("job", "place"))
    for answer in cf.search(predict, X, table, rules, max_changes=3, n_answers=99).answers:
        assert not {"age", "hours"} & set(answer.changes)
        assert answer.row["school"] >= 2
        assert answer.row["job"] in {0, 1, 2, 3}
        assert set(answer.row.index) == set(table.columns)


def test_together_forbids_what_no_real_row_has(table):
    table = table[(table["job"] != 2) | (table["place"] == 1)]
    free = cf.search(predict, X, table, RULES, max_changes=2, n_answers=99)
    assert any(a.row["job"] == 2 and a.row["place"] == 0 for a in free.answers)
    rules = cf.Rules(("age",), ("school",), ("job", "place"), together=(("job", "place"),))
    bound = cf.search(predict, X, table, rules, max_changes=2, n_answers=99)
    assert bound.answers
    assert not any(a.row["job"] == 2 and a.row["place"] == 0 for a in bound.answers)


def test_random_search_never_beats_the_exhaustive_one_and_repeats_itself(table):
    best = cf.search(predict, X, table, RULES).best
    for seed in range(5):
        draws = [
            cf.random_search(predict, X, table, RULES, n_samples=300, seed=seed) for _ in range(2)
        ]
        assert draws[0].best.row.equals(draws[1].best.row)
        other = draws[0].best
        assert (len(other.changes), other.cost) >= (len(best.changes), best.cost - 1e-12)
        assert other.prediction >= 0.5 and other.row["age"] == 30


def test_distance_and_nearest(table):
    kinds = np.array([False, False, True])
    rows = np.array([[1.0, 0, 3], [0, 4, 0]])
    assert list(cf.distance(rows, np.zeros(3), np.array([2.0, 4, 1]), kinds)) == [1.5, 1.0]
    assert cf.nearest(table.iloc[5], table, RULES) == 0
    far = table.iloc[5].copy()
    far["hours"] = 1000.0
    assert cf.nearest(far, table, RULES) > 20


def test_columns_with_many_values_are_represented_by_real_ones():
    values = np.random.default_rng(0).normal(size=2000)
    table = pd.DataFrame({"a": values})
    found = cf.candidates(pd.Series({"a": 9.0}), table, cf.Rules())["a"]
    assert len(found) <= cf.MAX_VALUES and set(found) <= set(values)
    assert found.min() == values.min() and found.max() == values.max()


def test_no_answer_is_said_and_not_hidden(table):
    none = cf.search(lambda rows: np.zeros(len(rows)), X, table, RULES)
    assert len(none) == 0 and "No change" in none.describe()
    with pytest.raises(ValueError, match="No change of at most 2"):
        _ = none.best
    assert len(cf.random_search(lambda rows: np.zeros(len(rows)), X, table, RULES)) == 0


def test_table_card_and_sentence(table):
    found = cf.search(predict, X, table, RULES)
    names = {"job": ("clerk", "cook", "judge", "none")}
    text = found.describe(names) + found.table(names).to_string()
    assert "not about what such a change would do" in text
    assert "judge" in text
    for needed in ("immutable", "age", "only upwards", "to reach 0.5", "predict", "exhaustive"):
        assert needed in found.card()


def test_a_summary_has_a_line_for_every_row_also_without_an_answer(table):
    found = [cf.search(f, X, table, RULES) for f in (predict, lambda rows: np.zeros(len(rows)))]
    lines = cf.summary(found)
    assert list(lines["valid"]) == [True, False]
    assert lines["features"].iloc[0] == len(found[0].best.changes)
    assert lines["cost"].iloc[0] == found[0].best.cost and np.isnan(lines["cost"].iloc[1])
    assert lines["what"].iloc[0] == " + ".join(found[0].best.changes)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"x": X.to_numpy()}, TypeError, "a row of the table"),
        ({"x": X.rename({X.index[0]: "z"})}, ValueError, "other columns than table"),
        ({"threshold": float("nan")}, ValueError, "threshold must be a finite number"),
        ({"threshold": 0.01}, ValueError, "reaches 0.01 already"),
        ({"max_changes": 0}, ValueError, "at least 1"),
        ({"rules": cf.Rules(immutable=("sex",))}, ValueError, "name \\['sex'\\]"),
        ({"predict": lambda rows: np.ones((len(rows), 2))}, ValueError, "one number per row"),
    ],
)
def test_bad_input_gets_one_sentence(table, change, error, says):
    given = {"predict": predict, "x": X, "rules": RULES} | change
    for how in (cf.search, cf.random_search):
        args = (given["predict"], given["x"], table, given["rules"])
        rest = {k: v for k, v in given.items() if k not in ("predict", "x", "rules")}
        with pytest.raises(error, match=says):
            how(*args, **rest)
