"""The exercises of notebook 09: CAM in depth."""

import torch

from .. import cam
from .exercise import Exercise


def _maps() -> list[tuple]:
    generator = torch.Generator().manual_seed(5)
    shapes = [(1, 3, 2, 2), (2, 4, 3, 5), (1, 1, 1, 1), (3, 2, 4, 4)]
    return [
        (torch.randn(s, generator=generator), torch.randn(s, generator=generator)) for s in shapes
    ]


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
    """Activations as after a ReLU, and gradients some of which are exactly 0."""
    return [(A.abs(), torch.where(g.abs() < 0.3, 0, g)) for A, g in _maps()]


def _alpha(g: torch.Tensor, term: torch.Tensor) -> torch.Tensor:
    return torch.where(g == 0, 0, g**2 / (2 * g**2 + term))


EXERCISES: dict[str, Exercise] = {
    "09.two_places": Exercise(
        "One channel, two positions: A = (2, 1), g = (1, -1). Give the largest values of the raw maps of "
        "(Grad-CAM, Layer-CAM, HiResCAM).",
        (0, 2, 2),
        mistakes=[
            ((1, 2, 2), "Grad-CAM's weight is the mean of g over both positions: 1 and -1."),
            ((2, 2, 2), "Grad-CAM averages the gradient first: what is the mean of 1 and -1?"),
            ((0, 2, 1), "HiResCAM multiplies position by position: 2 * 1 at the first."),
            (
                (0, 1, 2),
                "Layer-CAM's weight at the first position is ReLU(1) = 1, and A is 2 there.",
            ),
        ],
        level="predict",
        minutes=5,
        hint="Write the gradient's mean, its ReLU and the gradient itself beside A, and multiply.",
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
                "The other logits count too: the probability falls when another logit rises.",
            ),
            (
                lambda z, G, c: z.softmax(0)[c] * (1 - z.softmax(0)[c]) * G[c],
                "That holds for one logit and a sigmoid; here every other logit has a gradient of its own.",
            ),
            (
                lambda z, G, c: G[c] - z.softmax(0) @ G,
                "That is the gradient of the logarithm of p; multiply by p itself.",
            ),
            (
                lambda z, G, c: z.softmax(0)[c] * (G[c] - G.mean(0)),
                "Subtract the mean of the gradients weighted by the probabilities.",
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
                "Sum the activations alone; g^3 is taken at each position.",
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
                "Sum over the positions; do not average.",
            ),
            (
                lambda A, g: (_alpha(g, g**3 * A) * g.relu()).sum((2, 3)),
                "The denominator holds the sum of A over all positions of the channel.",
            ),
        ],
        minutes=15,
        hint="alpha = g^2 / (2 g^2 + g^3 sum A), with A.sum((2, 3), keepdim=True); then sum alpha ReLU(g).",
        tolerance=1e-5,
    ),
}
