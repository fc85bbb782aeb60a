"""Checks of networks, inputs and class indices, made once at the public entry."""

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from .threads import alone
from .validation import truncated

Target = int | Sequence[int] | np.ndarray | torch.Tensor | None
MADE_FOR_INFERENCE = (
    "The model's weights were made under torch.inference_mode(), so no gradient can ever pass "
    "through them; make or load the model outside of it."
)
Score = Callable[[torch.Tensor], torch.Tensor]


def network(model: object) -> nn.Module:
    """The nn.Module itself, or the one inside a CNN. Raises TypeError for anything else."""
    net = model if isinstance(model, nn.Module) else getattr(model, "model", None)
    if not isinstance(net, nn.Module):
        raise TypeError(
            "model must be a torch.nn.Module, or a CNN as load_cnn() makes it, not "
            f"{truncated(model)}."
        )
    # torch.compile keeps the network that it was given.
    return getattr(net, "_orig_mod", net)


@contextmanager
def evaluation_mode(net: nn.Module) -> Iterator[None]:
    """The network in eval mode, for one thread at a time; on leaving, every module gets its mode back."""
    with alone(net):
        training = [module for module in net.modules() if module.training]
        for module in training:
            module.training = False
        try:
            yield
        finally:
            for module in training:
                module.training = True


def picture_batch(x: object, net: nn.Module) -> torch.Tensor:
    """x if it is a batch (B, C, H, W) of finite floats, of the network's dtype and device."""
    if not isinstance(x, torch.Tensor):
        raise TypeError(
            f"x must be a tensor as cnn.preprocess(image) makes it, not {type(x).__name__}."
        )
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(
            f"x must have shape (B, 3, H, W), not {tuple(x.shape)}; cnn.preprocess(image) makes it."
        )
    if not x.is_floating_point():
        raise TypeError(f"x must be a tensor of floats, not {x.dtype}; x.float() makes one.")
    own = next((p for p in net.parameters() if p.is_floating_point()), None)
    if own is not None and own.device != x.device:
        raise ValueError(
            f"x lies on {x.device} but the model on {own.device}; pass x.to('{own.device}')."
        )
    if own is not None and own.dtype != x.dtype and not torch.is_autocast_enabled(x.device.type):
        raise ValueError(
            f"x holds {x.dtype} but the model {own.dtype} numbers; pass x.to({own.dtype})."
        )
    if x.device.type == "meta":
        raise ValueError("x lies on the meta device, which holds no numbers; pass a real tensor.")
    if not all_finite(x):
        raise ValueError("x has NaN or infinite values; look for them in the image.")
    return x


