"""Games solved by hand, the axioms on random games, and shap's own exact explainer."""

from itertools import permutations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xailab import shapley
from xailab.shapley import Attribution

games = arrays(float, 16, elements=st.floats(-100, 100, width=32))


def by_orders(v):
    """The definition by orders: what a player adds, averaged over all orders of arrival."""
    d = len(v).bit_length() - 1
    phi = np.zeros(d)
    for order in permutations(range(d)):
        coalition = 0
        for i in order:
            phi[i] += v[coalition | 1 << i] - v[coalition]
            coalition |= 1 << i
    return phi / factorial(d)


def curved(X):
    """A function of six features with products, a kink and an unused feature."""
    X = np.asarray(X)
    return X[:, 0] * X[:, 1] + np.abs(X[:, 2]) - X[:, 3] * X[:, 4] * X[:, 0] + 0.5 * X[:, 4]


@pytest.fixture
def six(rng):
    """A row and a background of six features."""
    return rng.normal(size=6), rng.normal(size=(20, 6))


# --- games by hand -----------------------------------------------------------------------------


def test_the_glove_game():
    # players 0 and 1 hold a left glove, player 2 the right one; a pair is worth 1
    v = np.array([float(c & 4 > 0 and c & 3 > 0) for c in range(8)])
    np.testing.assert_allclose(shapley.shapley_from_values(v), [1 / 6, 1 / 6, 4 / 6])


def test_a_product_and_an_exclusive_or_are_shared_equally():
    np.testing.assert_allclose(shapley.shapley_from_values(np.array([0, 0, 0, 1.0])), [0.5, 0.5])
    np.testing.assert_allclose(shapley.shapley_from_values(np.array([0, 1.0, 1, 0])), [0, 0])
    # x0 * x1 at (1, 1) against (0, 0); xor at the same rows, and at (1, 0)
    cases = (
        (lambda X: X[:, 0] * X[:, 1], [1, 1], [0.5, 0.5]),
        (lambda X: (X[:, 0] != X[:, 1]) * 1.0, [1, 1], [0, 0]),
        (lambda X: (X[:, 0] != X[:, 1]) * 1.0, [1, 0], [1, 0]),
    )
    for f, x, expected in cases:
        found = shapley.exact(f, np.array(x), np.zeros((1, 2)))
        np.testing.assert_allclose(found.values, expected, atol=1e-15)


def test_an_additive_function_gives_weight_times_distance_from_the_background_mean(six):
    x, background = six
    w = np.array([1.0, -2, 3, 0, 0.5, 7])
    expected = w * (x - background.mean(0))
    for method in (shapley.exact, shapley.kernel, shapley.sampling):
        found = method(lambda X: X @ w + 4, x, background)
        np.testing.assert_allclose(found.values, expected, atol=1e-10)
        assert found.base == pytest.approx(background.mean(0) @ w + 4)
        assert found.prediction == pytest.approx(x @ w + 4)
        assert found.additivity_gap == pytest.approx(0, abs=1e-10)


@given(games)
def test_values_are_the_mean_contribution_over_all_orders(v):
    np.testing.assert_allclose(shapley.shapley_from_values(v), by_orders(v), atol=1e-9)


# --- the axioms, on random games of four players -----------------------------------------------


@given(games)
def test_efficiency_the_values_add_up_to_what_all_gain(v):
    assert shapley.shapley_from_values(v).sum() == pytest.approx(v[-1] - v[0], abs=1e-9)


@given(games, st.integers(0, 3), st.floats(-10, 10))
def test_a_dummy_player_gets_what_it_adds_alone(v, i, gain):
    c = np.arange(16)
    v = v[c & ~(1 << i)] + gain * (c >> i & 1)
    assert shapley.shapley_from_values(v)[i] == pytest.approx(gain, abs=1e-9)


@given(games)
def test_players_that_can_be_exchanged_get_the_same(v):
    c = np.arange(16)
    swapped = c & ~3 | (c & 1) << 1 | (c & 2) >> 1
    phi = shapley.shapley_from_values(v + v[swapped])
    assert phi[0] == pytest.approx(phi[1], abs=1e-9)


@given(games, games, st.floats(-5, 5))
def test_the_value_of_a_sum_of_games_is_the_sum_of_values(v, w, factor):
    phi = shapley.shapley_from_values
    np.testing.assert_allclose(phi(v + factor * w), phi(v) + factor * phi(w), atol=1e-9)


