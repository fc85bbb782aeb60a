"""Does a heat map cover the object? The localisation metrics, and the door to all others.

heatmap: (H, W) floats >= 0. mask: (H, W) bool, True on the object. The region that a heat map
marks is {h >= threshold * max(h)}. Faithfulness and sanity live in ``faithfulness``, intervals
and comparisons in ``intervals``; their names can be had from here too.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from .._utils.validation import check_array, check_int, check_mask, truncated

LOCALISATION = ("saliency", "iou", "recall", "precision", "f1")


def region(heatmap: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """The marked region, bool (H, W): {h >= threshold * max(h)}; empty for an all-zero map.

    Raises ValueError for a threshold outside (0, 1] or a map that is not finite and >= 0. Notebook 06.
    """
    h = _heat(heatmap)
    if not isinstance(threshold, int | float | np.number) or not 0 < threshold <= 1:
        raise ValueError(
            f"threshold must lie in (0, 1], a share of the maximum, not {truncated(threshold)}."
        )
    if h.max() == 0:
        warnings.warn(
            "The heat map is zero everywhere: it marks nothing and scores 0.", stacklevel=3
        )
        return np.zeros(h.shape, dtype=bool)
    return h >= threshold * h.max()


def _heat(heatmap) -> np.ndarray:
    h = check_array("heatmap", heatmap)
    if h.ndim != 2 or not h.size or not np.isfinite(h).all() or (h < 0).any():
        raise ValueError(
            "heatmap must be a (H, W) array of finite numbers >= 0; cam.normalise makes one."
        )
    return h


def _counts(heatmap, mask, threshold) -> tuple[int, int, int]:
    """Pixels in both, in the region, on the object."""
    mask = _check_mask(heatmap, mask)
    marked = region(heatmap, threshold)
    return int((marked & mask).sum()), int(marked.sum()), int(mask.sum())


def _check_mask(heatmap, mask) -> np.ndarray:
    mask = check_mask(mask)
    if mask.shape != np.shape(heatmap):
        raise ValueError(f"heatmap {np.shape(heatmap)} and mask {mask.shape} must have one shape.")
    if not mask.any():
        raise ValueError("The mask is empty: without an object there is nothing to find.")
    return mask


def iou(heatmap: np.ndarray, mask: np.ndarray, threshold: float = 0.5) -> float:
    """Intersection over union, |CAM & GT| / |CAM | GT|, in [0, 1]. Notebook 06.

    >>> iou(np.array([[1.0, 0.8, 0.2]]), np.array([[True, False, False]]))
    0.5
    """
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
    h = _heat(heatmap)
    region(h)  # the same warning
    return float(h[mask].sum() / h.sum()) if h.any() else 0.0


def localisation(heatmap: np.ndarray, mask: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """The five localisation metrics of one heat map: saliency, iou, recall, precision, f1. Notebook 06."""
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
    """The five metrics at every threshold: name -> (len(thresholds),). Notebook 06.

    Raises ValueError for thresholds outside (0, 1] and as ``localisation`` does.
    """
    thresholds = check_array("thresholds", thresholds).ravel()
    if not len(thresholds) or not ((thresholds > 0) & (thresholds <= 1)).all():
        raise ValueError("thresholds must lie in (0, 1], shares of the maximum, one at least.")
    saliency = saliency_score(heatmap, mask)  # makes all the checks
    h, mask = _heat(heatmap), check_mask(mask)
    if not h.any():
        return {m: np.zeros(len(thresholds)) for m in LOCALISATION}
    # sorted once, the number of pixels at or above any threshold is a position in the list
    marked = h.size - np.searchsorted(np.sort(h, axis=None), thresholds * h.max())
    both = mask.sum() - np.searchsorted(np.sort(h[mask]), thresholds * h.max())
    return {
        "saliency": np.full(len(thresholds), saliency),
        "iou": both / (marked + mask.sum() - both),
        "recall": both / mask.sum(),
        "precision": both / marked,
        "f1": 2 * both / (marked + mask.sum()),
    }


def best_threshold(curves: np.ndarray, thresholds: Sequence[float]) -> float:
    """The threshold with the highest mean score. curves: (n items, len(thresholds)). Notebook 06.

    Choose it on some items and report on others: chosen on the items it is reported on, it
    flatters (Choe et al. 2020).
    Raises ValueError for shapes that do not fit.
    """
    curves = check_array("curves", curves)
    if curves.ndim != 2 or curves.shape[1] != len(thresholds) or not len(curves):
        raise ValueError(
            f"curves must have shape (items, {len(thresholds)}), one column a threshold, "
            f"not {curves.shape}; cross_validated_threshold two items at least."
        )
    return float(thresholds[int(curves.mean(0).argmax())])


def cross_validated_threshold(curves: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Each item's score at the threshold that was best on the other half: (n,). Notebook 06.

    curves: (n, len(thresholds)). The halves are every second item; choosing and reporting
    never use the same one.
    """
    curves = np.asarray(curves, dtype=float)
    scores = np.empty(len(curves))
    for mine, others in (
        (slice(0, None, 2), slice(1, None, 2)),
        (slice(1, None, 2), slice(0, None, 2)),
    ):
        best = best_threshold(curves[others], thresholds)
        scores[mine] = curves[mine][:, list(thresholds).index(best)]
    return scores


