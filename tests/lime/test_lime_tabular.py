"""LIME for tables: the same draws through the lime package's own fit, and planted answers."""

import re

import numpy as np
import pandas as pd
import pytest
from lime.discretize import QuartileDiscretizer
from lime.lime_base import LimeBase
from scipy.stats import kstest, truncnorm
from sklearn.metrics import pairwise_distances

from xailab.lime_tabular import explain, perturb
from xailab.lime_tabular.neighbourhood import quartiles

CATEGORICAL = (
    "Workclass",
    "Marital Status",
    "Occupation",
    "Relationship",
    "Race",
    "Sex",
    "Country",
)


@pytest.fixture
def instance_a(adult):
    return adult.X.loc[28197]


@pytest.fixture
def coins(rng):
    """Two columns of 0 and 1."""
    return pd.DataFrame(rng.integers(0, 2, (400, 2)).astype(float), columns=["a", "b"])


def two_classes(p):
    return np.column_stack([1 - p, p])


def additive(X):
    return two_classes(0.2 + 0.3 * X["a"].to_numpy() + 0.1 * X["b"].to_numpy())


# --- against the lime package ------------------------------------------------------------------


@pytest.mark.parametrize("discretise", [True, False])
@pytest.mark.parametrize("num_features", [None, 4])
@pytest.mark.parametrize("kernel_width", [None, 0.5])
def test_the_same_draws_give_the_lime_packages_coefficients(
    adult, income_net, instance_a, discretise, num_features, kernel_width
):
    model = explain(
        income_net.predict_proba,
        instance_a,
        adult.X,
        n_samples=800,
        categorical=CATEGORICAL,
        discretise=discretise,
        num_features=num_features,
        kernel_width=kernel_width,
        seed=5,
    )
    near = perturb(
        instance_a,
        adult.X,
        800,
        np.random.default_rng(5),
        categorical=CATEGORICAL,
        discretise=discretise,
    )
    y = income_net.predict_proba(near.samples)
    width = kernel_width or 0.75 * np.sqrt(12)
    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / width**2)))
    distances = pairwise_distances(near.Z, near.Z[:1], metric="euclidean").ravel()
    intercept, pairs, r2, local = base.explain_instance_with_data(
        near.Z,
        y,
        distances,
        1,
        num_features or 12,
        feature_selection="highest_weights" if num_features else "none",
    )
    expected = np.zeros(12)
    for j, weight in pairs:
        expected[j] = weight
    np.testing.assert_allclose(model.weights, expected, atol=1e-8)
    assert np.count_nonzero(model.weights) == len(pairs)
    assert model.intercept == pytest.approx(intercept, abs=1e-8)
    assert model.r2 == pytest.approx(r2, abs=1e-8)
    assert model.local_prediction == pytest.approx(local[0], abs=1e-8)
    assert model.model_prediction == income_net.predict_proba(instance_a.to_frame().T)[0, 1]
    assert model.kernel_width == pytest.approx(width)


def test_bins_are_those_of_limes_quartile_discretizer(adult):
    columns = list(adult.X.columns)
    numbers = [j for j, name in enumerate(columns) if name not in CATEGORICAL]
    theirs = QuartileDiscretizer(
        adult.X.to_numpy(), [j for j in range(12) if j not in numbers], columns
    )
    for i in (0, 8, 28197):
        x = adult.X.iloc[i]
        near = perturb(x, adult.X, 2000, np.random.default_rng(i), categorical=CATEGORICAL)
        bins, own = theirs.discretize(near.samples), theirs.discretize(x.to_numpy())
        for j in numbers:
            assert np.array_equal(near.Z[:, j], bins[:, j] == own[j]), columns[j]
            name = theirs.names[j][int(own[j])]
            values = [float(v) for v in re.findall(r"-?\d+(?:\.\d+)?", name)]
            ours = [float(v) for v in re.findall(r"-?\d+(?:\.\d+)?", near.conditions[j])]
            assert ours == values
            assert re.sub(r"[\d.]+", "#", near.conditions[j]) == re.sub(r"[\d.]+", "#", name)


# --- draws -------------------------------------------------------------------------------------


