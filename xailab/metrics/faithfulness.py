"""Does a heat map show what the network used? Deletion, insertion, average drop.

No annotated mask is needed: these measures ask the network. model: an nn.Module that returns
logits (B, C), or a CNN. x: (1, 3, H, W) unless said otherwise. heatmap: (H, W).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .._utils.tensors import (
    all_finite,
    check_logits,
    class_indices,
    evaluation_mode,
    network,
    picture_batch,
    pictures_at_once,
)
from .._utils.validation import check_array, check_int, check_random_state, truncated


@dataclass(frozen=True)
class Curve:
    """The score while pixels are removed (or put back), those with the most heat first.

    fractions: (steps + 1,), shares of the pixels changed. scores: (steps + 1,), in units of
    ``output``, which is "probability" or "logit". fill: what replaces a removed pixel.
    """

    fractions: np.ndarray
    scores: np.ndarray
    output: str
    fill: str

    @property
    def auc(self) -> float:
        """Area under the curve by the trapezoid rule: the mean score along it."""
        return float(np.trapezoid(self.scores, self.fractions))


def baseline(x: torch.Tensor, fill: str | torch.Tensor = "blur") -> torch.Tensor:
    """What replaces removed pixels, of the shape of x (1, 3, H, W).

    fill: "blur", the picture so blurred that only coarse colours are left; "mean", its mean colour;
    "zero", the network's zero, a mid grey; or a tensor that broadcasts to x.
    """
    if isinstance(fill, torch.Tensor):
        fits = fill.ndim <= 4 and all(
            n in (1, m) for n, m in zip(reversed(fill.shape), reversed(x.shape), strict=False)
        )
        if fill.device != x.device or not fits:
            raise ValueError(
                f"fill must be a tensor that fits {tuple(x.shape)} on {x.device}, not "
                f"{tuple(fill.shape)} on {fill.device}."
            )
        if not torch.isfinite(fill).all():
            raise ValueError("fill must not have NaN or infinite values.")
        return fill.expand_as(x)
    if fill == "zero":
        return torch.zeros_like(x)
    if fill == "mean":
        return x.mean((2, 3), keepdim=True).expand_as(x)
    if fill == "blur":
        small = F.adaptive_avg_pool2d(x, max(1, min(x.shape[2:]) // 32))
        return F.interpolate(small, x.shape[2:], mode="bilinear", align_corners=False)
    raise ValueError(f"fill must be 'blur', 'mean', 'zero' or a tensor, not {truncated(fill)}.")


def _ranks(heatmap: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The rank (0 = most heat) of every pixel; ties, common in zeros, are broken at random."""
    ranks = np.empty(heatmap.size, dtype=int)
    order = np.argsort(rng.random(heatmap.size))
    ranks[order[np.argsort(-heatmap.ravel()[order], kind="stable")]] = np.arange(heatmap.size)
    return ranks.reshape(heatmap.shape)


def _score(
    net: Any, pictures: Iterator[torch.Tensor], n: int, target: int, output: str
) -> np.ndarray:
    """(n,): the target's probability or logit of n pictures (1, C, H, W), a few in memory at a time."""
    layout = torch.contiguous_format
    if n >= 8 and hasattr(net, "fused"):
        # the same function in about half the time; it keeps its weights channels last
        net, layout = net.fused(), torch.channels_last
    found = []
    with torch.inference_mode(), evaluation_mode(net):
        for first in pictures:
            part = torch.cat([first, *islice(pictures, pictures_at_once(*first.shape[2:]) - 1)])
            found.append(_logits(net, part.contiguous(memory_format=layout)))
    logits = torch.cat(found).double()
    scores = logits.softmax(1) if output == "probability" else logits
    return scores[:, check_int("target", target, 0, scores.shape[1] - 1)].cpu().numpy()


def _logits(net: Any, x: torch.Tensor) -> torch.Tensor:
    """What the model returns for x (B, C, H, W): finite logits (B, classes), or one sentence."""
    logits = check_logits(net(x))
    finite = all_finite(logits)
    if len(logits) != len(x) or not finite:
        raise ValueError(
            f"The model must return finite logits for each of {len(x)} pictures; it returned "
            f"{len(logits)} rows, {'none' if finite else 'some'} of them with NaN or infinite values."
        )
    return logits


