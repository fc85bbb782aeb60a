"""Baseline maps, with which every explanation must be compared. All are in [0, 1].

random_map uses nothing, centre_blob only that objects tend to be in the centre, edge_map only the
picture and not the network, input_gradient the network but not its layers.
"""

import numpy as np
import torch
from scipy import ndimage

from .. import cam
from .._utils.tensors import (
    Score,
    Target,
    batches,
    check_differentiable,
    check_logits,
    check_no_probabilities,
    class_scores,
    evaluation_mode,
    gradient,
    network,
    picture_batch,
    pictures_at_once,
)
from .._utils.validation import check_int, check_random_state


def random_map(shape: tuple[int, int], seed: int = 0, cells: int = 7) -> np.ndarray:
    """(H, W): cells x cells uniform random numbers, upsampled as a class activation map is.

    As coarse as a class activation map, so that only what it knows makes a difference.
    """
    raw = torch.from_numpy(check_random_state(seed).random((1, check_int("cells", cells), cells)))
    return cam.normalise(cam.upsample(raw, shape))[0].numpy()


def centre_blob(shape: tuple[int, int], width: float = 0.25) -> np.ndarray:
    """(H, W): exp(-d^2 / 2 width^2), d the distance to the centre in units of the sides."""
    y, x = (np.linspace(-0.5, 0.5, n) for n in shape)
    return np.exp(-(y[:, None] ** 2 + x**2) / (2 * width**2))


def edge_map(image: np.ndarray, blur: float = 4.0) -> np.ndarray:
    """(H, W): Sobel edge strength of the grey picture (H, W, 3), blurred; no network."""
    grey = np.asarray(image, dtype=float).mean(2)
    edges = ndimage.gaussian_filter(np.hypot(ndimage.sobel(grey, 0), ndimage.sobel(grey, 1)), blur)
    return edges / (edges.max() or 1)


def input_gradient(
    model: torch.nn.Module, x: torch.Tensor, target: Target | Score, blur: float = 4.0
) -> np.ndarray:
    """(B, H, W): the largest |dS/dx| over the colours at every pixel, blurred; S the logit.

    x: (B, 3, H, W). target: as for ``cam.heatmaps``. Simonyan et al. 2014.
    """
    model = network(model)
    picture_batch(x, model)
    slopes = []
    with torch.inference_mode(False), torch.enable_grad(), evaluation_mode(model):
        check_differentiable(model)
        # fewer than elsewhere: a gradient at the picture keeps the output of every layer
        at_once = max(1, pictures_at_once(*x.shape[2:]) // 4)
        for part, wanted in batches(x, target, at_once):
            part = part.detach().clone().requires_grad_()
            logits = check_logits(model(part))
            if not callable(target):
                check_no_probabilities(logits)
            slopes.append(gradient(class_scores(wanted, logits), part, "the picture"))
    size = torch.cat(slopes).abs().amax(1).cpu().numpy()
    smooth = np.stack([ndimage.gaussian_filter(s, blur) for s in size])
    return smooth / np.maximum(smooth.max((1, 2), keepdims=True), 1e-30)
