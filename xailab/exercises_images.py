"""The exercises of notebooks 04 to 07 and 09: pictures, CAMs, their measures."""

from collections.abc import Callable

import numpy as np
import torch

from . import cam, metrics
from .exercises import Exercise

__all__ = ["EXERCISES"]


def _maps() -> list[tuple]:
    generator = torch.Generator().manual_seed(5)
    shapes = [(1, 3, 2, 2), (2, 4, 3, 5), (1, 1, 1, 1), (3, 2, 4, 4)]
    return [
        (torch.randn(s, generator=generator), torch.randn(s, generator=generator)) for s in shapes
    ]


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


def _half() -> list[tuple]:
    rng = np.random.default_rng(17)
    return [(rng.integers(0, 2, shape),) for shape in ((3, 4), (1, 5), (4, 2), (5, 5))]


def _binary() -> list[tuple]:
    rng = np.random.default_rng(9)
    tables = [rng.integers(0, 2, shape) for shape in ((6, 5), (2, 3), (4, 12))]
    return [(np.maximum(Z, np.eye(Z.shape[1], dtype=int)[0]),) for Z in tables]


def _logits() -> list[tuple]:
    generator = torch.Generator().manual_seed(19)
    return [
        (torch.randn(n, generator=generator), torch.randn(n, k, generator=generator), c)
        for n, k, c in ((3, 4, 1), (5, 2, 0), (2, 6, 1))
    ]


def _probability_gradient(z: torch.Tensor, G: torch.Tensor, c: int) -> torch.Tensor:
    p = z.softmax(0)
    return p[c] * (G[c] - p @ G)


def _maps_with_zeros() -> list[tuple]:
    """Activations as behind a ReLU, and gradients some of which are exactly 0."""
    return [(A.abs(), torch.where(g.abs() < 0.3, 0, g)) for A, g in _maps()]


def _alpha(g: torch.Tensor, term: torch.Tensor) -> torch.Tensor:
    return torch.where(g == 0, 0, g**2 / (2 * g**2 + term))


