"""Shapley values: exact over all coalitions, and two estimates for when there are too many.

The game: v(S) = mean over background rows b of f(x_S, b_rest), the model's mean output when the
features in S have the explained row's values and the rest come from the background.
"""

from collections.abc import Callable
from functools import lru_cache
from math import comb

import numpy as np
import pandas as pd

from .._utils.cards import name_of
from .._utils.interrupts import stoppable
from .._utils.validation import check_array, check_callable, check_int, check_random_state
from .attribution import Attribution, Attributions

MAX_EXACT = 16
CALL_ROWS = 8_192  # rows a call: few calls, and a small network's layers stay in the cache


def shapley_from_values(v: np.ndarray) -> np.ndarray:
    """Shapley values (d,) of a game given by its 2^d coalition values.

    v[c] is the value of the coalition whose members are the bits set in c (bit i: player i).
    phi_i = sum over S without i of |S|! (d - |S| - 1)! / d! * (v(S + i) - v(S)).
    Raises ValueError unless len(v) is a power of two. Shapley 1953. Notebook 03.

    >>> shapley_from_values([0, 1, 2, 4]).tolist()  # v of {}, a, b, ab
    [1.5, 2.5]
    """
    v = check_array("v", v)
    d = len(v).bit_length() - 1 if v.ndim == 1 else 0
    if len(v) != 2**d or d == 0:
        raise ValueError(f"v must list the values of all 2^d coalitions, not {v.size} values.")
    if not np.isfinite(v).all():
        raise ValueError("v must not have missing or infinite values: every coalition has one.")
    return _shapley_weights(d) @ v


@lru_cache(maxsize=MAX_EXACT + 1)
def _shapley_weights(d: int) -> np.ndarray:
    """(d, 2^d): phi = weights @ v. Entry (i, S) is the weight of S in phi_i, negative without i."""
    members = _all_coalitions(d)
    s = members.sum(1)
    joined = np.array([0] + [1 / (d * comb(d - 1, k - 1)) for k in range(1, d + 1)])[s]
    absent = np.array([1 / (d * comb(d - 1, k)) for k in range(d)] + [0])[s]
    return np.where(members.T, joined, -absent)


def _all_coalitions(d: int) -> np.ndarray:
    """(2^d, d) booleans; row c holds the bits of c."""
    return (np.arange(2**d)[:, None] >> np.arange(d)) & 1 == 1


def coalition_values(
    predict: Callable,
    x: np.ndarray,
    background: np.ndarray,
    coalitions: np.ndarray,
    wrap=np.asarray,
) -> np.ndarray:
    """v(S) of coalitions given as rows of booleans (m, d): mean_b f(x_S, b_rest). Notebook 03.

    Raises ValueError for shapes that do not fit.
    """
    if coalitions.shape[1:] != np.shape(x) or len(background) == 0:
        raise ValueError(
            f"coalitions must have shape (m, {len(x)}), one bool a feature, and the background rows; "
            f"got {coalitions.shape} and {len(background)} rows."
        )
    values, n = np.empty(len(coalitions)), len(background)
    step = max(1, CALL_ROWS // n)
    for start in range(0, len(coalitions), step):
        members = coalitions[start : start + step, None, :]
        rows = np.where(members, x, background)
        values[start : start + step] = _ask(predict, rows, wrap).mean(1)
    return values


def _ask(predict: Callable, rows: np.ndarray, wrap: Callable) -> np.ndarray:
    """The model's output for rows (m, n, d) as (m, n), checked."""
    check_callable("predict", predict, "lambda X: model.predict_proba(X)[:, 1]")
    flat = rows.reshape(-1, rows.shape[-1])
    output = check_array("The answer of predict", predict(wrap(flat)))
    if output.shape != (len(flat),):
        raise ValueError(
            f"predict must return one number a row; for {len(flat)} rows it returned shape "
            f"{output.shape}. Choose one output: lambda X: model.predict_proba(X)[:, 1]."
        )
    if not np.isfinite(output).all():
        raise ValueError(
            "predict returned missing or infinite numbers; Shapley values need a finite output."
        )
    return output.reshape(rows.shape[:-1])


def _checked(x, background) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], Callable]:
    """x (d,) and background (n, d) as floats, the features' names, and what predict is to be given."""
    names = getattr(background, "columns", None)
    b = np.atleast_2d(check_array("background", background))
    row = check_array("x", x).ravel()
    if not len(row):
        raise ValueError("x has no values; a row needs one feature at least.")
    if b.shape[1] != len(row) or len(b) == 0:
        raise ValueError(
            f"x has {len(row)} values, so background must have shape (n, {len(row)}), not {b.shape}."
        )
    if isinstance(x, pd.Series) and names is not None and list(x.index) != list(names):
        raise ValueError(
            f"x must have its values in the background's order {list(names)}; "
            "use x[background.columns]."
        )
    if not (np.isfinite(row).all() and np.isfinite(b).all()):
        raise ValueError(
            "x and background must not have missing or infinite values; fill them first."
        )
    wrap = np.asarray if names is None else lambda rows: pd.DataFrame(rows, columns=names)
    features = tuple(names) if names is not None else tuple(f"x{i}" for i in range(len(row)))
    return row, b, features, wrap


