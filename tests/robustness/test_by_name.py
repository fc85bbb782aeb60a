"""Columns are matched by name: the order of columns never changes what an explanation says."""

import numpy as np
import pandas as pd
import pytest
import torch

from xailab import (
    counterfactual,
    integrated_gradients,
    lime_tabular,
    models,
    plots,
    shapley,
    widgets,
)
from xailab._utils import tables
from xailab.metrics import tables as table_metrics

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(40, 3)), columns=list("abc"))
ROW = X.iloc[4]
ORDERS = [list("cab"), list("bca"), list("cba")]


def predict(rows):
    """By position, as most models: only the background's own order is right."""
    a, b, c = np.asarray(rows, float).T
    return a + 2 * b * c - 3 * c


def proba(rows):
    p = 1 / (1 + np.exp(-predict(rows)))
    return np.column_stack([1 - p, p])


def forms(order):
    """The same row: a Series and a one-row DataFrame in this order, and arrays in the table's."""
    return [ROW[order], X[order].iloc[[4]], ROW.to_numpy(), ROW.to_numpy()[None]]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "method",
    [
        shapley.exact,
        lambda *a: shapley.kernel(*a, n_samples=10),
        lambda *a: shapley.sampling(*a, n_permutations=5),
        lambda *a: shapley.sampling(*a, n_permutations=5, one_row=True),
    ],
)
def test_shapley_values_go_by_name(order, method):
    want = method(predict, ROW, X)
    for x in forms(order):
        found = method(predict, x, X)
        assert found.features == want.features == ("a", "b", "c")
        assert np.array_equal(found.values, want.values)
        assert found.prediction == pytest.approx(float(predict(ROW.to_numpy()[None])[0]))
    many = shapley.exact_rows(predict, X[order].iloc[:5], X)
    assert np.array_equal(many.values, shapley.exact_rows(predict, X.iloc[:5], X).values)
    everyone = np.ones((1, 3), bool)
    assert shapley.coalition_values(predict, ROW[order], X, everyone) == pytest.approx(
        predict(ROW.to_numpy()[None])
    )


@pytest.mark.parametrize("order", ORDERS)
def test_lime_goes_by_name(order):
    want = lime_tabular.explain(proba, ROW, X, n_samples=200)
    samples = X.iloc[[4, *range(20)]]
    with_samples = lime_tabular.explain(proba, ROW, X, samples=samples.to_numpy())
    for x in forms(order):
        found = lime_tabular.explain(proba, x, X, n_samples=200)
        assert np.array_equal(found.weights, want.weights)
        assert found.model_prediction == pytest.approx(proba(ROW.to_numpy()[None])[0, 1])
        found = lime_tabular.explain(proba, x, X, samples=samples[order])
        assert np.array_equal(found.weights, with_samples.weights)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("how", [counterfactual.search, counterfactual.random_search])
def test_counterfactuals_go_by_name(order, how):
    def settle(x):
        return how(predict, x, X, threshold=float(predict(ROW.to_numpy()[None])[0]) + 1)

    want = settle(ROW)
    for x in (ROW[order], X[order].iloc[[4]]):
        found = settle(x)
        assert found.best.changes == want.best.changes and found.prediction == want.prediction
        assert list(found.x.index) == list("abc")


@pytest.mark.parametrize("order", ORDERS)
def test_the_baseline_of_integrated_gradients_goes_by_name(order):
    def score(v):
        return v[:, 0] + 2 * v[:, 1] * v[:, 2] - 3 * v[:, 2]

    base = X.mean()
    want = integrated_gradients.explain(
        score, torch.tensor(ROW.to_numpy()), torch.tensor(base.to_numpy())
    ).values
    for x, b in [(ROW, base[order]), (X.iloc[[4]], base[order].to_frame().T)]:
        assert np.allclose(integrated_gradients.explain(score, x, b).values, want, atol=1e-5)


