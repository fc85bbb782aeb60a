"""How sure are we? Intervals for means, paired differences, and corrections for many comparisons."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from .._utils.validation import check_array, check_int, check_random_state


class Interval(NamedTuple):
    """A mean with its bootstrap interval and the number of values behind it. Notebook 01."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}] (n = {self.n})"


def bootstrap_interval(
    values: Sequence[float] | np.ndarray,
    level: float = 0.95,
    seed: int = 0,
    n_resamples: int = 10_000,
) -> Interval:
    """The mean of n values with its percentile bootstrap interval.

    Draw n of the values with replacement, take the mean, repeat; the interval holds the middle
    ``level`` of those means. One value has no interval: a ValueError.
    Efron 1979. Introduced in notebook 01.
    """
    v, n_resamples = check_array("values", values).ravel(), check_int("n_resamples", n_resamples)
    if len(v) < 2 or not np.isfinite(v).all():
        raise ValueError(
            f"An interval needs at least 2 finite values, not {int(np.isfinite(v).sum())} of "
            f"{len(v)}: one proves nothing, and items without a value must be dropped first."
        )
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}.")
    rng = check_random_state(seed)
    step = max(1, 2_000_000 // len(v))
    means = np.concatenate(
        [
            v[rng.integers(0, len(v), (min(step, n_resamples - i), len(v)))].mean(1)
            for i in range(0, n_resamples, step)
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(v.mean()), float(low), float(high), len(v))


def _paired(a: Sequence[float], b: Sequence[float]) -> np.ndarray:
    first, second = check_array("a", a).ravel(), check_array("b", b).ravel()
    if first.shape != second.shape or not len(first):
        raise ValueError(
            "a and b must belong to the same items, one at least; got "
            f"{len(first)} and {len(second)} values."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("a and b must not have missing or infinite values; drop such items first.")
    return first - second


def paired_bootstrap(
    a: Sequence[float], b: Sequence[float], level: float = 0.95, seed: int = 0
) -> Interval:
    """The mean of a - b with its interval, a and b measured on the same items. Notebook 01.

    Raises ValueError when a and b differ in length.
    """
    return bootstrap_interval(_paired(a, b), level, seed)


def sign_flip_test(
    a: Sequence[float], b: Sequence[float], seed: int = 0, n_resamples: int = 20_000
) -> float:
    """p-value of "a and b do not differ on average", a and b measured on the same items.

    If the two methods could be swapped on each item, the sign of each difference d_i would be
    a coin's: p is the share of sign patterns with |mean(s_i d_i)| >= |mean(d_i)|. All 2^n
    patterns up to n = 14, ``n_resamples`` drawn ones (and the observed one) beyond.
    Raises ValueError when a and b differ in length. Fisher 1935. Notebook 06.

    >>> sign_flip_test([1, 2, 3], [0, 0, 0])  # all signs alike: 2 of 8 patterns
    0.25
    """
    d = _paired(a, b)
    n = len(d)
    if n <= 14:
        signs = 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
        found = np.abs(signs @ d) >= abs(d.sum()) - 1e-12
        return float(found.mean())
    signs = check_random_state(seed).choice([-1, 1], (n_resamples, n))
    found = np.abs(signs @ d) >= abs(d.sum()) - 1e-12
    return float((found.sum() + 1) / (n_resamples + 1))


def holm(p: Sequence[float]) -> np.ndarray:
    """Holm's p-values: of m tests the i-th smallest p is multiplied by m - i + 1.

    Kept increasing and at most 1; rejecting where the result is below 0.05 makes a false alarm
    anywhere among the m tests in at most 5 % of such tables. Holm 1979. Notebook 06.
    Raises ValueError for what is no probability.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    given = check_array("p", p).ravel()
    if not ((given >= 0) & (given <= 1)).all():
        raise ValueError("p must hold probabilities from 0 to 1, none of them missing.")
    order = np.argsort(given, kind="stable")
    corrected = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    return np.minimum(corrected, 1)[np.argsort(order, kind="stable")]


def compare(
    scores: Mapping[str, Sequence[float]], level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Every pair of methods on the same items, with Holm's correction over all the pairs.

    scores: method -> (n,), item by item in the same order. Columns: difference, low, high (of
    the mean difference, one pair at a time), p (sign flips), p_holm, significant. Notebook 06.
    Raises ValueError for fewer than two methods or other items.
    """
    if not isinstance(scores, Mapping) or len(scores) < 2:
        raise ValueError("scores must map two or more methods to their values, item by item.")
    rows = []
    for a, b in combinations(scores, 2):
        interval = paired_bootstrap(scores[a], scores[b], level, seed)
        p = sign_flip_test(scores[a], scores[b], seed)
        rows.append((f"{a} - {b}", interval.mean, interval.low, interval.high, interval.n, p))
    table = pd.DataFrame(rows, columns=["pair", "difference", "low", "high", "n", "p"])
    table["p_holm"] = holm(table["p"])
    table["significant"] = table["p_holm"] < 1 - level
    return table.set_index("pair")