@pytest.mark.parametrize("discretise", [True, False])
def test_row_zero_is_the_explained_row(adult, instance_a, discretise):
    near = perturb(
        instance_a,
        adult.X,
        50,
        np.random.default_rng(0),
        categorical=CATEGORICAL,
        discretise=discretise,
    )
    assert np.array_equal(near.samples[0], instance_a.to_numpy())
    if discretise:
        assert np.array_equal(near.Z[0], np.ones(12))
    age = adult.X["Age"]
    if not discretise:
        assert near.Z[0, 0] == pytest.approx((40 - age.mean()) / age.std(ddof=0))


def test_values_are_drawn_as_often_as_the_table_has_them(adult, instance_a):
    near = perturb(
        instance_a,
        adult.X,
        20_000,
        np.random.default_rng(0),
        categorical=CATEGORICAL,
        draws="table",
    )
    for j, name in enumerate(adult.X.columns):
        column = adult.X[name]
        assert set(near.samples[:, j]) <= set(column)
        assert near.samples[:, j].mean() == pytest.approx(column.mean(), abs=4 * column.std() / 141)
        if name in CATEGORICAL:
            assert np.array_equal(near.Z[:, j], near.samples[:, j] == instance_a[name])


def test_by_default_numbers_are_truncated_normals_inside_bins(adult, instance_a):
    n = 20_000
    near = perturb(instance_a, adult.X, n, np.random.default_rng(0), categorical=CATEGORICAL)
    for j, name in enumerate(adult.X.columns):
        column, drawn = adult.X[name].to_numpy(), near.samples[1:, j]
        if name in CATEGORICAL:
            assert set(drawn) <= set(column)
            continue
        edges = np.unique(np.percentile(column, (25, 50, 75)))
        ends = np.concatenate([[column.min()], edges, [column.max()]])
        real, made = np.searchsorted(edges, column), np.searchsorted(edges, drawn)
        for bin in np.unique(real):
            share, inside = (real == bin).mean(), column[real == bin]
            assert (made == bin).mean() == pytest.approx(share, abs=4 * np.sqrt(share / n))
            if inside.std() == 0:
                assert (drawn[made == bin] == inside[0]).all()
                continue
            a, b = (ends[bin : bin + 2] - inside.mean()) / inside.std()
            truth = truncnorm(a, b, inside.mean(), inside.std())
            assert kstest(drawn[made == bin], truth.cdf).pvalue > 1e-3, (name, bin)
            assert drawn[made == bin].mean() == pytest.approx(
                truth.mean(), abs=4 * truth.std() / np.sqrt((made == bin).sum())
            )


@pytest.mark.parametrize(
    "column", [[2.0] * 30 + [3, 4, 5], [0.0] * 20 + [7.0] * 80, [0.1, 0.2, 0.3]]
)
def test_bins_with_one_value_and_full_last_bins_are_drawn_from_the_table(column):
    X = pd.DataFrame({"u": column})
    near = perturb(X.iloc[0], X, 4000, np.random.default_rng(0))
    assert near.samples.min() >= min(column) and near.samples.max() <= max(column)
    edges = np.unique(np.percentile(column, (25, 50, 75)))
    real, made = np.searchsorted(edges, column), np.searchsorted(edges, near.samples[1:, 0])
    for bin in range(len(edges) + 1):
        assert (made == bin).mean() == pytest.approx((real == bin).mean(), abs=0.04)


def test_without_bins_numbers_are_normal_and_z_is_their_standard_score(rng):
    X = pd.DataFrame({"u": rng.normal(7, 3, 500)})
    near = perturb(X.iloc[0], X, 20_000, rng, discretise=False)
    np.testing.assert_allclose(near.samples, X["u"].mean() + X["u"].std(ddof=0) * near.Z)
    assert near.Z.mean() == pytest.approx(0, abs=0.03)
    assert near.Z.std() == pytest.approx(1, abs=0.03)
    assert near.conditions == ("u (per standard deviation)",)


@pytest.mark.parametrize("discretise", [True, False])
def test_a_constant_column_is_named(coins, discretise):
    X = coins.assign(u=4.0)
    with pytest.raises(ValueError, match="Column 'u' is constant in X_train"):
        explain(additive, X.iloc[0], X, discretise=discretise)


