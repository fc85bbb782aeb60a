"""The class activation maps: five formulas on arrays, and ``heatmaps`` that runs them on a network.

A, g: activations and gradients of one layer, tensors (B, K, h, w). A weight a channel: (B, K).
A raw map: (B, h, w). The score S is the class logit, never the softmax probability.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .._utils.tensors import all_finite, evaluation_mode, float_tensors, network, picture_batch
from .._utils.validation import truncated
from ..hooks import record, spatial_layers
from .ablation import ablated_scores, gap_linear_head, precise
from .reshape import as_maps, from_channels_last, from_tokens

# --- the formulas ------------------------------------------------------------------------------


def cam(A: torch.Tensor, class_weights: torch.Tensor) -> torch.Tensor:
    """The evidence for a class at every place: CAM(x, y) = sum_k w_k A_k(x, y).

    Exact where the head is global average pooling and one linear layer, with w the class's row
    of that layer: mean_xy(CAM) + bias = S. Signed. class_weights: (K,) or (B, K).
    Raises ValueError for shapes that do not fit. Zhou et al. 2016, eq. 2. Notebook 05.
    """
    float_tensors(activations=A, class_weights=class_weights)
    weights = class_weights.expand(A.shape[0], -1) if class_weights.ndim == 1 else class_weights
    return _weighted_sum(weights, A)


def grad_cam(A: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """ReLU(sum_k w_k A_k), each channel weighed by its mean gradient, w_k = mean_xy(g_k).

    Raises ValueError for shapes that do not fit. Selvaraju et al. 2017, eqs. 1-2. Notebook 05.
    """
    _check(A, g)
    return _weighted_sum(g.mean((2, 3)), A).relu()


def grad_cam_pp_weights(A: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """Grad-CAM++ channel weights (B, K): w_k = sum_xy alpha_k ReLU(g_k), with

    alpha_k = g_k^2 / (2 g_k^2 + g_k^3 sum_ab A_k(a, b)), and 0 where g_k = 0.

    g^2 and g^3 stand for the second and third derivatives of exp(S): exact where the network
    behind the layer is piecewise linear (ReLU), an assumption elsewhere.
    Chattopadhay et al. 2018, eqs. 10 and 19. Notebook 05.
    """
    _check(A, g)
    # Dividing numerator and denominator by g^2 keeps tiny gradients from underflowing.
    denominator = 2 + g * A.sum((2, 3), keepdim=True)
    alpha = torch.where((g == 0) | (denominator == 0), 0, 1 / denominator)
    return (alpha * g.relu()).sum((2, 3))


def grad_cam_pp(A: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """ReLU(sum_k w_k A_k) with the weights of ``grad_cam_pp_weights``. Notebook 05."""
    return _weighted_sum(grad_cam_pp_weights(A, g), A).relu()


def layer_cam(A: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """ReLU(sum_k ReLU(g_k) A_k): every place has a weight of its own, its positive gradient.

    Raises ValueError for shapes that do not fit. Jiang et al. 2021, eqs. 5-6. Notebook 05.
    """
    _check(A, g)
    return (g.relu() * A).sum(1).relu()


def hires_cam(A: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """ReLU(sum_k g_k A_k): gradient times activation, place by place, with nothing averaged.

    Where a linear layer follows (GAP or flatten), the sum over the places is the layer's share of
    the score, so the map shows what was used and nothing else.
    Raises ValueError for shapes that do not fit. Draelos & Carin 2020, eq. 5. Notebook 09.
    """
    _check(A, g)
    return (g * A).sum(1).relu()


def ablation_weights(score: torch.Tensor, ablated_scores: torch.Tensor) -> torch.Tensor:
    """The share of the score that goes with each channel: w_k = (S - S_k) / S.

    score: (B,). ablated_scores: (B, K), S_k being the score with channel k set to zero.
    Where S < 0 the sign turns; where S = 0 the weights are not defined and are 0.
    Desai & Ramaswamy 2020, eq. 2. Notebook 05.
    Raises ValueError for shapes that do not fit.

    >>> ablation_weights(torch.tensor([4.0]), torch.tensor([[3.0, 5.0]])).tolist()
    [[0.25, -0.25]]
    """
    float_tensors(score=score, ablated_scores=ablated_scores)
    if ablated_scores.ndim != 2 or score.shape != ablated_scores.shape[:1]:
        raise ValueError(
            "score must have shape (B,) and ablated_scores (B, K); got "
            f"{tuple(score.shape)} and {tuple(ablated_scores.shape)}."
        )
    S = score[:, None]
    return torch.where(S == 0, 0, (S - ablated_scores) / torch.where(S == 0, 1, S))


def ablation_cam(A: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """ReLU(sum_k w_k A_k) with the weights of ``ablation_weights``. Notebook 05.

    Raises ValueError for shapes that do not fit. Desai & Ramaswamy 2020, eq. 3.
    """
    return _weighted_sum(weights, A).relu()


def upsample(raw: torch.Tensor, size: int | tuple[int, int]) -> torch.Tensor:
    """(B, h, w) -> (B, H, W), bilinear, pixel areas aligned (align_corners=False). Notebook 05.

    Raises ValueError for shapes that do not fit.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if raw.ndim != 3 or 0 in raw.shape or min(height, width) < 1:
        raise ValueError(
            "upsample takes maps of shape (B, h, w) and a size of at least 1 x 1; got "
            f"{tuple(raw.shape)} and {height} x {width}."
        )
    return F.interpolate(raw[:, None], (height, width), mode="bilinear", align_corners=False)[:, 0]


