"""Scenes with exact masks: objects cut out of the photographs, pasted on photographed grounds.

A composition shows what few photographs do: the same object twice, two classes side by side,
small beside large, each with a mask that is exact to the pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from .._utils.validation import check_array, check_int, check_random_state, truncated

# Reading the table should not import torch.
if TYPE_CHECKING:
    import torch

GROUNDS = ("grass", "gravel", "brick")


@dataclass(frozen=True)
class Scene:
    """A composed image (H, W, 3), uint8, of objects that do not overlap.

    targets: the ImageNet class of each object. masks: one (H, W) bool mask per object.
    names: the photos that the objects come from. ground: the surface behind them.
    """

    name: str
    image: np.ndarray
    targets: tuple[int, ...]
    masks: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    ground: str

    @property
    def target(self) -> int:
        """The class of the first object."""
        return self.targets[0]

    @property
    def mask(self) -> np.ndarray:
        """All objects of the first object's class, (H, W) bool."""
        same = [m for m, t in zip(self.masks, self.targets, strict=True) if t == self.target]
        return np.logical_or.reduce(same)


def _whole(photo) -> bool:
    """One object, not cut off by the image's edge, and not filling the image."""
    m = photo.mask
    edge = np.concatenate([m[0], m[-1], m[:, 0], m[:, -1]])
    return photo.instances == 1 and edge.mean() < 0.01 and 0.05 < m.mean() < 0.6


