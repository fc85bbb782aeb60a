"""A layer's output as maps (B, K, h, w), also where it returns tokens or has its channels last."""

from collections.abc import Callable

import torch
from torch import nn

from .._utils.threads import in_this_thread
from ..hooks import find_layer, fits


def from_tokens(extra: int = 1) -> Callable[[torch.Tensor], torch.Tensor]:
    """The ``reshape`` of a vision transformer: (B, extra + n * n, K) tokens -> (B, K, n, n) maps.

    For a square picture. extra: how many tokens stand before those of the image patches (the class
    token: 1).
    """

    def reshape(tokens: torch.Tensor) -> torch.Tensor:
        n = round(max(0, tokens.shape[1] - extra) ** 0.5)
        if tokens.ndim != 3 or n * n != tokens.shape[1] - extra:
            raise ValueError(
                f"from_tokens({extra}) needs (B, {extra} + n * n, K) tokens, and the layer returns "
                f"{tuple(tokens.shape)}; pass the number of extra tokens, or your own reshape."
            )
        return tokens[:, extra:].unflatten(1, (n, n)).permute(0, 3, 1, 2)

    reshape.square = True  # type: ignore[attr-defined]
    return reshape


def from_channels_last(A: torch.Tensor) -> torch.Tensor:
    """The ``reshape`` of a Swin transformer: (B, h, w, K) -> (B, K, h, w)."""
    if A.ndim != 4:
        raise ValueError(
            f"from_channels_last needs an output (B, h, w, K), and the layer returns "
            f"{tuple(A.shape)}; choose another layer, or from_tokens()."
        )
    return A.permute(0, 3, 1, 2)


def channels_last(net: nn.Module, layer: nn.Module | str, shape: torch.Size, x) -> bool:
    """Whether the layer's output of this shape for x is (B, h, w, K), and not (B, K, h, w).

    Where the picture's proportions allow it, its upper half goes through the network: the axis that
    shrinks is the height.
    """
    if not fits(x, shape[1], shape[2]):
        return False
    seen = []
    note = in_this_thread(lambda module, inputs, output: seen.append(output.shape))
    hook = find_layer(net, layer).register_forward_hook(note)
    try:
        with torch.no_grad():
            net(x[:1, :, : x.shape[2] // 2])
    except Exception:
        # A network for pictures of one size may raise anything.
        seen = [shape]
    finally:
        hook.remove()
    if seen[0][1:] == shape[1:]:
        return not fits(x, shape[2], shape[3])
    return seen[0][1] < shape[1]


def as_maps(output: torch.Tensor, reshape: Callable | None, x: torch.Tensor) -> torch.Tensor:
    """The layer's output for the input x as maps, or one sentence that says why it has none."""
    shape = tuple(output.shape)
    if reshape is None:
        if output.ndim != 4:
            raise ValueError(
                f"The layer returns shape {shape}, not maps (B, K, h, w); choose a convolutional "
                "layer (see CNN.layers) or, for tokens, pass reshape=cam.from_tokens()."
            )
        return output
    maps = reshape(output)
    if maps.ndim != 4 or len(maps) != len(output):
        raise ValueError(
            f"reshape must return maps (B, K, h, w), not {tuple(maps.shape)} for the layer's "
            f"output {shape}."
        )
    if getattr(reshape, "square", False) and not fits(x, *maps.shape[2:]):
        raise ValueError(
            f"The tokens are {len(maps[0, 0])}^2, but the picture of {x.shape[2]} x {x.shape[3]} "
            "pixels is not square; pass your own reshape, lambda t: t[:, 1:].unflatten(1, (h, w))"
            ".permute(0, 3, 1, 2), with the h x w patches."
        )
    if maps.untyped_storage().data_ptr() != output.untyped_storage().data_ptr():
        raise ValueError(
            "reshape must return a view of the layer's output, made by slices, unflatten, "
            "transpose or permute, not a copy of it."
        )
    return maps