# --- interactions of pairs ----------------------------------------------------------------------


@given(games)
def test_interactions_are_what_two_players_add_only_together_averaged_over_orders(v):
    """Grabisch & Roubens 1999: take the pair as one step; each order of the other players counts once."""
    d = 4
    expected = np.zeros((d, d))
    for i in range(d):
        for j in range(d):
            if i == j:
                continue
            others = [k for k in range(d) if k not in (i, j)]
            # the pair enters as one block, at any place among the others
            for order in permutations([*others, "pair"]):
                before = sum(1 << k for k in order[: order.index("pair")])
                a, b = 1 << i, 1 << j
                joint = v[before | a | b] - v[before | a] - v[before | b] + v[before]
                expected[i, j] += joint / 2 / factorial(d - 1)
    found = shapley.interaction_values(v)
    off = ~np.eye(d, dtype=bool)
    np.testing.assert_allclose(found[off], expected[off], atol=1e-9)
    np.testing.assert_allclose(found.sum(1), by_orders(v), atol=1e-9)
    np.testing.assert_allclose(found, found.T, atol=1e-12)


def test_a_product_is_all_interaction_and_a_sum_has_none():
    b = np.array([[0.5, 1.0, 2.0]])
    x = np.array([2.0, 3.0, 5.0])
    everyone = (np.arange(8)[:, None] >> np.arange(3)) & 1 == 1
    v = shapley.coalition_values(lambda X: 4 * X[:, 0] * X[:, 1] + 7 * X[:, 2], x, b, everyone)
    found = shapley.interaction_values(v)
    # 4 (x0 - b0) (x1 - b1), half for each order of the pair; b0, b1 not zero leave main effects
    assert found[0, 1] == pytest.approx(4 * 1.5 * 2.0 / 2)
    np.testing.assert_allclose(np.diag(found), [4 * 1.5 * 1.0, 4 * 2.0 * 0.5, 7 * 3.0])
    np.testing.assert_allclose(found[2, :2], 0, atol=1e-12)


def test_interactions_of_one_player_and_of_a_wrong_list():
    np.testing.assert_allclose(shapley.interaction_values([1.0, 3.0]), [[2.0]])
    with pytest.raises(ValueError, match=r"all 2\^d coalitions"):
        shapley.interaction_values([0.0, 1, 2])


# --- the game of a model -----------------------------------------------------------------------


def test_a_coalition_is_worth_the_mean_output_with_the_rest_from_the_background(six):
    x, background = six
    S = np.random.default_rng(1).random((30, 6)) < 0.5
    expected = []
    for members in S:
        rows = background.copy()
        rows[:, members] = x[members]
        expected.append(curved(rows).mean())
    np.testing.assert_allclose(shapley.coalition_values(curved, x, background, S), expected)


def test_coalitions_are_asked_in_portions_without_changing_their_value(six, monkeypatch):
    x, background = six
    S = np.random.default_rng(1).random((30, 6)) < 0.5
    whole = shapley.coalition_values(curved, x, background, S)
    full = shapley.exact(curved, x, background).values
    monkeypatch.setattr(shapley.game, "CALL_ROWS", 50)
    np.testing.assert_allclose(shapley.coalition_values(curved, x, background, S), whole)
    np.testing.assert_allclose(shapley.exact(curved, x, background).values, full, atol=1e-12)


def test_exact_values_are_those_of_the_coalition_game_written_out(six):
    x, background = six
    background[:, 2] = x[2]  # rows that agree with x in some features
    background[:7, 0] = x[0]
    v = []
    for c in range(64):
        rows = background.copy()
        for i in range(6):
            if c >> i & 1:
                rows[:, i] = x[i]
        v.append(curved(rows).mean())
    found = shapley.exact(curved, x, background)
    np.testing.assert_allclose(found.values, by_orders(np.array(v)), atol=1e-10)
    assert found.values[5] == pytest.approx(0, abs=1e-12), "an unused feature gets nothing"
    assert found.values[2] == pytest.approx(0, abs=1e-12), "a feature without change gets nothing"
    assert found.base == pytest.approx(v[0])
    assert found.prediction == pytest.approx(v[-1])


