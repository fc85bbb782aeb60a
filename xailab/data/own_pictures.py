"""A folder of your own annotated pictures, read as the course's photos are. Nothing is downloaded."""

import json
import operator
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .._utils.validation import check_int, truncated
from . import Photo
from .images import read_image, read_labels

_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class Folder(Sequence):
    """A sequence of Photo that reads a picture when it is asked for: thousands cost no memory.

    ``names`` and slices read no picture.
    """

    root: Path
    # for each picture its name, its file, and its settings as JSON
    entries: tuple[tuple[str, str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each picture: its file's, without the suffix where that is unique."""
        return tuple(name for name, _, _ in self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, i):
        if isinstance(i, slice):
            return replace(self, entries=self.entries[i])
        return _read(self.root, *self.entries[i])


def folder(root: str | Path) -> Folder:
    """Your own pictures: ``root/annotations.json`` maps a file's name to its settings.

    {"rex.jpg": {"target": 235, "category": "German shepherd", "mask": "rex.png"},
     "tea.jpg": {"target": 968, "box": [20, 30, 180, 160]}}

    target: ImageNet class index (``CNN.target(name)`` finds it). mask: a picture of the same size,
    0 off the object; without it the box [x0, y0, x1, y1], filled, and without both NAME_mask.png.
    Optional: author, licence, source. Raises FileNotFoundError and ValueError that name the file.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}; check the path.")
    names = [p.name for p in sorted(root.iterdir()) if p.suffix.lower() in _PICTURES]
    line = f'{{"{(names or ["rex.jpg"])[0]}": {{"target": 235, "box": [x0, y0, x1, y1]}}, ...}}'
    why = (
        f"it has to say where the object of each picture is, {line}; see help(own_pictures.folder)."
    )
    file = _existing(root / "annotations.json", why)
    try:
        entries = json.loads(file.read_text(encoding="utf-8-sig"))
        stems = Counter(Path(f).stem for f in entries)
        found = tuple(
            (Path(f).stem if stems[Path(f).stem] == 1 else f, f, json.dumps(settings))
            for f, settings in entries.items()
            if "target" in settings
        )
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not text in UTF-8; save it so.") from None
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{file} is not a JSON table of file names and settings ({error})."
        ) from error
    if len(found) < len(entries):
        lost = next(f for f, s in entries.items() if "target" not in s)
        raise ValueError(f"{lost} in {file} has no 'target', the index of its ImageNet class.")
    return Folder(root, found)


def _read(root: Path, name: str, file: str, text: str) -> Photo:
    settings = json.loads(text)
    image = read_image(_inside(root, file))
    if "box" in settings and "mask" not in settings:
        mask = _box(settings["box"], image.shape[:2], name)
    else:
        mask_file = _inside(root, settings.get("mask", f"{Path(file).stem}_mask.png"))
        why = "a picture needs a mask (0 off the object) or a 'box' [x0, y0, x1, y1]."
        if mask_file.suffix.lower() in (".jpg", ".jpeg"):
            raise ValueError(
                f"{mask_file} is a JPEG, whose grains around the object would count as object; "
                "draw and save masks as PNG."
            )
        mask = read_labels(_existing(mask_file, why)) > 0
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
    return Photo(
        name=name,
        image=image,
        target=check_int(f"The target of {name}", settings["target"], 0),
        category=settings.get("category", ""),
        mask=mask,
        box=(int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1),
        author=settings.get("author", "unknown"),
        licence=settings.get("licence", "unknown"),
        source=settings.get("source", ""),
    )


def _existing(path: Path, what: str) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: {what}")
    return path


def _inside(root: Path, file: str) -> Path:
    """The path of a file that the annotations name; they may come from others and lead nowhere else."""
    path = Path(os.path.normpath(root / file))
    if not path.is_relative_to(os.path.normpath(root)):
        raise ValueError(f"{file!r} lies outside of {root}; files must be named below it.")
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
