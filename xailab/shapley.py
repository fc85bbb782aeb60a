"""Shapley values: exact over all coalitions, and two estimates for when there are too many.

The game: v(S) = mean over background rows b of f(x_S, b_rest), the model's mean output when the
features in S have the explained row's values and the rest come from the background.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial

import numpy as np
import pandas as pd

__all__ = ["Attribution", "coalition_values", "exact", "kernel", "sampling", "shapley_from_values"]

MAX_EXACT = 16


@dataclass(frozen=True)
class Attribution:
    """Shapley values of one prediction.

    values: (d,), in units of the model's output; base: v(no feature), the mean output over the
    background; prediction: v(all features), the output for the row. additivity_gap:
    base + sum(values) - prediction, zero up to rounding when the method is exact.
    """

    features: tuple[str, ...]
    values: np.ndarray
    base: float
    prediction: float
    data: np.ndarray
    method: str
    n_background: int
    n_evaluations: int
    seed: int | None = None

    @property
    def additivity_gap(self) -> float:
        return float(self.base + self.values.sum() - self.prediction)

    def table(self) -> pd.DataFrame:
        """Features, their data and their values, the largest first."""
        order = np.argsort(-np.abs(self.values), kind="stable")
        return pd.DataFrame(
            {"data": self.data[order], "value": self.values[order]},
            index=np.array(self.features)[order],
        )

    def describe(self, k: int = 3) -> str:
        """The explanation in one or two plain sentences."""
        top = self.table().head(k)
        parts = [f"{f} ({v:+.2f})" for f, v in top["value"].items()]
        return (
            f"The model gives {self.prediction:.2f}; its mean over {self.n_background} background "
            f"rows is {self.base:.2f}. Most of the difference: {', '.join(parts)}."
        )


def shapley_from_values(v: np.ndarray) -> np.ndarray:
    """Shapley values (d,) of a game given by its 2^d coalition values.

    v[c] is the value of the coalition whose members are the bits set in c (bit i: player i).
    phi_i = sum over S without i of |S|! (d - |S| - 1)! / d! * (v(S + i) - v(S)).
    Raises ValueError unless len(v) is a power of two. Shapley 1953. Notebook 03.
    """
    d = len(v).bit_length() - 1
    if len(v) != 2**d or d == 0:
        raise ValueError(f"v must list the values of all 2^d coalitions, not {len(v)} values.")
    coalitions = np.arange(2**d)
    size = np.array([factorial(s) * factorial(d - s - 1) / factorial(d) for s in range(d)])
    phi = np.empty(d)
    for i in range(d):
        without = coalitions[coalitions & (1 << i) == 0]
        weight = size[np.bitwise_count(without)]
        phi[i] = weight @ (v[without | (1 << i)] - v[without])
    return phi


def coalition_values(
    predict: Callable,
    x: np.ndarray,
    background: np.ndarray,
    coalitions: np.ndarray,
    wrap=np.asarray,
) -> np.ndarray:
    """v(S) of coalitions given as rows of booleans (m, d): mean_b f(x_S, b_rest). Notebook 03."""
    values, n = np.empty(len(coalitions)), len(background)
    step = max(1, 200_000 // n)  # rows a call: memory stays small, calls stay few
    for start in range(0, len(coalitions), step):
        members = coalitions[start : start + step, None, :]
        rows = np.where(members, x, background).reshape(-1, len(x))
        output = np.asarray(predict(wrap(rows)), dtype=float)
        if output.shape != (len(rows),):
            raise ValueError(
                f"predict must return one number a row; for {len(rows)} rows it returned shape "
                f"{output.shape}. Choose one output: lambda X: model.predict_proba(X)[:, 1]."
            )
        values[start : start + step] = output.reshape(-1, n).mean(1)
    return values


def _game(predict, x, background):
    """x, background and the model as one function of coalitions (m, d) -> (m,), checked."""
    names = getattr(background, "columns", None)
    b = np.atleast_2d(np.asarray(background, dtype=float))
    row = np.asarray(x, dtype=float).ravel()
    if b.shape[1] != len(row) or len(b) == 0:
        raise ValueError(
            f"x has {len(row)} values, so background must have shape (n, {len(row)}), not {b.shape}."
        )
    index = getattr(x, "index", None)
    if isinstance(x, pd.Series) and names is not None and list(index) != list(names):
        raise ValueError(f"x must have its values in the background's order {list(names)}.")
    if not (np.isfinite(row).all() and np.isfinite(b).all()):
        raise ValueError(
            "x and background must not have missing or infinite values; fill them first."
        )
    wrap = np.asarray if names is None else lambda rows: pd.DataFrame(rows, columns=names)
    features = tuple(names) if names is not None else tuple(f"x{i}" for i in range(len(row)))
    return row, features, len(b), lambda S: coalition_values(predict, row, b, S, wrap)


def _all_coalitions(d: int) -> np.ndarray:
    return (np.arange(2**d)[:, None] >> np.arange(d)) & 1 == 1


def exact(predict: Callable, x, background) -> Attribution:
    """Exact Shapley values of one row, over all 2^d coalitions.

    predict: rows (n, d) -> (n,); rows come as a DataFrame when the background is one.
    x: (d,). background: (n, d) rows that stand for "feature not known".
    Cost: 2^d times len(background) model outputs; raises ValueError for d > 16 and
    for shapes that do not fit. Lundberg & Lee 2017, eq. 4 (interventional). Notebook 03.
    """
    row, features, n, value = _game(predict, x, background)
    d = len(row)
    if d > MAX_EXACT:
        raise ValueError(
            f"{d} features make 2^{d} coalitions, too many for exact values; use kernel() or sampling()."
        )
    v = value(_all_coalitions(d))
    return Attribution(
        features, shapley_from_values(v), float(v[0]), float(v[-1]), row, "exact", n, 2**d * n
    )


def kernel(
    predict: Callable, x, background, *, n_samples: int = 2048, seed: int = 0
) -> Attribution:
    """KernelSHAP: Shapley values as a weighted linear regression on sampled coalitions.

    Coalitions are drawn by size with weight (d - 1) / (s (d - s)), each together with its
    complement, and v(S) - v(0) is fitted by sum_{i in S} phi_i under the constraint that all
    phi add up to v(all) - v(0). With all 2^d - 2 coalitions weighed exactly the result is exact.
    Raises ValueError when n_samples < 2 d. Lundberg & Lee 2017, theorem 2. Notebook 03.
    """
    row, features, n, value = _game(predict, x, background)
    d = len(row)
    if n_samples < 2 * d:
        raise ValueError(f"n_samples must be at least {2 * d} for {d} features, not {n_samples}.")
    if d <= MAX_EXACT and n_samples >= 2**d - 2:
        S = _all_coalitions(d)[1:-1]
        s = S.sum(1)
        weight = 1 / (np.array([_choose(d, k) for k in s]) * s * (d - s))
    else:
        rng = np.random.default_rng(seed)
        sizes = np.arange(1, d)
        share = 1 / (sizes * (d - sizes))
        s = rng.choice(sizes, n_samples // 2, p=share / share.sum())
        S = rng.random((len(s), d)).argsort(1).argsort(1) < s[:, None]
        S = np.concatenate([S, ~S])
        weight = np.ones(len(S))
    v0, v1 = value(np.array([[False] * d, [True] * d]))
    y = value(S) - v0
    A = S.T * weight @ S.astype(float)
    ones = np.ones(d)
    solve = np.linalg.lstsq(A, np.column_stack([S.T * weight @ y, ones]), rcond=None)[0]
    phi = solve[:, 0] - solve[:, 1] * (ones @ solve[:, 0] - (v1 - v0)) / (ones @ solve[:, 1])
    return Attribution(
        features, phi, float(v0), float(v1), row, "kernel", n, (len(S) + 2) * n, seed
    )


def _choose(n: int, k: int) -> int:
    return factorial(n) // (factorial(k) * factorial(n - k))


def sampling(
    predict: Callable, x, background, *, n_permutations: int = 100, seed: int = 0
) -> Attribution:
    """Permutation sampling: add the features in random orders and average what each adds.

    Every order is walked forwards and backwards (antithetic), 2 (d + 1) coalitions a
    permutation; values are unbiased and additive for any number of them.
    Castro et al. 2009; Mitchell et al. 2022. Notebook 03.
    """
    row, features, n, value = _game(predict, x, background)
    d = len(row)
    if n_permutations < 1:
        raise ValueError(f"n_permutations must be at least 1, not {n_permutations}.")
    rng = np.random.default_rng(seed)
    orders = np.argsort(rng.random((n_permutations, d)), axis=1)
    orders = np.concatenate([orders, orders[:, ::-1]])
    rank = np.argsort(orders, axis=1)
    S = rank[:, None, :] < np.arange(d + 1)[None, :, None]  # (orders, steps, features)
    v = value(S.reshape(-1, d)).reshape(len(orders), d + 1)
    phi = np.zeros(d)
    np.add.at(phi, orders.ravel(), np.diff(v).ravel())
    phi /= len(orders)
    return Attribution(
        features, phi, float(v[0, 0]), float(v[0, -1]), row, "sampling", n, S[..., 0].size * n, seed
    )
