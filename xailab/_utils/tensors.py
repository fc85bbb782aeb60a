"""The same for networks and tensors: kind, device and shape are checked before anything runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from .validation import truncated


def network(model: object) -> nn.Module:
    """The nn.Module itself, or the one inside a CNN. Raises TypeError for anything else."""
    net = model if isinstance(model, nn.Module) else getattr(model, "model", None)
    if not isinstance(net, nn.Module):
        raise TypeError(
            f"model must be a torch.nn.Module, or a CNN as load_cnn() makes it, not {truncated(model)}."
        )
    return net


@contextmanager
def evaluation_mode(net: nn.Module) -> Iterator[None]:
    """The network in eval mode; afterwards, also after an error, each part is in its own mode again."""
    training = [module for module in net.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def float_tensors(**tensors: object) -> None:
    """Raises TypeError unless all are tensors of floats, ValueError unless on one device.

    Without the second check some operations on mixed devices return memory that nobody wrote.
    """
    devices = set()
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
            kind = tensor.dtype if isinstance(tensor, torch.Tensor) else type(tensor).__name__
            raise TypeError(
                f"{name} must be a tensor of floats, not {kind}; "
                f"torch.as_tensor(array).float() makes one."
            )
        devices.add(str(tensor.device))
    if len(devices) > 1:
        raise ValueError(
            f"{' and '.join(tensors)} must lie on one device, not on {' and '.join(sorted(devices))}; "
            "move one with .to(device)."
        )


def picture_batch(x: object, net: nn.Module) -> torch.Tensor:
    """x if it is a batch (B, C, H, W) of finite floats on the network's device.

    Raises TypeError for what is no tensor of floats, ValueError for a wrong shape, device or NaN.
    """
    if not isinstance(x, torch.Tensor):
        raise TypeError(
            f"x must be a tensor as cnn.preprocess(image) makes it, not {type(x).__name__}."
        )
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(
            f"x must have shape (B, 3, H, W), not {tuple(x.shape)}; cnn.preprocess(image) makes it."
        )
    float_tensors(x=x)
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
        raise ValueError("x has NaN or infinite values; look for them in the picture.")
    return x


def all_finite(x: torch.Tensor) -> bool:
    """Whether no number is NaN or infinite. Where the sum is finite all are, and a sum is quick."""
    return bool(torch.isfinite(x.sum())) or bool(torch.isfinite(x).all())
