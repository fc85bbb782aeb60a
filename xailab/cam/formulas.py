"""The class activation maps as their papers state them: tensors in, tensors out, no network.

A, g: activations of one layer and their gradients, (B, K, h, w). w: one weight per channel, (B, K).
A raw map is (B, h, w). The score S is the class logit, never the softmax probability.
"""

import torch
from torch.nn import functional as F


def cam(A: torch.Tensor, class_weights: torch.Tensor) -> torch.Tensor:
    """sum_k w_k A_k, signed; w: the class's row of the last linear layer, (K,) or (B, K).

    Where the head is global average pooling and that layer, mean_xy(CAM) + bias = S.
    Zhou et al. 2016, eq. 2.
    """
    return torch.einsum("bk,bkhw->bhw", class_weights.expand(len(A), -1), A)


def grad_cam(A: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """ReLU(sum_k w_k A_k) with the mean gradients w_k = mean_xy(g_k).

    Selvaraju et al. 2017, eqs. 1-2.
    """
    return cam(A, g.mean((2, 3))).relu()


def grad_cam_pp_weights(A: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """w_k = sum_xy alpha_k ReLU(g_k), alpha_k = g_k^2 / (2 g_k^2 + g_k^3 sum_ab A_k(a, b)).

    alpha_k is 0 where g_k = 0. The powers of g stand for the second and third derivatives of
    exp(S): exact where the network behind the layer is piecewise linear (ReLU), an assumption
    elsewhere. Chattopadhay et al. 2018, eqs. 10 and 19.
    """
    # Numerator and denominator are divided by g^2, which could underflow.
    denominator = 2 + g * A.sum((2, 3), keepdim=True)
    alpha = torch.where((g == 0) | (denominator == 0), 0, 1 / denominator)
    return (alpha * g.relu()).sum((2, 3))


def grad_cam_pp(A: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """ReLU(sum_k w_k A_k) with the weights of ``grad_cam_pp_weights``."""
    return cam(A, grad_cam_pp_weights(A, g)).relu()


def layer_cam(A: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """ReLU(sum_k ReLU(g_k) A_k): the weight at each location is its own positive gradient.

    Jiang et al. 2021, eqs. 5-6.
    """
    return (g.relu() * A).sum(1).relu()


def hires_cam(A: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """ReLU(sum_k g_k A_k): gradient times activation at each location, nothing averaged.

    Where a linear layer follows (GAP or flatten), the sum before the ReLU is the location's
    share of the score. Draelos & Carin 2020, eq. 5.
    """
    return (g * A).sum(1).relu()


def ablation_weights(score: torch.Tensor, ablated_scores: torch.Tensor) -> torch.Tensor:
    """w_k = (S - S_k) / S: the share of the score (B,) lost without channel k, S_k (B, K).

    The sign flips where S < 0; where S = 0 the weights are undefined and set to 0.
    Desai & Ramaswamy 2020, eq. 2.

    >>> ablation_weights(torch.tensor([4.0]), torch.tensor([[3.0, 5.0]])).tolist()
    [[0.25, -0.25]]
    """
    S = score[:, None]
    return torch.where(S == 0, 0, (S - ablated_scores) / S)


def ablation_cam(A: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """ReLU(sum_k w_k A_k) with the weights of ``ablation_weights``. Desai & Ramaswamy, eq. 3."""
    return cam(A, weights).relu()


def upsample(raw: torch.Tensor, size: int | tuple[int, int]) -> torch.Tensor:
    """(B, h, w) -> (B, H, W), bilinear between pixel centres (align_corners=False)."""
    return F.interpolate(raw[:, None], size, mode="bilinear", align_corners=False)[:, 0]


def normalise(map: torch.Tensor) -> torch.Tensor:
    """Each (H, W) map divided by its maximum, into [0, 1]; negative evidence becomes 0.

    Zero stays zero, which a min-max scaling would move, and a map without positive evidence
    stays empty.

    >>> normalise(torch.tensor([[[-1.0, 2.0, 4.0]]])).tolist()
    [[[0.0, 0.5, 1.0]]]
    """
    positive = map.relu()
    top = positive.amax((-2, -1), keepdim=True)
    return positive / torch.where(top > 0, top, 1)
