"""The course's data: the Adult table and the annotated photographs.

Files are read from ``data/`` beside the package, in an installed wheel from inside it, or from the
folder that the environment variable ``XAILAB_DATA`` names, and checked against its ``CHECKSUMS`` before
they are used, so that a damaged file cannot silently change a result.
"""

import difflib
import gzip
import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from .._utils.labels import picture_label
from .._utils.validation import check_int, check_random_state, truncated
from .compositions import Scene, compose
from .images import from_bytes, labels_from_bytes, read_image

ADULT_COLUMNS = (
    "Age, Workclass, fnlwgt, Education, Education-Num, Marital Status, Occupation, Relationship, "
    "Race, Sex, Capital Gain, Capital Loss, Hours per week, Country, Target"
).split(", ")
ADULT_CATEGORICAL = "Workclass, Marital Status, Occupation, Relationship, Race, Sex, Country".split(
    ", "
)
# shap.datasets.adult() orders only this column by hand; all others are alphabetical.
RELATIONSHIP = ("Not-in-family", "Unmarried", "Other-relative", "Own-child", "Husband", "Wife")


# where a wheel puts the clone's folder data
INSTALLED = Path(__file__).resolve().parent / "files"


def data_dir() -> Path:
    """The folder that holds the course's data files."""
    beside = Path(__file__).resolve().parents[2] / "data"
    return Path(os.environ.get("XAILAB_DATA", INSTALLED if INSTALLED.is_dir() else beside))


def _advice() -> str:
    if data_dir() == INSTALLED:
        return "restore it with `pip install --force-reinstall --no-deps xailab`"
    return "restore it with `git checkout -- data`"


def _verified(name: str) -> bytes:
    """The bytes of ``data/name``, after comparing their SHA-256 with ``data/CHECKSUMS``."""
    path = data_dir() / name
    for needed in (path, data_dir() / "CHECKSUMS"):
        if not needed.is_file():
            raise FileNotFoundError(
                f"{needed} is missing; {_advice()}, "
                "or point XAILAB_DATA at the folder that holds the course's data."
            )
    lines = (data_dir() / "CHECKSUMS").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    known = {file: digest for digest, file in pairs}
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != known.get(name):
        raise ValueError(
            f"{path} is not the file the course was written for (its SHA-256 differs from "
            f"data/CHECKSUMS); {_advice()}."
        )
    return content


