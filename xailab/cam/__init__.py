"""The CAM family: ``heatmaps`` runs the formulas of ``formulas.py`` on a network."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from .._utils.labels import LABELS
from .._utils.tensors import (
    Score,
    Target,
    all_finite,
    batches,
    check_logits,
    check_no_probabilities,
    class_indices,
    class_scores,
    evaluation_mode,
    network,
    picture_batch,
    pictures_at_once,
)
from .._utils.validation import truncated
from ..hooks import Record, last_layer, record
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
from .reshape import as_maps, channels_last, from_channels_last, from_tokens

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
    target: Target | Score = None,
    methods: Sequence[str] = ("grad_cam", "grad_cam_pp", "ablation_cam", "layer_cam"),
    *,
    reshape: Callable[[torch.Tensor], torch.Tensor] | None = None,
    raw: bool = False,
) -> dict[str, np.ndarray]:
    """Heat maps of several methods from one forward pass and one short backward pass.

    Many pictures go through the network a few at a time. The score S is the class logit. The raw
    maps are upsampled to the input's size and divided by their maximum; with raw=True they keep
    their own scale, so that maps of several classes can be compared. The model, its mode and its
    gradients are left as they were.

    Parameters
    ----------
    model : CNN or nn.Module
        Returns logits (B, C).
    x : tensor (B, 3, H, W)
        As ``CNN.preprocess`` makes it.
    layer : nn.Module or str, optional
        A module of the model or its dotted name; by default the last layer that returns maps.
    target : int, sequence of B ints, or function, optional
        Class index of any integer type; by default the predicted class. A function makes the score
        of the logits, (B, C) -> (B,): ``lambda z: z[:, 1] - z[:, 0]`` explains why 1 and not 0.
    methods : list of str
        Names out of ``METHODS``. "cam" needs a head of global average pooling and one linear
        layer.
    reshape : function, optional
        For a layer that returns no maps, a view of its output as (B, K, h, w): ``from_tokens()``,
        ``from_channels_last``, or your own function.
    raw : bool
        Return the upsampled maps themselves, in units of the score times the activation; "cam" is
        then signed.

    Returns
    -------
    dict
        Method name -> heat maps (B, H, W), float32, in [0, 1] unless raw.
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
            layer = getattr(model, "default_layer", None) or last_layer(net, x)
        found = []
        for part, wanted in batches(x, target, pictures_at_once(*x.shape[2:])):
            with record(net, layer, tape="ablation_cam" in methods) as rec:
                logits = net(part)
                if not callable(wanted):
                    check_no_probabilities(check_logits(logits))
                    wanted = class_indices(wanted, logits)
                maps = _raw_maps(rec, part, logits, wanted, methods, reshape)
            A = rec.activations
            if reshape is None and channels_last(net, layer, A.shape, part):
                raise ValueError(
                    f"The layer returns shape {tuple(A.shape)}, which looks like (B, h, w, K); "
                    "pass reshape=cam.from_channels_last."
                )
            large = {name: upsample(m, (x.shape[2], x.shape[3])) for name, m in maps.items()}
            found.append({name: m if raw else normalise(m) for name, m in large.items()})
    return {name: torch.cat([m[name] for m in found]).cpu().numpy() for name in found[0]}


def methods_for(cnn, layer: nn.Module | str | None = None) -> tuple[str, ...]:
    """The names in ``METHODS`` that can be used at a layer of a CNN, by default its last.

    "cam" is among them where global average pooling and one linear layer follow (EfficientNet,
    ResNet), not elsewhere (VGG). Measured on one random input.
    """
    net, side = network(cnn), getattr(cnn, "input_size", None)
    if side is None:
        raise TypeError(
            "cnn must be a CNN, as load_cnn() makes it; models.own_cnn(network, categories) makes "
            f"one of a network, not {truncated(cnn)}."
        )
    own = next(net.parameters(), torch.empty(0))
    noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    with evaluation_mode(net), record(net, cnn.default_layer if layer is None else layer) as rec:
        logits = net(noise.to(own))
        try:
            gap_linear_head(net, rec.activations, logits)
        except ValueError:
            return tuple(m for m in METHODS if m != "cam")
    return tuple(METHODS)


def _raw_maps(
    rec: Record,
    x: torch.Tensor,
    logits: torch.Tensor,
    target: torch.Tensor | Score,
    methods: Sequence[str],
    reshape: Callable | None,
) -> dict[str, torch.Tensor]:
    """Method name -> raw maps (B, h, w): activations, and what the method weights them by."""
    score = class_scores(target, logits)
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
        weight, _ = gap_linear_head(rec.model, A, logits)
        given["cam"] = _share_of_logits(target, logits).to(weight) @ weight
    if "ablation_cam" in methods:
        given["ablation_cam"] = _ablation_weights(rec, A, logits, score.detach(), target, reshape)
    with torch.autocast(A.device.type, enabled=False):
        maps = {m: METHODS[m](precise(A), precise(given[m])).float() for m in methods}
    if not all(all_finite(m) for m in maps.values()):
        raise ValueError("The map has NaN or infinite values; look for them in the activations.")
    return maps


def _share_of_logits(target: torch.Tensor | Score, logits: torch.Tensor) -> torch.Tensor:
    """d score / d logits, (B, C). A score that is no weighted sum of logits is a ValueError."""

    def slope(at: torch.Tensor) -> torch.Tensor:
        at = at.detach().requires_grad_()
        return torch.autograd.grad(class_scores(target, at).sum(), at)[0]

    here = slope(logits)
    if callable(target) and not torch.allclose(here, slope(torch.zeros_like(logits))):
        raise ValueError(
            "CAM explains weighted sums of logits only, such as a difference of two, and target "
            "returns another function of them; use 'grad_cam' instead."
        )
    return here


def _ablation_weights(rec, A, logits, score, target, reshape) -> torch.Tensor:
    try:
        weight, _ = gap_linear_head(rec.model, A, logits)
    except ValueError:
        scores = ablated_scores(rec, target, reshape=reshape)
    else:
        # Without channel k the logits lose w_k mean_xy(A_k) exactly: nothing needs to run again.
        mean = precise(A).mean((2, 3))
        if callable(target):
            whole = precise(logits.detach())
            without = (whole - mean[:, k, None] * weight[:, k] for k in range(mean.shape[1]))
            scores = torch.stack([class_scores(target, z).detach() for z in without], 1)
        else:
            scores = precise(score)[:, None] - weight[target] * mean
    return ablation_weights(precise(score), precise(scores))
