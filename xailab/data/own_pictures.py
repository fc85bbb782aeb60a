"""Annotated pictures of your own: a folder, Oxford-IIIT Pet, or PASCAL VOC, read as the course's photos are.

Every loader is lazy: a sequence of Photo that reads a picture when it is asked for, so that
thousands of them cost no memory. Nothing is downloaded. Notebook 06.
"""

import json
import operator
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._utils.validation import check_int, truncated
from . import Photo
from .images import read_image, read_labels

# Breeds of Oxford-IIIT Pet that ImageNet-1k has as a class of its own: breed -> class index.
OXFORD_PETS = {
    "american_pit_bull_terrier": 180,
    "basset_hound": 161,
    "beagle": 162,
    "boxer": 242,
    "chihuahua": 151,
    "egyptian_mau": 285,
    "english_setter": 212,
    "german_shorthaired": 210,
    "great_pyrenees": 257,
    "japanese_chin": 152,
    "keeshond": 261,
    "leonberger": 255,
    "miniature_pinscher": 237,
    "newfoundland": 256,
    "persian": 283,
    "pomeranian": 259,
    "pug": 254,
    "saint_bernard": 247,
    "samoyed": 258,
    "scottish_terrier": 199,
    "siamese": 284,
    "staffordshire_bull_terrier": 179,
    "wheaten_terrier": 202,
    "yorkshire_terrier": 187,
}
# PASCAL VOC classes that one ImageNet class stands for well enough; the others have many or none.
VOC_CLASSES = {
    "aeroplane": 404,
    "bus": 874,
    "train": 466,
    "sofa": 831,
    "tvmonitor": 851,
    "motorbike": 670,
    "bicycle": 671,
    "diningtable": 532,
}
VOC_NAMES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)


@dataclass(frozen=True)
class Lazy(Sequence):
    """A sequence that makes item i when it is asked for: make(keys[i]). Notebook 06."""

    keys: tuple
    make: Callable

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, i):
        if isinstance(i, slice):
            return Lazy(self.keys[i], self.make)
        return self.make(self.keys[i])

    def __iter__(self) -> Iterator:
        return (self.make(key) for key in self.keys)


def _photo(name, image, mask, target, category, author="unknown", licence="unknown", source=""):
    if mask.shape != image.shape[:2]:
        raise ValueError(
            f"The mask of {name} is {mask.shape} but its picture, upright as its camera meant it, "
            f"{image.shape[:2]}; they must agree."
        )
    if not mask.any():
        raise ValueError(
            f"The mask of {name} is empty: without an object there is nothing to find."
        )
    ys, xs = np.nonzero(mask)
    box = int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1
    return Photo(name, image, target, category, mask, box, author, licence, source)


def _existing(path: Path, what: str) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: {what}")
    return path


def _inside(root: Path, *parts: str) -> Path:
    """The path of a file that a list names; lists are other people's and must stay in their folder."""
    path = Path(os.path.normpath(root.joinpath(*parts)))
    if not path.is_relative_to(os.path.normpath(root)):
        raise ValueError(f"{parts[-1]!r} lies outside of {root}; files must be named below it.")
    return path


