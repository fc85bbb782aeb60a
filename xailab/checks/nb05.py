"""The exercises of notebook 05: the CAM family."""

import torch

from .. import cam
from .exercise import Exercise


def _maps() -> list[tuple]:
    generator = torch.Generator().manual_seed(5)
    shapes = [(1, 3, 2, 2), (2, 4, 3, 5), (1, 1, 1, 1), (3, 2, 4, 4)]
    return [
        (torch.randn(s, generator=generator), torch.randn(s, generator=generator)) for s in shapes
    ]


EXERCISES: dict[str, Exercise] = {
    "05.ground": Exercise(
        'A disc on sand, the unusual ground: which class ("disc" or "square") does each network predict? '
        'Give {"object": ..., "ground": ...}.',
        {"object": "disc", "ground": "square"},
        mistakes=[
            (
                {"object": "disc", "ground": "disc"},
                "The ground network has learnt the ground only: for it sand means square.",
            ),
            (
                {"object": "square", "ground": "square"},
                "The object network ignores the sand: its detectors of the ground have weight 0.",
            ),
            (
                {"object": "square", "ground": "disc"},
                "The other way round: which of the two follows the sand?",
            ),
        ],
        level="predict",
        minutes=5,
        hint="Each network uses one thing only: what is that thing in the new picture?",
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
                "Average each channel's gradient first: one weight per channel.",
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
                "The weight is the gradient's mean, not its sum: only the scaled maps are equal.",
            ),
        ],
        hint="One weight per channel: g.mean((2, 3), keepdim=True); the channels are dimension 1.",
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
        hint="No mean here: every position of every channel has its own weight.",
    ),
}
