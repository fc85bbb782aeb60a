"""What may be changed, to which values, and what a change costs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

# of a numeric column: beyond that its quantiles stand for it
MAX_VALUES = 150


@dataclass(frozen=True)
class Rules:
    """What may be changed. immutable: never. increase_only: upwards only.

    categorical: columns of codes, each change of which costs 1. together: groups of columns whose
    values must stand together in at least ``at_least`` real rows. scale: column -> unit of its
    cost (None: the standard deviation in the table).
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

    def cost(self, rows: np.ndarray, x: np.ndarray, table: pd.DataFrame) -> np.ndarray:
        """(n,): the ``distance`` of rows from x, in these units."""
        is_category = table.columns.isin(self.categorical)
        return distance(rows, x, self.units(table), is_category)


NO_RULES = Rules()


def distance(
    rows: np.ndarray, x: np.ndarray, units: np.ndarray, is_category: np.ndarray
) -> np.ndarray:
    """(n,): sum over features of |difference| / unit, or 1 for each category that differs."""
    apart = np.abs(np.asarray(rows, dtype=float) - x)
    return np.where(is_category, apart > 0, apart / units).sum(-1)


def nearest(row: pd.Series, table: pd.DataFrame, rules: Rules) -> float:
    """Distance from a row to the nearest real row of the table: far means no real row is like it."""
    return float(rules.cost(table.to_numpy(), row.to_numpy(), table).min())


def candidates(x: pd.Series, table: pd.DataFrame, rules: Rules) -> dict[str, np.ndarray]:
    """For each feature that may change the values it may take: real ones, other than x's own."""
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


class Allowed:
    """Which rows keep to the groups of values that real rows have together."""

    def __init__(self, table: pd.DataFrame, rules: Rules):
        self._known = {}
        for group in rules.together:
            counts = table.value_counts(list(group))
            self._known[group] = counts.index[counts >= rules.at_least]

    def __call__(self, rows: pd.DataFrame, features: Iterable[str]) -> np.ndarray:
        """(n,) bool; features: those that were changed, the others hold together as they are."""
        kept = np.ones(len(rows), dtype=bool)
        for group, known in self._known.items():
            if set(group) & set(features):
                kept &= pd.MultiIndex.from_frame(rows[list(group)]).isin(known)
        return kept
