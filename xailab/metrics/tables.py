"""What a project on a table of one's own needs: is an explanation faithful, do two of them agree?"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from .. import shapley
from .._utils.interrupts import stoppable


def strongest_first(values: np.ndarray, raises: bool) -> np.ndarray:
    """The features' places, those first that speak strongest for the side the model takes.

    values: (d,) signed. raises: True when the output lies above what it is compared with. Notebook 13.
    """
    return np.argsort(-np.asarray(values) if raises else np.asarray(values), kind="stable")


def deletion(
    predict: Callable, x: pd.Series, background: pd.DataFrame, order: Sequence[int] | np.ndarray
) -> np.ndarray:
    """(d + 1,): the output while the features of x are forgotten one after another, in this order.

    A forgotten feature takes the values of the background rows, and the output is their mean: the
    value function of notebook 3. predict: DataFrame (n, d) -> (n,). Introduced in notebook 13.
    Raises ValueError for an order that does not fit.
    """
    d = len(x)
    if sorted(order) != list(range(d)):
        raise ValueError(f"order must name each of the {d} features once, by its place.")
    known = np.ones((d + 1, d), dtype=bool)
    for step, j in enumerate(order, 1):
        known[step:, j] = False
    row, b = x.to_numpy(float), background.to_numpy(float)
    frame = lambda rows: pd.DataFrame(rows, columns=background.columns)
    return shapley.coalition_values(predict, row, b, known, frame)


def faithfulness(
    predict: Callable,
    X: pd.DataFrame,
    background: pd.DataFrame,
    explanations: Mapping[str, np.ndarray],
    seed: int = 0,
) -> pd.DataFrame:
    """How much of an output each method's order takes away, on average on the way: (rows, methods).

    The mean over the steps of the deletion curve of (output - curve), counted towards the
    background's mean, in units of the output: high when the features forgotten first carried the
    answer. explanations: method -> (n, d) signed values. Two columns are controls: "random order" and
    "reversed", the first method backwards. Introduced in notebook 13.
    Stopped by hand, it raises ``Interrupted``, whose ``partial`` is the table of the first rows.
    """
    rng, lines = np.random.default_rng(seed), list[dict[str, float]]()
    base = float(np.mean(predict(background)))
    outputs = np.asarray(predict(X), dtype=float)
    first = next(iter(explanations))

    def result() -> pd.DataFrame:
        return pd.DataFrame(lines, index=X.index[: len(lines)])

    with stoppable(lines, len(X), "rows", result):
        for i, (output, (_, x)) in enumerate(zip(outputs, X.iterrows(), strict=True)):
            raises = output > base
            orders = {
                name: strongest_first(given[i], raises) for name, given in explanations.items()
            }
            orders |= {"random order": rng.permutation(len(x)), "reversed": orders[first][::-1]}
            lost = {
                name: np.mean(output - deletion(predict, x, background, order)[1:-1])
                for name, order in orders.items()
            }
            lines.append({name: value if raises else -value for name, value in lost.items()})
    return result()


def agreement(a: Sequence | np.ndarray, b: Sequence | np.ndarray, k: int = 3) -> pd.DataFrame:
    """Do two explanations of the same rows agree? A line a row: rank correlation and top-k overlap.

    a, b: (n, d) signed values. rank: Spearman's correlation of the signed values, in [-1, 1].
    overlap: shared features among the k largest |values|, over k. Introduced in notebook 13.
    Raises ValueError for shapes that do not fit.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(
            f"a and b must have one shape (rows, features), not {a.shape} and {b.shape}."
        )
    if not 1 <= k <= a.shape[1]:
        raise ValueError(f"k must lie between 1 and {a.shape[1]}, not {k}.")
    lines = []
    for one, other in zip(a, b, strict=True):
        top = [set(np.argsort(-np.abs(v), kind="stable")[:k]) for v in (one, other)]
        lines.append((spearmanr(one, other).statistic, len(top[0] & top[1]) / k))
    return pd.DataFrame(lines, columns=["rank", "overlap"])


def planted_rule(X: pd.DataFrame, weights: Mapping[str, float], seed: int = 0) -> pd.Series:
    """A target for your own table whose reasons are known: a weighted sum of its columns, and noise.

    weights: column -> weight of its standardised value. True where the sum and a tenth of its spread
    in noise lie above the median. An explanation of a model of it has to name these columns.
    Raises ValueError for a column that X does not have. Introduced in notebook 13.
    """
    unknown = sorted(set(weights) - set(X.columns))
    if unknown or not weights:
        raise ValueError(f"weights must name columns out of {list(X.columns)}, not {unknown}.")
    z = (X - X.mean()) / X.std()
    score = sum(w * z[name] for name, w in weights.items())
    noise = np.random.default_rng(seed).normal(size=len(X))
    score = score + 0.1 * score.std() * noise
    return score > score.median()