def test_features_on_which_row_and_background_agree_are_not_asked_about(six):
    x, background = six
    background[:5] = x  # nothing differs: one question each
    background[5:12, :4] = x[:4]  # two features differ
    found = shapley.exact(curved, x, background)
    assert found.n_evaluations == 5 * 1 + 7 * 2**2 + 8 * 2**6 + 1


def test_exact_agrees_with_shaps_exact_explainer(six):
    import shap

    x, background = six
    explainer = shap.explainers.Exact(curved, shap.maskers.Independent(background))
    theirs = explainer(x[None])
    found = shapley.exact(curved, x, background)
    np.testing.assert_allclose(found.values, theirs.values[0], atol=1e-6)
    assert found.base == pytest.approx(float(np.ravel(theirs.base_values)[0]), abs=1e-6)


def test_on_the_income_net_exact_kernel_and_sampling_tell_one_story(adult, income_net):
    background, x = adult.X.iloc[:4], adult.X.loc[28197]
    found = shapley.exact(income_net.predict_log_odds, x, background)
    assert found.features == tuple(adult.X.columns)
    assert found.prediction == pytest.approx(income_net.predict_log_odds(x.to_frame().T)[0])
    assert found.base == pytest.approx(income_net.predict_log_odds(background).mean(), abs=1e-5)
    assert found.additivity_gap == pytest.approx(0, abs=1e-4)
    whole = shapley.kernel(income_net.predict_log_odds, x, background, n_samples=4094)
    np.testing.assert_allclose(whole.values, found.values, atol=1e-4)


# --- the estimates -----------------------------------------------------------------------------


def test_kernel_with_all_coalitions_is_exact(six):
    x, background = six
    found = shapley.kernel(curved, x, background, n_samples=62)
    np.testing.assert_allclose(
        found.values, shapley.exact(curved, x, background).values, atol=1e-10
    )
    assert found.n_evaluations == 64 * 20


@pytest.mark.parametrize("estimate", ["kernel", "sampling"])
def test_the_estimates_are_additive_and_come_closer_with_more_samples(six, estimate):
    x, background = six
    truth = shapley.exact(curved, x, background).values
    errors = []
    for n in (12, 60) if estimate == "kernel" else (1, 100):
        of_seeds = []
        for seed in range(30):
            size = {"n_samples": n} if estimate == "kernel" else {"n_permutations": n}
            found = getattr(shapley, estimate)(curved, x, background, seed=seed, **size)
            assert found.additivity_gap == pytest.approx(0, abs=1e-9)
            of_seeds.append(found.values - truth)
        errors.append(np.sqrt(np.mean(np.square(of_seeds))))
    assert errors[1] < 0.6 * errors[0]


def test_sampled_kernel_values_approach_the_exact_ones(rng):
    x, background = rng.normal(size=12), rng.normal(size=(3, 12))

    def f(X):
        return curved(X[:, :6]) + np.maximum(X[:, 6:].sum(1), 0)

    truth = shapley.exact(f, x, background).values
    found = shapley.kernel(f, x, background, n_samples=3000)
    assert found.n_evaluations < 4096 * 3
    np.testing.assert_allclose(found.values, truth, atol=0.05 * np.abs(truth).max())


def test_sampled_kernel_coalitions_have_the_sizes_that_the_kernel_asks_for():
    # four of ten features only work together: drawn with other sizes, the idle six get a share
    x, background = np.ones(10), np.zeros((1, 10))
    runs = np.array(
        [
            shapley.kernel(
                lambda X: X[:, :4].prod(1), x, background, n_samples=1000, seed=seed
            ).values
            for seed in range(100)
        ]
    )
    of_workers, of_idle = runs[:, :4].mean(1), runs[:, 4:].mean(1)
    for found, truth in ((of_workers, 0.25), (of_idle, 0.0)):
        assert abs(found.mean() - truth) < 4 * found.std(ddof=1) / np.sqrt(len(found))


@pytest.mark.parametrize("one_row", [False, True])
def test_sampling_is_unbiased(six, one_row):
    x, background = six
    truth = shapley.exact(curved, x, background).values
    runs = np.array(
        [
            shapley.sampling(
                curved, x, background, n_permutations=2, seed=s, one_row=one_row
            ).values
            for s in range(300)
        ]
    )
    error = runs.std(0, ddof=1) / np.sqrt(len(runs))
    assert (np.abs(runs.mean(0) - truth) < 4 * error + 1e-9).all()


