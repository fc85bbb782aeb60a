"""The exercises of notebooks 06 and 07."""

from collections.abc import Callable

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


def _pixels() -> list[tuple]:
    rng = np.random.default_rng(13)
    models = (np.sum, np.max, _squares, _pairs)
    return [(rng.random(n), rng.random(n), f) for n, f in zip((4, 5, 3, 6), models, strict=True)]


def _squares(pixels: np.ndarray) -> float:
    return float(pixels @ pixels)


def _pairs(pixels: np.ndarray) -> float:
    return float(pixels[0] * pixels[1] + pixels[-1])


def _deletion(pixels: np.ndarray, heat: np.ndarray, model: Callable) -> list[float]:
    left = pixels.copy()
    scores = [model(left)]
    for place in np.argsort(-heat):
        left[place] = 0
        scores.append(model(left))
    return scores


def _two_maps() -> list[tuple]:
    rng = np.random.default_rng(15)
    return [(rng.random(shape), rng.random(shape) ** 4) for shape in ((2, 3), (4, 4), (5, 7))]


def _ranks(a: np.ndarray) -> np.ndarray:
    return a.ravel().argsort().argsort()


EXERCISES: dict[str, Exercise] = {
    "06.iou": Exercise(
        "Write iou(marked, mask): shared pixels over the pixels in either, both bool (H, W).",
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
        "An object covers 0.3 of the view, and a map marks everything. Give (IoU, F1).",
        (0.3, 0.6 / 1.3),
        mistakes=[
            ((1.0, 1.0), "That is recall: all of the object is marked, and much else."),
            ((0.3, 0.3), "IoU is right. F1 is the harmonic mean of precision 0.3 and recall 1."),
            ((0.3, 0.65), "F1 is the harmonic mean of precision and recall, not their average."),
            ((0.7, 1.4 / 1.7), "0.7 is the ground. The union is the whole view."),
        ],
        level="predict",
        minutes=5,
        hint="The intersection is the object, the union the whole view; F1 = 2 IoU / (1 + IoU).",
        tolerance=0.006,
    ),
    "06.best_threshold": Exercise(
        "Write best(curves, thresholds): the threshold of the highest mean score; curves has a row "
        "a photo and a column a threshold.",
        metrics.best_threshold,
        _curves,
        [
            (
                lambda curves, thresholds: curves.mean(0).argmax(),
                "That is its place in the list: return the threshold itself.",
            ),
            (
                lambda curves, thresholds: curves.mean(0).max(),
                "That is the score there: return the threshold.",
            ),
            (
                lambda curves, thresholds: thresholds[curves.max(0).argmax()],
                "One lucky photo decided: take the mean over photos first.",
            ),
            (
                lambda curves, thresholds: thresholds[curves.argmax(1)].mean(),
                "That is the mean of each photo's own best: one threshold has to serve all.",
            ),
        ],
        hint="Photos are rows: curves.mean(0) has one number a threshold, argmax finds its place.",
    ),
    "07.constant": Exercise(
        "The deletion area of a map with the same value everywhere, for the sum of the pixels 4, 3, "
        "2, 1, averaged over all orders of removal.",
        5.0,
        mistakes=[
            (3.75, "That is the right map's area: it takes 4 first. Here any pixel may be first."),
            (6.25, "That is the wrong map's area: it takes 1 first. Here any pixel may be first."),
            (2.5, "That is the mean pixel, the step by which the mean score falls."),
            (10.0, "That is where the curve begins. The area is the mean score on the way to 0."),
        ],
        level="predict",
        minutes=5,
        hint="On average every step takes 2.5: the scores are 10, 7.5, 5, 2.5, 0.",
    ),
    "07.deletion": Exercise(
        "Write scores(pixels, heat, model): model's scores while pixels are set to 0, the most marked "
        "first, from all there to none: n + 1 numbers for n pixels. pixels and heat are 1-D arrays.",
        _deletion,
        _pixels,
        [
            (
                lambda pixels, heat, model: _deletion(pixels, -heat, model),
                "The least marked pixel went first.",
            ),
            (
                lambda pixels, heat, model: _deletion(pixels, heat, model)[::-1],
                "That is insertion, or the list is the wrong way round: it begins with all there.",
            ),
            (
                lambda pixels, heat, model: [
                    model(pixels),
                    *(model(np.where(heat == h, 0, pixels)) for h in -np.sort(-heat)),
                ],
                "Each pixel was put back before the next one went: what is gone stays gone.",
            ),
            (
                lambda pixels, heat, model: _deletion(pixels, heat, model)[1:],
                "The first score is that of all pixels, before any is gone: n + 1 numbers.",
            ),
        ],
        minutes=15,
        hint="np.argsort(-heat) gives the places, the most marked first; work on pixels.copy().",
    ),
    "07.rank_correlation": Exercise(
        "Write rank_correlation(a, b): the correlation of the ranks of two maps (H, W) without ties.",
        lambda a, b: np.corrcoef(_ranks(a), _ranks(b))[0, 1],
        _two_maps,
        [
            (
                lambda a, b: np.corrcoef(a.ravel(), b.ravel())[0, 1],
                "That is the correlation of the values: replace each value by its rank first.",
            ),
            (
                lambda a, b: np.corrcoef(a.ravel().argsort(), b.ravel().argsort())[0, 1],
                "argsort gives the places in order, not the ranks: apply it twice.",
            ),
            (
                lambda a, b: abs(np.corrcoef(_ranks(a), _ranks(b))[0, 1]),
                "Keep the sign: maps that rank the other way round are not alike.",
            ),
        ],
        hint="The ranks of a flat array are a.argsort().argsort(); np.corrcoef does the rest.",
    ),
    "07.hunt": Exercise(
        'Which of the networks A, B, C let the ground decide? Give {"A": ..., "B": ..., "C": ...}, '
        "True or False each.",
        {"A": True, "B": False, "C": True},
        mistakes=[
            (
                {"A": False, "B": False, "C": True},
                "A's map lies on the disc, but a small bright spot need not outweigh a large dim "
                "ground. Swap the ground and ask A again.",
            ),
            (
                {"A": True, "B": True, "C": True},
                "One of them says disc on either ground.",
            ),
            (
                {"A": False, "B": True, "C": False},
                "The other way round: the ground decides where the answer changes with the ground.",
            ),
            (
                {"A": True, "B": False, "C": False},
                "A is found. C's map avoids the disc: ask it about a disc on sand.",
            ),
        ],
        level="hunt",
        minutes=15,
        hint="A map is a suspicion; the proof is planted.picture(0, usual_ground=False).",
    ),
}
