"""The class activation maps: five formulas on arrays, and ``heatmaps`` that runs them on a network.

A, g: activations and gradients of one layer, tensors (B, K, h, w). A weight a channel: (B, K).
A raw map: (B, h, w). The score S is the class logit, never the softmax probability.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .hooks import Record, record, spatial_layers
from .inputs import short
from .tensor_inputs import float_tensors, network, picture_batch

__all__ = [
    "METHODS", "ablation_cam", "ablation_weights", "cam", "gap_linear_head", "grad_cam",
    "grad_cam_pp", "heatmaps", "hires_cam", "layer_cam", "normalise", "upsample",
]  # fmt: skip


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
    """(B, h, w) -> (B, H, W), bilinear, pixel areas aligned (align_corners=False). Notebook 05."""
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
    """
    float_tensors(map=map)
    if map.ndim < 2 or 0 in map.shape:
        raise ValueError(f"normalise takes maps of shape (B, H, W), not {tuple(map.shape)}.")
    if not torch.isfinite(map).all():
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


def gap_linear_head(
    model: nn.Module, A: torch.Tensor, logits: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (C, K) and bias (C,) of a head that is global average pooling and one linear layer.

    Whether it is one is not read off the code but measured: pooling A and applying the last
    linear layer must give the logits. Raises ValueError otherwise. Notebook 05.
    """
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)][-1:]
    for layer in linear:
        if layer.in_features == A.shape[1]:
            again = layer(A.mean((2, 3)).to(layer.weight.dtype))
            near = 1e-3 * float(logits.detach().abs().max())  # relative: small logits prove nothing
            if torch.allclose(again, logits.to(again.dtype), rtol=1e-3, atol=near):
                bias = layer.bias if layer.bias is not None else torch.zeros(len(layer.weight))
                return layer.weight.detach(), bias.detach()
    raise ValueError(
        "CAM needs a network whose layer is followed by global average pooling and one linear "
        f"layer only, and {type(model).__name__} at this layer is not; use 'grad_cam' instead."
    )


def ablated_scores(rec: Record, target: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """S_k for every input and channel, (B, K): the target's logit with channel k set to zero.

    Only the part of the network behind the recorded layer runs. Notebook 05.
    """
    A = rec.activations
    scores = A.new_empty(A.shape[:2])
    for row, target_class in enumerate(target.tolist()):
        for channels in torch.arange(A.shape[1], device=A.device).split(batch_size):
            edited = A[row].repeat(len(channels), 1, 1, 1)
            edited[torch.arange(len(channels)), channels] = 0
            scores[row, channels] = rec.tail(edited, row)[:, target_class]
    return scores


def heatmaps(
    model,
    x: torch.Tensor,
    layer: nn.Module | str | None = None,
    target: int | Sequence[int] | None = None,
    methods: Sequence[str] = ("grad_cam", "grad_cam_pp", "ablation_cam", "layer_cam"),
) -> dict[str, np.ndarray]:
    """Heat maps of several methods at once: method name -> (B, H, W) float32 in [0, 1].

    model: a CNN or an nn.Module that returns (B, C) logits. x: (B, 3, H, W) as
    ``CNN.preprocess`` makes it. layer: a module or dotted name; None is the last spatial
    layer. target: a class index, or one for each input; None is the predicted class.

    One forward pass and one short backward serve all methods; the model, its mode and
    its gradients are left as they were. Raises ValueError for unknown methods, targets
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
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        if layer is None:
            layer = getattr(model, "default_layer", None) or list(spatial_layers(net, x))[-1]
        with record(net, layer, tape="ablation_cam" in methods) as rec:
            logits = net(x)
            target = _targets(target, logits)
            score = logits.gather(1, target[:, None])[:, 0]
            if rec.activations.ndim != 4:
                raise ValueError(
                    f"The layer {layer!r} returns shape {tuple(rec.activations.shape)}, not maps "
                    "(B, K, h, w); choose a convolutional layer (see CNN.layers)."
                )
            raw = _raw_maps(net, rec, logits.detach(), score, target, methods)
    finally:
        for module, training in modes:
            module.training = training
    return {
        name: normalise(upsample(m.float(), x.shape[2:])).cpu().numpy() for name, m in raw.items()
    }


def _targets(target: int | Sequence[int] | None, logits: torch.Tensor) -> torch.Tensor:
    batch, classes = logits.shape
    if target is None:
        return logits.argmax(1)
    wrong = f"target must be one class index or {batch} of them, not {short(target)}."
    try:
        chosen = torch.as_tensor(target, device=logits.device).reshape(-1)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{wrong} CNN.target(name) finds the index of a name.") from None
    if len(chosen) not in (1, batch) or chosen.is_floating_point():
        raise ValueError(wrong)
    if chosen.min() < 0 or chosen.max() >= classes:
        raise ValueError(f"target must lie between 0 and {classes - 1}, not {short(target)}.")
    return chosen.expand(batch)


def _raw_maps(net, rec, logits, score, target, methods) -> dict[str, torch.Tensor]:
    A, raw = rec.activations, {}
    if {"grad_cam", "grad_cam_pp", "layer_cam", "hires_cam"} & set(methods):
        rec.backward(score)
    for name in methods:
        if name == "cam":
            weight, _ = gap_linear_head(net, A, logits)
            raw[name] = cam(A, weight[target])
        elif name == "ablation_cam":
            raw[name] = ablation_cam(A, _ablation_weights(net, rec, logits, score, target))
        else:
            raw[name] = METHODS[name](A, rec.gradients)
    return raw


def _ablation_weights(net, rec, logits, score, target) -> torch.Tensor:
    A = rec.activations
    try:  # at such a head S - S_k = w_k F_k exactly: nothing needs to run again
        weight, _ = gap_linear_head(net, A, logits)
        scores = score.detach()[:, None] - weight[target] * A.mean((2, 3))
    except ValueError:
        scores = ablated_scores(rec, target)
    return ablation_weights(score.detach(), scores)
