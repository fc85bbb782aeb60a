"""Faithfulness and agreement of explanations of tables, in cases that can be worked out."""

import numpy as np
import pandas as pd
import pytest

from xailab.metrics import tables

B = pd.DataFrame(np.zeros((3, 3)), columns=list("abc"))
X = pd.DataFrame([[1.0, 1, 1], [1, -1, 0]], columns=list("abc"))
W = np.array([3.0, 2.0, 1.0])


def linear(rows):
    return rows.to_numpy() @ W


def test_deletion_of_a_sum_loses_term_by_term():
    curve = tables.deletion(linear, X.iloc[0], B, [0, 1, 2])
    assert np.allclose(curve, [6, 3, 1, 0])
    assert np.allclose(tables.deletion(linear, X.iloc[0], B, [2, 1, 0]), [6, 5, 3, 0])
    with pytest.raises(ValueError, match="each of the 3 features once"):
        tables.deletion(linear, X.iloc[0], B, [0, 0, 1])


def test_a_removed_feature_takes_the_backgrounds_values():
    crowd = pd.DataFrame([[0.0, 0, 0], [2, 0, 0]], columns=list("abc"))
    square = lambda rows: rows["a"].to_numpy() ** 2
    assert tables.deletion(square, X.iloc[0], crowd, [0, 1, 2])[1] == pytest.approx(2)


def test_the_true_order_scores_highest_and_its_reverse_lowest():
    truth = X.to_numpy() * W
    found = tables.faithfulness(linear, X, B, {"truth": truth, "blind": np.ones((2, 3))})
    # row 0, output 6: after one feature 3 are gone, after two 5; backwards 1 and 3
    assert found.loc[0, "truth"] == pytest.approx((3 + 5) / 2)
    assert found.loc[0, "reversed"] == pytest.approx((1 + 3) / 2)
    assert (found["truth"] >= found["random order"]).all()
    assert list(found.columns) == ["truth", "blind", "random order", "reversed"]


def test_an_output_below_the_base_value_is_ordered_by_what_lowers_it():
    assert list(tables.strongest_first([1, -2, 3], True)) == [2, 0, 1]
    assert list(tables.strongest_first([1, -2, 3], False)) == [1, 0, 2]


def test_for_an_output_below_the_base_value_the_sign_is_reversed():
    low = pd.DataFrame([[-1.0, -1, -1]], columns=list("abc"))
    found = tables.faithfulness(linear, low, B, {"truth": -W[None]})
    assert found["truth"].item() == pytest.approx(4)
    assert found["reversed"].item() == pytest.approx(2)


def test_agreement_of_equal_and_of_opposite_values():
    a = np.array([[3.0, -2, 1, 0.5], [3, -2, 1, 0.5]])
    b = np.array([[6.0, -4, 2, 1.0], [-3, 2, -1, -0.5]])
    found = tables.agreement(a, b, k=2)
    assert np.allclose(found["rank"], [1, -1]) and list(found["overlap"]) == [1, 1]
    half = tables.agreement([[3.0, 2, 0, 0]], [[3.0, 0, 2, 0]], k=2)
    assert half["overlap"].item() == 0.5
    with pytest.raises(ValueError, match="one shape"):
        tables.agreement(a, b[:1])
    with pytest.raises(ValueError, match="between 1 and 4"):
        tables.agreement(a, b, k=5)


def test_a_planted_rule_follows_its_columns():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(4000, 3)) * [1, 10, 100], columns=list("abc"))
    y = tables.planted_rule(table, {"a": 2.0, "b": -1.0})
    assert y.mean() == 0.5 and y.equals(tables.planted_rule(table, {"a": 2.0, "b": -1.0}))
    r = table.corrwith(y.astype(float))
    assert r["a"] > 0.6 and r["b"] < -0.3 and abs(r["c"]) < 0.05
    with pytest.raises(ValueError, match=r"not \['d'\]"):
        tables.planted_rule(table, {"d": 1.0})
