"""Explanations of a table's rows: are they faithful to the model, and do two of them agree?"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from .. import shapley


def strongest_first(values: np.ndarray, raises: bool) -> np.ndarray:
    """The features' positions, those first that push most to the side on which the output lies.

    values: (d,) signed. raises: True when the output lies above what it is compared with.
    """
    return np.argsort(-np.asarray(values) if raises else np.asarray(values), kind="stable")


def deletion(
    predict: Callable, x: pd.Series, background: pd.DataFrame, order: Sequence[int] | np.ndarray
) -> np.ndarray:
    """(d + 1,): the output while the features of x are removed one after another, in this order.

    A removed feature takes the values of the background rows, and the output is their mean: the
    value function of Shapley values. predict: DataFrame (n, d) -> (n,). order: positions of the d
    features.
    """
    d = len(x)
    if sorted(order) != list(range(d)):
        raise ValueError(f"order must name each of the {d} features once, by its place.")
    known = np.ones((d + 1, d), dtype=bool)
    for step, j in enumerate(order, 1):
        known[step:, j] = False
    return shapley.coalition_values(predict, x, background, known)


def faithfulness(
    predict: Callable,
    X: pd.DataFrame,
    background: pd.DataFrame,
    explanations: Mapping[str, np.ndarray],
    seed: int = 0,
) -> pd.DataFrame:
    """How much of each output the features that a method puts first account for: (rows, methods).

    The mean over the steps of ``deletion`` of output - curve, with the sign that counts a move
    towards the background's mean as positive, in units of the output. High when the features removed
    first carried the output. Two columns are controls: "random order" and "reversed", the first
    method's order backwards.

    Parameters
    ----------
    predict : callable
        DataFrame (n, d) -> (n,).
    X : DataFrame (n, d)
        The rows that are explained.
    background : DataFrame (m, d)
        Rows whose values replace those of a removed feature.
    explanations : dict
        method -> (n, d) signed values.
    seed : int
        Of the random order.
    """
    rng, rows = np.random.default_rng(seed), []
    base = float(np.mean(predict(background)))
    outputs = np.asarray(predict(X), dtype=float)
    first = next(iter(explanations))
    for i, output in enumerate(outputs):
        raises = output > base
        orders = {name: strongest_first(given[i], raises) for name, given in explanations.items()}
        orders["random order"] = rng.permutation(X.shape[1])
        orders["reversed"] = orders[first][::-1]
        row = {}
        for name, order in orders.items():
            curve = deletion(predict, X.iloc[i], background, order)
            lost = float(np.mean(output - curve[1:-1]))
            row[name] = lost if raises else -lost
        rows.append(row)
    return pd.DataFrame(rows, index=X.index)


def agreement(a: Sequence | np.ndarray, b: Sequence | np.ndarray, k: int = 3) -> pd.DataFrame:
    """Do two explanations of the same rows agree? One row each: rank correlation and top-k overlap.

    a, b: (n, d) signed values. rank: Spearman's correlation of the signed values, in [-1, 1].
    overlap: number of features among the k largest |values| of both, divided by k.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(
            f"a and b must have one shape (rows, features), not {a.shape} and {b.shape}."
        )
    if not 1 <= k <= a.shape[1]:
        raise ValueError(f"k must lie between 1 and {a.shape[1]}, not {k}.")
    rows = []
    for one, other in zip(a, b, strict=True):
        top = [set(np.argsort(-np.abs(v), kind="stable")[:k]) for v in (one, other)]
        rows.append((spearmanr(one, other).statistic, len(top[0] & top[1]) / k))
    return pd.DataFrame(rows, columns=["rank", "overlap"])


def planted_rule(X: pd.DataFrame, weights: Mapping[str, float], seed: int = 0) -> pd.Series:
    """A target for your own table whose reasons are known: a weighted sum of its columns plus noise.

    True where s + 0.1 std(s) e exceeds its median, with s = sum_j weights[j] z_j, z the standardised
    columns and e standard normal noise. weights: column -> weight. A good explanation of a model
    of this target names these columns.
    """
    unknown = sorted(set(weights) - set(X.columns))
    if unknown or not weights:
        raise ValueError(f"weights must name columns out of {list(X.columns)}, not {unknown}.")
    z = (X - X.mean()) / X.std()
    score = sum(w * z[name] for name, w in weights.items())
    noise = np.random.default_rng(seed).normal(size=len(X))
    score = score + 0.1 * score.std() * noise
    return score > score.median()
