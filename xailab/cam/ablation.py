"""The score without each channel of a layer, exactly, without running the network once a channel.

A: activations of the layer, (B, K, h, w). S_k: the score with channel k set to zero. Only what lies
behind the layer runs, and where a linear layer is the first to mix the channels, not even that.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import torch
from torch import nn
from torch.nn import functional as F

from ..hooks import Record

BUFFER = 8 * 2**20  # bytes of edited activations that go through the tail at once


def precise(tensor: torch.Tensor) -> torch.Tensor:
    """Half and bfloat16 numbers as float32: the sums of the formulas need the digits. Notebook 05."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def gap_linear_head(
    model: nn.Module, A: torch.Tensor, logits: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (C, K) and bias (C,) of a head that is global average pooling and one linear layer.

    Whether it is one is not read off the code but measured: pooling A and applying the linear
    layer must give the logits. Raises ValueError otherwise. Notebook 05.
    """
    near = 1e-3 if logits.dtype in (torch.float32, torch.float64) else 0.03
    A, logits = precise(A), precise(logits.detach())
    fitting = [
        m
        for m in model.modules()
        if isinstance(m, nn.Linear)
        and (m.in_features, m.out_features) == (A.shape[1], logits.shape[1])
    ]
    for linear in fitting:
        weight = linear.weight.detach().to(A.dtype)
        bias = torch.zeros_like(weight[:, 0]) if linear.bias is None else linear.bias.detach()
        with torch.autocast(A.device.type, enabled=False):
            again = F.linear(A.mean((2, 3)), weight, bias.to(A.dtype))
        # relative to the largest logit: small ones prove nothing
        if float((again.detach() - logits).abs().max()) <= near * float(logits.abs().max()):
            return weight, bias
    raise ValueError(
        "CAM needs a network whose layer is followed by global average pooling and one linear "
        f"layer only, and {type(model).__name__} at this layer is not; use 'grad_cam' instead."
    )


def ablated_scores(
    rec: Record,
    target: torch.Tensor | Sequence[int],
    *,
    reshape: Callable[[torch.Tensor], torch.Tensor] | None = None,
    batch_size: int | None = None,
    closed_form: bool = True,
) -> torch.Tensor:
    """S_k for every input and channel, (B, K): the target's logit with channel k set to zero.

    rec: of ``record(..., tape=True)``. target: a class index for each input. reshape: how the layer's
    output becomes maps, see ``cam.heatmaps``. batch_size: channels at a time, None for about
    8 MB of activations; 1 for a network that decides by its whole batch, which the short cut would
    mix up. closed_form: take the short cut of ``linear_entry`` where there is one; False runs the
    tail for every channel. Both give the same numbers. Introduced in notebook 05.
    """
    scores, closed_form = [], closed_form and reshape is None and batch_size != 1
    for row, target_class in enumerate(torch.as_tensor(target).tolist()):
        short = linear_entry(rec, row) if closed_form else None
        if short is not None:
            scores.append(short[:, target_class])
        else:
            scores.append(_by_the_tail(rec, row, target_class, reshape, batch_size))
    return torch.stack(scores)


def _by_the_tail(rec, row, target_class, reshape, batch_size) -> torch.Tensor:
    whole, scores = rec.activations[row : row + 1], []
    size = batch_size or max(1, BUFFER // (whole.numel() * whole.element_size()))
    n_channels = (whole if reshape is None else reshape(whole)).shape[1]
    for channels in torch.arange(n_channels).split(size):
        edited = whole.repeat(len(channels), *[1] * (whole.ndim - 1))
        maps = edited if reshape is None else reshape(edited)
        maps[torch.arange(len(channels)), channels] = 0
        scores.append(rec.tail(edited, row, copy=False)[:, target_class])
    return torch.cat(scores)


def linear_entry(rec: Record, row: int = 0) -> torch.Tensor | None:
    """All class scores without each channel, (K, C), where a linear layer is the first to mix them.

    Between the layer and its linear layer W stands only what treats every channel by itself
    (pooling, ReLU, flatten). Zeroing channel k then changes block k of W's input alone, from a_k
    to c_k, and W's output from z to z - W_k (a_k - c_k): only what follows W runs again. Whether
    that is so is not read off the code but measured: random sets of channels are zeroed, block
    by block W's input must be a_k or c_k, and its output must be all that the scores depend on.
    None where it is not so. Notebook 05.
    """
    A = rec.activations[row : row + 1]
    if A.ndim != 4 or A.dtype not in (torch.float32, torch.float64):
        return None
    kept = _sets_of_channels(A.shape[1]).to(A)
    linear, entry, z, scores = _first_linear(rec, A * kept[:, :, None, None], row)
    if linear is None or entry.ndim != 2 or entry.shape[1] % A.shape[1]:
        return None
    blocks = entry.unflatten(1, (A.shape[1], -1))  # (sets, K, inputs of W from one channel)
    a, c = blocks[0], blocks[1]
    if not _close(blocks, torch.where(kept[:, :, None] > 0, a, c)):
        return None
    if not _close(rec.tail(A, row, answers={linear: z}), scores):
        return None
    weight = linear.weight.detach().unflatten(1, (A.shape[1], -1))
    changed = torch.stack([torch.mv(weight[:, k], a[k] - c[k]) for k in range(A.shape[1])])
    changed.neg_().add_(z[:1])  # in place, like copy=False: K rows of a wide layer are much
    return rec.tail(A.clone(), row, answers={linear: changed}, copy=False)


def _sets_of_channels(n: int) -> torch.Tensor:
    """Which channels stay, (4, n): all of them, none of them, and two random halves."""
    halves = torch.rand(2, n, generator=torch.Generator().manual_seed(0)).round()
    return torch.cat([torch.ones(1, n), torch.zeros(1, n), halves])


def _first_linear(rec: Record, edited: torch.Tensor, row: int) -> tuple:
    """The first linear layer that runs in the tail, its input, its output, and the tail's output."""
    calls: list[tuple] = []

    def note(linear: nn.Linear, args: tuple, output: torch.Tensor) -> None:
        if not calls and len(output) == len(edited):  # not the run by which a tail tests itself
            calls.append((linear, args[0].clone(), output.clone()))

    with ExitStack() as stack:
        for linear in {m for m in rec.model.modules() if isinstance(m, nn.Linear)}:
            stack.callback(linear.register_forward_hook(note).remove)
        scores = rec.tail(edited, row)
    return *(calls[0] if calls else (None, None, None)), scores


def _close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and float((a - b).abs().max()) <= 1e-5 * float(b.abs().max())