EXERCISES: dict[str, Exercise] = {
    "04.split": Exercise(
        "Square 5 is cut into four pieces, and the classifier needs all four. Which weight, to one "
        "digit, does LIME give to each of them?",
        0.1,
        mistakes=[
            (0.8, "Each piece is needed, but alone it does nothing: count how often it decides."),
            (0.2, "LIME does not share 0.8 out. It averages: how often are the other three there?"),
            (
                0.4,
                "One other piece would be there in half of the rows. Here there are three others.",
            ),
            (0.0, "It does decide, whenever the other three happen to be shown."),
        ],
        level="predict",
        minutes=5,
        hint="Showing a piece adds 0.8 in the rows that show the other three, and 0 in the rest.",
        tolerance=0.025,
    ),
    "04.fold_over": Exercise(
        "Write fold_over(half): each 0/1 row of half (n, m) followed by its complement, (2 n, m).",
        lambda half: np.stack([half, 1 - half], axis=1).reshape(-1, half.shape[1]),
        _half,
        [
            (
                lambda half: np.vstack([half, 1 - half]),
                "The rows are right, not their order: a row's partner comes next, so that a run "
                "that stops early is balanced.",
            ),
            (
                lambda half: np.repeat(half, 2, axis=0),
                "Each row came twice: its partner shows what the row hides.",
            ),
            (
                lambda half: np.stack([half, -half], axis=1).reshape(-1, half.shape[1]),
                "The complement of 1 is 0: 1 - half, not -half.",
            ),
            (
                lambda half: np.stack([half, half[:, ::-1]], axis=1).reshape(-1, half.shape[1]),
                "A row read backwards is no complement: exchange 0 and 1.",
            ),
        ],
        hint="np.stack([half, 1 - half], axis=1) puts partners side by side, in shape (n, 2, m).",
    ),
    "04.distance": Exercise(
        "Write distance(Z): the cosine distance of every 0/1 row of Z from the row of ones.",
        lambda Z: 1 - np.sqrt(Z.mean(1)),
        _binary,
        [
            (lambda Z: np.sqrt(Z.mean(1)), "That is the similarity; the distance is 1 minus it."),
            (
                lambda Z: 1 - Z.mean(1),
                "Divide by the length of the row, the square root of its sum.",
            ),
            (
                lambda Z: np.sqrt((1 - Z).sum(1)),
                "That is the Euclidean distance; LIME for images takes cosine.",
            ),
        ],
        minutes=5,
        hint="A row of k ones out of d meets the row of ones at the cosine k / sqrt(k d).",
    ),
    "05.ground": Exercise(
        'A disc on sand, the unusual ground: which class ("disc" or "square") does each network say? '
        'Give {"object": ..., "ground": ...}.',
        {"object": "disc", "ground": "square"},
        mistakes=[
            (
                {"object": "disc", "ground": "disc"},
                "The ground network never saw a disc: to it sand means square.",
            ),
            (
                {"object": "square", "ground": "square"},
                "The object network does not care for sand: its detectors of the ground weigh 0.",
            ),
            (
                {"object": "square", "ground": "disc"},
                "The other way round: which of the two follows the sand?",
            ),
        ],
        level="predict",
        minutes=5,
        hint="Each network knows one thing only: ask what that thing is in the new picture.",
    ),
    "05.grad_cam": Exercise(
        "Write grad_cam(A, g): ReLU(sum_k mean_xy(g_k) A_k) for tensors (B, K, h, w).",
        cam.grad_cam,
        _maps,
        [
            (
                lambda A, g: (g.mean((2, 3), keepdim=True) * A).sum(1),
                "The ReLU at the end is missing.",
            ),
            (
                lambda A, g: (g * A).sum(1).relu(),
                "Average each channel's gradient first: one weight a channel.",
            ),
            (
                lambda A, g: (g.relu().mean((2, 3), keepdim=True) * A).sum(1).relu(),
                "The ReLU belongs after the sum, not on the gradients.",
            ),
            (
                lambda A, g: (g.mean((2, 3), keepdim=True) * A).relu().sum(1),
                "The ReLU belongs after the sum over channels, not before it.",
            ),
            (
                lambda A, g: (g.sum((2, 3), keepdim=True) * A).sum(1).relu(),
                "The weight is the gradient's mean, not its sum: one picture after scaling, two numbers.",
            ),
        ],
        hint="One weight a channel: g.mean((2, 3), keepdim=True); the channels are dimension 1.",
    ),
    "05.layer_cam": Exercise(
        "Write layer_cam(A, g): ReLU(sum_k ReLU(g_k) A_k) for tensors (B, K, h, w).",
        cam.layer_cam,
        _maps,
        [
            (
                lambda A, g: (g * A).relu().sum(1),
                "Clip the gradient, not the product: they differ where A is negative.",
            ),
            (
                lambda A, g: (g * A).sum(1).relu(),
                "Only positive gradients count: ReLU(g) before the product.",
            ),
            (lambda A, g: (g.relu() * A).sum(1), "The ReLU after the sum is missing."),
            (
                lambda A, g: (g.relu() * A).relu().sum(1),
                "The second ReLU belongs after the sum over channels, not before it.",
            ),
        ],
        hint="No mean here: every place of every channel has its own weight.",
    ),
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
    "09.two_places": Exercise(
        "One channel, two places: A = (2, 1), g = (1, -1). Give the largest values of the raw maps of "
        "(Grad-CAM, Layer-CAM, HiResCAM).",
        (0, 2, 2),
        mistakes=[
            ((1, 2, 2), "Grad-CAM's weight is the mean of g over both places: 1 and -1."),
            ((2, 2, 2), "Grad-CAM averages the gradient first: what is the mean of 1 and -1?"),
            ((0, 2, 1), "HiResCAM multiplies place by place: 2 * 1 at the first place."),
            ((0, 1, 2), "Layer-CAM's weight at the first place is ReLU(1) = 1, and A is 2 there."),
        ],
        level="predict",
        minutes=5,
        hint="Write the gradient's mean, its ReLU, and itself beside A, and multiply.",
    ),
    "09.probability": Exercise(
        "Write probability_gradient(z, G, c): the gradient of softmax(z)[c], from logits z (C,) and the "
        "gradients G (C, K) of all logits.",
        _probability_gradient,
        _logits,
        [
            (lambda z, G, c: G[c], "That is the gradient of the logit."),
            (
                lambda z, G, c: z.softmax(0)[c] * G[c],
                "The other logits count too: the probability falls when a rival rises.",
            ),
            (
                lambda z, G, c: z.softmax(0)[c] * (1 - z.softmax(0)[c]) * G[c],
                "That holds for one logit and a sigmoid; here every rival has a gradient of its own.",
            ),
            (
                lambda z, G, c: G[c] - z.softmax(0) @ G,
                "That is the gradient of the logarithm of p; multiply by p itself.",
            ),
            (
                lambda z, G, c: z.softmax(0)[c] * (G[c] - G.mean(0)),
                "Subtract the mean of the gradients weighed by the probabilities.",
            ),
        ],
        minutes=15,
        hint="p_c (g_c - sum_j p_j g_j), with p = z.softmax(0).",
    ),
    "09.plus_plus": Exercise(
        "Write plus_plus_weights(A, g): the channel weights (B, K) of Grad-CAM++, 0 where g is 0.",
        cam.grad_cam_pp_weights,
        _maps_with_zeros,
        [
            (
                lambda A, g: (_alpha(g, (A * g**3).sum((2, 3), keepdim=True)) * g.relu()).sum(
                    (2, 3)
                ),
                "Sum the activations alone; g^3 is the place's own.",
            ),
            (
                lambda A, g: (g**2 * g.relu()).sum((2, 3)),
                "The division is missing: g^2 is only the numerator.",
            ),
            (
                lambda A, g: (_alpha(g, g**3 * A.sum((2, 3), keepdim=True)) * g).sum((2, 3)),
                "Only positive gradients count: ReLU(g) beside alpha.",
            ),
            (
                lambda A, g: (_alpha(g, g**3 * A.sum((2, 3), keepdim=True)) * g.relu()).mean(
                    (2, 3)
                ),
                "Sum over the places; do not average.",
            ),
            (
                lambda A, g: (_alpha(g, g**3 * A) * g.relu()).sum((2, 3)),
                "The denominator holds the sum of A over all places of the channel.",
            ),
        ],
        minutes=15,
        hint="alpha = g^2 / (2 g^2 + g^3 sum A), with A.sum((2, 3), keepdim=True); then sum alpha ReLU(g).",
        tolerance=1e-5,
    ),
}
