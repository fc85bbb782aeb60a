"""What a result depends on, as one SHA-256: other weights, pictures or masks have other keys."""

import hashlib
from typing import Any

import numpy as np
import torch

from ..data.images import as_rgb
from . import check_item


def network_key(cnn) -> str:
    """SHA-256 of preprocessing, modules and weights (all buffers, too)."""
    settings = ("input_size", "resize", "interpolation", "mean", "std")
    parts: list[Any] = [repr(getattr(cnn, name, None)) for name in settings]
    parts.append(repr(cnn.model))
    parts += [f"{type(m).__module__}.{type(m).__qualname__}" for m in cnn.model.modules()]
    for name, value in {**dict(cnn.model.named_buffers()), **cnn.model.state_dict()}.items():
        if isinstance(value, torch.Tensor):
            flat = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
            parts += [name, str(value.dtype), str(tuple(value.shape)), flat]
        else:
            parts += [name, repr(value)]
    return _digest(*parts)


def item_key(item) -> str:
    """SHA-256 of name, image, mask and target."""
    check_item(item)
    return _digest(str(item.name), as_rgb(item.image), item.mask, int(item.target))


def _digest(*parts) -> str:
    sha = hashlib.sha256()
    for part in map(np.asarray, parts):
        sha.update(f"{part.dtype.str}{part.shape}".encode())
        sha.update(part.tobytes())
    return sha.hexdigest()
