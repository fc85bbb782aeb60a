"""Do heat maps depend on what the network has learnt, and not on a little noise?

Randomisation of the layers (sanity checks) and stability. An explanation that fails here is wrong; one
that passes is not proved right.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from .._utils.tensors import network
from .._utils.validation import check_array, check_int, truncated


def map_similarity(a: np.ndarray, b: np.ndarray, stride: int = 1) -> float:
    """Spearman's rank correlation of two heat maps, in [-1, 1]; 0 where one is constant.

    stride: 4 compares every fourth pixel of every fourth row, enough for smooth maps.
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


def _similarities(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(B,): map by map, on every fourth pixel where the maps are large."""
    stride = 4 if min(before.shape[1:]) >= 112 else 1
    return np.array([map_similarity(a, b, stride) for a, b in zip(before, after, strict=True)])


@dataclass(frozen=True)
class Cascade:
    """The maps while the network is randomised layer by layer, from the top down.

    layers: after which layers the maps were drawn, "as trained" first. maps: method -> (layers, B, H, W).
    similarity: method -> (layers, B), rank correlation with the map of the trained network.
    """

    layers: tuple[str, ...]
    maps: dict[str, np.ndarray]
    similarity: dict[str, np.ndarray]


def _layers_from_the_top(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The parts of a network that hold parameters, the last first; nested chains are opened up."""
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
    every: int = 1,
) -> Cascade:
    """Randomise a copy of the network layer by layer from the top; do the maps change with it?

    A map that stays the same does not depend on what was learnt. The given model is not touched.
    Adebayo et al. 2018.

    Parameters
    ----------
    model : CNN or nn.Module
        The trained network.
    explain : callable
        A network -> {method: (B, H, W)}.
    layers : sequence of str, optional
        Names of the layers to randomise, the top one first; None takes all.
    seed : int
        Of the shuffling.
    every : int
        Draw the maps after the first layer, after every so many further ones and after the last.
        All layers are randomised whatever it is.
    """
    net = copy.deepcopy(network(model))
    from_the_top = dict(_layers_from_the_top(net))
    known = from_the_top | dict(net.named_modules())
    names = list(layers or from_the_top)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"There is no layer {unknown[0]!r} in this model; see named_modules().")
    every = check_int("every", every)
    rng = torch.Generator().manual_seed(check_int("seed", seed, least=0))
    steps = [explain(net)]
    if not isinstance(steps[0], Mapping):
        raise TypeError(
            "explain must return a dict, method -> maps (B, H, W), as cam.heatmaps does, not "
            f"{type(steps[0]).__name__}."
        )
    drawn = ["as trained"]
    for place, name in enumerate(names):
        _shuffle(known[name], rng)
        if place % every == 0 or place == len(names) - 1:
            drawn.append(name)
            steps.append(explain(net))
    steps = [dict(step) for step in steps]
    # one method after the other, so that the maps are not all in memory twice
    maps = {method: np.stack([step.pop(method) for step in steps]) for method in [*steps[0]]}
    similarity = {
        method: np.array([_similarities(m[0], step) for step in m]) for method, m in maps.items()
    }
    return Cascade(tuple(drawn), maps, similarity)


def stability(
    explain: Callable[[torch.Tensor], dict[str, np.ndarray]],
    x: torch.Tensor,
    noise: float = 0.05,
    repeats: int = 4,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """How similar are the maps of x and of x with a little noise? method -> (B,), in [-1, 1].

    The mean rank correlation over the repeats. High is stable, not right: a constant answer is
    perfectly stable. After Alvarez-Melis & Jaakkola 2018.

    Parameters
    ----------
    explain : callable
        (B, 3, H, W) -> {method: (B, H, W)}; keep the target fixed in it.
    x : tensor (B, 3, H, W)
        The pictures.
    noise : float
        Standard deviation of the noise, in units of x's own standard deviation.
    repeats : int
        How many noisy copies.
    seed : int
        Of the noise.
    """
    repeats = check_int("repeats", repeats)
    if not noise > 0:
        raise ValueError(f"noise must be a positive number, not {truncated(noise)}.")
    rng = torch.Generator().manual_seed(check_int("seed", seed, least=0))
    before = explain(x)
    found: dict[str, list] = {method: [] for method in before}
    for _ in range(repeats):
        after = explain(x + noise * x.std() * torch.randn(x.shape, generator=rng).to(x.device))
        for method in before:
            found[method].append(_similarities(before[method], after[method]))
    return {method: np.mean(runs, axis=0) for method, runs in found.items()}
