"""What notebook 2 says of the lime package and of LIME itself, end to end."""

import numpy as np
import pandas as pd
import pytest
from lime.lime_tabular import LimeTabularExplainer
from scipy.stats import ks_2samp

from xailab import lime_tabular


@pytest.mark.parametrize("discretise", [True, False])
@pytest.mark.parametrize("num_features", [12, 8])
def test_the_packages_own_rows_give_its_own_coefficients(
    adult, income_net, discretise, num_features
):
    X_train, *_ = adult.split()
    x = adult.X.loc[28197]
    places = {X_train.columns.get_loc(name): names for name, names in adult.categories.items()}
    explainer = LimeTabularExplainer(
        X_train.to_numpy(),
        feature_names=list(X_train.columns),
        categorical_features=list(places),
        categorical_names=places,
        discretize_continuous=discretise,
        random_state=0,
    )
    asked = []

    def record(rows):
        asked.append(rows)
        return income_net.predict_proba(rows)

    theirs = explainer.explain_instance(
        x.to_numpy(), record, num_features=num_features, num_samples=2000
    )
    ours = lime_tabular.explain(
        income_net.predict_proba,
        x,
        X_train,
        categorical=adult.categories,
        samples=asked[0],
        discretise=discretise,
        num_features=num_features,
    )
    weights = np.zeros(12)
    for place, weight in theirs.as_map()[1]:
        weights[place] = weight
    assert np.abs(ours.weights - weights).max() < 1e-8
    assert ours.intercept == pytest.approx(theirs.intercept[1], abs=1e-8)
    assert ours.r2 == pytest.approx(theirs.score, abs=1e-8)
    assert ours.local_prediction == pytest.approx(theirs.local_pred[0], abs=1e-8)
    assert ours.model_prediction == theirs.predict_proba[1]


def test_rows_are_drawn_from_the_packages_distribution(adult):
    n, x = 30_000, adult.X.loc[28197]
    places = [adult.X.columns.get_loc(name) for name in adult.categories]
    theirs = []
    explainer = LimeTabularExplainer(
        adult.X.to_numpy(), categorical_features=places, random_state=1
    )
    explainer.explain_instance(
        x.to_numpy(),
        lambda rows: theirs.append(rows) or np.full((len(rows), 2), 0.5),
        num_samples=n,
    )
    rng = np.random.default_rng(2)
    ours = lime_tabular.perturb(x, adult.X, n, rng, categorical=adult.categories).samples
    for j, name in enumerate(adult.X.columns):
        # the package's constant bins end 1e-11 below their value
        one, other = ours[1:, j], theirs[0][1:, j].round(6)
        assert ks_2samp(one.round(6), other).pvalue > 1e-3, name
        error = 5 * one.std() / np.sqrt(n / 2)
        assert one.mean() == pytest.approx(other.mean(), abs=error), name
        if name in adult.categories:
            continue
        edges = np.unique(np.percentile(adult.X[name], (25, 50, 75)))
        bins, their_bins = np.searchsorted(edges, one), np.searchsorted(edges, other)
        for bin in np.unique(bins):
            share = (bins == bin).mean()
            assert (their_bins == bin).mean() == pytest.approx(share, abs=5 / np.sqrt(n))
            inside, their_inside = one[bins == bin], other[their_bins == bin]
            spread = inside.std()
            assert their_inside.std() == pytest.approx(spread, rel=0.1, abs=1e-5), (name, bin)


@pytest.mark.parametrize("width", [0.5, 1.0, 3.0])
def test_an_interaction_has_the_weights_of_the_theory(rng, width):
    X = pd.DataFrame({"a": rng.permutation(4000) < 2000, "b": rng.permutation(4000) < 1000})
    X = X.astype(float)

    def both_on(Z):
        p = 0.2 + 0.6 * Z["a"] * Z["b"]
        return np.column_stack([1 - p, p])

    found = lime_tabular.explain(
        both_on,
        pd.Series({"a": 1.0, "b": 1.0}),
        X,
        categorical=("a", "b"),
        kernel_width=width,
        n_samples=100_000,
    )
    far = np.exp(-1 / (2 * width**2))
    share = {name: p / (p + (1 - p) * far) for name, p in (("a", 0.5), ("b", 0.25))}
    assert found.weights == pytest.approx([0.6 * share["b"], 0.6 * share["a"]], abs=0.01)


@pytest.mark.parametrize(("around", "slope"), [(False, 4 / (1 + 0.75**2)), (True, 4.0)])
def test_the_slope_of_a_square_is_read_where_the_kernel_pulls_it(rng, around, slope):
    X = pd.DataFrame({"a": rng.normal(size=20_000)})

    def square(Z):
        return np.column_stack([-(Z["a"] ** 2), Z["a"] ** 2])

    found = lime_tabular.explain(
        square, pd.Series({"a": 2.0}), X, discretise=False, around=around, n_samples=50_000
    )
    assert found.weights[0] == pytest.approx(slope, abs=0.1)


def test_a_stranger_weighs_the_same_in_any_number_of_columns():
    for d in (2, 12, 100):
        far = np.sqrt(d)
        weight = np.exp(-(far**2) / (2 * (0.75 * np.sqrt(d)) ** 2))
        assert weight == pytest.approx(0.4111, abs=1e-4)


def test_everybody_gets_the_same_rows(adult):
    X_train, X_test, *_ = adult.split()
    one, other = (
        lime_tabular.perturb(x, X_train, 300, np.random.default_rng(1)).samples
        for x in (X_test.iloc[0], X_test.iloc[1])
    )
    assert (one[1:] == other[1:]).all()
    assert (one[0] != other[0]).any()
