"""Explanations of a table's rows: are they faithful to the model, and do two of them agree?"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from .. import shapley
from .._utils.tables import by_name, column_names
from .._utils.validation import check_array, check_int, check_random_state, one_number_per_row


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
    features, so x must have its columns in the background's order.
    """
    _same_order("x", x, background)
    d = np.size(x)
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
    _same_order("X", X, background)
    given = {name: _values(name, values, X) for name, values in explanations.items()}
    if not given:
        raise ValueError("explanations must hold the values of one method at least.")
    rng, rows = check_random_state(seed), []
    base = float(np.mean(one_number_per_row(predict, background)))
    outputs = one_number_per_row(predict, X)
    first = next(iter(given))
    for i, output in enumerate(outputs):
        raises = output > base
        orders = {name: strongest_first(values[i], raises) for name, values in given.items()}
        orders["random order"] = rng.permutation(X.shape[1])
        orders["reversed"] = orders[first][::-1]
        row = {}
        for name, order in orders.items():
            curve = deletion(predict, X.iloc[i], background, order)
            lost = float(np.mean(output - curve[1:-1]))
            row[name] = lost if raises else -lost
        rows.append(row)
    return pd.DataFrame(rows, index=X.index)


def _same_order(name: str, rows, background) -> None:
    """Values and orders are arrays, which have no names: rows and background must agree in theirs."""
    own, columns = column_names(name, rows), column_names("background", background)
    if own is not None and columns is not None and not own.equals(columns):
        # says which column is missing, if one is
        by_name(name, rows, columns, "background")
        raise ValueError(
            f"{name} must have its columns in the background's order {list(columns)}, since the values "
            f"that belong to them have no names; pass {name}[background.columns]."
        )


def _values(name: str, values, X: pd.DataFrame) -> np.ndarray:
    """One method's values as (n, d) finite floats in the order of X's columns."""
    columns = column_names("X", X)
    values = check_array(f"The values of {name}", by_name("The values", values, columns, "X"))
    if values.shape != X.shape or not np.isfinite(values).all():
        raise ValueError(
            f"The values of {name} must be finite and of shape {X.shape}, one per row and column of X, "
            f"not {values.shape}."
        )
    return values


def agreement(a: Sequence | np.ndarray, b: Sequence | np.ndarray, k: int = 3) -> pd.DataFrame:
    """Do two explanations of the same rows agree? One row each: rank correlation and top-k overlap.

    a, b: (n, d) signed values. rank: Spearman's correlation of the signed values, in [-1, 1].
    overlap: number of features among the k largest |values| of both, divided by k.
    """
    b = check_array("b", by_name("b", b, column_names("a", a), "a"))
    a = check_array("a", a)
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(
            f"a and b must have one shape (rows, features), not {a.shape} and {b.shape}."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a and b must not have missing or infinite values; drop those rows first.")
    if not 1 <= check_int("k", k, least=None) <= a.shape[1]:
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