def test_conditions_read_as_bins_and_named_categories():
    X = pd.DataFrame({"u": np.arange(1.0, 10), "c": [0.0, 1, 2] * 3})  # quartiles 3, 5, 7
    for value, expected in ((1, "u <= 3"), (3, "u <= 3"), (4, "3 < u <= 5"), (9, "u > 7")):
        x = pd.Series({"u": value, "c": 2.0})
        names = {"c": ("red", "green", "blue")}
        near = perturb(x, X, 5, np.random.default_rng(0), categorical=names)
        assert near.conditions == (expected, "c = blue")
    near = perturb(x, X, 5, np.random.default_rng(0), categorical=["c"])
    assert near.conditions == ("u > 7", "c = 2")


# --- models with a known answer ----------------------------------------------------------------


def test_a_model_that_is_additive_in_zero_and_one_is_recovered(coins):
    x = pd.Series({"a": 1.0, "b": 1.0})
    model = explain(additive, x, coins, n_samples=20_000, categorical=["a", "b"])
    assert model.weights == pytest.approx([0.3, 0.1], abs=1e-3)
    assert model.intercept == pytest.approx(0.2, abs=1e-3)
    assert model.local_prediction == pytest.approx(0.6, abs=1e-3)
    assert model.model_prediction == pytest.approx(0.6)
    assert model.r2 == pytest.approx(1, abs=1e-5)


def test_the_weights_turn_for_the_opposite_row_and_for_the_other_class(coins):
    settings = {"n_samples": 20_000, "categorical": ["a", "b"]}
    opposite = explain(additive, pd.Series({"a": 0.0, "b": 0.0}), coins, **settings)
    assert opposite.weights == pytest.approx([-0.3, -0.1], abs=1e-3)
    x = pd.Series({"a": 1.0, "b": 1.0})
    one, zero = (explain(additive, x, coins, target=t, **settings) for t in (1, 0))
    np.testing.assert_allclose(one.weights, -zero.weights, atol=1e-10)
    assert one.local_prediction + zero.local_prediction == pytest.approx(1)


def test_only_the_asked_number_of_features_is_kept(coins):
    x = pd.Series({"a": 1.0, "b": 1.0})
    model = explain(additive, x, coins, categorical=["a", "b"], num_features=1)
    assert model.weights[0] == pytest.approx(0.3, abs=0.01)
    assert model.weights[1] == 0


def test_the_same_seed_gives_the_same_explanation(adult, income_net, instance_a):
    a, b, c = (
        explain(income_net.predict_proba, instance_a, adult.X, n_samples=100, seed=seed)
        for seed in (3, 3, 4)
    )
    assert np.array_equal(a.weights, b.weights)
    assert not np.array_equal(a.weights, c.weights)


def test_numpys_global_random_state_is_left_alone(coins):
    np.random.seed(1)
    expected = np.random.random(3)
    np.random.seed(1)
    explain(additive, coins.iloc[0], coins, n_samples=50)
    assert np.array_equal(np.random.random(3), expected)


def test_the_model_is_asked_once_with_a_frame_of_the_tables_columns(coins):
    asked = []

    def predict_proba(X):
        asked.append(X)
        return additive(X)

    explain(predict_proba, coins.iloc[0], coins, n_samples=77)
    (X,) = asked
    assert isinstance(X, pd.DataFrame)
    assert list(X.columns) == ["a", "b"]
    assert len(X) == 77


def test_the_explanation_carries_its_settings(coins):
    categorical = {"a": ("no", "yes")}
    model = explain(
        additive,
        coins.iloc[0],
        coins,
        n_samples=60,
        kernel_width=2,
        num_features=1,
        categorical=categorical,
        target=0,
        discretise=False,
        seed=9,
    )
    settings = (
        model.n_samples,
        model.kernel_width,
        model.num_features,
        model.categorical,
        model.target,
        model.discretise,
        model.seed,
        model.features,
    )
    assert settings == (60, 2.0, 1, ("a",), 0, False, 9, ("a", "b"))


