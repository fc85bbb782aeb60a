"""Models whose right explanation is known, because it was put in by hand.

``secret_model`` is a table model with a rule to be found. The networks below are small CNNs with
global average pooling and one linear layer that separate two classes of composed pictures. What they
look at is no guess: it is written in their weights.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import skip_init

from .derivatives import derivatives_of_exp, relu_and_gelu
from .scaffold import secret_model

CLASSES = ("disc", "square")
# The colours of the two objects and of the two grounds they stand on.
ORANGE, BLUE, GREEN, SAND = (230, 120, 20), (40, 90, 200), (60, 150, 70), (215, 195, 150)


@dataclass(frozen=True)
class PlantedPicture:
    """image: (H, W, 3) uint8. object, ground: (H, W) bool masks, each other's complement.

    target: 0 for an orange disc, 1 for a blue square.
    """

    image: np.ndarray
    object: np.ndarray
    ground: np.ndarray
    target: int


def picture(
    target: int = 0,
    centre: tuple[int, int] = (28, 68),
    usual_ground: bool = True,
    size: int = 96,
    radius: int = 14,
) -> PlantedPicture:
    """An orange disc (target 0) or a blue square (1) on green or sand, at centre (row, column).

    Parameters
    ----------
    target : 0 or 1
        The class.
    centre : (row, column)
        Of the object, in pixels.
    usual_ground : bool
        Discs stand on green and squares on sand, as a careless collector of training pictures found
        them; False swaps the grounds.
    size, radius : int
        Side of the picture and half the side of the object, in pixels.

    Returns
    -------
    PlantedPicture
        Image, masks and target.
    """
    if target not in (0, 1):
        raise ValueError(f"target must be 0 (disc) or 1 (square), not {target!r}.")
    rows, columns = np.mgrid[:size, :size]
    down, across = np.abs(rows - centre[0]), np.abs(columns - centre[1])
    inside = down**2 + across**2 <= radius**2 if target == 0 else np.maximum(down, across) < radius
    ground = GREEN if (target == 0) == usual_ground else SAND
    image = np.where(inside[..., None], (ORANGE, BLUE)[target], ground).astype(np.uint8)
    return PlantedPicture(image, inside, ~inside, target)


def planted_network(looks_at: str = "object") -> nn.Sequential:
    """(B, 3, H, W) in [0, 1] -> (B, 2) logits, one for "disc" and one for "square".

    looks_at "object": channel 0 fires on orange and supports the disc, channel 1 fires on blue
    and supports the square. "ground": channel 2 fires on green and supports the disc,
    channel 3 on sand and supports the square; the objects do not count at all (a shortcut).
    "both": a place of the object counts eight times as much as one of the ground, and there is
    so much ground that it decides all the same.
    The networks hold the same four detectors and differ in the last layer alone.

    Layers: 0 colour detectors (1x1 convolution), 1 ReLU, 2 mean over 8x8 pixels (the maps
    that the CAM family reads), 3 global average pooling, 4 flatten, 5 linear.
    """
    heads = {
        "object": [[4.0, -4.0, 0, 0], [-4.0, 4.0, 0, 0]],
        "ground": [[0, 0, 4.0, -4.0], [0, 0, -4.0, 4.0]],
        "both": [[32.0, -32.0, 4.0, -4.0], [-32.0, 32.0, -4.0, 4.0]],
    }
    if looks_at not in heads:
        raise ValueError(f"looks_at must be 'object', 'ground' or 'both', not {looks_at!r}.")
    # no random weights to begin with: they would move torch's global generator
    detectors: Any = skip_init(nn.Conv2d, 3, 4, 1)
    head: Any = skip_init(nn.Linear, 4, 2)
    colours = torch.tensor([ORANGE, BLUE, GREEN, SAND]) / 255
    # A detector is positive on its own colour c and negative on the other three: a least-squares
    # plane through (c, 1) and (others, -1) would do; four points in three dimensions fit exactly.
    points = torch.cat([colours, torch.ones(4, 1)], 1).double()
    planes = torch.linalg.solve(points, 2 * torch.eye(4, dtype=torch.double) - 1).T
    with torch.no_grad():
        detectors.weight.copy_(planes[:, :3, None, None])
        detectors.bias.copy_(planes[:, 3])
        head.weight.copy_(torch.tensor(heads[looks_at]))
        head.bias.zero_()
    network = nn.Sequential(
        detectors, nn.ReLU(), nn.AvgPool2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head
    )
    return network.eval().requires_grad_(False)


def suspects() -> dict[str, nn.Sequential]:
    """Three networks that are right on every usual picture: which of them let the ground decide?

    An exercise of notebook 07: look for yourself before you read on in the code.
    """
    return {name: planted_network(word) for name, word in zip("ABC", _LOOKS, strict=True)}


_LOOKS = ("both", "object", "ground")
