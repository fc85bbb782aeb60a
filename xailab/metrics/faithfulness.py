"""Does a heat map tell what the network used? Perturbation curves, sanity checks, stability.

Nothing here looks at a mask: these measures ask the network, not an annotator. model: an
nn.Module that returns (B, C) logits. x: (1, 3, H, W) unless said otherwise. heatmap: (H, W).
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn
from torch.nn import functional as F

from .._utils.interrupts import stoppable
from .._utils.tensors import class_indices, evaluation_mode, network, picture_batch
from .._utils.validation import check_array, check_int, check_random_state, truncated


@dataclass(frozen=True)
class Curve:
    """How the score moves while pixels are taken away (or put back), most marked first.

    fractions: (steps + 1,), shares of the pixels changed. scores: (steps + 1,), in units of
    ``output``. fill: what stands in for a removed pixel. Notebook 07.
    """

    fractions: np.ndarray
    scores: np.ndarray
    output: str
    fill: str

    @property
    def auc(self) -> float:
        """Area under the curve by the trapezoid rule: the mean score on the way."""
        return float(np.trapezoid(self.scores, self.fractions))


def baseline(x: torch.Tensor, fill: str | torch.Tensor = "blur") -> torch.Tensor:
    """What stands in for removed pixels, of the shape of x (1, 3, H, W).

    "blur": the picture so blurred that only colours are left. "mean": its mean colour.
    "zero": the network's zero, a mid grey. A tensor is taken as it is. Notebook 07.
    Raises ValueError for another fill.
    """
    if isinstance(fill, torch.Tensor):
        if (
            fill.device != x.device
            or fill.ndim > 4
            or any(
                n not in (1, m)
                for n, m in zip(reversed(fill.shape), reversed(x.shape), strict=False)
            )
        ):
            raise ValueError(
                f"fill must be a tensor that fits {tuple(x.shape)} on {x.device}, not "
                f"{tuple(fill.shape)} on {fill.device}."
            )
        return fill.expand_as(x)
    if fill == "zero":
        return torch.zeros_like(x)
    if fill == "mean":
        return x.mean((2, 3), keepdim=True).expand_as(x)
    if fill == "blur":
        small = F.adaptive_avg_pool2d(x, max(1, min(x.shape[2:]) // 32))
        return F.interpolate(small, x.shape[2:], mode="bilinear", align_corners=False)
    raise ValueError(f"fill must be 'blur', 'mean', 'zero' or a tensor, not {truncated(fill)}.")


def _order(x: torch.Tensor, heatmap: np.ndarray, seed: int) -> np.ndarray:
    """The place (0 = most marked) of every pixel; ties, common in zeros, fall by lot."""
    h = check_array("heatmap", heatmap)
    if x.ndim != 4 or len(x) != 1 or h.shape != tuple(x.shape[2:]) or not np.isfinite(h).all():
        raise ValueError(
            "x must have shape (1, C, H, W) and the heat map (H, W), finite; got "
            f"{tuple(x.shape)} and {h.shape}."
        )
    lot = check_random_state(seed).random(h.size)
    place = np.empty(h.size, dtype=int)
    place[np.lexsort((lot, -h.ravel()))] = np.arange(h.size)
    return place.reshape(h.shape)


def _score(model: Any, x: torch.Tensor, target: int, output: str) -> np.ndarray:
    if output not in ("probability", "logit"):
        raise ValueError(f"output must be 'probability' or 'logit', not {output!r}.")
    if len(x) >= 8 and hasattr(model, "fused"):  # the same function in about half the time
        model = model.fused()
    with torch.inference_mode(), evaluation_mode(model):
        logits = torch.cat([model(part) for part in x.split(16)]).double()
    scores = logits.softmax(1) if output == "probability" else logits
    target = check_int("target", target, 0, scores.shape[1] - 1)
    return scores[:, target].cpu().numpy()


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
    """``deletion`` (or ``insertion``) for several maps of one picture at once: name -> Curve.

    Whole picture and baseline, where all curves start and end, are scored once for all. Stopped by
    hand, it leaves nothing: half a curve has no area. ``measure.perturbation`` keeps whole pictures.
    Raises ValueError as ``deletion`` does. Notebook 07.
    """
    steps, net = check_int("steps", steps), network(model)
    picture_batch(x, net)
    fractions, other = np.linspace(0, 1, steps + 1), None
    pictures = []
    for heatmap in heatmaps.values():
        place = torch.from_numpy(_order(x, heatmap, seed)).to(x.device)
        other = baseline(x, fill)
        counts = torch.from_numpy(np.rint(fractions[1:-1] * place.numel()).astype(int))
        touched = (place < counts.to(x.device)[:, None, None])[:, None]
        pictures.append(torch.where(touched, *((x, other) if insert else (other, x))))
    ends = (other, x) if insert else (x, other)
    scores = _score(net, torch.cat([*ends, *pictures]), target, output)
    name = fill if isinstance(fill, str) else "given"
    between = scores[2:].reshape(len(pictures), -1)
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
    """Take pixels away, the most marked first: a faithful map makes the score fall early.

    A small area is good. Raises ValueError for shapes that do not fit.
    Petsiuk et al. 2018 (RISE). Notebook 07.
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
    """Start from the baseline and put pixels back, the most marked first.

    A large area is good. Raises ValueError for shapes that do not fit.
    Petsiuk et al. 2018 (RISE). Notebook 07.
    """
    maps = {"": heatmap}
    return perturbation_curves(model, x, maps, target, True, steps, fill, output, seed)[""]


