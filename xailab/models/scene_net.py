"""A VGG-style network with a flatten head, trained here on composed scenes with exact masks.

Behind global average pooling the CAM methods nearly coincide. Here the layers behind the last
convolution are max pooling, flatten and two linear layers, so gradients differ from place to place.
"""

import io
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .. import data
from .._utils.files import atomic_write
from .._utils.labels import picture_label
from .._utils.validation import check_int
from ..data.compositions import Scene, compose
from .cnn import CNN, own_cnn
from .income_net import one_thread
from .weights import read_weights

# The photos whose objects are the classes, one photo per class.
CLASSES = tuple("panda koala hedgehog scarlet_macaw dog bucket scale gorilla".split())
# Pixels per side of a scene.
SIZE = 64
# Mean and standard deviation of a channel, on the scale 0 to 1.
MEAN, STD = 0.5, 0.25
# Training: scenes of each kind (one object, two objects), passes over them, scenes per step.
SCENES, EPOCHS, BATCH = 400, 12, 32
# The last ReLU before the last pooling, as in VGG16: 16 x 16 places.
LAST_LAYER = "features.13"
# Changes whenever the recipe does, so that weights of an older recipe are not read.
VERSION = 1


class SceneNet(nn.Module):
    """Three blocks of conv, conv, pool (8, 16 and 32 channels), flatten, two linear layers.

    forward: (B, 3, 64, 64) -> (B, 8) logits. No normalisation layers: piecewise linear throughout.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for channels in (8, 16, 32):
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
            layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
            before = channels
        self.features = nn.Sequential(*layers)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Linear(before * (SIZE // 8) ** 2, 64), nn.ReLU(), nn.Linear(64, len(CLASSES))
        )
        # With PyTorch's smaller first weights some seeds learn half of the classes only.
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, 64, 64) -> (B, 8) logits."""
        return self.classifier(self.flatten(self.features(x)))


def small_scenes(n: int, objects: int = 2, seed: int = 1) -> tuple[Scene, ...]:
    """n held-out scenes of 64 x 64 pixels with 1 or 2 objects of different classes and exact masks.

    The targets count in ``CLASSES``, 0 to 7. Seed 0 is the training set's; with any other seed the
    grounds, places and pairs are new, but the objects are the same eight cut-outs.
    """
    objects = check_int("objects", objects, 1, 2)
    photos = [data.photo(name) for name in CLASSES]
    scenes = compose(
        photos,
        n,
        objects,
        same_class=False,
        seed=seed,
        share=0.5 if objects == 1 else 0.95,
        size=SIZE,
    )
    return tuple(replace(s, targets=tuple(CLASSES.index(name) for name in s.names)) for s in scenes)


def accuracy(model: nn.Module, scenes: Sequence[Scene]) -> float:
    """The share of scenes with k objects whose k largest logits are those of the k objects."""
    with one_thread(), torch.inference_mode():
        order = model(_inputs(scenes)).argsort(dim=1, descending=True, stable=True).tolist()
    found = [
        set(guess[: len(s.targets)]) == set(s.targets)
        for guess, s in zip(order, scenes, strict=True)
    ]
    return float(np.mean(found))


def train_scene_net(seed: int = 0, *, epochs: int | None = None, cache: bool = True) -> SceneNet:
    """Train a SceneNet; the same seed gives the same network, in well under a minute.

    Adam on the cross-entropy. In a scene with two objects each class has probability 1/2.
    ``epochs`` None is the full recipe. The scenes are the same for every seed; the seed draws first
    weights, order and mirroring. With ``cache`` the weights are kept in ``cached_weights(seed)`` and
    read from there the next time. The global random state is left alone.
    """
    seed = check_int("seed", seed, least=0)
    epochs = EPOCHS if epochs is None else check_int("epochs", epochs)
    file = cached_weights(seed)
    # Only the full recipe is cached.
    cache = cache and epochs == EPOCHS
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SceneNet()
        if not (cache and _read(model, file)):
            with one_thread():
                _train(model, epochs)
            if cache:
                _write(model, file)
    return model.eval().requires_grad_(False)


def load_scene_net(seed: int = 0) -> CNN:
    """The trained SceneNet as a ``CNN``, so that the whole course runs on it."""
    return own_cnn(
        train_scene_net(seed),
        map(picture_label, CLASSES),
        input_size=SIZE,
        mean=(MEAN,) * 3,
        std=(STD,) * 3,
        default_layer=LAST_LAYER,
        name="scene_net",
    )


def cached_weights(seed: int) -> Path:
    """Where the trained weights are kept: the user's cache folder, one file per seed and version."""
    folder = os.environ.get("XDG_CACHE_HOME", "").strip() or Path.home() / ".cache"
    return Path(folder) / "xailab" / f"scene_net-v{VERSION}-seed{seed}.pth"


def _read(model: nn.Module, file: Path) -> bool:
    """Whether the file holds weights that fit; a missing or damaged one is made again."""
    try:
        model.load_state_dict(read_weights(file))
    except (OSError, ValueError, RuntimeError):
        return False
    return True


def _write(model: nn.Module, file: Path) -> None:
    """Keep the weights; where the folder cannot be written the network is trained again next time."""
    content = io.BytesIO()
    torch.save(model.state_dict(), content)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, content.getvalue())
    except OSError:
        pass


def _inputs(scenes: Sequence[Scene]) -> torch.Tensor:
    """(n, 3, 64, 64), scaled as ``CNN.preprocess`` does."""
    x = torch.from_numpy(np.stack([s.image for s in scenes])).permute(0, 3, 1, 2).float() / 255
    return ((x - MEAN) / STD).contiguous()


def _train(model: nn.Module, epochs: int) -> None:
    """One-cycle Adam; half of the scenes of every step are mirrored."""
    scenes = [*small_scenes(SCENES, 1, seed=0), *small_scenes(SCENES, 2, seed=0)]
    inputs = _inputs(scenes)
    labels = torch.zeros(len(scenes), len(CLASSES))
    for row, scene in zip(labels, scenes, strict=True):
        row[list(scene.targets)] = 1 / len(scene.targets)
    optimiser = torch.optim.Adam(model.parameters())
    steps = epochs * -(-len(scenes) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3e-3, total_steps=steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(scenes)).split(BATCH):
            x = inputs[batch]
            mirrored = torch.rand(len(batch), 1, 1, 1) < 0.5
            x = torch.where(mirrored, x.flip(3), x)
            loss = F.cross_entropy(model(x), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