# --- the Adult table ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Adult:
    """The 1994 census extract: who earns more than 50,000 dollars a year?

    X: (32561, 12) DataFrame of floats, categorical columns as integer codes.
    y: (32561,) Series of bool, True where income > 50K.
    categories: feature name -> names of its codes, in the order of the codes.
    units: feature name -> unit of its numbers.
    Source: Becker & Kohavi (1996), UCI Adult.
    """

    X: pd.DataFrame
    y: pd.Series
    categories: dict[str, tuple[str, ...]]
    units: ClassVar[dict[str, str]] = {
        "Age": "years",
        "Education-Num": "level, 1 to 16",
        "Capital Gain": "dollars",
        "Capital Loss": "dollars",
        "Hours per week": "hours",
    }

    def split(
        self, test_size: float = 0.2, seed: int = 0
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
        """X_train, X_test, y_train, y_test: a random split, the same for the same seed."""
        if not isinstance(test_size, float | np.floating) or not 0 < test_size < 1:
            raise ValueError(f"test_size must lie between 0 and 1, not {truncated(test_size)}.")
        order = check_random_state(seed).permutation(len(self.X))
        n_test = round(test_size * len(order))
        test, train = order[:n_test], order[n_test:]
        return self.X.iloc[train], self.X.iloc[test], self.y.iloc[train], self.y.iloc[test]

    def decode(self, row: pd.Series) -> pd.Series:
        """One row with the names of the categories instead of their codes."""
        named = row.astype(object)
        for feature, names in self.categories.items():
            if feature in named:
                named[feature] = names[
                    check_int(f"The code of {feature}", int(row[feature]), 0, len(names) - 1)
                ]
        return named


def adult() -> Adult:
    """The Adult table, encoded exactly as ``shap.datasets.adult()`` encodes it.

    Twelve features: the survey weight and the education in words (the same information as
    Education-Num) are left out. Categories are coded alphabetically, except those of Relationship;
    an unknown value ('?') is a category of its own. A missing or altered file is an error.
    """
    text = gzip.decompress(_verified("adult.csv.gz"))
    raw = pd.read_csv(io.BytesIO(text), names=ADULT_COLUMNS, skipinitialspace=True)
    X = raw.drop(columns=["fnlwgt", "Education", "Target"])
    categories = {}
    for feature in ADULT_CATEGORICAL:
        names = RELATIONSHIP if feature == "Relationship" else tuple(sorted(set(raw[feature])))
        categories[feature] = names
        X[feature] = raw[feature].map({name: code for code, name in enumerate(names)})
    return Adult(X.astype(float), raw["Target"] == ">50K", categories)


# --- photographs -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Photo:
    """One openly licensed photograph with a mask of the object of its ImageNet class.

    image: (H, W, 3) uint8, RGB. mask: (H, W) bool, True on the object(s).
    box: (x0, y0, x1, y1) in pixels, half open, the extent of the mask.
    target: ImageNet-1k class index; category: its name.
    """

    name: str
    image: np.ndarray
    target: int
    category: str
    mask: np.ndarray
    box: tuple[int, int, int, int]
    author: str
    licence: str
    source: str
    title: str = ""
    instances: int = 1

    @property
    def label(self) -> str:
        """The name as a person writes it: "red panda" for ``red_panda``."""
        return picture_label(self.name)

    @property
    def credit(self) -> str:
        """The line that must stand beside the image wherever it is shown."""
        return f"{self.title or self.label}, {self.author}, {self.licence}"


def _catalogue() -> list[dict]:
    return json.loads(_verified("photos.json"))


def _load_photo(entry: dict) -> Photo:
    image = from_bytes(_verified(f"photos/{entry['name']}.jpg"))
    mask = labels_from_bytes(_verified(f"photos/{entry['name']}.png"))
    kept = ("name", "target", "category", "author", "licence", "source", "title", "instances")
    return Photo(
        image=image, mask=mask.astype(bool), box=tuple(entry["box"]), **{k: entry[k] for k in kept}
    )


def photos() -> tuple[Photo, ...]:
    """All photographs of the course, always in the same order.

    They were chosen with a network's predictions in view, so they say nothing about its
    accuracy. A missing or altered file is an error.
    """
    return tuple(_load_photo(entry) for entry in _catalogue())


def scenes(
    n: int,
    objects: int = 1,
    same_class: bool | None = None,
    seed: int = 0,
    *,
    share: float | Sequence[float] = 0.95,
) -> tuple[Scene, ...]:
    """Seeded compositions of the course's photos, 224 x 224 pixels, with exact masks.

    Parameters
    ----------
    n : int
        How many scenes.
    objects : int
        How many objects in a scene, 1 to 4.
    same_class : bool, optional
        True: one object several times. False: objects of different classes. By default at random.
    seed : int
        The same seed gives the same scenes.
    share : float or sequence of float
        How much of its place an object fills, one number or one per object, in (0, 1].
    """
    return compose(photos(), n, objects, same_class, seed, share=share)


def photo(name: str) -> Photo:
    """The photograph with this name; an unknown name is a ValueError with similar ones."""
    entries = {entry["name"]: entry for entry in _catalogue()}
    if name not in entries:
        near = difflib.get_close_matches(str(name), entries, n=3, cutoff=0.0)
        raise ValueError(f"There is no photo named {name!r}; similar names are {', '.join(near)}.")
    return _load_photo(entries[name])