def average_drop(
    model: nn.Module, x: torch.Tensor, heatmaps: np.ndarray, target: Sequence[int]
) -> np.ndarray:
    """max(0, P - P_h) / P for every picture, (B,) in [0, 1]: how much is lost when only x * h is seen.

    x: (B, C, H, W), heatmaps: (B, H, W) in [0, 1], target: (B,). P: the class probability. Its mean
    over pictures is the average drop; small is called good, and the map that keeps everything
    scores a perfect 0. Chattopadhay et al. 2018, section 4.1. Notebook 07.
    Raises ValueError for shapes that do not fit.
    """
    net = network(model)
    picture_batch(x, net)
    h = torch.as_tensor(check_array("heatmaps", heatmaps), dtype=x.dtype, device=x.device)
    if h.shape != (len(x), *x.shape[2:]):
        raise ValueError(
            "x and heat maps must be (B, C, H, W) and (B, H, W); got "
            f"{tuple(x.shape)} and {tuple(h.shape)}."
        )
    with torch.inference_mode(), evaluation_mode(net):
        logits = net(x)
        chosen = class_indices(target, logits)[:, None]
        logits_seen = net(x * h[:, None])
        whole, part = (v.double().softmax(1).gather(1, chosen)[:, 0] for v in (logits, logits_seen))
    return ((whole - part).clamp(min=0) / whole).cpu().numpy()


# --- sanity ------------------------------------------------------------------------------------


