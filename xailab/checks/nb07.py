"""The exercises of notebook 07: faithfulness and sanity checks."""

from collections.abc import Callable

import numpy as np

from .exercise import Exercise


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
    "07.constant": Exercise(
        "The deletion area of a map with the same value everywhere, for the sum of the pixels 4, 3, "
        "2, 1, averaged over all orders of removal.",
        5.0,
        mistakes=[
            (
                3.75,
                "That is the area of the right map, which removes 4 first. Here any pixel may be first.",
            ),
            (
                6.25,
                "That is the area of the wrong map, which removes 1 first. Here any pixel may be first.",
            ),
            (2.5, "That is the mean pixel, the step by which the mean score falls."),
            (10.0, "That is where the curve begins. The area is the mean score along the curve."),
        ],
        level="predict",
        minutes=5,
        hint="On average every step takes 2.5: the scores are 10, 7.5, 5, 2.5, 0.",
    ),
    "07.deletion": Exercise(
        "Write deletion_scores(pixels, heat, model): the model's scores while pixels are set to 0, those "
        "with the most heat first, from all pixels to none: n + 1 numbers for n pixels. pixels and heat "
        "are 1-D.",
        _deletion,
        _pixels,
        [
            (
                lambda pixels, heat, model: _deletion(pixels, -heat, model),
                "The pixel with the least heat was removed first.",
            ),
            (
                lambda pixels, heat, model: _deletion(pixels, heat, model)[::-1],
                "That is insertion, or the list is reversed: it begins with all pixels.",
            ),
            (
                lambda pixels, heat, model: [
                    model(pixels),
                    *(model(np.where(heat == h, 0, pixels)) for h in -np.sort(-heat)),
                ],
                "Each pixel was put back before the next one was removed: what is removed stays removed.",
            ),
            (
                lambda pixels, heat, model: _deletion(pixels, heat, model)[1:],
                "The first score is that of all pixels, before any is removed: n + 1 numbers.",
            ),
        ],
        minutes=15,
        hint="np.argsort(-heat) gives the positions, the most heat first; work on pixels.copy().",
    ),
    "07.watermark": Exercise(
        "Of which class does the logit rise most, on average over the photos, when the band of "
        "characters is put on? Give its name.",
        "carton",
        mistakes=[
            ("broom", "That class has the largest logit afterwards. Which one rises most?"),
            ("palace", "That class has the largest logit before. Which one rises most?"),
            (
                "bath towel",
                "That class rises most on a single photo. Take the mean over all photos.",
            ),
            ("loudspeaker", "That class falls most. Which one rises most?"),
        ],
        level="hunt",
        minutes=10,
        hint="rise.mean(axis=0) has one number per class; argmax gives the position of the largest.",
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
                "argsort gives positions, not ranks: apply it twice.",
            ),
            (
                lambda a, b: abs(np.corrcoef(_ranks(a), _ranks(b))[0, 1]),
                "Keep the sign: maps that rank the other way round are not similar.",
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
                "One of them predicts disc on either ground.",
            ),
            (
                {"A": False, "B": True, "C": False},
                "The other way round: the ground decides where the answer changes with the ground.",
            ),
            (
                {"A": True, "B": False, "C": False},
                "A is right. C's map avoids the disc: try it on a disc on sand.",
            ),
        ],
        level="hunt",
        minutes=15,
        hint="A map raises a suspicion; planted.picture(0, usual_ground=False) gives the proof.",
    ),
}