def normalise(map: torch.Tensor) -> torch.Tensor:
    """Each map of (B, H, W) divided by its maximum, into [0, 1]; negative evidence becomes 0.

    Zero stays zero (a min-max scaling would move it) and a map without positive evidence
    stays empty. Raises ValueError for NaN or infinite values. Notebook 05.

    >>> normalise(torch.tensor([[[-1.0, 2.0, 4.0]]])).tolist()
    [[[0.0, 0.5, 1.0]]]
    """
    float_tensors(map=map)
    if map.ndim < 2 or 0 in map.shape:
        raise ValueError(f"normalise takes maps of shape (B, H, W), not {tuple(map.shape)}.")
    if not all_finite(map):
        raise ValueError("The map has NaN or infinite values; look for them in the activations.")
    positive = map.relu()
    top = positive.amax((-2, -1), keepdim=True)
    return positive / torch.where(top > 0, top, 1)


def _weighted_sum(weights: torch.Tensor, A: torch.Tensor) -> torch.Tensor:
    float_tensors(activations=A, weights=weights)
    if A.ndim != 4 or weights.shape != A.shape[:2]:
        raise ValueError(
            f"Activations must have shape (B, K, h, w) and weights (B, K); got "
            f"{tuple(A.shape)} and {tuple(weights.shape)}."
        )
    return torch.einsum("bk,bkhw->bhw", weights, A)


def _check(A: torch.Tensor, g: torch.Tensor) -> None:
    float_tensors(activations=A, gradients=g)
    if A.ndim != 4 or A.shape != g.shape:
        raise ValueError(
            "Activations and gradients must have the same shape (B, K, h, w); got "
            f"{tuple(A.shape)} and {tuple(g.shape)}."
        )


# --- on a network ------------------------------------------------------------------------------

METHODS = {
    "cam": cam,
    "grad_cam": grad_cam,
    "grad_cam_pp": grad_cam_pp,
    "ablation_cam": ablation_cam,
    "layer_cam": layer_cam,
    "hires_cam": hires_cam,
}
GRADIENT_METHODS = ("grad_cam", "grad_cam_pp", "layer_cam", "hires_cam")