def test_categorical_names_may_come_from_any_iterable(coins):
    x = coins.iloc[0]
    expected = explain(additive, x, coins, n_samples=60, categorical=["a", "b"])
    model = explain(additive, x, coins, n_samples=60, categorical=iter(["a", "b"]))
    assert model.conditions == expected.conditions
    assert model.categorical == ("a", "b")
    assert np.array_equal(model.weights, expected.weights)


def test_rows_that_were_drawn_elsewhere_can_be_used_instead(coins):
    x = coins.iloc[0]
    drawn = perturb(x, coins, 90, np.random.default_rng(2), categorical=["a", "b"])
    own = explain(additive, x, coins, n_samples=90, seed=2, categorical=["a", "b"])
    given = explain(additive, x, coins, samples=drawn.samples, categorical=["a", "b"])
    assert np.array_equal(own.weights, given.weights)
    assert (given.seed, given.n_samples) == (None, 90)
    with pytest.raises(ValueError, match="with the explained row x as its first row"):
        explain(additive, x, coins, samples=drawn.samples[1:] + 0.5)


def test_a_regression_has_numbers_for_answers(coins):
    def predict(X):
        return 100 + 30 * X["a"].to_numpy() - 5 * X["b"].to_numpy()

    x = pd.Series({"a": 1.0, "b": 1.0})
    settings = {"n_samples": 20_000, "categorical": ["a", "b"]}
    model = explain(predict, x, coins, target=None, **settings)
    assert model.weights == pytest.approx([30, -5], abs=0.1)
    assert model.model_prediction == 125
    assert model.target is None
    assert "predicted number" in str(model) and "class" not in str(model)
    two = explain(lambda X: two_classes(predict(X)), x, coins, **settings)
    np.testing.assert_allclose(model.weights, two.weights)


def test_around_draws_from_a_normal_around_the_row_itself(rng):
    X = pd.DataFrame({"u": rng.normal(7, 3, 500)})
    near = perturb(pd.Series({"u": 20.0}), X, 20_000, rng, discretise=False, around=True)
    assert near.samples.mean() == pytest.approx(20, abs=0.1)
    assert near.samples.std() == pytest.approx(X["u"].std(ddof=0), abs=0.1)
    with pytest.raises(ValueError, match="around=True needs discretise=False"):
        explain(lambda X: X, pd.Series({"u": 20.0}), X, around=True)


def test_a_row_may_come_as_array_or_list(coins):
    x = coins.iloc[0]
    expected = explain(additive, x, coins, n_samples=60).weights
    for row in (x.to_numpy(), list(x)):
        assert np.array_equal(explain(additive, row, coins, n_samples=60).weights, expected)


