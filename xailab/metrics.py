"""Does a heat map cover the object? Localisation metrics, curves, and intervals for their means.

heatmap: (H, W) floats >= 0. mask: (H, W) bool, True on the object. The region that a heat map
marks is {h >= threshold * max(h)}.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = [
    "Interval", "bootstrap_interval", "f1", "iou", "localisation", "paired_bootstrap",
    "pointing_game", "precision", "recall", "region", "saliency_score", "threshold_curve",
]  # fmt: skip


def region(heatmap: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """The marked region, bool (H, W): {h >= threshold * max(h)}; empty for an all-zero map.

    Raises ValueError for a threshold outside (0, 1] or a map that is not finite and >= 0.
    """
    h = np.asarray(heatmap, dtype=float)
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must lie in (0, 1], a share of the maximum, not {threshold}.")
    if h.ndim != 2 or not np.isfinite(h).all() or (h < 0).any():
        raise ValueError("heatmap must be a (H, W) array of finite numbers >= 0.")
    if h.max() == 0:
        warnings.warn(
            "The heat map is zero everywhere: it marks nothing and scores 0.", stacklevel=3
        )
        return np.zeros(h.shape, dtype=bool)
    return h >= threshold * h.max()


def _counts(heatmap, mask, threshold) -> tuple[int, int, int]:
    """Pixels in both, in the region, on the object."""
    mask = _check_mask(heatmap, mask)
    marked = region(heatmap, threshold)
    return int((marked & mask).sum()), int(marked.sum()), int(mask.sum())


def _check_mask(heatmap, mask) -> np.ndarray:
    mask = np.asarray(mask, dtype=bool)
    if mask.shape != np.shape(heatmap):
        raise ValueError(f"heatmap {np.shape(heatmap)} and mask {mask.shape} must have one shape.")
    if not mask.any():
        raise ValueError("The mask is empty: without an object there is nothing to find.")
    return mask


def iou(heatmap: np.ndarray, mask: np.ndarray, threshold: float = 0.5) -> float:
    """Intersection over union, |CAM & GT| / |CAM | GT|, in [0, 1]. Notebook 06."""
    both, marked, on_object = _counts(heatmap, mask, threshold)
    return both / (marked + on_object - both)


def precision(heatmap: np.ndarray, mask: np.ndarray, threshold: float = 0.5) -> float:
    """|CAM & GT| / |CAM|: how much of what is marked is object, in [0, 1]. Notebook 06."""
    both, marked, _ = _counts(heatmap, mask, threshold)
    return both / marked if marked else 0.0


def recall(heatmap: np.ndarray, mask: np.ndarray, threshold: float = 0.5) -> float:
    """|CAM & GT| / |GT|: how much of the object is marked, in [0, 1]. Notebook 06."""
    both, _, on_object = _counts(heatmap, mask, threshold)
    return both / on_object


def f1(heatmap: np.ndarray, mask: np.ndarray, threshold: float = 0.5) -> float:
    """2 P R / (P + R), which is 2 |CAM & GT| / (|CAM| + |GT|), in [0, 1]. Notebook 06."""
    both, marked, on_object = _counts(heatmap, mask, threshold)
    return 2 * both / (marked + on_object)


def saliency_score(heatmap: np.ndarray, mask: np.ndarray) -> float:
    """sum of h on the object / sum of h: the share of the map's mass on it, in [0, 1]. Notebook 06."""
    mask = _check_mask(heatmap, mask)
    h = np.asarray(heatmap, dtype=float)
    region(h)  # the same checks and the same warning
    return float(h[mask].sum() / h.sum()) if h.any() else 0.0


def localisation(heatmap: np.ndarray, mask: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """The five localisation metrics of one heat map: saliency, iou, recall, precision, f1."""
    score = saliency_score(heatmap, mask)
    with warnings.catch_warnings():  # said once is enough
        warnings.simplefilter("ignore")
        return {
            "saliency": score,
            "iou": iou(heatmap, mask, threshold),
            "recall": recall(heatmap, mask, threshold),
            "precision": precision(heatmap, mask, threshold),
            "f1": f1(heatmap, mask, threshold),
        }


def threshold_curve(
    heatmap: np.ndarray, mask: np.ndarray, thresholds: Sequence[float]
) -> dict[str, np.ndarray]:
    """The five metrics at every threshold: name -> (len(thresholds),). Notebook 06."""
    rows = [localisation(heatmap, mask, t) for t in thresholds]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def pointing_game(heatmap: np.ndarray, mask: np.ndarray) -> bool:
    """Does the heat map's maximum lie on the object? (Zhang et al. 2018.) Notebook 06."""
    mask = _check_mask(heatmap, mask)
    h = np.asarray(heatmap, dtype=float)
    return bool(h.max() > 0 and mask.ravel()[h.argmax()])


# --- uncertainty -------------------------------------------------------------------------------


class Interval(NamedTuple):
    """A mean with its bootstrap interval and the number of values behind it."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}] (n = {self.n})"


def bootstrap_interval(
    values: Sequence[float], level: float = 0.95, seed: int = 0, n_resamples: int = 10_000
) -> Interval:
    """The mean of n values with its percentile bootstrap interval.

    Draw n of the values with replacement, take the mean, repeat; the interval holds the middle
    ``level`` of those means. One value has no interval: a ValueError.
    Efron 1979. Introduced in notebook 01.
    """
    v = np.asarray(values, dtype=float).ravel()
    if len(v) < 2 or not np.isfinite(v).all():
        raise ValueError(
            f"An interval needs at least 2 finite values, not {len(v)}: one proves nothing."
        )
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}.")
    rng = np.random.default_rng(seed)
    step = max(1, 2_000_000 // len(v))
    means = np.concatenate([
        v[rng.integers(0, len(v), (min(step, n_resamples - i), len(v)))].mean(1)
        for i in range(0, n_resamples, step)
    ])  # fmt: skip
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(v.mean()), float(low), float(high), len(v))


def paired_bootstrap(
    a: Sequence[float], b: Sequence[float], level: float = 0.95, seed: int = 0
) -> Interval:
    """The mean of a - b with its interval, a and b measured on the same items. Notebook 06.

    Raises ValueError when a and b differ in length.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        raise ValueError(
            f"a and b must belong to the same items; got {len(a)} and {len(b)} values."
        )
    return bootstrap_interval(a - b, level, seed)