def _cutout(photo, width: int, height: int, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """The object in its box, as large as fits width x height: RGB and its share of each pixel."""
    x0, y0, x1, y1 = photo.box
    scale = min(width / (x1 - x0), height / (y1 - y0))
    size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    parts = (photo.image[y0:y1, x0:x1], photo.mask[y0:y1, x0:x1].astype(np.uint8) * 255)
    rgb, alpha = (
        np.asarray(Image.fromarray(p).resize(size, Image.Resampling.LANCZOS)) for p in parts
    )
    step = -1 if mirrored else 1
    return rgb[:, ::step], alpha[:, ::step] / 255


def _ground(name: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """A tinted piece of a photographed surface, pale, so that the objects stand out."""
    from skimage import data as pictures

    grey = getattr(pictures, name)()
    y, x = rng.integers(0, np.array(grey.shape) - size + 1)
    tint = {"grass": (0.85, 1.0, 0.7), "gravel": (1.0, 0.96, 0.9), "brick": (1.0, 0.82, 0.74)}
    piece = 0.35 * grey[y : y + size, x : x + size] + 0.65 * grey.mean()
    return (piece[..., None] * np.array(tint[name])).astype(np.uint8)


def _slots(objects: int, size: int, wide: bool) -> list[tuple[int, int, int, int]]:
    """Non-overlapping places (x, y, width, height) for 1 to 4 objects; two wide ones are stacked."""
    columns, rows = {1: (1, 1), 2: (1, 2) if wide else (2, 1)}.get(objects, (2, 2))
    w, h = size // columns, size // rows
    return [(i % columns * w, i // columns * h, w, h) for i in range(objects)]


def compose(
    photos: Sequence,
    n: int,
    objects: int = 1,
    same_class: bool | None = None,
    seed: int = 0,
    *,
    share: float | Sequence[float] = 0.95,
    size: int = 224,
) -> tuple[Scene, ...]:
    """n seeded compositions of 1 to 4 cut-out objects, each with its exact mask.

    Everything random about a scene follows from the seed and its number: scene 3 of 5 is scene 3
    of 50.

    Parameters
    ----------
    photos : sequence of Photo
        The photos to cut from; only those with one whole object are used.
    n, objects : int
        How many scenes, and how many objects in each.
    same_class : bool, optional
        True: one object several times, every second one mirrored. False: objects of different
        classes. By default objects are drawn at random.
    seed : int
        The same seed gives the same scenes.
    share : float or sequence of float
        How much of its slot an object fills, one number or one per object (0.9 and 0.3: large and
        small), in (0, 1].
    size : int
        Pixels per side; 224 is what Lite0 sees uncropped.
    """
    seed, size = check_int("seed", seed, least=0), check_int("size", size, 32, 512)
    n, objects = check_int("n", n, least=None), check_int("objects", objects, least=None)
    given = check_array("share", share)
    shares = [float(given)] * objects if given.ndim == 0 else given.tolist()
    if not 1 <= objects <= 4 or n < 1:
        raise ValueError(f"A scene has 1 to 4 objects and n is at least 1; got {objects} and {n}.")
    if len(shares) != objects or not all(0 < s <= 1 for s in shares):
        raise ValueError(
            f"share must be in (0, 1], one number or {objects} of them, not {truncated(share)}."
        )
    photos = [p for p in photos if _whole(p)]
    if not photos:
        raise ValueError("None of the photos shows one whole object that could be cut out.")
    if same_class is False and len({p.target for p in photos}) < objects:
        raise ValueError(f"There are no {objects} classes among the photos with one whole object.")
    return tuple(
        _compose(f"scene_{i}", photos, shares, same_class, size, np.random.default_rng([seed, i]))
        for i in range(n)
    )


def _draw(photos: list, objects: int, same_class: bool | None, rng) -> list:
    if same_class:
        return [photos[rng.integers(len(photos))]] * objects
    chosen: list = []
    if same_class is False:
        order = rng.permutation(len(photos))
    else:
        order = rng.integers(len(photos), size=objects)
    for i in order:
        if same_class is None or photos[i].target not in {p.target for p in chosen}:
            chosen.append(photos[i])
    return chosen[:objects]


def _compose(name, photos, shares, same_class, size, rng) -> Scene:
    ground = GROUNDS[rng.integers(len(GROUNDS))]
    image = _ground(ground, size, rng)
    chosen = _draw(photos, len(shares), same_class, rng)
    boxes = np.array([p.box for p in chosen])
    wide = np.log((boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1])).mean() > 0
    masks = []
    for i, (photo, slot) in enumerate(zip(chosen, _slots(len(shares), size, wide), strict=True)):
        x, y, w, h = slot
        rgb, alpha = _cutout(photo, round(w * shares[i]), round(h * shares[i]), i % 2 == 1)
        x += rng.integers(0, w - alpha.shape[1] + 1)
        y += rng.integers(0, h - alpha.shape[0] + 1)
        area = np.s_[y : y + alpha.shape[0], x : x + alpha.shape[1]]
        a = alpha[..., None]
        image[area] = np.rint(a * rgb + (1 - a) * image[area]).astype(np.uint8)
        mask = np.zeros((size, size), dtype=bool)
        mask[area] = alpha > 0.5
        masks.append(mask)
    targets, names = tuple(p.target for p in chosen), tuple(p.name for p in chosen)
    return Scene(name, image, targets, tuple(masks), names, ground)


def grid_quartets(targets: Sequence[int], n: int, seed: int = 0) -> np.ndarray:
    """n times four positions in ``targets`` whose classes all differ: (n, 4) ints."""
    targets = np.asarray(targets)
    if len(set(targets.tolist())) < 4:
        raise ValueError("A grid needs images of at least four classes.")
    rng = check_random_state(seed)
    found: list[np.ndarray] = []
    while len(found) < n:
        four = rng.choice(len(targets), 4, replace=False)
        if len(set(targets[four].tolist())) == 4:
            found.append(four)
    return np.array(found)


def tile(x: "torch.Tensor") -> "torch.Tensor":
    """Four inputs as one 2 x 2 grid: (4, C, H, W) -> (1, C, 2H, 2W), row by row.

    A network that ends in global average pooling takes the larger input unchanged.
    """
    if x.ndim != 4 or len(x) != 4:
        raise ValueError(f"tile takes four inputs (4, C, H, W), not {tuple(x.shape)}.")
    _, channels, height, width = x.shape
    grid = x.reshape(2, 2, channels, height, width).permute(2, 0, 3, 1, 4)
    return grid.reshape(1, channels, 2 * height, 2 * width)