def _mixtures(x: np.ndarray, b: np.ndarray, who: np.ndarray) -> np.ndarray:
    """Rows (m, 2^k, d): row c of b[i] takes from x the features who[i, j] of the bits j set in c.

    Built by doubling: the coalitions with player j are those without it, once more, with x's value.
    """
    (m, k), each = who.shape, np.arange(len(who))
    rows = np.empty((m, 2**k, len(x)))
    rows[:, 0] = b
    for j in range(k):
        with_j = slice(2**j, 2 ** (j + 1))
        rows[:, with_j] = rows[:, : 2**j]
        rows[each, with_j, who[:, j]] = x[who[:, j]][:, None]
    return rows


def _exact(predict, x, background, wrap) -> tuple[np.ndarray, float, float, int]:
    """Shapley values, base, prediction and number of evaluations; see ``exact``."""
    differs = background != x
    players = differs.sum(1)
    phi, base, evaluations = np.zeros(len(x)), 0.0, 0
    for k in np.unique(players):
        group, step = np.flatnonzero(players == k), max(1, CALL_ROWS >> int(k))
        for rows in (group[i : i + step] for i in range(0, len(group), step)):
            who = np.nonzero(differs[rows])[1].reshape(len(rows), k)
            v = _ask(predict, _mixtures(x, background[rows], who), wrap)
            if k:
                np.add.at(phi, who, v @ _shapley_weights(int(k)).T)
            base += v[:, 0].sum()
            evaluations += v.size
    n = len(background)
    prediction = float(_ask(predict, x[None, None, :], wrap)[0, 0])
    return phi / n, float(base / n), prediction, evaluations + 1


def exact(
    predict: Callable, x, background, *, output: str = "model output", model: str = ""
) -> Attribution:
    """Exact Shapley values of one row, over all 2^d coalitions.

    The mean game is the mean of the games against single background rows b, so its Shapley values
    are the mean of theirs (linearity). In the game against b every feature on which x and b agree
    is a null player, so only the coalitions of the others are asked: same values, fewer questions.
    predict: rows (n, d) -> (n,), each row on its own; rows come as a DataFrame when the background
    is one. x: (d,). background: (n, d) rows that stand for "feature not known". output, model:
    names for the card. Cost: at most 2^d times len(background) outputs. Stopped by hand, it leaves
    nothing: half the coalitions make no value.
    Raises ValueError for d > 16 and for shapes that do not fit.
    Lundberg & Lee 2017, eq. 4 (interventional). Notebook 03.
    """
    row, b, features, wrap = _checked(x, background)
    _check_size(len(row))
    phi, base, prediction, evaluations = _exact(predict, row, b, wrap)
    return Attribution(
        features,
        phi,
        base,
        prediction,
        row,
        "exact",
        len(b),
        evaluations,
        None,
        output,
        name_of(predict, model),
    )