def _box(given: object, shape: tuple[int, int], name: str) -> np.ndarray:
    try:
        x0, y0, x1, y1 = map(operator.index, given)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        raise ValueError(
            f"The box of {name} must be four whole numbers [x0, y0, x1, y1], not {truncated(given)}."
        ) from None
    mask = np.zeros(shape, dtype=bool)
    mask[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    return mask


_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class _Folder:
    root: Path

    def __call__(self, entry: tuple) -> Photo:
        name, file, settings = entry
        settings = json.loads(settings)
        image = read_image(_inside(self.root, file))
        if "box" in settings and "mask" not in settings:
            mask = _box(settings["box"], image.shape[:2], name)
        else:
            mask_file = _inside(self.root, settings.get("mask", f"{Path(file).stem}_mask.png"))
            why = "a picture needs a mask (0 off the object) or a 'box' [x0, y0, x1, y1]."
            if mask_file.suffix.lower() in (".jpg", ".jpeg"):
                raise ValueError(
                    f"{mask_file} is a JPEG, whose grains around the object would count as object; "
                    "draw and save masks as PNG."
                )
            mask = read_labels(_existing(mask_file, why)) > 0
        extra = {k: settings[k] for k in ("author", "licence", "source") if k in settings}
        return _photo(
            name,
            image,
            mask,
            check_int(f"The target of {name}", settings["target"], 0),
            settings.get("category", ""),
            **extra,
        )


def folder(root: str | Path) -> Lazy:
    """Your own pictures: ``root/annotations.json`` maps a file's name to its settings.

    {"rex.jpg": {"target": 235, "category": "German shepherd", "mask": "rex.png"},
     "tea.jpg": {"target": 968, "box": [20, 30, 180, 160]}}

    target: ImageNet class index (``CNN.target(name)`` finds it). mask: a picture of the same size,
    0 off the object; without it the box [x0, y0, x1, y1], filled, and without both NAME_mask.png. Optional:
    author, licence, source. Raises FileNotFoundError and ValueError that name the file. Notebook 06.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}; check the path.")
    names = [p.name for p in sorted(root.iterdir()) if p.suffix.lower() in _PICTURES]
    line = f'{{"{(names or ["rex.jpg"])[0]}": {{"target": 235, "box": [x0, y0, x1, y1]}}, ...}}'
    why = f"it has to say where the object of each picture is, {line}; see help(datasets.folder)."
    file = _existing(root / "annotations.json", why)
    try:
        entries = json.loads(file.read_text(encoding="utf-8-sig"))
        keys = tuple((Path(f).stem, f, json.dumps(s)) for f, s in entries.items() if "target" in s)
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not text in UTF-8; save it so.") from None
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{file} is not a JSON table of file names and settings ({error})."
        ) from error
    if len(keys) < len(entries):
        lost = next(f for f, s in entries.items() if "target" not in s)
        raise ValueError(f"{lost} in {file} has no 'target', the index of its ImageNet class.")
    return Lazy(keys, _Folder(root))


@dataclass(frozen=True)
class _Pets:
    root: Path

    def __call__(self, name: str) -> Photo:
        breed = name.rpartition("_")[0].lower()
        image = read_image(_inside(self.root / "images", f"{name}.jpg"))
        trimap = read_labels(_inside(self.root / "annotations" / "trimaps", f"{name}.png"))
        # 1 pet, 2 background, 3 border: the border belongs to neither for sure; we count it in
        return _photo(
            name,
            image,
            trimap != 2,
            OXFORD_PETS[breed],
            breed.replace("_", " "),
            "unknown",
            "CC BY-SA 4.0",
            "https://www.robots.ox.ac.uk/~vgg/data/pets/",
        )


def oxford_pets(root: str | Path, split: str = "test") -> Lazy:
    """Oxford-IIIT Pet as torchvision lays it out: root/oxford-iiit-pet/{images, annotations}.

    Only the breeds that ImageNet-1k knows (``OXFORD_PETS``). The trimap's border counts as pet.
    Get it once with torchvision.datasets.OxfordIIITPet(root, target_types="segmentation",
    download=True). Raises FileNotFoundError. Parkhi et al. 2012. Notebook 06.
    """
    base = Path(root) / "oxford-iiit-pet"
    lists = {"test": "test.txt", "trainval": "trainval.txt"}
    if split not in lists:
        raise ValueError(f"split must be 'test' or 'trainval', not {split!r}.")
    how = "let torchvision.datasets.OxfordIIITPet(root, download=True) fetch the data first."
    lines = _existing(base / "annotations" / lists[split], how).read_text().splitlines()
    names = (line.split()[0] for line in lines if line.strip() and not line.startswith("#"))
    return Lazy(tuple(n for n in names if n.rpartition("_")[0].lower() in OXFORD_PETS), _Pets(base))


@dataclass(frozen=True)
class _Voc:
    base: Path
    classes: tuple

    def __call__(self, key: tuple) -> Photo:
        name, label = key
        category = VOC_NAMES[label - 1]
        image = read_image(_inside(self.base / "JPEGImages", f"{name}.jpg"))
        labels = read_labels(_inside(self.base / "SegmentationClass", f"{name}.png"))
        return _photo(
            f"{name}_{category}",
            image,
            labels == label,
            dict(self.classes)[category],
            category,
            "unknown",
            "flickr terms",
            "http://host.robots.ox.ac.uk/pascal/VOC/",
        )


def voc(
    root: str | Path, year: str = "2012", split: str = "val", classes: dict[str, int] | None = None
) -> Lazy:
    """PASCAL VOC segmentation as torchvision lays it out: root/VOCdevkit/VOC2012/...

    One item for each picture and each class in it that ``classes`` (VOC name -> ImageNet index;
    None is ``VOC_CLASSES``) maps; its mask is all objects of the class, without their 255 border.
    Raises FileNotFoundError, ValueError for unknown classes. Everingham et al. 2010. Notebook 06.
    """
    classes = VOC_CLASSES if classes is None else classes
    unknown = sorted(set(classes) - set(VOC_NAMES))
    if unknown:
        raise ValueError(f"VOC has no class {unknown[0]!r}; it has {', '.join(VOC_NAMES)}.")
    base = Path(root) / "VOCdevkit" / f"VOC{year}"
    how = "let torchvision.datasets.VOCSegmentation(root, download=True) fetch the data first."
    file = _existing(base / "ImageSets" / "Segmentation" / f"{split}.txt", how)
    keys = []
    for name in file.read_text().split():
        present = np.unique(read_labels(_inside(base / "SegmentationClass", f"{name}.png")))
        keys += [(name, int(v)) for v in present if 0 < v <= 20 and VOC_NAMES[v - 1] in classes]
    return Lazy(tuple(keys), _Voc(base, tuple(classes.items())))
