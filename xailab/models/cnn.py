"""An image classifier with all that belongs to it: categories, input size, preprocessing."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from .._utils.labels import label, layer_label
from .._utils.tensors import all_finite, check_no_probabilities, network, pictures_at_once
from .._utils.validation import check_array, check_int, check_mask, truncated
from ..data.images import as_rgb, is_one_image
from ..hooks import find_layer, last_layer, spatial_layers


@dataclass(frozen=True, eq=False)
class CNN:
    """An image classifier, in eval mode, with its categories and its preprocessing.

    model: (B, 3, H, W) -> (B, C) logits. default_layer: the last layer that returns maps, where
    the CAM family looks by default. input_size, resize: in pixels. mean, std: of the three
    channels, on the scale 0 to 1.
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

    @property
    def device(self) -> torch.device:
        """Where the model's parameters lie, and where ``preprocess`` puts its tensors."""
        return _device(self.model)

    @property
    def layers(self) -> dict[str, tuple[int, int, int]]:
        """Candidate target layers, in the order they run: dotted name -> output shape (K, h, w)."""
        x = torch.zeros(1, 3, self.input_size, self.input_size, device=self.device)
        return spatial_layers(self.model, x)

    @property
    def label(self) -> str:
        """The network's name as a person writes it, such as "EfficientNet-Lite0"."""
        return label(self.name)

    def layer_label(self, layer: str) -> str:
        """A layer with what it returns: "blocks.10 (112 maps, 14 x 14)"; one of ``layers``."""
        layers = self.layers
        if not (isinstance(layer, str) and layer in layers):
            raise ValueError(f"layer must be one of {', '.join(layers)}, not {truncated(layer)}.")
        return layer_label(layer, layers[layer], last=layer == self.default_layer)

    def layer_of_size(self, side: int) -> str:
        """The last layer whose maps are side x side cells; a ValueError names the sizes there are."""
        layers = self.layers
        found = [name for name, (_, h, w) in layers.items() if h == w == side]
        if not found:
            sizes = sorted({shape[1] for shape in layers.values()})
            raise ValueError(
                f"{self.name} has no layer whose maps are {truncated(side)} cells wide; there are "
                f"maps of {', '.join(map(str, sizes))} cells."
            )
        return found[-1]

    def view(self, image: np.ndarray | Image.Image) -> np.ndarray:
        """What the network sees: shorter side resized, centre cropped; uint8 (H, W, 3).

        An image that already has the network's size is returned unchanged, so that
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
        """A bool (H, W) mask of the photograph, resized and cropped as ``view`` does to the image."""
        mask = check_mask(mask)
        if mask.ndim != 2 or not mask.size:
            raise ValueError(f"The mask must have shape (height, width), not {mask.shape}.")
        grey = np.repeat(mask[:, :, None].astype(np.uint8) * 255, 3, axis=2)
        return self.view(grey)[:, :, 0] > 127

    def preprocess(self, image: np.ndarray | Image.Image) -> torch.Tensor:
        """(1, 3, H, W) float tensor on the model's device: (view / 255 - mean) / std."""
        return self._tensor([image])

    def _tensor(self, images: Iterable) -> torch.Tensor:
        device = self.device
        views = np.stack([self.view(image) for image in images])
        x = torch.from_numpy(views).to(device).permute(0, 3, 1, 2).float() / 255
        mean = torch.tensor(self.mean, device=device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=device).view(1, 3, 1, 1)
        return ((x - mean) / std).contiguous()

    def predict_proba(self, images: Iterable) -> np.ndarray:
        """(n, C) softmax probabilities of n images, each uint8 (H, W, 3), PIL, a path or a file."""
        if is_one_image(images) or not isinstance(images, Iterable):
            raise TypeError(
                f"images must be a list; for one image pass [image], not {truncated(images)}."
            )
        images = list(images)
        if not images:
            return np.empty((0, len(self.categories)))
        model: Any = self.model
        if len(images) >= 8 and hasattr(model, "fused"):
            model = model.fused()
        at_once = pictures_at_once(self.input_size, self.input_size)
        with torch.inference_mode():
            logits = [
                model(self._tensor(images[i : i + at_once])) for i in range(0, len(images), at_once)
            ]
            return torch.cat(logits).double().softmax(1).cpu().numpy()

    def top(self, image: np.ndarray | Image.Image, k: int = 5) -> list[tuple[str, float]]:
        """The k most probable categories with their probabilities, the best first."""
        p, k = self.predict_proba([image])[0], check_int("k", k)
        return [(self.categories[i], float(p[i])) for i in np.argsort(-p, kind="stable")[:k]]

    def target(self, category: str) -> int:
        """The class index of a category; an unknown name is a ValueError with similar ones."""
        if category not in self.categories:
            near = difflib.get_close_matches(str(category), self.categories, n=3, cutoff=0.0)
            raise ValueError(
                f"{category!r} is no category of {self.name}; similar ones: {', '.join(near)}."
            )
        return self.categories.index(category)


