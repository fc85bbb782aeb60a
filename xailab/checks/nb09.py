"""The exercises of notebooks 04, 05 and 09."""

import numpy as np
import torch

from .. import cam
from .exercise import Exercise


def _maps() -> list[tuple]:
    generator = torch.Generator().manual_seed(5)
    shapes = [(1, 3, 2, 2), (2, 4, 3, 5), (1, 1, 1, 1), (3, 2, 4, 4)]
    return [
        (torch.randn(s, generator=generator), torch.randn(s, generator=generator)) for s in shapes
    ]


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
