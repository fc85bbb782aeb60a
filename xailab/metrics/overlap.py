"""Does a heat map cover the object? The localisation metrics.

heatmap: (H, W) floats >= 0. mask: (H, W) bool, True on the object. The region that a heat map
marks is {h >= threshold * max(h)}, with threshold in (0, 1]. An empty mask is a ValueError; a heat
map that is zero everywhere scores 0, with a warning.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from .._utils.validation import check_array, check_int, check_mask, truncated

LOCALISATION = ("saliency", "iou", "recall", "precision", "f1")


def region(heatmap: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """The marked region, bool (H, W): {h >= threshold * max(h)}; empty for an all-zero map."""
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
    """Intersection over union, |CAM & GT| / |CAM | GT|, in [0, 1].

    >>> iou(np.array([[1.0, 0.8, 0.2]]), np.array([[True, False, False]]))
    0.5
    """
    both, marked, on_object = _counts(heatmap, mask, threshold)
    return both / (marked + on_object - both)


def precision(heatmap: np.ndarray, mask: np.ndarray, threshold: float = 0.5) -> float:
    """|CAM & GT| / |CAM|: how much of what is marked is object, in [0, 1]."""
    both, marked, _ = _counts(heatmap, mask, threshold)
    return both / marked if marked else 0.0


def recall(heatmap: np.ndarray, mask: np.ndarray, threshold: float = 0.5) -> float:
    """|CAM & GT| / |GT|: how much of the object is marked, in [0, 1]."""
    both, _, on_object = _counts(heatmap, mask, threshold)
    return both / on_object


def f1(heatmap: np.ndarray, mask: np.ndarray, threshold: float = 0.5) -> float:
    """2 P R / (P + R), which is 2 |CAM & GT| / (|CAM| + |GT|), in [0, 1]."""
    both, marked, on_object = _counts(heatmap, mask, threshold)
    return 2 * both / (marked + on_object)


def saliency_score(heatmap: np.ndarray, mask: np.ndarray) -> float:
    """sum of h on the object / sum of h: the share of the heat on it, in [0, 1]."""
    mask = _check_mask(heatmap, mask)
    h = _heat(heatmap)
    # for its warning
    region(h)
    return float(h[mask].sum() / h.sum()) if h.any() else 0.0


def localisation(heatmap: np.ndarray, mask: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """The five localisation metrics of one heat map: saliency, iou, recall, precision, f1."""
    score = saliency_score(heatmap, mask)
    with warnings.catch_warnings():
        # saliency_score has warned already
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
    """The five metrics at every threshold: name -> (len(thresholds),)."""
    thresholds = check_array("thresholds", thresholds).ravel()
    if not len(thresholds) or not ((thresholds > 0) & (thresholds <= 1)).all():
        raise ValueError("thresholds must lie in (0, 1], shares of the maximum, one at least.")
    # makes all checks
    saliency = saliency_score(heatmap, mask)
    h, mask = _heat(heatmap), check_mask(mask)
    if not h.any():
        return {m: np.zeros(len(thresholds)) for m in LOCALISATION}
    # in the sorted list, the position of a threshold gives the number of pixels at or above it
    marked = h.size - np.searchsorted(np.sort(h, axis=None), thresholds * h.max())
    both = mask.sum() - np.searchsorted(np.sort(h[mask]), thresholds * h.max())
    return {
        "saliency": np.full(len(thresholds), saliency),
        "iou": both / (marked + mask.sum() - both),
        "recall": both / mask.sum(),
        "precision": both / marked,
        "f1": 2 * both / (marked + mask.sum()),
    }


def average_precision(heatmap: np.ndarray, mask: np.ndarray) -> float:
    """Area under the precision-recall curve over all thresholds: sum_n (R_n - R_{n-1}) P_n, in [0, 1].

    n runs over the distinct heats from the highest down; P_n and R_n are precision and recall of
    {h >= the n-th heat}. Only the order of the pixels counts, so no threshold and no rescaling
    can change it. A random map scores about the object's share of the image. Equal to
    scikit-learn's ``average_precision_score``; mean over images: MaxBoxAcc's counterpart for masks,
    PxAP, pools the pixels of all images instead (Choe et al. 2020). An all-zero map scores 0.

    >>> round(average_precision(np.array([[0.9, 0.6, 0.3]]), np.array([[True, False, True]])), 3)
    0.833
    """
    mask = _check_mask(heatmap, mask)
    h = _heat(heatmap)
    region(h)
    if not h.any():
        return 0.0
    order = np.argsort(-h, axis=None, kind="stable")
    heat, on_object = h.ravel()[order], mask.ravel()[order]
    # pixels of one heat enter together: keep the last one of each group
    last = np.append(np.diff(heat) != 0, True)
    both = np.cumsum(on_object)[last]
    marked = np.arange(1, h.size + 1)[last]
    recall = both / mask.sum()
    return float((np.diff(recall, prepend=0) * both / marked).sum())


def best_threshold(curves: np.ndarray, thresholds: Sequence[float]) -> float:
    """The threshold with the highest mean score. curves: (n items, len(thresholds)).

    Choose it on some items and report on others: chosen on the same items, it makes the score look
    better than it is (Choe et al. 2020).
    """
    curves = check_array("curves", curves)
    if curves.ndim != 2 or curves.shape[1] != len(thresholds) or not len(curves):
        raise ValueError(
            f"curves must have shape (items, {len(thresholds)}), one column per threshold, "
            f"not {curves.shape}; cross_validated_threshold needs two items at least."
        )
    return float(thresholds[int(curves.mean(0).argmax())])


def cross_validated_threshold(curves: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Each item's score at the threshold that was best on the other half: (n,).

    curves: (n, len(thresholds)). The halves are the items at even and at odd positions; no item is
    used both to choose a threshold and to report on it.
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


def pointing_game(heatmap: np.ndarray, mask: np.ndarray) -> float:
    """Does the heat map's maximum lie on the object? 1.0 or 0.0, and 0.0 for an all-zero map.

    Where several pixels share the maximum, the share of them on the object: what one of them, chosen
    at random, would score on average. Turning or mirroring the picture changes nothing.
    Zhang et al. 2018.

    >>> pointing_game(np.array([[1.0, 1.0, 0.5]]), np.array([[True, False, False]]))
    0.5
    """
    mask = _check_mask(heatmap, mask)
    h = _heat(heatmap)
    return float(mask[h == h.max()].mean()) if h.any() else 0.0


def grid_pointing_game(heatmap: np.ndarray, cell: int, side: int = 2) -> float:
    """The share of the heat in one cell of a side x side grid: sum of h in the cell / sum of h.

    cell: counted from 0, row by row. A map without information scores 1 / side^2. Bohle et al. 2021.

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
    # for its checks and its warning
    region(h)
    cells = h.reshape(side, h.shape[0] // side, side, h.shape[1] // side).sum((1, 3))
    return float(cells.ravel()[cell] / cells.sum()) if h.any() else 0.0


def box_mask(mask: np.ndarray) -> np.ndarray:
    """The smallest upright box around the mask, filled: (H, W) bool.

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
