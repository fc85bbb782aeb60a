"""What a layer returns as maps (B, K, h, w): the reshapes of transformers, and what is wrong otherwise."""

from collections.abc import Callable

import torch


def from_tokens(extra: int = 1) -> Callable[[torch.Tensor], torch.Tensor]:
    """The ``reshape`` of a vision transformer: (B, extra + n * n, K) tokens -> (B, K, n, n) maps.

    extra: how many tokens stand before those of the picture (the class token: 1). The function
    raises ValueError for tokens that make no square. Notebook 09.
    """

    def reshape(tokens: torch.Tensor) -> torch.Tensor:
        n = round(max(0, tokens.shape[1] - extra) ** 0.5)
        if tokens.ndim != 3 or n * n != tokens.shape[1] - extra:
            raise ValueError(
                f"from_tokens({extra}) needs (B, {extra} + n * n, K) tokens, and the layer returns "
                f"{tuple(tokens.shape)}; pass the number of extra tokens, or a reshape of your own."
            )
        return tokens[:, extra:].unflatten(1, (n, n)).permute(0, 3, 1, 2)

    return reshape


def from_channels_last(A: torch.Tensor) -> torch.Tensor:
    """The ``reshape`` of a Swin transformer: (B, h, w, K) -> (B, K, h, w). Notebook 09.

    Raises ValueError for an output that has not four axes.
    """
    if A.ndim != 4:
        raise ValueError(
            f"from_channels_last needs an output (B, h, w, K), and the layer returns "
            f"{tuple(A.shape)}; choose another layer, or from_tokens()."
        )
    return A.permute(0, 3, 1, 2)


def as_maps(output: torch.Tensor, reshape: Callable | None, x: torch.Tensor) -> torch.Tensor:
    """The layer's output as maps (B, K, h, w), or one sentence that says why it has none. Notebook 09.

    Raises ValueError for a layer without maps.
    """
    maps = output if reshape is None else reshape(output)
    shape = tuple(output.shape)
    if reshape is None and maps.ndim != 4:
        raise ValueError(
            f"The layer returns shape {shape}, not maps (B, K, h, w); choose a convolutional layer "
            "(see CNN.layers) or, for tokens, pass reshape=cam.from_tokens()."
        )
    if reshape is None and maps.shape[1] == maps.shape[2] != maps.shape[3] and _square(x):
        raise ValueError(
            f"The layer returns shape {shape}, which looks like (B, h, w, K); "
            "pass reshape=cam.from_channels_last."
        )
    if maps.ndim != 4 or len(maps) != len(output):
        raise ValueError(
            f"reshape must make maps (B, K, h, w) of the layer's output {shape}, not "
            f"{tuple(maps.shape)}."
        )
    if maps.untyped_storage().data_ptr() != output.untyped_storage().data_ptr():
        raise ValueError(
            "reshape must return a view of the layer's output, made by slices, unflatten, "
            "transpose or permute, not a copy of it."
        )
    return maps


def _square(x: torch.Tensor) -> bool:
    return x.shape[2] == x.shape[3]
