"""The score without each channel of a layer, S_k, without a run of the whole network per channel.

A: activations of the layer, (B, K, h, w). S_k: the score with channel k set to zero. Only the
part of the network behind the layer runs (``Record.tail``), and where a linear layer is the first
to mix the channels, only what follows that layer.
"""

from collections.abc import Callable
from contextlib import ExitStack

import torch
from torch import nn
from torch.nn import functional as F

from .._utils.tensors import Score, Target, check_logits, class_indices, class_scores
from .._utils.threads import in_this_thread
from ..hooks import Record

# Bytes of edited activations that go through the tail at once.
BUFFER = 8 * 2**20
# Variants at most: more are no quicker, and blocks that widen the maps six times need much memory.
MOST = 48


def precise(tensor: torch.Tensor) -> torch.Tensor:
    """float16 and bfloat16 as float32: the sums in the formulas need the digits."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def gap_linear_head(
    model: nn.Module, A: torch.Tensor, logits: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (C, K) and bias (C,) of a head that is global average pooling and one linear layer.

    Found by measuring, not by reading code: the linear layer applied to mean_xy(A) must give the
    logits. Any other head is a ValueError.
    """
    tolerance = 1e-3 if logits.dtype in (torch.float32, torch.float64) else 0.03
    A, logits = precise(A), precise(logits.detach())
    K, C = A.shape[1], logits.shape[1]
    for linear in model.modules():
        if not isinstance(linear, nn.Linear) or (linear.in_features, linear.out_features) != (K, C):
            continue
        weight = linear.weight.detach().to(A.dtype)
        bias = torch.zeros_like(weight[:, 0]) if linear.bias is None else linear.bias.detach()
        with torch.autocast(A.device.type, enabled=False):
            pooled = F.linear(A.mean((2, 3)), weight, bias.to(A.dtype)).detach()
        if _close(pooled, logits, tolerance):
            return weight, bias
    raise ValueError(
        "CAM needs a network whose layer is followed by global average pooling and one linear "
        f"layer only, and {type(model).__name__} at this layer is not; use 'grad_cam' instead."
    )


def ablated_scores(
    rec: Record,
    target: Target | Score,
    *,
    reshape: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """S_k for every input and channel, (B, K): the target's score with channel k set to zero.

    rec: from ``record(..., tape=True)``. target, reshape: as for ``cam.heatmaps``. The shortcut
    of ``linear_entry`` is taken where it holds; it gives the same numbers as ``tail_logits``.
    """
    classes = None if callable(target) else class_indices(target, rec.output)
    found = []
    for row in range(len(check_logits(rec.output))):
        logits = linear_entry(rec, row) if reshape is None else None
        if logits is None:
            logits = tail_logits(rec, row, reshape)
        found.append(logits if classes is None else logits[:, classes[row]])
    if classes is not None:
        return torch.stack(found)
    # A function gets the batch as it is, once per channel.
    by_channel = torch.stack(found, 1)
    return torch.stack([class_scores(target, logits) for logits in by_channel], 1)


def tail_logits(rec: Record, row: int, reshape: Callable | None = None) -> torch.Tensor:
    """The logits of one input without each channel, (K, C): what follows the layer, run K times."""
    whole, logits = rec.activations[row : row + 1], []
    at_once = max(1, min(MOST, BUFFER // (whole.numel() * whole.element_size())))
    n_channels = (whole if reshape is None else reshape(whole)).shape[1]
    for channels in torch.arange(n_channels).split(at_once):
        edited = whole.repeat(len(channels), *[1] * (whole.ndim - 1))
        maps = edited if reshape is None else reshape(edited)
        maps[torch.arange(len(channels)), channels] = 0
        logits.append(rec.tail(edited, row, copy=False))
    return torch.cat(logits)


def linear_entry(rec: Record, row: int = 0) -> torch.Tensor | None:
    """The logits (K, C) of ``tail_logits``, where a linear layer is the first to mix the channels.

    Between the layer and that linear layer W, every channel is treated by itself (pooling, ReLU,
    flatten). Zeroing channel k then changes only block k of W's input, from a_k to c_k, and W's
    output from z to z - W_k (a_k - c_k), so that only what follows W runs again.

    Whether this holds is measured: with random sets of channels set to zero, block k of W's
    input must be a_k or c_k, and the scores must depend on nothing but W's output. None where
    it does not hold.
    """
    A = rec.activations[row : row + 1]
    if A.ndim != 4 or A.dtype not in (torch.float32, torch.float64):
        return None
    K = A.shape[1]
    kept = _channel_sets(K).to(A)
    # Always as many rows of A as of z: the network may read the batch's size anywhere.
    same = A.expand(len(kept), -1, -1, -1)
    linear, entry, z, scores = _first_linear(rec, same * kept[:, :, None, None], row)
    if linear is None or entry.ndim != 2 or len(entry) != len(kept) or entry.shape[1] % K:
        return None
    blocks = entry.unflatten(1, (K, -1))
    a, c = blocks[0], blocks[1]
    if not _close(blocks, torch.where(kept[:, :, None] > 0, a, c), 1e-5):
        return None
    if not _close(rec.tail(same, row, answers={linear: z}), scores, 1e-5):
        return None
    weight = linear.weight.detach().unflatten(1, (K, -1))
    outputs = torch.stack([torch.mv(weight[:, k], a[k] - c[k]) for k in range(K)])
    # In place, like copy=False: K rows of a wide layer take much memory.
    outputs.neg_().add_(z[:1])
    at_once = max(1, 4 * BUFFER // (A.numel() * A.element_size()))
    return torch.cat(
        [
            rec.tail(A.repeat(len(some), 1, 1, 1), row, answers={linear: some}, copy=False)
            for some in outputs.split(at_once)
        ]
    )


def _channel_sets(n: int) -> torch.Tensor:
    """Which channels stay, (4, n): all of them, none of them, and two random halves."""
    halves = torch.rand(2, n, generator=torch.Generator().manual_seed(0)).round()
    return torch.cat([torch.ones(1, n), torch.zeros(1, n), halves])


def _first_linear(rec: Record, edited: torch.Tensor, row: int) -> tuple:
    """The first linear layer that runs in the tail, its input, its output, and the tail's output."""
    calls: list[tuple] = []

    def note(linear: nn.Linear, args: tuple, kwargs: dict, output: torch.Tensor) -> None:
        if not calls:
            entry = args[0] if args else kwargs["input"]
            calls.append((linear, entry.clone(), output.clone()))

    # The first replay of a record runs more than once, to find out how the tape can be used.
    rec.tail(edited[:1], row)
    with ExitStack() as stack:
        for linear in {m for m in rec.model.modules() if isinstance(m, nn.Linear)}:
            hook = linear.register_forward_hook(in_this_thread(note), with_kwargs=True)
            stack.callback(hook.remove)
        scores = rec.tail(edited, row)
    return *(calls[0] if calls else (None, None, None)), scores


def _close(a: torch.Tensor, b: torch.Tensor, tolerance: float) -> bool:
    """Whether a is b up to a share of b's largest value: small differences there prove nothing."""
    return a.shape == b.shape and float((a - b).abs().max()) <= tolerance * float(b.abs().max())
