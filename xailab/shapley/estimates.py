"""Estimates of Shapley values for when there are too many coalitions: a regression, and orders."""

from collections.abc import Callable
from math import comb

import numpy as np

from .._utils.cards import name_of
from .._utils.validation import check_int, check_random_state
from .attribution import Attribution
from .exact_values import MAX_EXACT
from .game import all_coalitions, new_game, portions


def kernel(
    predict: Callable,
    x,
    background,
    *,
    n_samples: int = 2048,
    seed: int = 0,
    output: str = "model output",
) -> Attribution:
    """KernelSHAP: Shapley values as a weighted linear regression on sampled coalitions.

    v(S) - v(none) is fitted by sum_{i in S} phi_i under the constraint that all phi add up to
    v(all) - v(none). Lundberg & Lee 2017, theorem 2.

    Parameters
    ----------
    predict, x, background, output
        As in ``exact``, for any number of features.
    n_samples : int
        How many coalitions are asked, at least 2 d. With all 2^d - 2 the result is exact.
    seed : int
        Of the draws.

    Returns
    -------
    Attribution
        Values, base value and prediction; additive for any n_samples.
    """
    game, rng = new_game(predict, x, background), check_random_state(seed)
    d, n = len(game.x), len(game.background)
    if check_int("n_samples", n_samples, least=None) < 2 * d:
        raise ValueError(f"n_samples must be at least {2 * d} for {d} features, not {n_samples}.")

    S, weight = _coalitions(d, n_samples, rng)
    v_none, v_all = game.values(np.array([[False] * d, [True] * d]))
    phi = constrained_fit(S, game.values(S) - v_none, weight, v_all - v_none)
    return Attribution(
        features=game.features,
        values=phi,
        base=float(v_none),
        prediction=float(v_all),
        data=game.x,
        method="kernel",
        n_background=n,
        n_evaluations=(len(S) + 2) * n,
        seed=seed,
        output=output,
        model=name_of(predict),
    )


def _coalitions(d: int, n_samples: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Coalitions (m, d) and their weights (m,) in the regression.

    All of them with the Shapley kernel, or pairs of a coalition and its complement, drawn by size
    with probability proportional to the kernel's sum over the size, (d - 1) / (s (d - s)), and then
    of weight 1.
    """
    if d <= MAX_EXACT and n_samples >= 2**d - 2:
        S = all_coalitions(d)[1:-1]
        return S, kernel_weight(S.sum(1), d)
    sizes = np.arange(1, d)
    share = 1 / (sizes * (d - sizes))
    s = rng.choice(sizes, n_samples // 2, p=share / share.sum())
    S = rng.random((len(s), d)).argsort(1).argsort(1) < s[:, None]
    S = np.stack([S, ~S], axis=1).reshape(-1, d)
    return S, np.ones(len(S))


def kernel_weight(s: np.ndarray, d: int) -> np.ndarray:
    """The Shapley kernel of coalitions of s members among d: (d - 1) / (C(d, s) s (d - s)).

    Infinite at s = 0 and s = d: there the fit is made to pass exactly, by its constraint.
    s: integers from 1 to d - 1. Lundberg & Lee 2017, theorem 2.
    """
    choose = np.array([comb(d, int(k)) for k in s], dtype=float)
    return (d - 1) / (choose * s * (d - s))


def constrained_fit(S: np.ndarray, y: np.ndarray, weight: np.ndarray, total: float) -> np.ndarray:
    """phi (d,) that minimises sum_S weight (y - sum_{i in S} phi_i)^2 with sum phi = total.

    S: (m, d) booleans. y, weight: (m,). Solved with one Lagrange multiplier.
    """
    ones = np.ones(S.shape[1])
    # with one feature the constraint alone decides
    if len(S) == 0:
        return total * ones
    A = S.T * weight @ S.astype(float)
    free, step = np.linalg.lstsq(A, np.column_stack([S.T * weight @ y, ones]), rcond=None)[0].T
    return free - step * (ones @ free - total) / (ones @ step)


def sampling(
    predict: Callable,
    x,
    background,
    *,
    n_permutations: int = 100,
    seed: int = 0,
    one_row: bool = False,
    output: str = "model output",
) -> Attribution:
    """Permutation sampling: add the features in random orders and average what each adds.

    Every order is walked forwards and backwards (antithetic), 2 (d + 1) coalitions per order.
    Castro et al. 2009; Strumbelj & Kononenko 2014; Mitchell et al. 2022.

    Parameters
    ----------
    predict, x, background, output
        As in ``exact``, for any number of features.
    n_permutations : int
        How many orders.
    seed : int
        Of the draws.
    one_row : bool
        False asks each coalition of the whole background: values are additive for any number of
        orders. True pairs each order with one background row drawn at random: far cheaper per
        order, but the mean over the drawn rows is not the base value, so an additivity gap is left.

    Returns
    -------
    Attribution
        Values, base value and prediction.
    """
    game, rng = new_game(predict, x, background), check_random_state(seed)
    d, n = len(game.x), len(game.background)
    orders = np.argsort(rng.random((check_int("n_permutations", n_permutations), d)), axis=1)
    orders = np.stack([orders, orders[:, ::-1]], axis=1)
    # S[o, way, k] holds the first k features of the order
    S = np.argsort(orders, axis=2)[:, :, None, :] < np.arange(d + 1)[:, None]

    if one_row:
        drawn = rng.integers(n, size=len(S))
        v = np.concatenate(
            [
                game.outputs(np.where(S[part], game.x, game.background[drawn[part], None, None]))
                for part in portions(np.arange(len(S)), 2 * (d + 1))
            ]
        )
        base, evaluations = game.outputs(game.background).mean(), v.size + n
    else:
        v = game.values(S.reshape(-1, d)).reshape(S.shape[:-1])
        base, evaluations = v[0, 0, 0], v.size * n
    phi = np.zeros(d)
    # what the feature at each place of an order adds
    np.add.at(phi, orders, np.diff(v))
    return Attribution(
        features=game.features,
        values=phi / (2 * len(S)),
        base=float(base),
        prediction=float(v[0, 0, -1]),
        data=game.x,
        method="sampling",
        n_background=n,
        n_evaluations=evaluations,
        seed=seed,
        output=output,
        model=name_of(predict),
    )
