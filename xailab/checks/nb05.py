"""The exercises of notebook 05: the CAM family."""

from collections.abc import Callable

import torch

from .. import cam
from .exercise import Exercise


def _maps() -> list[tuple]:
    generator = torch.Generator().manual_seed(5)
    shapes = [(1, 3, 2, 2), (2, 4, 3, 5), (1, 1, 1, 1), (3, 2, 4, 4)]
    return [
        (torch.randn(s, generator=generator), torch.randn(s, generator=generator)) for s in shapes
    ]


def _score(pictures: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) -> (B,); every pixel counts differently, and a black picture has the score 1."""
    flat = pictures.flatten(1)
    return 1 + flat @ torch.linspace(-1, 2, flat.shape[1])


def _pictures() -> list[tuple]:
    """(score, x, A): a score, a picture (1, 3, H, W) and a layer's maps (1, K, h, w)."""
    generator = torch.Generator().manual_seed(6)
    cases = []
    for H, W, K, h, w in [(8, 8, 4, 2, 2), (6, 9, 3, 2, 3), (4, 4, 1, 4, 4)]:
        x, A = (torch.randn(1, *s, generator=generator) for s in [(3, H, W), (K, h, w)])
        if K == 3:
            # a constant map
            A[0, 1] = 2.0
        cases.append((_score, x, A))
    return cases


def _zero_to_one(mask: torch.Tensor) -> torch.Tensor:
    span = mask.max() - mask.min()
    return (mask - mask.min()) / (span if span > 0 else 1)


def _score_cam_weights(
    score: Callable, x: torch.Tensor, A: torch.Tensor, scale: Callable = _zero_to_one
) -> torch.Tensor:
    masks = [scale(cam.upsample(A[:, k], (x.shape[2], x.shape[3]))) for k in range(A.shape[1])]
    return torch.stack([score(x * mask[:, None])[0] for mask in masks])


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
    "05.fish": Exercise(
        "Paint the fish with the photo's mean colour. The probability of 'anemone fish', .68 for the "
        'photo itself, then is "a" below .05, "b" from .05 to .25, "c" from .25 to .5, "d" above .5?',
        "d",
        mistakes=[
            ("a", "That would be so if the network needed the fish."),
            (
                "b",
                "Three quarters of the heat lay beside the fish, and all of that is still there.",
            ),
            (
                "c",
                "Closer, but even less changes: the anemone, with the hottest spots, is still there.",
            ),
        ],
        level="predict",
        minutes=5,
        hint="Where was most of the heat? Ask what the network still sees.",
    ),
    "05.score_cam": Exercise(
        "Write score_cam_weights(score, x, A): for each channel k the score of the picture times its map, "
        "enlarged to the picture's size and scaled from 0 to 1.",
        _score_cam_weights,
        _pictures,
        [
            (
                lambda score, x, A: _score_cam_weights(score, x, A, cam.normalise),
                "Scale from 0 to 1: subtract the map's minimum, too, and then divide.",
            ),
            (
                lambda score, x, A: _score_cam_weights(score, x, A, lambda mask: mask),
                "The enlarged map is not scaled yet: from its minimum, 0, to its maximum, 1.",
            ),
            (
                lambda score, x, A: _score_cam_weights(score, x, A) - score(torch.zeros_like(x))[0],
                "Do not subtract the black picture's score here: the text does it afterwards.",
            ),
        ],
        hint="cam.upsample(A[:, k], x.shape[2:]) enlarges one channel; a constant map becomes 0.",
    ),
}