def exact_rows(
    predict: Callable, X, background, *, output: str = "model output", model: str = ""
) -> Attributions:
    """``exact`` for every row of X (m, d): what the global plots are drawn from. Notebook 03.

    Stopped by hand, it raises ``Interrupted``, whose ``partial`` holds the rows that were finished.
    Raises ValueError for shapes that do not fit.
    """
    if getattr(X, "ndim", 0) != 2 or len(X) == 0:
        raise ValueError("X must hold one row or more, shape (m, d); a single row goes to exact().")
    names, own = getattr(background, "columns", None), getattr(X, "columns", None)
    if names is not None and own is not None and list(names) != list(own):
        raise ValueError(f"X must have the background's columns {list(names)} in this order.")
    rows, found = check_array("X", X), list[tuple]()
    _, b, features, wrap = _checked(rows[0], background)

    def result() -> Attributions:
        phi, base, predictions, evaluations = zip(*found, strict=True)
        return Attributions(
            features,
            np.array(phi),
            base[0],
            np.array(predictions),
            rows[: len(phi)],
            "exact",
            len(b),
            sum(evaluations),
            output,
            name_of(predict, model),
        )

    with stoppable(found, len(rows), "rows", result):
        for values in rows:
            row = _checked(values, background)[0]
            _check_size(len(row))
            found.append(_exact(predict, row, b, wrap))
    return result()


def _check_size(d: int) -> None:
    if d > MAX_EXACT:
        raise ValueError(
            f"{d} features make 2^{d} coalitions, too many for exact values; "
            "use kernel() or sampling()."
        )