def heatmaps(
    model,
    x: torch.Tensor,
    layer: nn.Module | str | None = None,
    target: int | Sequence[int] | torch.Tensor | None = None,
    methods: Sequence[str] = ("grad_cam", "grad_cam_pp", "ablation_cam", "layer_cam"),
    *,
    reshape: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> dict[str, np.ndarray]:
    """Heat maps of several methods at once: method name -> (B, H, W) float32 in [0, 1].

    model: a CNN or an nn.Module that returns (B, C) logits. x: (B, 3, H, W) as
    ``CNN.preprocess`` makes it. layer: a module or dotted name; None is the last spatial
    layer. target: a class index, or one for each input; None is the predicted class.
    reshape: for a layer that returns no maps, a view of its output as (B, K, h, w):
    ``from_tokens()``, ``from_channels_last``, or a function of your own.

    One forward pass and one short backward serve all methods; the model, its mode and
    its gradients are left as they were. Stopped by hand, it leaves no map: Ablation-CAM of the
    first channels would only look like one. Raises ValueError for unknown methods, targets
    out of range, a layer without maps, and for "cam" on a head that does not allow it.
    Introduced in notebook 05.
    """
    unknown = [m for m in methods if m not in METHODS]
    if unknown or isinstance(methods, str) or not len(methods):
        raise ValueError(
            f"methods must be a list of names out of {list(METHODS)}, not {methods!r}."
        )
    net = network(model)
    picture_batch(x, net)
    with evaluation_mode(net):
        if layer is None:
            layer = getattr(model, "default_layer", None) or _last_layer(net, x)
        with record(net, layer, tape="ablation_cam" in methods) as rec:
            logits = net(x)
            target = _targets(target, logits)
            score = logits.gather(1, target[:, None])[:, 0]
            if not torch.isfinite(score).all():
                raise ValueError(
                    "The score is NaN or infinite; look for such values in the input and in the "
                    "network's weights."
                )
            A = as_maps(rec.activations, reshape, x)
            raw = _raw_maps(rec, A, logits, score, target, methods, reshape)
    return {
        name: normalise(upsample(m, (x.shape[2], x.shape[3]))).cpu().numpy()
        for name, m in raw.items()
    }


def _last_layer(net: nn.Module, x: torch.Tensor) -> str:
    layers = list(spatial_layers(net, x))
    if not layers:
        raise ValueError(
            f"No part of this {type(net).__name__} returns maps (B, K, h, w) with h, w > 1; "
            "pass layer and, for tokens, reshape=cam.from_tokens()."
        )
    return layers[-1]


def _targets(
    target: int | Sequence[int] | torch.Tensor | None, logits: torch.Tensor
) -> torch.Tensor:
    if not torch.is_tensor(logits) or logits.ndim != 2:
        got = tuple(logits.shape) if torch.is_tensor(logits) else type(logits).__name__
        raise ValueError(
            f"The model must return logits of shape (B, classes), not {got}; wrap it in a module "
            "that returns them alone."
        )
    batch, classes = logits.shape
    if target is None:
        return logits.argmax(1)
    wrong = f"target must be one class index or {batch} of them, not {truncated(target)}."
    try:
        chosen = torch.as_tensor(target, device=logits.device).reshape(-1)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{wrong} CNN.target(name) finds the index of a name.") from None
    if len(chosen) not in (1, batch) or chosen.is_floating_point():
        raise ValueError(wrong)
    if chosen.min() < 0 or chosen.max() >= classes:
        raise ValueError(f"target must lie between 0 and {classes - 1}, not {truncated(target)}.")
    return chosen.expand(batch)


def _raw_maps(rec, A, logits, score, target, methods, reshape) -> dict[str, torch.Tensor]:
    raw = {}
    if set(GRADIENT_METHODS) & set(methods):
        g = rec.backward(score)
        g = precise(g if reshape is None else reshape(g))
    if "ablation_cam" in methods:
        weights = _ablation_weights(rec, A, logits, score.detach(), target, reshape)
    A = precise(A)
    with torch.autocast(A.device.type, enabled=False):
        for name in methods:
            if name == "cam":
                raw[name] = cam(A, gap_linear_head(rec.model, A, logits)[0][target])
            elif name == "ablation_cam":
                raw[name] = ablation_cam(A, weights)
            else:
                raw[name] = METHODS[name](A, g)
    return {name: m.float() for name, m in raw.items()}


def _ablation_weights(rec, A, logits, score, target, reshape) -> torch.Tensor:
    try:  # at such a head S - S_k = w_k F_k exactly: nothing needs to run again
        w, _ = gap_linear_head(rec.model, A, logits)
        without = precise(score)[:, None] - w[target] * precise(A).mean((2, 3))
    except ValueError:
        without = ablated_scores(rec, target, reshape=reshape)
    return ablation_weights(precise(score), precise(without))