def test_sampling_all_orders_of_two_players_is_exact():
    x, background = np.array([2.0, 3.0]), np.array([[1.0, -1.0]])
    # every order and its reverse are all the orders that two players have
    found = shapley.sampling(lambda X: X[:, 0] * X[:, 1], x, background, n_permutations=1)
    truth = shapley.exact(lambda X: X[:, 0] * X[:, 1], x, background)
    np.testing.assert_allclose(found.values, truth.values)
    np.testing.assert_allclose(truth.values, [1 * (3 - 1) / 2, 4 * (2 + 1) / 2])


@pytest.mark.parametrize("method", [shapley.exact, shapley.kernel, shapley.sampling])
def test_a_single_feature_gets_all_of_the_difference(method):
    found = method(lambda X: X[:, 0] ** 2, np.array([3.0]), np.array([[1.0], [2.0]]))
    assert found.values == pytest.approx([9 - 2.5])


@pytest.mark.parametrize("method", [shapley.kernel, shapley.sampling])
def test_the_same_seed_gives_the_same_values(six, method):
    size = {"n_samples": 20} if method is shapley.kernel else {"n_permutations": 3}
    a, b, c = (method(curved, *six, seed=seed, **size).values for seed in (0, 0, 1))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_sampling_with_one_row_per_order_walks_every_order_both_ways(six):
    (x, background), n, d = six, 70, 6
    found = shapley.sampling(curved, x, background, n_permutations=n, one_row=True, seed=3)
    rng = np.random.default_rng(3)
    orders = rng.random((n, d)).argsort(1)
    drawn = background[rng.integers(len(background), size=n)]
    gains = []
    for order, base in zip(orders, drawn, strict=True):
        for way in (order, order[::-1]):
            gain, at = np.zeros(d), base.copy()
            for j in way:
                before, at[j] = curved(at[None])[0], x[j]
                gain[j] = curved(at[None])[0] - before
            gains.append(gain)
    np.testing.assert_allclose(found.values, np.mean(gains, axis=0), atol=1e-9)
    assert found.base == pytest.approx(curved(background).mean())
    assert found.prediction == pytest.approx(curved(x[None])[0])
    assert found.n_evaluations == 2 * n * (d + 1) + len(background)


def test_kernel_is_the_regression_without_the_last_feature_which_follows_from_the_sum():
    """Lundberg & Lee solve it so: the last value is what the others leave of v(all) - v(none)."""
    d, x, b = 9, np.ones(9), np.linspace(-1, 1, 18).reshape(2, 9)

    def f(rows):
        return rows[:, :4].prod(1) + rows[:, 5:] @ [1.0, 2, 3, 4]

    for n_samples in (30, 60, 200):
        found = shapley.kernel(f, x, b, n_samples=n_samples)
        rng, sizes = np.random.default_rng(0), np.arange(1, d)
        p = 1 / (sizes * (d - sizes))
        half = n_samples // 2
        s = rng.choice(sizes, half, p=p / p.sum())
        drawn = rng.random((half, d)).argsort(1).argsort(1) < s[:, None]
        S = np.array([z for one in drawn for z in (one, ~one)])
        v0, v1 = f(b).mean(), f(x[None])[0]
        y = np.array([f(np.where(z, x, b)).mean() for z in S]) - v0 - S[:, -1] * (v1 - v0)
        first = np.linalg.lstsq(S[:, :-1] - S[:, -1:].astype(float), y, rcond=None)[0]
        expected = [*first, v1 - v0 - first.sum()]
        np.testing.assert_allclose(found.values, expected, atol=1e-9)


# --- what comes out ----------------------------------------------------------------------------


def test_a_model_is_asked_with_frames_when_the_background_is_one(six):
    x, background = six
    frame = pd.DataFrame(background, columns=list("abcdef"))

    def f(X):
        assert list(X.columns) == list("abcdef")
        return X["a"] * X["b"]

    found = shapley.exact(f, pd.Series(x, list("abcdef")), frame)
    plain = shapley.exact(lambda X: X[:, 0] * X[:, 1], x, background)
    np.testing.assert_allclose(found.values, plain.values, atol=1e-12)
    assert found.features == tuple("abcdef")
    assert plain.features == ("x0", "x1", "x2", "x3", "x4", "x5")