def own_cnn(
    model: nn.Module,
    categories: Iterable[str],
    *,
    input_size: int = 224,
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406),
    std: tuple[float, float, float] = (0.229, 0.224, 0.225),
    default_layer: str | None = None,
    name: str | None = None,
) -> CNN:
    """Any torch classifier as a ``CNN``, so that the whole course runs on it.

    Parameters
    ----------
    model : nn.Module
        (B, 3, input_size, input_size) -> (B, C) logits, not probabilities. It is put in eval mode.
    categories : iterable of str
        The C names of its classes.
    input_size : int
        Pixels per side. An image's shorter side is resized to it before cropping.
    mean, std : tuple of float
        Of the three channels, on the scale 0 to 1.
    default_layer : str, optional
        By default the last layer that returns maps.
    name : str, optional
        For tables of results; by default the name of the model's class.
    """
    model, input_size = network(model), check_int("input_size", input_size)
    mean, std = _three("mean", mean), _three("std", std)
    if min(std) <= 0:
        raise ValueError(
            f"std must be three positive numbers, as (0.229, 0.224, 0.225), not {std}."
        )
    check_weights(model)
    if not isinstance(categories, Iterable):
        raise TypeError(
            "categories must be the names of the classes, a list of strings, not "
            f"{truncated(categories)}."
        )
    categories = tuple(categories)
    x = torch.zeros(1, 3, input_size, input_size, device=_device(model))
    _check_logits(model.eval(), x, len(categories))
    if default_layer is None:
        default_layer = last_layer(model, x)
    find_layer(model, default_layer)
    return CNN(
        name=name or type(model).__name__,
        model=model,
        categories=categories,
        input_size=input_size,
        resize=input_size,
        interpolation=Image.Resampling.BILINEAR,
        mean=mean,
        std=std,
        default_layer=default_layer,
    )


def _device(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def _three(name: str, values) -> tuple[float, float, float]:
    """One finite number per channel."""
    three = check_array(name, values)
    if three.shape != (3,) or not np.isfinite(three).all():
        raise ValueError(
            f"{name} must be three finite numbers, one per channel, not {truncated(values)}."
        )
    return tuple(three.tolist())


def check_weights(model: nn.Module) -> None:
    """Refuse a network with NaN or infinite weights: all of its answers would be NaN."""
    for name, values in (*model.named_parameters(), *model.named_buffers()):
        if values.is_floating_point() and not all_finite(values):
            raise ValueError(
                f"The weights {name!r} of the model are not all finite; load or train it again."
            )


def _check_logits(model: nn.Module, x: torch.Tensor, n_categories: int) -> None:
    """Whether the model makes one logit per category of one image."""
    try:
        with torch.no_grad():
            logits = model(x)
    except RuntimeError as error:
        raise ValueError(
            f"The model cannot take an image of shape {tuple(x.shape)}: "
            f"{str(error).splitlines()[0].rstrip('.')}."
        ) from error
    if torch.is_tensor(logits) and logits.numel() == 1:
        raise ValueError(
            "The model returns one logit, that of yes; pass two, nn.Sequential(model, "
            f"{'nn.Unflatten(0, (-1, 1)), ' * (logits.ndim == 1)}nn.ZeroPad1d((1, 0))), and the names "
            "of no and yes: their softmax is the sigmoid of the one."
        )
    if not torch.is_tensor(logits) or logits.shape != (1, n_categories):
        got = tuple(logits.shape) if torch.is_tensor(logits) else type(logits).__name__
        raise ValueError(
            f"For one image the model must return logits of shape (1, {n_categories}), one for "
            f"each category, not {got}."
        )
    if not torch.isfinite(logits).all():
        raise ValueError("The model returns missing or infinite logits for a picture of zeros.")
    check_no_probabilities(logits)
    if isinstance(list(model.modules())[-1], nn.Sigmoid):
        raise ValueError(
            "The model ends in a sigmoid; leave it out, since the course explains logits. If several "
            "classes can be true at once, wrap one of them: its logit beside a zero."
        )