def kernel(
    predict: Callable,
    x,
    background,
    *,
    n_samples: int = 2048,
    seed: int = 0,
    output: str = "model output",
    model: str = "",
) -> Attribution:
    """KernelSHAP: Shapley values as a weighted linear regression on sampled coalitions.

    Coalitions are drawn by size with weight (d - 1) / (s (d - s)), each together with its
    complement, and v(S) - v(0) is fitted by sum_{i in S} phi_i under the constraint that all
    phi add up to v(all) - v(0). With all 2^d - 2 coalitions weighed exactly the result is exact.
    Stopped by hand, it raises ``Interrupted``, whose ``partial`` is the fit to the pairs asked so far;
    None for fewer than 2 d coalitions, and for a list of all, whose beginning is no fair sample.
    Raises ValueError when n_samples < 2 d. Lundberg & Lee 2017, theorem 2. Notebook 03.
    """
    row, b, features, wrap = _checked(x, background)
    d, n, rng = len(row), len(b), check_random_state(seed)
    if check_int("n_samples", n_samples, least=None) < 2 * d:
        raise ValueError(f"n_samples must be at least {2 * d} for {d} features, not {n_samples}.")
    if d <= MAX_EXACT and n_samples >= 2**d - 2:
        S = _all_coalitions(d)[1:-1]
        weight, least = kernel_weight(S.sum(1), d), len(S) + 1
    else:
        sizes = np.arange(1, d)
        share = 1 / (sizes * (d - sizes))
        s = rng.choice(sizes, n_samples // 2, p=share / share.sum())
        S = rng.random((len(s), d)).argsort(1).argsort(1) < s[:, None]
        S = np.stack([S, ~S], axis=1).reshape(-1, d)
        weight, least = np.ones(len(S)), 2 * d
    v0, v1 = coalition_values(predict, row, b, np.array([[False] * d, [True] * d]), wrap)
    known: list[float] = []

    def result() -> Attribution:
        m = len(known)
        phi = constrained_fit(S[:m], np.array(known) - v0, weight[:m], v1 - v0)
        return Attribution(
            features,
            phi,
            float(v0),
            float(v1),
            row,
            "kernel",
            n,
            (m + 2) * n,
            seed,
            output,
            name_of(predict, model),
        )

    step = 2 * max(1, CALL_ROWS // (2 * n))  # whole pairs
    with stoppable(known, len(S), "coalitions", result, least):
        for i in range(0, len(S), step):
            known.extend(coalition_values(predict, row, b, S[i : i + step], wrap))
    return result()


def kernel_weight(s: np.ndarray, d: int) -> np.ndarray:
    """The Shapley kernel of coalitions of s members among d: (d - 1) / (C(d, s) s (d - s)).

    Infinite at s = 0 and s = d: there the fit is made to pass exactly, by its constraint.
    s: integers from 1 to d - 1. Lundberg & Lee 2017, theorem 2. Notebook 03.
    """
    choose = np.array([comb(d, int(k)) for k in s], dtype=float)
    return (d - 1) / (choose * s * (d - s))


def constrained_fit(S: np.ndarray, y: np.ndarray, weight: np.ndarray, total: float) -> np.ndarray:
    """phi (d,) that minimises sum_S weight (y - sum_{i in S} phi_i)^2 with sum phi = total.

    S: (m, d) booleans. y, weight: (m,). Solved with one Lagrange multiplier. Notebook 03.
    """
    A = S.T * weight @ S.astype(float)
    ones = np.ones(S.shape[1])
    if len(S) == 0:  # one feature: the constraint alone decides
        return total * ones
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
    model: str = "",
) -> Attribution:
    """Permutation sampling: add the features in random orders and average what each adds.

    Every order is walked forwards and backwards (antithetic), 2 (d + 1) coalitions an order.
    one_row=False asks each coalition of the whole background: values are additive for any number of
    orders. one_row=True pairs each order with one background row drawn at random: far cheaper an
    order, but the mean over the drawn rows is not the base value, so an additivity gap is left.
    Stopped by hand, it raises ``Interrupted``, whose ``partial`` is the mean over the orders walked so far.
    Castro et al. 2009; Strumbelj & Kononenko 2014; Mitchell et al. 2022. Notebook 03.
    """
    row, b, features, wrap = _checked(x, background)
    d, n = len(row), len(b)
    n_permutations, rng = check_int("n_permutations", n_permutations), check_random_state(seed)
    orders = np.argsort(rng.random((n_permutations, d)), axis=1)
    orders = np.stack([orders, orders[:, ::-1]], axis=1)  # (orders, 2, features)
    drawn = b[rng.integers(n, size=n_permutations)] if one_row else b
    mean = float(_ask(predict, b[None], wrap).mean()) if one_row else 0.0
    known: list[np.ndarray] = []  # of each order the values on both walks, (2, d + 1)

    def result() -> Attribution:
        v, phi = np.array(known), np.zeros(d)
        np.add.at(phi, orders[: len(v)].ravel(), np.diff(v).ravel())
        phi /= 2 * len(v)
        base, evaluations = (mean, v.size + n) if one_row else (float(v[0, 0, 0]), v.size * n)
        return Attribution(
            features,
            phi,
            base,
            float(v[0, 0, -1]),
            row,
            "sampling",
            n,
            evaluations,
            seed,
            output,
            name_of(predict, model),
        )

    step = max(1, CALL_ROWS // (2 * (d + 1) * (1 if one_row else n)))
    with stoppable(known, n_permutations, "orders", result):
        for i in range(0, n_permutations, step):
            rank = np.argsort(orders[i : i + step], axis=2)
            S = rank[:, :, None, :] < np.arange(d + 1)[:, None]  # (orders, 2, steps, features)
            if one_row:
                rows = np.where(S, row, drawn[i : i + step, None, None, :])
                v = _ask(predict, rows.reshape(-1, d + 1, d), wrap)
            else:
                v = coalition_values(predict, row, b, S.reshape(-1, d), wrap)
            known.extend(v.reshape(-1, 2, d + 1))
    return result()