def perturbation_curves(
    model: nn.Module,
    x: torch.Tensor,
    heatmaps: Mapping[str, np.ndarray],
    target: int,
    insert: bool = False,
    steps: int = 10,
    fill: str | torch.Tensor = "blur",
    output: str = "probability",
    seed: int = 0,
) -> dict[str, Curve]:
    """``deletion`` or ``insertion`` for several maps of one picture at once: name -> Curve.

    Picture and baseline, where all curves start and end, are scored once for all maps.

    Parameters
    ----------
    heatmaps : dict
        name -> (H, W).
    insert : bool
        True for insertion, False for deletion.
    model, x, target, steps, fill, output, seed
        As in ``deletion``.
    """
    steps, net = check_int("steps", steps), network(model)
    picture_batch(x, net)
    if output not in ("probability", "logit"):
        raise ValueError(f"output must be 'probability' or 'logit', not {output!r}.")
    start, end = (baseline(x, fill), x) if insert else (x, baseline(x, fill))
    fractions = np.linspace(0, 1, steps + 1)
    # the number of pixels changed at each step
    counts = np.rint(fractions[1:-1] * x[0, 0].numel()).astype(int)
    arrays = [check_array("heatmap", heatmap) for heatmap in heatmaps.values()]
    for h in arrays:
        if len(x) != 1 or h.shape != tuple(x.shape[2:]) or not np.isfinite(h).all():
            raise ValueError(
                "x must have shape (1, C, H, W) and the heat map (H, W), finite; got "
                f"{tuple(x.shape)} and {h.shape}."
            )

    def pictures() -> Iterator[torch.Tensor]:
        yield start
        yield end
        for h in arrays:
            ranks = torch.from_numpy(_ranks(h, check_random_state(seed))).to(x.device)
            for count in counts:
                yield torch.where(ranks < int(count), end, start)

    n = 2 + len(arrays) * len(counts)
    scores = _score(net, pictures(), n, target, output)
    name = fill if isinstance(fill, str) else "given"
    between = scores[2:].reshape(len(heatmaps), -1)
    return {
        method: Curve(fractions, np.array([scores[0], *row, scores[1]]), output, name)
        for method, row in zip(heatmaps, between, strict=True)
    }


def deletion(
    model: nn.Module,
    x: torch.Tensor,
    heatmap: np.ndarray,
    target: int,
    steps: int = 10,
    fill: str | torch.Tensor = "blur",
    output: str = "probability",
    seed: int = 0,
) -> Curve:
    """Remove pixels, those with the most heat first: a faithful map makes the score fall early.

    A small area under the curve is good. Petsiuk et al. 2018 (RISE), who remove to a constant colour
    and insert into a blurred picture; here both use ``fill``.

    Parameters
    ----------
    model : nn.Module
        Returns logits (B, C).
    x : tensor (1, 3, H, W)
        The picture, as ``CNN.preprocess`` makes it.
    heatmap : array (H, W)
        Only the order of its values counts; ties are broken at random.
    target : int
        The class whose score is followed.
    steps : int
        The pixels are removed in this many equal parts.
    fill : str or tensor
        What replaces them: "blur", "mean", "zero" or a tensor, see ``baseline``.
    output : str
        "probability" (after the softmax) or "logit".
    seed : int
        Decides the order of ties.
    """
    maps = {"": heatmap}
    return perturbation_curves(model, x, maps, target, False, steps, fill, output, seed)[""]


def insertion(
    model: nn.Module,
    x: torch.Tensor,
    heatmap: np.ndarray,
    target: int,
    steps: int = 10,
    fill: str | torch.Tensor = "blur",
    output: str = "probability",
    seed: int = 0,
) -> Curve:
    """Start from the baseline and put pixels back, those with the most heat first.

    A large area under the curve is good. Petsiuk et al. 2018 (RISE); see ``deletion``.

    Parameters
    ----------
    model, x, heatmap, target, steps, fill, output, seed
        As in ``deletion``.
    """
    maps = {"": heatmap}
    return perturbation_curves(model, x, maps, target, True, steps, fill, output, seed)[""]


def average_drop(
    model: nn.Module, x: torch.Tensor, heatmaps: np.ndarray, target: Sequence[int]
) -> np.ndarray:
    """max(0, P - P_h) / P per picture, (B,) in [0, 1]: the share of P lost when only x * h is seen.

    x: (B, C, H, W). heatmaps: (B, H, W) in [0, 1]. target: (B,). P: the class probability. The mean
    over pictures is the average drop; small is called good, and a map that is 1 everywhere scores a
    perfect 0. Here x is the normalised tensor, so hidden pixels get the network's zero, a mid grey;
    the paper multiplies the picture itself, where they are black. Chattopadhay et al. 2018, 4.1.
    """
    net = network(model)
    picture_batch(x, net)
    h = torch.as_tensor(check_array("heatmaps", heatmaps), dtype=x.dtype, device=x.device)
    if h.shape != (len(x), *x.shape[2:]) or not torch.isfinite(h).all():
        raise ValueError(
            "x and heat maps must be (B, C, H, W) and (B, H, W), finite; got "
            f"{tuple(x.shape)} and {tuple(h.shape)}."
        )
    with torch.inference_mode(), evaluation_mode(net):
        at_once = pictures_at_once(*x.shape[2:])
        parts = list(zip(x.split(at_once), h[:, None].split(at_once), strict=True))
        logits = torch.cat([_logits(net, picture) for picture, _ in parts])
        chosen = class_indices(target, logits)[:, None]
        logits_seen = torch.cat([_logits(net, picture * heat) for picture, heat in parts])
        whole, part = (v.double().softmax(1).gather(1, chosen)[:, 0] for v in (logits, logits_seen))
    # a probability can be so small that it is stored as 0; then nothing can be lost
    return ((whole - part).clamp(min=0) / whole.clamp(min=1e-300)).cpu().numpy()
