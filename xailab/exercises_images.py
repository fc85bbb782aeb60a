"""The exercises of notebooks 04 to 07 and 09: pictures, CAMs, their measures."""

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


def _binary() -> list[tuple]:
    rng = np.random.default_rng(9)
    tables = [rng.integers(0, 2, shape) for shape in ((6, 5), (2, 3), (4, 12))]
    return [(np.maximum(Z, np.eye(Z.shape[1], dtype=int)[0]),) for Z in tables]


EXERCISES: dict[str, Exercise] = {
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
}