def map_similarity(a: np.ndarray, b: np.ndarray, stride: int = 1) -> float:
    """Spearman's rank correlation of two heat maps, in [-1, 1]; 0 where one is constant. Notebook 07.

    stride: 4 compares every fourth pixel of every fourth row, enough for smooth maps.
    Raises ValueError for maps of two shapes or with NaN.
    """
    a, b, stride = check_array("a", a), check_array("b", b), check_int("stride", stride)
    if a.shape != b.shape or not a.size:
        raise ValueError(f"The two maps must have one shape; got {a.shape} and {b.shape}.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("The maps must not have NaN or infinite values.")
    a, b = (m[..., stride // 2 :: stride, stride // 2 :: stride] for m in (a, b))
    u, v = (rankdata(m, axis=None) - (m.size + 1) / 2 for m in (a, b))
    size = np.sqrt((u @ u) * (v @ v))
    return float(u @ v / size) if size > 0 else 0.0


def _alike(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Pair by pair, on every fourth pixel where the maps are large."""
    stride = 4 if min(before.shape[1:]) >= 112 else 1
    return np.array([map_similarity(a, b, stride) for a, b in zip(before, after, strict=True)])


@dataclass(frozen=True)
class Cascade:
    """What became of the maps while the network was randomised from the top.

    layers: the layers, "as trained" first. maps: method -> (layers, B, H, W).
    similarity: method -> (layers, B), rank correlation with the map of the trained network. Notebook 07.
    """

    layers: tuple[str, ...]
    maps: dict[str, np.ndarray]
    similarity: dict[str, np.ndarray]


def _layers_from_the_top(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The parts of a network that hold parameters, the last first; chains are opened up."""
    parts = []
    for name, child in model.named_children():
        if isinstance(child, nn.Sequential) and any(len(list(c.children())) for c in child):
            parts += [(f"{name}.{n}", c) for n, c in child.named_children()]
        else:
            parts.append((name, child))
    return [(n, m) for n, m in reversed(parts) if any(p.numel() for p in m.parameters())]


def _shuffle(module: nn.Module, rng: torch.Generator) -> None:
    """Shuffle the entries of every parameter: what was learnt is gone, the scale is not."""
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(p.flatten()[torch.randperm(p.numel(), generator=rng)].view_as(p))


def cascading_randomisation(
    model: nn.Module,
    explain: Callable[[nn.Module], dict[str, np.ndarray]],
    layers: Sequence[str] | None = None,
    seed: int = 0,
) -> Cascade:
    """Randomise a copy of the network part by part from the top; how long do the maps stay the same?

    explain: a network -> {method: (B, H, W)}. layers: the parts to randomise, the top one first;
    None takes all. The given model is not touched. A map that survives does not depend on
    what was learnt. Stopped by hand, it raises ``Interrupted``, whose ``partial`` is the cascade down to
    the last layer reached. Raises ValueError for unknown parts. Adebayo et al. 2018. Notebook 07.
    """
    net = copy.deepcopy(network(model))
    known = dict(_layers_from_the_top(net)) | dict(net.named_modules())
    unknown = [name for name in layers or () if name not in known]
    if unknown:
        raise ValueError(f"There is no part {unknown[0]!r} in this model; see named_modules().")
    names = list(layers) if layers else [name for name, _ in _layers_from_the_top(net)]
    rng = torch.Generator().manual_seed(check_int("seed", seed, least=0))
    steps = [explain(net)]

    def result() -> Cascade:
        maps = {method: np.stack([step[method] for step in steps]) for method in steps[0]}
        similarity = {
            method: np.array([_alike(m[0], step) for step in m]) for method, m in maps.items()
        }
        return Cascade(("as trained", *names[: len(steps) - 1]), maps, similarity)

    if not isinstance(steps[0], Mapping):
        raise TypeError(
            "explain must return a dict, method -> maps (B, H, W), as cam.heatmaps does, not "
            f"{type(steps[0]).__name__}."
        )
    with stoppable(steps, len(names) + 1, "layers", result, least=2):
        for name in names:
            _shuffle(known[name], rng)
            steps.append(explain(net))
    return result()


def stability(
    explain: Callable[[torch.Tensor], dict[str, np.ndarray]],
    x: torch.Tensor,
    noise: float = 0.05,
    repeats: int = 4,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """How alike are the maps of x and of x with a little noise? method -> (B,), mean rank correlation.

    explain: (B, 3, H, W) -> {method: (B, H, W)}. noise: standard deviation, in units of x's
    own. Keep the target fixed in ``explain``. High is stable, not right: a constant map is
    perfectly stable. Stopped by hand, it raises ``Interrupted``, whose ``partial`` is the mean over the
    repeats so far. After Alvarez-Melis & Jaakkola 2018. Notebook 07.
    Raises ValueError for a noise that is not positive.
    """
    repeats = check_int("repeats", repeats)
    if not noise > 0:
        raise ValueError(f"noise must be a positive number, not {truncated(noise)}.")
    rng = torch.Generator().manual_seed(check_int("seed", seed, least=0))
    before = explain(x)
    found: list[dict[str, np.ndarray]] = []

    def result() -> dict[str, np.ndarray]:
        return {method: np.mean([one[method] for one in found], axis=0) for method in before}

    with stoppable(found, repeats, "repeats", result):
        for _ in range(repeats):
            shaken = x + noise * x.std() * torch.randn(x.shape, generator=rng).to(x.device)
            after = explain(shaken)
            found.append({method: _alike(before[method], after[method]) for method in before})
    return result()
