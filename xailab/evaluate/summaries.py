"""What tables, maps and views say together: means with intervals, curves, and other conditions."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import metrics

if TYPE_CHECKING:
    from . import View

SCORES = (*metrics.LOCALISATION, "pointing")


def summary(
    scores: pd.DataFrame, columns: Sequence[str] = SCORES, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Means with bootstrap intervals, one row per method: cells are ``metrics.Interval``."""
    return pd.DataFrame(
        {
            column: {
                method: metrics.bootstrap_interval(group[column], level, seed)
                for method, group in scores.groupby("method", sort=False)
            }
            for column in columns
        }
    )


def by_method(scores: pd.DataFrame, column: str) -> dict[str, np.ndarray]:
    """One score of a ``table``, one value per picture: method -> (n,)."""
    groups = scores.groupby("method", sort=False)
    return {method: group[column].to_numpy() for method, group in groups}


def means(values: dict[str, np.ndarray], seed: int = 0) -> dict[str, metrics.Interval]:
    """The mean of each method's values with its 95 % bootstrap interval."""
    return {method: metrics.bootstrap_interval(v, seed=seed) for method, v in values.items()}


def over(
    maps: dict[str, np.ndarray],
    items: Sequence,
    score: Callable[[np.ndarray, Any], float | np.ndarray],
) -> dict[str, np.ndarray]:
    """A score of your own for every map and its item, score(heatmap, item): method -> (n,)."""
    return {
        method: np.array([score(h, item) for h, item in zip(heatmaps, items, strict=True)])
        for method, heatmaps in maps.items()
    }


def curves(
    maps: dict[str, np.ndarray],
    views: Sequence["View"],
    thresholds: Sequence[float],
    score: str = "iou",
) -> dict[str, np.ndarray]:
    """One score at every threshold: method -> (n, len(thresholds))."""
    return over(maps, views, lambda h, v: metrics.threshold_curve(h, v.mask, thresholds)[score])


def in_boxes(views: Sequence["View"]) -> tuple["View", ...]:
    """The same views, each mask replaced by its bounding box, filled."""
    return tuple(dataclasses.replace(v, mask=metrics.box_mask(v.mask)) for v in views)


def conditions(
    maps: dict[str, np.ndarray],
    views: Sequence["View"],
    thresholds: Sequence[float] = (0.1, 0.3, 0.7),
) -> dict[str, dict[str, np.ndarray]]:
    """The IoUs of the same maps under other conditions: condition -> method -> (its photos,).

    Other thresholds; boxes instead of masks; animals or things; the half with the smaller or the
    larger objects. All but the first at threshold 0.5.
    """
    found = {f"threshold {t}": over(maps, views, partial(_iou, threshold=t)) for t in thresholds}
    at_half = over(maps, views, _iou)
    found["box, not mask"] = over(maps, in_boxes(views), _iou)
    # ImageNet counts its animals first
    animal = np.array([v.target < 398 for v in views])
    small = np.array([v.size for v in views]) < np.median([v.size for v in views])
    groups = {"animals": animal, "things": ~animal, "small objects": small, "large objects": ~small}
    for name, rows in groups.items():
        found[name] = {method: values[rows] for method, values in at_half.items()}
    return found


def _iou(h: np.ndarray, view: "View", threshold: float = 0.5) -> float:
    return metrics.iou(h, view.mask, threshold)
