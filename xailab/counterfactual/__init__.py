"""Counterfactuals for tables: what would have to change for the model to answer otherwise?

The search tries every combination of real values of up to ``max_changes`` features, so its first
answer is the sparsest among these candidates, and the cheapest of those.
"""

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from .._utils.cards import name_of
from .._utils.tables import check_row, column_names
from .._utils.validation import (
    check_array,
    check_callable,
    check_int,
    one_number_per_row,
    truncated,
)
from .answers import Counterfactual, Counterfactuals, summary
from .rules import MAX_VALUES, NO_RULES, Allowed, Rules, candidates, distance, nearest


def closest_linear(
    w: np.ndarray,
    intercept: float,
    x: np.ndarray,
    threshold: float,
    scale: np.ndarray,
    norm: str = "L2",
) -> np.ndarray:
    """The row nearest to x on which a linear score w x + intercept reaches the threshold.

    L2, sqrt(sum (dx / scale)^2): dx = (threshold - score) scale^2 w / sum(scale^2 w^2), all features
    move. L1, sum |dx / scale|: only the feature with the largest |w scale| moves.

    Parameters
    ----------
    w, intercept : (d,) and float
        Of the linear score.
    x : (d,)
        The row.
    threshold : float
        The score to reach.
    scale : (d,)
        The unit of each feature's cost.
    norm : "L1" or "L2"
        How the costs are added up.

    Returns
    -------
    (d,) array
        The row that reaches the threshold at the smallest cost.

    >>> closest_linear([1, 3], 0, [0, 0], 3, [1, 1], norm="L1").tolist()
    [0.0, 1.0]
    """
    w, x, scale = (np.asarray(v, dtype=float) for v in (w, x, scale))
    if norm not in ("L1", "L2"):
        raise ValueError(f'norm must be "L1" or "L2", not {norm!r}.')
    if not np.any(w):
        raise ValueError("All weights are zero, so no change of x can move the score.")
    missing = threshold - (w @ x + intercept)
    if norm == "L2":
        return x + missing * scale**2 * w / (scale**2 * w**2).sum()
    j = int(np.argmax(np.abs(w * scale)))
    moved = x.copy()
    moved[j] += missing / w[j]
    return moved


def search(
    predict: Callable,
    x: pd.Series,
    table: pd.DataFrame,
    rules: Rules = NO_RULES,
    *,
    threshold: float = 0.5,
    max_changes: int = 2,
    n_answers: int = 5,
) -> Counterfactuals:
    """The cheapest way over the threshold for every set of up to ``max_changes`` features.

    A set of features is left out when a part of it is enough.
    Wachter et al. 2018; Ustun et al. 2019.

    Parameters
    ----------
    predict : function, DataFrame (n, d) -> (n,)
        The model's output.
    x : Series or one-row DataFrame, a row of the table
        What is changed; below the threshold. Its columns are matched with the table's by name.
    table : DataFrame (n, d)
        Real rows, whose values are the candidates.
    rules : Rules
        What may be changed, and what a change costs.
    threshold : float
        The output to reach.
    max_changes : int
        How many features may change at once.
    n_answers : int
        How many answers to keep, the fewest changes first, then the cheapest.

    Returns
    -------
    Counterfactuals
        The answers, and every setting.
    """
    x, start = _checked_start(predict, x, table, threshold, max_changes)
    options, allowed = candidates(x, table, rules), Allowed(table, rules)
    sets = [s for size in range(1, max_changes + 1) for s in combinations(options, size)]
    found: list[Counterfactual] = []
    evaluations = 1
    for features in sets:
        if any(set(smaller.changes) <= set(features) for smaller in found):
            continue
        rows = _all_changes(x, features, options)
        rows = rows[allowed(rows, features)]
        evaluations += len(rows)
        best = _best(predict, rows, x, table, rules, threshold)
        if best is not None:
            found.append(best)
    found.sort(key=lambda answer: (len(answer.changes), answer.cost))
    return Counterfactuals(
        answers=tuple(found[:n_answers]),
        x=x,
        prediction=start,
        threshold=threshold,
        max_changes=max_changes,
        n_evaluations=evaluations,
        method="exhaustive",
        rules=rules,
        model=name_of(predict),
    )


