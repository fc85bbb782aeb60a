"""The exercises of notebook 06: overlap with an object."""

import numpy as np

from .. import metrics
from .exercise import Exercise


def _regions() -> list[tuple]:
    rng = np.random.default_rng(7)
    return [(rng.random((6, 6)) < 0.5, rng.random((6, 6)) < 0.3) for _ in range(3)]


def _iou(marked: np.ndarray, mask: np.ndarray) -> float:
    return metrics.iou(marked.astype(float), mask)


def _curves() -> list[tuple]:
    rng = np.random.default_rng(11)
    return [(rng.random((n, 5)), np.sort(rng.random(5))) for n in (2, 3, 9)]


EXERCISES: dict[str, Exercise] = {
    "06.iou": Exercise(
        "Write iou(marked, mask): the pixels in both over the pixels in either; both arrays are bool (H, W).",
        _iou,
        _regions,
        [
            (
                lambda a, b: (a & b).sum() / b.sum(),
                "That is recall: divide by the union, not by the mask.",
            ),
            (
                lambda a, b: (a & b).sum() / a.sum(),
                "That is precision: divide by the union, not by the region.",
            ),
            (
                lambda a, b: 2 * (a & b).sum() / (a.sum() + b.sum()),
                "That is F1: the union counts shared pixels once.",
            ),
            (
                lambda a, b: (a & b).sum() / (a.sum() + b.sum()),
                "Shared pixels were counted twice in the union.",
            ),
        ],
        minutes=5,
        hint="& and | of bool arrays are the shared pixels and the pixels in either.",
    ),
    "06.everything": Exercise(
        "An object covers 0.3 of the picture, and a map marks everything. Give (IoU, F1).",
        (0.3, 0.6 / 1.3),
        mistakes=[
            ((1.0, 1.0), "That is recall: all of the object is marked, and much else."),
            ((0.3, 0.3), "IoU is right. F1 is the harmonic mean of precision 0.3 and recall 1."),
            ((0.3, 0.65), "F1 is the harmonic mean of precision and recall, not their average."),
            ((0.7, 1.4 / 1.7), "0.7 is the background. The union is the whole picture."),
        ],
        level="predict",
        minutes=5,
        hint="The intersection is the object, the union the whole picture; F1 = 2 IoU / (1 + IoU).",
        tolerance=0.006,
    ),
    "06.best_threshold": Exercise(
        "Write best(curves, thresholds): the threshold with the highest mean score; curves has one "
        "row per photo and one column per threshold.",
        metrics.best_threshold,
        _curves,
        [
            (
                lambda curves, thresholds: curves.mean(0).argmax(),
                "That is its position in the list: return the threshold itself.",
            ),
            (
                lambda curves, thresholds: curves.mean(0).max(),
                "That is the score there: return the threshold.",
            ),
            (
                lambda curves, thresholds: thresholds[curves.max(0).argmax()],
                "A single photo decided: take the mean over photos first.",
            ),
            (
                lambda curves, thresholds: thresholds[curves.argmax(1)].mean(),
                "That is the mean of each photo's own best: one threshold is needed for all.",
            ),
        ],
        hint="Photos are rows: curves.mean(0) has one number per threshold; argmax finds the largest.",
    ),
    "06.squared": Exercise(
        "Every heat is squared. Which of these can change: IoU at 0.5, saliency score, pointing game, "
        "average precision? Give True or False for each, in this order.",
        (True, True, False, False),
        mistakes=[
            ((True, True, True, True), "Two of them look only at the order of the pixels."),
            ((False, False, False, False), "Two of them look at the heats themselves."),
            (
                (False, True, False, False),
                "What has 0.6 of the maximum has 0.36 of it when squared: at 0.5 less is marked.",
            ),
            (
                (True, False, False, False),
                "The saliency score adds up heats, and squaring makes weak ones count less.",
            ),
            (
                (True, True, False, True),
                "Average precision tries every threshold, so only the order of the pixels counts.",
            ),
        ],
        level="predict",
        minutes=5,
        hint="Squaring keeps the order of the pixels and changes the ratios of their heats.",
    ),
}
