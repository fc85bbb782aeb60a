"""Counterfactuals for tables: what would have to change for the model to answer otherwise?

The search tries every combination of real values of up to ``max_changes`` features, so "smallest"
is a fact about these candidates and not a hope about an optimiser.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from ._utils.cards import card, name_of
from ._utils.interrupts import stoppable

MAX_VALUES = 150  # of a numeric column: beyond that its quantiles stand for it


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
    Raises ValueError for an unknown norm or weights that are all zero. Introduced in notebook 12.

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


@dataclass(frozen=True)
class Rules:
    """What may be changed. immutable: never. increase_only: upwards only.

    categorical: columns of codes, each change of which costs 1. together: groups of columns whose
    values must stand together in at least ``at_least`` real rows. scale: column -> unit of its
    cost (None: the standard deviation in the table). Notebook 12.
    """

    immutable: tuple[str, ...] = ()
    increase_only: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    at_least: int = 10
    scale: Mapping[str, float] | None = field(default=None, hash=False)

    def units(self, table: pd.DataFrame) -> np.ndarray:
        """(d,): what counts as a change of size 1 in each column of the table."""
        spread = table.std().replace(0, 1.0) if self.scale is None else pd.Series(self.scale)
        return spread.reindex(table.columns).fillna(1.0).to_numpy(float)


def distance(
    rows: np.ndarray, x: np.ndarray, units: np.ndarray, is_category: np.ndarray
) -> np.ndarray:
    """(n,): sum over features of |difference| / unit, or 1 for each category that differs. Notebook 12."""
    apart = np.abs(np.asarray(rows, dtype=float) - x)
    return np.where(is_category, apart > 0, apart / units).sum(-1)


def nearest(row: pd.Series, table: pd.DataFrame, rules: Rules) -> float:
    """Distance from a row to the nearest real row of the table: far means nobody is like that.

    Notebook 12.
    """
    kinds = table.columns.isin(rules.categorical)
    return float(distance(table.to_numpy(), row.to_numpy(), rules.units(table), kinds).min())


def candidates(x: pd.Series, table: pd.DataFrame, rules: Rules) -> dict[str, np.ndarray]:
    """For each feature that may change the values it may take: real ones, other than x's own.

    Raises ValueError for names that the table does not have. Introduced in notebook 12.
    """
    named = {*rules.immutable, *rules.increase_only, *rules.categorical, *sum(rules.together, ())}
    unknown = sorted(named - set(table.columns))
    if unknown:
        raise ValueError(f"The rules name {unknown}, but the columns are {list(table.columns)}.")
    found = {}
    for feature in table.columns:
        if feature in rules.immutable:
            continue
        values = np.unique(table[feature])
        if len(values) > MAX_VALUES and feature not in rules.categorical:
            places = np.linspace(0, 1, MAX_VALUES)
            values = np.unique(np.quantile(table[feature], places, method="nearest"))
        values = values[values != x[feature]]
        if feature in rules.increase_only:
            values = values[values > x[feature]]
        if len(values):
            found[feature] = values
    return found


@dataclass(frozen=True)
class Counterfactual:
    """One answer: the changed row, the model's output there, what it cost, how far from real rows.

    Notebook 12.
    """

    row: pd.Series
    prediction: float
    changes: dict[str, tuple[float, float]]
    cost: float
    nearest: float

    def sentence(self, categories: Mapping[str, tuple[str, ...]] | None = None) -> str:
        """The changes in words; categories: column -> names of its codes."""
        return ", ".join(
            f"{f} {_value(f, old, categories)} -> {_value(f, new, categories)}"
            for f, (old, new) in self.changes.items()
        )


def _value(feature: str, value: float, categories) -> str:
    if categories and feature in categories:
        return str(categories[feature][int(value)])
    return f"{value:g}"


@dataclass(frozen=True)
class Counterfactuals:
    """Answers for one row, the fewest changes first, each with another set of features. Notebook 12."""

    answers: tuple[Counterfactual, ...]
    x: pd.Series
    prediction: float
    threshold: float
    max_changes: int
    n_evaluations: int
    method: str
    rules: Rules
    seed: int | None = None
    output: str = "probability"
    model: str = "not named"

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def best(self) -> Counterfactual:
        """The first answer, with the fewest changes."""
        if not self.answers:
            raise ValueError(
                f"No change of at most {self.max_changes} features reaches {self.threshold:g}; "
                "allow more changes or fewer immutable features."
            )
        return self.answers[0]

    def table(self, categories: Mapping[str, tuple[str, ...]] | None = None) -> pd.DataFrame:
        """One line an answer: what changes, how many, cost, output, distance to real rows."""
        return pd.DataFrame(
            [
                (a.sentence(categories), len(a.changes), a.cost, a.prediction, a.nearest)
                for a in self.answers
            ],
            columns=["change", "features", "cost", "output", "nearest real row"],
        )

    def card(self) -> str:
        """Everything that must stand beside these answers so that others can judge and repeat them."""
        return card(
            f"Counterfactuals, {self.method}",
            model=self.model,
            output=f"{self.output} {self.prediction:.3f}, to reach {self.threshold:g}",
            answers=f"{len(self)} of at most {self.max_changes} changes",
            immutable=", ".join(self.rules.immutable) or "nothing",
            only_upwards=", ".join(self.rules.increase_only) or "nothing",
            cost="standard deviations, 1 a category" if self.rules.scale is None else "own units",
            evaluations=f"{self.n_evaluations:,}",
            seed="none: nothing is drawn" if self.seed is None else self.seed,
        )

    __str__ = __repr__ = card

    def describe(self, categories: Mapping[str, tuple[str, ...]] | None = None) -> str:
        """The answers in plain sentences, with what they are not."""
        if not self.answers:
            return f"No change of at most {self.max_changes} features reaches {self.threshold:g}."
        ways = "; or ".join(a.sentence(categories) for a in self.answers)
        return (
            f"The model gives {self.prediction:.2f}. It would give {self.threshold:g} or more with: "
            f"{ways}. This is about the model's answer, not about what such a change would do to "
            "a person."
        )


def search(
    predict: Callable,
    x: pd.Series,
    table: pd.DataFrame,
    rules: Rules = Rules(),
    *,
    threshold: float = 0.5,
    max_changes: int = 2,
    n_answers: int = 5,
    output: str = "probability",
    model: str = "",
) -> Counterfactuals:
    """The cheapest way over the threshold for every set of up to ``max_changes`` features.

    predict: DataFrame (n, d) -> (n,). table: real rows, whose values are the candidates. A set of
    features is left out when a part of it is enough. n_answers: how many to keep, the fewest
    changes first, then the cheapest. Stopped by hand, it raises ``Interrupted``, whose ``partial`` holds
    the answers of the sets tried so far, which its card counts; None where none of them is enough.
    Raises ValueError for a row that is over the threshold
    already, and for columns that do not fit. Wachter et al. 2018; Ustun et al. 2019. Notebook 12.
    """
    start = _start(predict, x, table, threshold, max_changes)
    options, allowed = candidates(x, table, rules), _Allowed(table, rules)
    kinds, units = table.columns.isin(rules.categorical), rules.units(table)
    found: list[Counterfactual] = []
    sets = [s for size in range(1, max_changes + 1) for s in combinations(options, size)]
    asked: list[int] = []  # rows of each set

    def result() -> Counterfactuals:
        best = sorted(found, key=lambda a: (len(a.changes), a.cost))[:n_answers]
        stopped = "" if len(asked) == len(sets) else f", {len(asked)} of {len(sets)} sets only"
        return Counterfactuals(
            tuple(best),
            x,
            start,
            threshold,
            max_changes,
            1 + sum(asked),
            f"exhaustive{stopped}",
            rules,
            None,
            output,
            name_of(predict, model),
        )

    with stoppable(asked, len(sets), "sets of features", lambda: result() if found else None):
        for features in sets:
            if any(set(done.changes) <= set(features) for done in found):
                asked.append(0)
                continue
            grid = np.meshgrid(*(options[f] for f in features), indexing="ij")
            values = np.stack([g.ravel() for g in grid], axis=1)
            rows = _changed(x, features, values)
            rows = rows[allowed(rows, features)]
            p = _ask(predict, rows) if len(rows) else np.empty(0)
            over = np.flatnonzero(p >= threshold)
            if len(over):
                cost = distance(rows.to_numpy()[over], x.to_numpy(), units, kinds)
                i = over[np.argmin(cost)]
                found.append(_answer(rows.iloc[i], x, p[i], float(cost.min()), table, rules))
            asked.append(len(rows))
    return result()


def random_search(
    predict: Callable,
    x: pd.Series,
    table: pd.DataFrame,
    rules: Rules = Rules(),
    *,
    threshold: float = 0.5,
    max_changes: int = 2,
    n_samples: int = 10_000,
    seed: int = 0,
    output: str = "probability",
    model: str = "",
) -> Counterfactuals:
    """The control: draw changes blindly under the same rules and keep the best that gets over.

    One call of predict: stopped by hand, it leaves nothing. Settings and errors as ``search``.
    Introduced in notebook 12.
    """
    start = _start(predict, x, table, threshold, max_changes)
    options, allowed = candidates(x, table, rules), _Allowed(table, rules)
    rng, names = np.random.default_rng(seed), list(options)
    rows = np.tile(x.to_numpy(float), (n_samples, 1))
    order = rng.random((n_samples, len(names))).argsort(1)
    sizes = rng.integers(1, min(max_changes, len(names)) + 1, n_samples)
    for j, feature in enumerate(names):
        change = (order < sizes[:, None])[:, j]
        rows[change, table.columns.get_loc(feature)] = rng.choice(options[feature], change.sum())
    rows = pd.DataFrame(rows, columns=table.columns)
    rows = rows[allowed(rows, tuple(names))]
    p = _ask(predict, rows)
    over = np.flatnonzero(p >= threshold)
    found = ()
    if len(over):
        kinds, units = table.columns.isin(rules.categorical), rules.units(table)
        cost = distance(rows.to_numpy()[over], x.to_numpy(), units, kinds)
        changes = (rows.to_numpy()[over] != x.to_numpy()).sum(1)
        best = np.lexsort((cost, changes))[0]
        i = over[best]
        found = (_answer(rows.iloc[i], x, p[i], float(cost[best]), table, rules),)
    return Counterfactuals(
        found,
        x,
        start,
        threshold,
        max_changes,
        n_samples + 1,
        "random search",
        rules,
        seed,
        output,
        name_of(predict, model),
    )


def summary(found: Iterable[Counterfactuals]) -> pd.DataFrame:
    """One line a row that was explained: valid, and of its best answer features, cost, nearest.

    Rows without an answer have valid False and missing values. Introduced in notebook 12.
    """
    lines = []
    for one in found:
        best = one.answers[0] if one.answers else None
        lines.append(
            (False, np.nan, np.nan, np.nan, "")
            if best is None
            else (True, len(best.changes), best.cost, best.nearest, " + ".join(best.changes))
        )
    return pd.DataFrame(lines, columns=["valid", "features", "cost", "nearest", "what"])


class _Allowed:
    """Which rows keep to the groups of values that real rows have together."""

    def __init__(self, table: pd.DataFrame, rules: Rules):
        self._known = {}
        for group in rules.together:
            counts = table.value_counts(list(group))
            self._known[group] = counts.index[counts >= rules.at_least]

    def __call__(self, rows: pd.DataFrame, features: Iterable[str]) -> np.ndarray:
        kept = np.ones(len(rows), dtype=bool)
        for group, known in self._known.items():
            if set(group) & set(features):
                kept &= pd.MultiIndex.from_frame(rows[list(group)]).isin(known)
        return kept


def _start(predict, x, table, threshold, max_changes) -> float:
    if not isinstance(table, pd.DataFrame) or not isinstance(x, pd.Series):
        raise TypeError("x must be a row of the table: a Series, as X.loc[i]; table a DataFrame.")
    if list(x.index) != list(table.columns):
        raise ValueError(f"x must have the table's columns {list(table.columns)} in this order.")
    if max_changes < 1:
        raise ValueError(f"max_changes must be at least 1, not {max_changes}.")
    p = float(_ask(predict, x.to_frame().T.astype(float))[0])
    if p >= threshold:
        raise ValueError(
            f"The model gives {p:.3f}, which reaches {threshold:g} already; to ask for the other "
            "side, let predict return 1 - p."
        )
    return p


def _ask(predict, rows: pd.DataFrame) -> np.ndarray:
    p = np.asarray(predict(rows), dtype=float)
    if p.shape != (len(rows),):
        raise ValueError(
            f"predict must return one number a row, shape ({len(rows)},), not {p.shape}; choose one "
            "output: lambda X: model.predict_proba(X)[:, 1]."
        )
    return p


def _changed(x: pd.Series, features: tuple[str, ...], values: np.ndarray) -> pd.DataFrame:
    rows = np.tile(x.to_numpy(float), (len(values), 1))
    rows[:, x.index.get_indexer(features)] = values
    return pd.DataFrame(rows, columns=x.index)


def _answer(row, x, p, cost, table, rules) -> Counterfactual:
    changes = {f: (float(x[f]), float(row[f])) for f in x.index if row[f] != x[f]}
    return Counterfactual(row, float(p), changes, cost, nearest(row, table, rules))
