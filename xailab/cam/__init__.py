"""The CAM family: ``heatmaps`` runs the formulas of ``formulas.py`` on a network."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from .._utils.tensors import all_finite, class_indices, evaluation_mode, network, picture_batch
from ..hooks import Record, record, spatial_layers
from .ablation import ablated_scores, gap_linear_head, precise
from .formulas import (
    ablation_cam,
    ablation_weights,
    cam,
    grad_cam,
    grad_cam_pp,
    grad_cam_pp_weights,
    hires_cam,
    layer_cam,
    normalise,
    upsample,
)
from .reshape import as_maps, from_channels_last, from_tokens

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
    target: int | Sequence[int] | np.ndarray | torch.Tensor | None = None,
    methods: Sequence[str] = ("grad_cam", "grad_cam_pp", "ablation_cam", "layer_cam"),
    *,
    reshape: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> dict[str, np.ndarray]:
    """Heat maps of several methods from one forward pass and one short backward pass.

    The score S is the class logit. The raw maps are upsampled to the input's size and divided by
    their maximum. The model, its mode and its gradients are left as they were.

    Parameters
    ----------
    model : CNN or nn.Module
        Returns logits (B, C).
    x : tensor (B, 3, H, W)
        As ``CNN.preprocess`` makes it.
    layer : nn.Module or str, optional
        A module of the model or its dotted name; by default the last layer that returns maps.
    target : int or sequence of B ints, optional
        Class index of any integer type; by default the predicted class.
    methods : list of str
        Names out of ``METHODS``. "cam" needs a head of global average pooling and one linear
        layer.
    reshape : function, optional
        For a layer that returns no maps, a view of its output as (B, K, h, w): ``from_tokens()``,
        ``from_channels_last``, or your own function.

    Returns
    -------
    dict
        Method name -> heat maps (B, H, W), float32 in [0, 1].
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
            target = class_indices(target, logits)
            raw = _raw_maps(rec, x, logits, target, methods, reshape)
    size = (x.shape[2], x.shape[3])
    return {name: normalise(upsample(m, size)).cpu().numpy() for name, m in raw.items()}


def _last_layer(net: nn.Module, x: torch.Tensor) -> str:
    layers = list(spatial_layers(net, x))
    if not layers:
        raise ValueError(
            f"No part of this {type(net).__name__} returns maps (B, K, h, w) with h, w > 1; "
            "pass layer and, for tokens, reshape=cam.from_tokens()."
        )
    return layers[-1]


def _raw_maps(
    rec: Record,
    x: torch.Tensor,
    logits: torch.Tensor,
    target: torch.Tensor,
    methods: Sequence[str],
    reshape: Callable | None,
) -> dict[str, torch.Tensor]:
    """Method name -> raw maps (B, h, w): activations, and what the method weights them by."""
    score = logits.gather(1, target[:, None])[:, 0]
    if not torch.isfinite(score).all():
        raise ValueError(
            "The score is NaN or infinite; look for such values in the input and in the "
            "network's weights."
        )
    A = as_maps(rec.activations, reshape, x)
    given = {}
    if set(GRADIENT_METHODS) & set(methods):
        gradients = rec.backward(score)
        g = gradients if reshape is None else reshape(gradients)
        given = dict.fromkeys(GRADIENT_METHODS, g)
    if "cam" in methods:
        given["cam"] = gap_linear_head(rec.model, A, logits)[0][target]
    if "ablation_cam" in methods:
        given["ablation_cam"] = _ablation_weights(rec, A, logits, score.detach(), target, reshape)
    with torch.autocast(A.device.type, enabled=False):
        maps = {m: METHODS[m](precise(A), precise(given[m])).float() for m in methods}
    if not all(all_finite(m) for m in maps.values()):
        raise ValueError("The map has NaN or infinite values; look for them in the activations.")
    return maps


def _ablation_weights(rec, A, logits, score, target, reshape) -> torch.Tensor:
    try:
        # At such a head S - S_k = w_k mean_xy(A_k) exactly: nothing needs to run again.
        weight, _ = gap_linear_head(rec.model, A, logits)
        scores = precise(score)[:, None] - weight[target] * precise(A).mean((2, 3))
    except ValueError:
        scores = ablated_scores(rec, target, reshape=reshape)
    return ablation_weights(precise(score), precise(scores))
