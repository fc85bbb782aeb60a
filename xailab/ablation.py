"""The score without each channel of a layer, exactly, without running the network once a channel.

A: activations of the layer, (B, K, h, w). S_k: the score with channel k set to zero. Only what lies
behind the layer runs, and where a linear layer is the first to mix the channels, not even that.
"""

from collections.abc import Callable
from contextlib import ExitStack

import torch
from torch import nn

from .hooks import Record

__all__ = ["ablated_scores", "linear_entry", "rearranged"]

FORMAT = torch.channels_last
BUFFER = 24 * 2**20  # bytes of edited activations that go through the tail at once


def ablated_scores(
    rec: Record,
    target: torch.Tensor,
    *,
    reshape: Callable[[torch.Tensor], torch.Tensor] | None = None,
    closed_form: bool = True,
) -> torch.Tensor:
    """S_k for every input and channel, (B, K): the target's logit with channel k set to zero.

    rec: of ``record(..., tape=True)``. target: (B,) class indices. reshape: how the layer's
    output becomes maps, see ``rearranged``. closed_form: use the short cut of ``linear_entry``
    where it holds; False runs the tail for every channel. Both give the same numbers.
    Introduced in notebook 05.
    """
    A = rec.activations
    places = None if reshape is None else rearranged(A, reshape)
    scores = A.new_empty(len(A), A.shape[1] if places is None else len(places))
    for row, target_class in enumerate(target.tolist()):
        short = linear_entry(rec, row) if closed_form and places is None else None
        if short is not None:
            scores[row] = short[:, target_class]
        else:
            _run_tails(rec, row, target_class, places, scores[row])
    return scores


def _run_tails(rec: Record, row: int, target_class: int, places, scores: torch.Tensor) -> None:
    """Fill scores (K,): one buffer holds the input n times, each copy without another channel."""
    whole = rec.activations[row].contiguous()
    size = max(1, min(len(scores), BUFFER // (whole.numel() * whole.element_size())))
    buffer = whole.repeat(size, *[1] * whole.ndim)
    if buffer.ndim == 4:  # on a CPU convolutions of small maps are faster so
        buffer = buffer.contiguous(memory_format=FORMAT)
    version = buffer._version
    for first in range(0, len(scores), size):
        channels = range(first, min(first + size, len(scores)))
        _set_channels(buffer, channels, places, None)
        version += len(channels)
        answer = rec._tape.replay(buffer[: len(channels)], row)
        scores[first : channels.stop] = answer[:, target_class]
        if buffer._version != version:  # the model wrote into it (a ReLU in place): start afresh
            buffer.copy_(whole)
        else:
            _set_channels(buffer, channels, places, whole)
        version = buffer._version


def _set_channels(buffer: torch.Tensor, channels: range, places, whole) -> None:
    """In copy i of the buffer: channel channels[i] to zero, or back to what it was in ``whole``."""
    for i, k in enumerate(channels):
        if places is None:
            buffer[i, k] = 0 if whole is None else whole[k]
        else:
            buffer[i].view(-1)[places[k]] = 0 if whole is None else whole.view(-1)[places[k]]


def rearranged(A: torch.Tensor, reshape: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Where the numbers of each map come from: (K, h * w) positions in one input's activations.

    reshape: (B, ...) -> (B, K, h, w); it may only move numbers or leave some out (a class token).
    Raises ValueError when it does more. Notebook 09.
    """
    index = torch.arange(A[0].numel(), dtype=torch.float64, device=A.device).reshape(1, *A.shape[1:])
    maps = reshape(index)
    positions = maps.reshape(maps.shape[1], -1).long() if maps.ndim == 4 else None
    if (
        positions is None
        or len(maps) != 1
        or not torch.equal(positions.reshape(maps.shape).double(), maps)
        or len(positions.unique()) != positions.numel()
        or positions.min() < 0
        or positions.max() >= index.numel()
    ):
        raise ValueError(
            "reshape must turn the layer's output (B, ...) into maps (B, K, h, w) by moving numbers "
            f"only; of an output {tuple(A.shape)} it made {(len(A), *maps.shape[1:])}."
        )
    return positions


def linear_entry(rec: Record, row: int = 0) -> torch.Tensor | None:
    """All class scores without each channel, (K, C), where a linear layer is the first to mix them.

    Between the layer and its linear layer W stands only what treats every channel by itself
    (pooling, ReLU, flatten). Zeroing channel k then changes only block k of the linear layer's input,
    from a_k to c_k, and its output from z to z - W_k (a_k - c_k): no convolution, no pooling
    runs again, only what follows W. Whether that is so is not read off the code but measured: random sets
    of channels are zeroed, and block by block the input must be a_k or c_k and the final scores those
    of the tail. None where it is not so. Notebook 05.
    """
    A, tape = rec.activations, rec._tape
    K = A.shape[1]
    draw = torch.Generator().manual_seed(0)
    kept = torch.rand(2, K, generator=draw).round().to(A)
    kept = torch.cat([torch.ones_like(kept[:1]), torch.zeros_like(kept[:1]), kept])  # all, none, some
    calls: list[tuple[nn.Linear, torch.Tensor]] = []
    with ExitStack() as stack:
        for module in tape.model.modules():
            if isinstance(module, nn.Linear):
                hook = module.register_forward_pre_hook(lambda m, args: calls.append((m, args[0])))
                stack.callback(hook.remove)
        shape = (4, K, *[1] * (A.ndim - 2))
        scores = tape.replay(A[row : row + 1] * kept.view(shape), row)
    if not calls or calls[0][1].ndim != 2 or len(calls[0][1]) != 4 or calls[0][1].shape[1] % K:
        return None
    linear, entry = calls[0][0], calls[0][1].clone()
    a, c, *some = entry.view(4, K, -1)
    mixed = torch.where(kept[2:, :, None] > 0, a, c)
    tolerance = 1e-5 * float(entry.abs().max())
    if not torch.allclose(torch.stack(some), mixed, rtol=0, atol=tolerance):
        return None
    weight = linear.weight.detach()
    with torch.inference_mode():
        z = nn.functional.linear(entry, weight, linear.bias)
        if not _same(tape.replay(A[row : row + 1], row, (linear, z[2:])), scores[2:]):
            return None
        change, width = a - c, a.shape[1]
        edited = z[:1].repeat(K, 1)
        for k in range(K):
            edited[k] -= torch.mv(weight[:, k * width : (k + 1) * width], change[k])
        return tape.replay(A[row : row + 1], row, (linear, edited))


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))