def test_table_and_sentence_put_the_largest_value_first():
    w = np.array([1.0, -3, 2])
    found = shapley.exact(lambda X: X @ w, np.ones(3), np.zeros((2, 3)))
    table = found.table()
    assert list(table.index) == ["x1", "x2", "x0"]
    assert table["value"].tolist() == pytest.approx([-3, 2, 1])
    assert table["data"].tolist() == [1, 1, 1]
    assert "x1 lowers it by 3.00, x2 raises it by 2.00; together 83%" in found.describe(k=2)
    assert found.method == "exact"
    assert found.n_background == 2


def test_several_rows_at_once_are_each_its_own_row(six, rng):
    _, background = six
    X = rng.normal(size=(3, 6))
    found = shapley.exact_rows(curved, X, background)
    for i in range(3):
        one = shapley.exact(curved, X[i], background)
        np.testing.assert_allclose(found.values[i], one.values, atol=1e-12)
    assert found.base == pytest.approx(one.base)


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", [shapley.exact, shapley.kernel, shapley.sampling])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"background": np.zeros((3, 5))}, r"background must have shape \(n, 6\), not \(3, 5\)"),
        ({"background": np.zeros((0, 6))}, r"background must have shape \(n, 6\), not \(0, 6\)"),
        ({"background": np.full((2, 6), np.nan)}, "must not have missing or infinite values"),
        ({"x": np.full(6, np.inf)}, "must not have missing or infinite values"),
        ({"predict": lambda X: X}, "predict must return one number per row"),
        ({"predict": lambda X: X[:1, 0]}, "predict must return one number per row"),
        (
            {
                "x": pd.Series(range(6), list("gbcdef")),
                "background": pd.DataFrame(np.zeros((2, 6)), columns=list("abcdef")),
            },
            "x has other columns than background, 'a' is missing",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(six, method, change, message):
    call = {"predict": curved, "x": six[0], "background": six[1]} | change
    with pytest.raises(ValueError, match=message):
        method(call["predict"], call["x"], call["background"])


def test_sizes_that_do_not_fit_are_refused(six):
    with pytest.raises(ValueError, match=r"17 features make 2\^17 coalitions, too many"):
        shapley.exact(lambda X: X[:, 0], np.ones(17), np.zeros((1, 17)))
    with pytest.raises(ValueError, match="n_samples must be at least 12 for 6 features, not 11"):
        shapley.kernel(curved, *six, n_samples=11)
    with pytest.raises(ValueError, match="n_permutations must be at least 1, not 0"):
        shapley.sampling(curved, *six, n_permutations=0)
    for length in (0, 1, 3, 12):
        with pytest.raises(ValueError, match=r"v must list the values of all 2\^d coalitions"):
            shapley.shapley_from_values(np.zeros(length))


def test_the_share_in_the_description_is_of_all_values_by_size():
    one = Attribution(
        features=tuple("abcd"),
        values=np.array([3.0, -2.0, 4.0, 1.0]),
        base=1.0,
        prediction=7.0,
        data=np.zeros(4),
        method="exact",
        n_background=5,
        n_evaluations=10,
    )
    # |4| + |3| of 4 + 3 + 2 + 1
    assert "together 70% of the sum of all absolute values" in one.describe(k=2)
    assert "together 100% of the sum of all absolute values" in one.describe(k=4)


def test_a_row_of_many_has_its_share_of_the_evaluations(six):
    x, background = six
    many = shapley.exact_rows(curved, np.stack([x, x + 1, x - 1]), background)
    assert many.n_evaluations == sum(
        shapley.exact(curved, row, background).n_evaluations for row in (x, x + 1, x - 1)
    )
    assert many[1].n_evaluations == many.n_evaluations // 3
    assert many[:2].n_evaluations == round(many.n_evaluations * 2 / 3)


def test_sixteen_features_are_exact_and_seventeen_are_refused():
    def product(X):
        return X[:, 0] * X[:, 15] + X[:, 3]

    found = shapley.exact(product, np.ones(16), np.zeros((1, 16)))
    want = np.zeros(16)
    want[[0, 15, 3]] = 0.5, 0.5, 1
    assert found.values == pytest.approx(want, abs=1e-12)
    assert found.n_evaluations == 2**16 + 1
    with pytest.raises(ValueError, match="17 features"):
        shapley.exact(product, np.ones(17), np.zeros((1, 17)))
