"""What notebooks 3 and 8 say of the shap package, held on the course's own network and on trees."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeRegressor
from torch import nn

from xailab import shapley

shap = pytest.importorskip("shap")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def case(adult, income_net):
    """Instance A, ten background rows, and the network's probability."""
    X_train, *_ = adult.split()
    background = X_train.sample(10, random_state=0)
    return adult.X.loc[28197], background, lambda X: income_net.predict_proba(X)[:, 1]


@pytest.fixture(scope="module")
def trees(adult):
    X_train, _, y_train, _ = adult.split()
    part = X_train[:4000], y_train[:4000]
    boosting = HistGradientBoostingClassifier(max_iter=30, random_state=0).fit(*part)
    return boosting, RandomForestClassifier(15, max_depth=6, random_state=0).fit(*part)


def test_twelve_features_agree_with_the_exact_explainer(case):
    x, background, predict = case
    masker = shap.maskers.Independent(background.to_numpy(), max_samples=10)
    theirs = shap.explainers.Exact(predict, masker)(x.to_numpy()[None], silent=True)
    ours = shapley.exact(predict, x, background)
    assert np.abs(theirs.values[0] - ours.values).max() < 1e-6
    assert float(np.ravel(theirs.base_values)[0]) == pytest.approx(ours.base, abs=1e-6)


def test_all_coalitions_without_selection_are_exact_and_the_default_zeroes_two(case):
    x, background, predict = case
    explainer = shap.KernelExplainer(predict, background.to_numpy())
    settings = {"nsamples": 4094, "silent": True}
    free = explainer.shap_values(x.to_numpy(), l1_reg=False, **settings)
    by_default = explainer.shap_values(x.to_numpy(), **settings)
    ours = shapley.exact(predict, x, background)
    assert np.abs(free - ours.values).max() < 1e-6
    assert (by_default == 0).sum() >= 2
    assert (ours.values == 0).sum() < (by_default == 0).sum()


def test_tree_values_of_a_boosted_model_are_exact_log_odds(case, trees):
    x, background, _ = case
    explainer = shap.TreeExplainer(trees[0], data=background, feature_perturbation="interventional")
    theirs = explainer.shap_values(x.to_frame().T)[0]
    ours = shapley.exact(trees[0].decision_function, x, background)
    assert np.abs(theirs - ours.values).max() < 1e-6


def test_tree_values_of_a_forest_are_exact_probabilities(case, trees):
    x, background, _ = case
    theirs = shap.TreeExplainer(trees[1], data=background).shap_values(x.to_frame().T)[0, :, 1]
    ours = shapley.exact(lambda X: trees[1].predict_proba(X)[:, 1], x, background)
    assert np.abs(theirs - ours.values).max() < 1e-6


def test_tree_probabilities_are_log_odds_stretched_for_each_background_row(case, trees):
    x, background, _ = case
    model = trees[0]
    explainer = shap.TreeExplainer(model, data=background, model_output="probability")
    theirs = explainer.shap_values(x.to_frame().T)[0]
    stretched = np.zeros(12)
    for i in range(len(background)):
        one = shapley.exact(model.decision_function, x, background.iloc[[i]])
        ends = 1 / (1 + np.exp(-np.array([one.prediction, one.base])))
        stretched += one.values * (ends[0] - ends[1]) / (one.prediction - one.base)
    assert np.abs(theirs - stretched / len(background)).max() < 1e-6
    exact = shapley.exact(lambda X: model.predict_proba(X)[:, 1], x, background)
    assert theirs.sum() == pytest.approx(exact.values.sum(), abs=1e-6)
    assert np.abs(theirs - exact.values).max() > 1e-3


def as_tensor(rows):
    return torch.tensor(np.asarray(rows), dtype=torch.float32)


def test_deep_values_add_up_when_every_activation_is_a_module(case, income_net):
    x, background, predict = case
    explainer = shap.DeepExplainer(income_net, as_tensor(background))
    theirs = explainer.shap_values(as_tensor(x.to_frame().T))[0, :, 0]
    gap = theirs.sum() + float(explainer.expected_value[0]) - predict(x.to_frame().T)[0]
    assert abs(gap) < 1e-4
    assert np.abs(theirs - shapley.exact(predict, x, background).values).max() > 1e-3


def test_a_functional_sigmoid_breaks_deep_values(case, income_net):
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = income_net.layers

        def forward(self, rows):
            return torch.sigmoid(self.layers((rows - income_net.mean) / income_net.scale))

    x, background, predict = case
    rows = as_tensor(x.to_frame().T)
    explainer = shap.DeepExplainer(Functional(), as_tensor(background))
    with pytest.raises(AssertionError, match="do not sum up"):
        explainer.shap_values(rows)
    loose = explainer.shap_values(rows, check_additivity=False)
    assert abs(loose.sum() + float(explainer.expected_value[0]) - predict(x.to_frame().T)[0]) > 0.01


def test_pairwise_interactions_are_those_of_tree_explainer(rng):
    X = rng.normal(size=(500, 4))
    tree = DecisionTreeRegressor(max_depth=5, random_state=0)
    tree.fit(X, X[:, 0] * X[:, 1] + np.abs(X[:, 2]) - X[:, 3])
    nodes = tree.tree_

    def expected(x, known, node=0):
        """tree_path_dependent: an unknown feature follows both branches, by their training rows."""
        left, right = nodes.children_left[node], nodes.children_right[node]
        if left < 0:
            return nodes.value[node].item()
        if known >> nodes.feature[node] & 1:
            goes_left = np.float32(x[nodes.feature[node]]) <= nodes.threshold[node]
            return expected(x, known, left if goes_left else right)
        n = nodes.n_node_samples
        return (n[left] * expected(x, known, left) + n[right] * expected(x, known, right)) / n[node]

    rows = X[:5]
    theirs = shap.TreeExplainer(tree).shap_interaction_values(rows)
    for x, matrix in zip(rows, theirs, strict=True):
        v = np.array([expected(x, known) for known in range(16)])
        np.testing.assert_allclose(shapley.interaction_values(v), matrix, atol=1e-6)


def test_an_unused_feature_has_an_interventional_value_of_zero_but_a_conditional_one(rng):
    pairs = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=300)
    found = shapley.exact(lambda X: X[:, 0], np.array([1.0, 1.5]), pairs)
    assert found.values[1] == pytest.approx(0, abs=1e-12)
    conditional = shapley.shapley_from_values(np.array([0, 1.0, 0.8 * 1.5, 1.0]))
    assert conditional[1] == pytest.approx(0.8 * 1.5 / 2)


def test_warnings_of_the_package_do_not_hide_ours():
    with warnings.catch_warnings(record=True) as views:
        shapley.exact(lambda X: X[:, 0], np.ones(3), np.zeros((2, 3)))
    assert not views
