"""A layer's output as maps (B, K, h, w), also where it returns tokens or has its channels last."""

from collections.abc import Callable

import torch


def from_tokens(extra: int = 1) -> Callable[[torch.Tensor], torch.Tensor]:
    """The ``reshape`` of a vision transformer: (B, extra + n * n, K) tokens -> (B, K, n, n) maps.

    extra: how many tokens stand before those of the image patches (the class token: 1).
    """

    def reshape(tokens: torch.Tensor) -> torch.Tensor:
        n = round(max(0, tokens.shape[1] - extra) ** 0.5)
        if tokens.ndim != 3 or n * n != tokens.shape[1] - extra:
            raise ValueError(
                f"from_tokens({extra}) needs (B, {extra} + n * n, K) tokens, and the layer returns "
                f"{tuple(tokens.shape)}; pass the number of extra tokens, or your own reshape."
            )
        return tokens[:, extra:].unflatten(1, (n, n)).permute(0, 3, 1, 2)

    return reshape


def from_channels_last(A: torch.Tensor) -> torch.Tensor:
    """The ``reshape`` of a Swin transformer: (B, h, w, K) -> (B, K, h, w)."""
    if A.ndim != 4:
        raise ValueError(
            f"from_channels_last needs an output (B, h, w, K), and the layer returns "
            f"{tuple(A.shape)}; choose another layer, or from_tokens()."
        )
    return A.permute(0, 3, 1, 2)


def as_maps(output: torch.Tensor, reshape: Callable | None, x: torch.Tensor) -> torch.Tensor:
    """The layer's output for the input x as maps, or one sentence that says why it has none."""
    shape = tuple(output.shape)
    if reshape is None:
        if output.ndim != 4:
            raise ValueError(
                f"The layer returns shape {shape}, not maps (B, K, h, w); choose a convolutional "
                "layer (see CNN.layers) or, for tokens, pass reshape=cam.from_tokens()."
            )
        square_input = x.shape[2] == x.shape[3]
        if square_input and shape[1] == shape[2] != shape[3]:
            raise ValueError(
                f"The layer returns shape {shape}, which looks like (B, h, w, K); "
                "pass reshape=cam.from_channels_last."
            )
        return output
    maps = reshape(output)
    if maps.ndim != 4 or len(maps) != len(output):
        raise ValueError(
            f"reshape must return maps (B, K, h, w), not {tuple(maps.shape)} for the layer's "
            f"output {shape}."
        )
    if maps.untyped_storage().data_ptr() != output.untyped_storage().data_ptr():
        raise ValueError(
            "reshape must return a view of the layer's output, made by slices, unflatten, "
            "transpose or permute, not a copy of it."
        )
    return maps