@pytest.mark.parametrize("order", ORDERS)
def test_the_panels_go_by_name(order):
    want = widgets.instance_explorer(predict, X, X[:10])
    assert widgets.instance_explorer(predict, X[order], X[:10]).text == want.text
    want = widgets.what_if(predict, ROW, X[:10])
    for x in (ROW[order], X[order].iloc[[4]]):
        assert widgets.what_if(predict, x, X[:10]).text == want.text
    want = widgets.lime_dial(proba, ROW, X)
    assert widgets.lime_dial(proba, ROW[order], X).text == want.text
    assert widgets.lime_dial(proba, X[order].iloc[[4]], X).text == want.text
    want = widgets.background_slider(predict, ROW, X)
    assert widgets.background_slider(predict, ROW[order], X).text == want.text


def test_values_without_names_need_the_order_of_their_rows():
    """An array of values cannot say which order it has, so another order is one sentence."""
    values = {"ours": shapley.exact_rows(predict, X[:4], X).values}
    with pytest.raises(ValueError, match=r"pass X\[background.columns\]"):
        table_metrics.faithfulness(predict, X[list("cab")].iloc[:4], X, values)
    with pytest.raises(ValueError, match=r"pass x\[background.columns\]"):
        table_metrics.deletion(predict, ROW[list("cab")], X, [0, 1, 2])
    named = {"ours": pd.DataFrame(values["ours"], columns=list("abc"))[list("cab")]}
    found = table_metrics.faithfulness(predict, X[:4], X, named)
    assert found.equals(table_metrics.faithfulness(predict, X[:4], X, values))


def test_two_explanations_agree_by_name():
    a = pd.DataFrame([[3.0, -2.0, 1.0]], columns=list("abc"))
    assert table_metrics.agreement(a, a[list("cab")])["rank"].item() == pytest.approx(1)


TWICE = pd.DataFrame(RNG.normal(size=(20, 3)), columns=["a", "b", "a"])


@pytest.mark.parametrize(
    "call",
    [
        lambda: shapley.exact(predict, TWICE.iloc[0], TWICE),
        lambda: shapley.kernel(predict, ROW, TWICE),
        lambda: shapley.sampling(predict, TWICE.iloc[[0]], X),
        lambda: shapley.exact_rows(predict, TWICE, TWICE),
        lambda: lime_tabular.explain(proba, TWICE.iloc[0], TWICE),
        lambda: counterfactual.search(predict, TWICE.iloc[0], TWICE),
        lambda: integrated_gradients.explain(lambda v: v[:, 0], TWICE.iloc[0], TWICE.iloc[1]),
        lambda: widgets.instance_explorer(predict, TWICE, TWICE),
        lambda: widgets.what_if(predict, TWICE.iloc[0], TWICE),
        lambda: widgets.lime_dial(proba, TWICE.iloc[0], TWICE),
        lambda: models.train_income_net(TWICE, TWICE["b"] > 0),
        lambda: plots.summary(np.ones((20, 3)), TWICE),
        lambda: plots.dependence(np.ones((20, 3)), TWICE, "b"),
        lambda: table_metrics.faithfulness(predict, TWICE, TWICE, {"a": np.ones((20, 3))}),
    ],
)
def test_two_columns_of_one_name_are_refused_in_one_sentence(call):
    with pytest.raises(ValueError, match=r"Two columns .* named 'a'; rename one"):
        call()


def test_labels_in_another_order_of_rows_are_refused():
    y = X["a"] > 0
    for call in (
        lambda: models.train_income_net(X, y[::-1]),
        lambda: widgets.instance_explorer(predict, X, X, y[::-1]),
    ):
        with pytest.raises(ValueError, match=r"pass y.loc\[X.index\]"):
            call()


def test_what_has_no_names_goes_by_position():
    numbered = pd.DataFrame(X.to_numpy())
    want = shapley.exact(predict, ROW, X).values
    for x, background in [
        (numbered.iloc[4], X),
        (ROW, numbered),
        (ROW, X.to_numpy()),
        (numbered.iloc[[4]], numbered),
    ]:
        assert np.array_equal(shapley.exact(predict, x, background).values, want)
    # whole numbers that overlap are names
    with pytest.raises(ValueError, match="0 is missing"):
        tables.by_name("x", pd.Series([1.0, 2], index=[1, 2]), pd.Index([0, 1]), "X")


def test_more_rows_than_one_are_no_row():
    with pytest.raises(ValueError, match="x must be one row, not 2 of them"):
        shapley.exact(predict, X.iloc[:2], X)