def random_search(
    predict: Callable,
    x: pd.Series,
    table: pd.DataFrame,
    rules: Rules = NO_RULES,
    *,
    threshold: float = 0.5,
    max_changes: int = 2,
    n_samples: int = 10_000,
    seed: int = 0,
) -> Counterfactuals:
    """The random-search baseline: draw changes at random under the same rules and keep the best.

    Parameters
    ----------
    predict, x, table, rules, threshold, max_changes
        As in ``search``.
    n_samples : int
        How many changed rows are drawn; the model is asked about them in one call.
    seed : int
        Of the draws.

    Returns
    -------
    Counterfactuals
        One answer or none, and every setting.
    """
    x, start = _checked_start(predict, x, table, threshold, max_changes)
    options, allowed = candidates(x, table, rules), Allowed(table, rules)
    rng, names = np.random.default_rng(seed), list(options)
    values = np.tile(x.to_numpy(float), (n_samples, 1))
    order = rng.random((n_samples, len(names))).argsort(1)
    sizes = rng.integers(1, min(max_changes, len(names)) + 1, n_samples)
    for j, feature in enumerate(names):
        change = (order < sizes[:, None])[:, j]
        values[change, table.columns.get_loc(feature)] = rng.choice(options[feature], change.sum())
    rows = pd.DataFrame(values, columns=table.columns)
    best = _best(predict, rows[allowed(rows, names)], x, table, rules, threshold)
    return Counterfactuals(
        answers=() if best is None else (best,),
        x=x,
        prediction=start,
        threshold=threshold,
        max_changes=max_changes,
        n_evaluations=n_samples + 1,
        method="random search",
        rules=rules,
        seed=seed,
        model=name_of(predict),
    )


def _all_changes(
    x: pd.Series, features: tuple[str, ...], options: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """x with every combination of the values that these features may take."""
    grid = np.meshgrid(*(options[f] for f in features), indexing="ij")
    rows = np.tile(x.to_numpy(float), (grid[0].size, 1))
    rows[:, x.index.get_indexer(features)] = np.stack([g.ravel() for g in grid], axis=1)
    return pd.DataFrame(rows, columns=x.index)


def _best(
    predict: Callable,
    rows: pd.DataFrame,
    x: pd.Series,
    table: pd.DataFrame,
    rules: Rules,
    threshold: float,
) -> Counterfactual | None:
    """Of the rows that reach the threshold the one with the fewest changes, then the cheapest."""
    if not len(rows):
        return None
    p = one_number_per_row(predict, rows)
    over = np.flatnonzero(p >= threshold)
    if not len(over):
        return None
    values = rows.to_numpy()[over]
    cost = rules.cost(values, x.to_numpy(), table)
    n_changes = (values != x.to_numpy()).sum(1)
    first = np.lexsort((cost, n_changes))[0]
    row = rows.iloc[over[first]]
    return Counterfactual(
        row=row,
        prediction=float(p[over[first]]),
        changes={f: (float(x[f]), float(row[f])) for f in x.index if row[f] != x[f]},
        cost=float(cost[first]),
        nearest=nearest(row, table, rules),
    )


def _checked_start(predict, x, table, threshold, max_changes) -> tuple[pd.Series, float]:
    """The row in the table's order and the model's output for it; one sentence for what does not fit."""
    check_callable("predict", predict, "lambda X: model.predict_proba(X)[:, 1]")
    if not isinstance(table, pd.DataFrame) or not isinstance(x, pd.Series | pd.DataFrame):
        raise TypeError("x must be a row of the table: a Series, as X.loc[i]; table a DataFrame.")
    columns = column_names("table", table)
    row = pd.Series(check_row("x", x, columns, "table"), columns)
    if not (np.isfinite(row).all() and np.isfinite(check_array("table", table)).all()):
        raise ValueError("x and table must not have missing or infinite values; fill them first.")
    check_int("max_changes", max_changes)
    if not isinstance(threshold, int | float | np.number) or not np.isfinite(threshold):
        raise ValueError(f"threshold must be a finite number, not {truncated(threshold)}.")
    p = float(one_number_per_row(predict, row.to_frame().T)[0])
    if p >= threshold:
        raise ValueError(
            f"The model gives {p:.3f}, which reaches {threshold:g} already; to ask for the other "
            "side, let predict return 1 - p."
        )
    return row, p