def test_table_and_sentence_put_the_largest_weight_first(coins):
    x = pd.Series({"a": 1.0, "b": 0.0})
    model = explain(
        lambda X: two_classes(0.5 + 0.1 * X["a"].to_numpy() + 0.3 * X["b"].to_numpy()),
        x,
        coins,
        n_samples=20_000,
        categorical=["a", "b"],
    )
    table = model.table()
    assert list(table.index) == ["b", "a"]
    assert list(table["condition"]) == ["b = 0", "a = 1"]
    assert table["weight"].tolist() == pytest.approx([-0.3, 0.1], abs=1e-3)
    assert model.describe(k=1).startswith(
        "The model gives 0.60, its local line 0.60 (R2 1.00). Strongest conditions: b = 0 (-0.30)."
    )
    assert "b = 0 (-0.30), a = 1 (+0.10)." in model.describe()
    assert model.local_error == pytest.approx(model.local_prediction - 0.6)


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_samples": 3}, "n_samples must be at least 4 to fit 2 weights, not 3"),
        ({"kernel_width": 0}, "kernel_width must be a positive number"),
        ({"kernel_width": -1.0}, "kernel_width must be a positive number"),
        ({"num_features": 0}, "num_features must be at least 1"),
        ({"target": 2}, "target must be a class from 0 to 1, not 2"),
        ({"target": -1}, "target must be a class from 0 to 1, not -1"),
        ({"categorical": ["c"]}, r"categorical names \['c'\], but the columns are \['a', 'b'\]"),
        ({"categorical": ["a"], "x": [7.0, 0.0]}, "a = 7 does not occur in X_train"),
        (
            {"categorical": {"a": tuple("pqrstuvw")}, "x": [7.0, 0.0]},
            "a = w does not occur in X_train",
        ),
        ({"x": [1.0]}, "x has 1 values but X_train has 2 columns"),
        ({"x": pd.Series({"b": 1.0, "c": 0.0})}, "other columns than X_train, 'a' is missing"),
        ({"x": [1.0, np.nan]}, "must not have missing or infinite values"),
        ({"X_train": pd.DataFrame({"a": [1.0, np.inf], "b": 0.0})}, "must not have missing"),
        ({"predict_proba": lambda X: np.zeros(len(X))}, r"must return \(n, classes\)"),
        ({"predict_proba": lambda X: np.zeros((3, 2))}, r"must return \(n, classes\)"),
        ({"predict_proba": lambda X: np.full((len(X), 2), np.nan)}, "missing or infinite"),
        ({"predict_proba": lambda X: X["a"].to_numpy()}, "explained with target=None"),
        ({"target": None}, r"for a regression, predict must return \(n,\)"),
        ({"target": None, "predict_proba": lambda X: X["a"] / 0 * 0}, "missing or infinite"),
        ({"draws": "uniform"}, "draws must be 'normal' or 'table', not 'uniform'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(coins, change, message):
    call = {"predict_proba": additive, "x": coins.iloc[0], "X_train": coins, "n_samples": 50}
    with pytest.raises(ValueError, match=message):
        explain(**(call | change))


def test_a_training_set_without_column_names_is_refused(coins):
    with pytest.raises(TypeError, match="X_train must be a DataFrame"):
        explain(additive, coins.iloc[0], coins.to_numpy())


# --- columns that bins or squares could lose ----------------------------------------------------


def rare(n_rare, values=(0.0, 1.0), n=400):
    """A column with n_rare times values[0], and one that says nothing."""
    rng = np.random.default_rng(1)
    column = np.where(np.arange(n) < n_rare, *values)
    return pd.DataFrame({"a": column, "b": rng.integers(0, 2, n).astype(float)})


@pytest.mark.parametrize("n_rare", [1, 40, 60, 99])
@pytest.mark.parametrize("draws", ["normal", "table"])
def test_a_column_of_zeros_and_ones_and_its_mirror_image_have_the_same_weight(n_rare, draws):
    """Also where more than three quarters of the column are its maximum."""
    table = rare(n_rare)
    mirror = table.assign(a=1 - table["a"])

    def settle(X, x, predict):
        found = explain(predict, x, X, n_samples=4000, draws=draws)
        return dict(zip(found.features, found.weights, strict=True))["a"], found.conditions[0]

    ones, is_one = settle(table, table.iloc[-1], lambda X: two_classes(X["a"].to_numpy()))
    zeros, is_zero = settle(mirror, mirror.iloc[-1], lambda X: two_classes(1 - X["a"].to_numpy()))
    assert (is_one, is_zero) == ("a > 0", "a <= 0")
    assert ones == pytest.approx(zeros, abs=0.02) and ones > (0.7 if n_rare == 1 else 0.95)


@pytest.mark.parametrize("values", [(-3.0, 5.0), (0.5, 0.75), (-1e6, -1.0)])
def test_the_edge_below_the_maximum_is_a_value_of_the_column(values):
    table = rare(50, values)
    found = explain(lambda X: two_classes(X["a"].to_numpy() == values[1]), table.iloc[-1], table)
    assert found.conditions[0] == f"a > {values[0]:g}" and found.weights[0] > 0.95


def test_ordinary_columns_keep_the_edges_of_the_lime_package(adult):
    for name, column in adult.X.items():
        if name not in CATEGORICAL:
            values = column.to_numpy()
            theirs = QuartileDiscretizer(values[:, None], [], ["a"]).bins(values[:, None], None)[0]
            assert np.array_equal(quartiles(values), np.unique(theirs))


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_a_spread_that_cannot_be_computed_is_one_sentence(scale):
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])
    table["b"] *= scale
    for discretise in (True, False):
        with pytest.raises(ValueError, match=r"squares of column 'b' .* another unit"):
            explain(additive, table.iloc[0], table, discretise=discretise)