def pointing_game(heatmap: np.ndarray, mask: np.ndarray) -> bool:
    """Does the heat map's maximum lie on the object? (Zhang et al. 2018.) Notebook 06."""
    mask = _check_mask(heatmap, mask)
    h = _heat(heatmap)
    return bool(h.max() > 0 and mask.ravel()[h.argmax()])


def parts_found(heatmap: np.ndarray, masks: Sequence[np.ndarray], threshold: float = 0.5) -> float:
    """The share of objects that the marked region touches: how many instances it finds. Notebook 06.

    masks: one (H, W) bool array for each object.
    Raises ValueError without masks.
    """
    marked = region(heatmap, threshold)
    if not len(masks):
        raise ValueError("masks must hold one (H, W) bool array for each object, one at least.")
    return float(np.mean([(marked & _check_mask(heatmap, m)).any() for m in masks]))


def grid_pointing_game(heatmap: np.ndarray, cell: int, side: int = 2) -> float:
    """The share of the heat in one cell of a side x side grid, counted row by row; chance 1/side^2.

    Bohle et al. 2021. Raises ValueError when the cell or the size does not fit. Notebook 06.

    >>> grid_pointing_game(np.array([[3.0, 1], [0, 0]]), cell=0)
    0.75
    """
    h = check_array("heatmap", heatmap)
    if (
        not 0 <= check_int("cell", cell, least=None) < check_int("side", side) ** 2
        or h.ndim != 2
        or h.shape[0] % side
        or h.shape[1] % side
    ):
        raise ValueError(
            f"A {side} x {side} grid needs a cell from 0 to {side**2 - 1} and sides that divide "
            f"by {side}; got cell {cell} and a map of shape {h.shape}."
        )
    region(h)  # the same checks and the same warning
    cells = h.reshape(side, h.shape[0] // side, side, h.shape[1] // side).sum((1, 3))
    return float(cells.ravel()[cell] / cells.sum()) if h.any() else 0.0


def box_mask(mask: np.ndarray) -> np.ndarray:
    """The smallest upright box around the mask, filled: (H, W) bool. Notebook 06.

    Raises ValueError for an empty mask.

    >>> int(box_mask(np.eye(3)).sum())
    9
    """
    mask = check_mask(mask)
    if not mask.any():
        raise ValueError("The mask is empty: without an object there is no box.")
    ys, xs = np.nonzero(mask)
    box = np.zeros_like(mask)
    box[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1] = True
    return box