def pictures_at_once(height: int, width: int, *, most: int = 16) -> int:
    """How many pictures of this size go through a network at once: 4 of 224 x 224, 1 to ``most``.

    Larger batches are slower on one thread, and need more memory.
    """
    return max(1, min(most, 4 * 224 * 224 // (height * width)))


def batches(
    x: torch.Tensor, target: Target | Score, at_once: int
) -> Iterator[tuple[torch.Tensor, Any]]:
    """At most ``at_once`` pictures of x (B, C, H, W) at a time, and their targets.

    A function of the logits gets all pictures; so do targets that are not one per picture.
    """
    given: Any = target if torch.is_tensor(target) else np.asarray(target, dtype=object)
    if callable(target) or (given.ndim and len(given) != len(x)):
        at_once = len(x)
    for i in range(0, len(x), at_once):
        part = slice(i, i + at_once)
        whole = at_once >= len(x) or not given.ndim
        yield x[part], target if whole else given[part].tolist()


def check_logits(output: object) -> torch.Tensor:
    """What the model returned, if it is logits (B, classes)."""
    if not torch.is_tensor(output) or output.ndim != 2:
        got = tuple(output.shape) if torch.is_tensor(output) else type(output).__name__
        raise ValueError(
            f"The model must return logits of shape (B, classes), not {got}; wrap it in a module "
            "that returns them alone."
        )
    return output


def check_no_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """The logits (B, C), if they are neither the probabilities of a softmax nor their logarithms."""
    values = logits.detach().double()
    tolerance = 1e-4 if logits.dtype in (torch.float32, torch.float64) else 0.02
    if values.shape[1] < 2:
        return logits
    last = ""
    if values.min() >= 0 and (values.sum(1) - 1).abs().max() <= tolerance:
        last, what = "softmax", "probabilities, which add up to 1"
    elif values.max() <= 0 and values.logsumexp(1).abs().max() <= tolerance:
        last, what = "log_softmax", "the logarithms of probabilities"
    if last:
        raise ValueError(
            f"The model returns {what}, and logits are explained: leave out its last {last}; where it "
            "is a module, put torch.nn.Identity() in its place, otherwise wrap the part before it in a "
            "module of your own; heatmaps(..., target=lambda p: p[:, 0]) explains what it returns now."
        )
    return logits


def gradient(scores: torch.Tensor, of: torch.Tensor, name: str, instead: str = "") -> torch.Tensor:
    """d(sum of the scores) / d(of). One sentence where no differentiable path leads back to it.

    name: what ``of`` is called in that sentence. instead: what to try, its end.
    """
    found = None
    if scores.requires_grad:
        (found,) = torch.autograd.grad(scores.sum(), of, retain_graph=True, allow_unused=True)
    if found is None:
        raise RuntimeError(
            f"The score does not depend on {name} through differentiable steps; look in the model's "
            f"forward for torch.no_grad(), inference_mode(), detach, rounding or quantised modules"
            f"{instead}."
        )
    return found.detach()


def check_differentiable(net: nn.Module) -> None:
    """Refuse weights that were made under inference_mode: they cannot enter a graph, ever."""
    if any(p.is_inference() for p in net.parameters()):
        raise RuntimeError(MADE_FOR_INFERENCE)


def class_indices(target: Target, logits: torch.Tensor) -> torch.Tensor:
    """One class index per row of the logits (B, C), as a tensor (B,) beside them.

    target: one whole number of any integer type for all rows, or B of them (a Series by
    position); None is each row's predicted class. A bool is not an index.
    """
    check_logits(logits)
    if target is None:
        return logits.argmax(1)
    batch, classes = logits.shape
    given = target.tolist() if torch.is_tensor(target) else target
    try:
        indices = [_index(v) for v in np.asarray(given, dtype=object).ravel()]
    except (TypeError, ValueError):
        indices = []
    if len(indices) not in (1, batch):
        raise ValueError(
            f"target must be one class index or {batch} of them, not {truncated(target)}; "
            "CNN.target(name) finds the index of a name."
        )
    if min(indices) < 0 or max(indices) >= classes:
        raise ValueError(f"target must lie between 0 and {classes - 1}, not {truncated(target)}.")
    return torch.tensor(indices, device=logits.device).expand(batch)


def class_scores(target: Target | Score, logits: torch.Tensor) -> torch.Tensor:
    """One score per row of the logits (B, C): its class's logit, or what target(logits) returns."""
    if not callable(target):
        return logits.gather(1, class_indices(target, logits)[:, None])[:, 0]
    scores = target(check_logits(logits))
    if not torch.is_tensor(scores) or scores.shape != logits.shape[:1]:
        got = tuple(scores.shape) if torch.is_tensor(scores) else truncated(scores)
        raise ValueError(
            "target must return one score per row of the logits, a tensor of shape "
            f"({len(logits)},), not {got}; for example lambda logits: logits[:, 1] - logits[:, 0]."
        )
    return scores


def _index(value: object) -> int:
    if isinstance(value, bool):
        raise TypeError("A bool is not an index.")
    return operator.index(value)  # type: ignore[arg-type]


def all_finite(x: torch.Tensor) -> bool:
    """Whether no number is NaN or infinite. A finite sum proves it, and is quick."""
    return bool(torch.isfinite(x.sum())) or bool(torch.isfinite(x).all())
