"""From pictures to a table: what the network saw, its heat maps, their scores.

An item is anything with ``name``, ``image``, ``mask`` and ``target``: a Photo, a Scene, your own.
For thousands of pictures see ``evaluate.batch``.
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from .. import cam, metrics
from .._utils.labels import picture_label
from .._utils.tensors import pictures_at_once
from .._utils.validation import check_int, check_mask, truncated
from ..data.compositions import grid_quartets, tile
from ..data.images import as_rgb
from ..metrics.faithfulness import perturbation_curves
from . import baselines
from .summaries import SCORES, by_method, conditions, curves, in_boxes, means, over, summary

BASELINES = ("input_gradient", "edge_map", "centre_blob", "random_map")


@dataclass(frozen=True, eq=False)
class View:
    """An item as the network saw it: resized, cropped, and how much of the object that left.

    image: (H, W, 3) uint8. mask: (H, W) bool. kept: the share of the object's pixels that lie inside
    the crop, 0 to 1.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    target: int
    kept: float

    @property
    def label(self) -> str:
        """The name as a person writes it: "red panda" for ``red_panda``."""
        return picture_label(self.name)

    @property
    def size(self) -> float:
        """The share of the view that is object."""
        return float(self.mask.mean())


def views(cnn, photos: Iterable, least: float = 0.5) -> tuple[View, ...]:
    """The photos (or other items) as the network sees them; left out: where the crop cuts too much.

    least: the smallest share of an object's pixels that must lie inside the crop, 0 to 1. The rule
    looks at masks only, never at a heat map, so it cannot favour a method.
    """
    if not isinstance(least, int | float | np.number) or not 0 <= least <= 1:
        raise ValueError(f"least must be a share from 0 to 1, not {truncated(least)}.")
    if not hasattr(cnn, "view_mask"):
        raise TypeError(
            "cnn must be a CNN, as load_cnn() makes it; models.own_cnn(network, categories) makes "
            f"one of a network, not {truncated(cnn)}."
        )
    found = []
    for item in photos:
        check_item(item)
        image = cnn.view(item.image)
        mask = cnn.view_mask(item.mask)
        scale, whole = 1.0, check_mask(item.mask)
        if whole.shape != mask.shape:
            scale = (cnn.resize / min(whole.shape)) ** 2
        kept = min(1.0, mask.sum() / max(1.0, whole.sum() * scale))
        if mask.any() and kept >= least:
            found.append(View(str(item.name), image, mask, int(item.target), float(kept)))
    return tuple(found)


def check_item(item) -> None:
    """Raises TypeError for an item that lacks something, ValueError for a mask that does not fit."""
    lacking = [a for a in ("name", "image", "mask", "target") if not hasattr(item, a)]
    if lacking:
        raise TypeError(
            "An item needs name, image, mask and target, as a Photo has them; "
            f"{type(item).__name__} has no {lacking[0]}."
        )
    # a file or a PIL image has its shape upright
    shape = as_rgb(item.image).shape[:2]
    mask = check_mask(item.mask, f"The mask of {item.name}")
    if mask.shape != shape:
        raise ValueError(f"The mask of {item.name} is {mask.shape} but its picture {shape}.")
    check_int(f"The target of {item.name}", item.target, least=0)


def maps(
    cnn,
    views: Sequence[View],
    methods: Sequence[str] | None = None,
    layer: str | None = None,
    baselines: Sequence[str] = (),
    batch_size: int = 16,
) -> dict[str, np.ndarray]:
    """The heat maps of several methods and baselines for all views: name -> (n, H, W) in [0, 1].

    Parameters
    ----------
    cnn : a CNN, as ``load_cnn()`` makes it
    views : what ``views()`` returns
    methods : names out of ``cam.METHODS``; None is all that the layer allows, ``cam.methods_for``
    layer : dotted name of the layer; None is the CNN's default layer
    baselines : names out of ``BASELINES``. The random map of a view is seeded by the view's name, so
        it does not depend on the batch.
    batch_size : how many views go through the network at once at most; large ones in smaller batches
    """
    if any(b not in BASELINES for b in baselines):
        raise ValueError(
            f"baselines must be out of {list(BASELINES)}, not {truncated(list(baselines))}."
        )
    if not views:
        raise ValueError(
            "There must be at least one view to draw maps for, and no picture is left: look at the "
            "list of pictures, their targets and what the crop keeps of their objects."
        )
    if methods is None:
        methods = cam.methods_for(cnn, layer)
    at_once = pictures_at_once(*views[0].mask.shape, most=batch_size)
    drawn = {
        name: np.empty((len(views), *views[0].mask.shape), np.float32)
        for name in (*methods, *baselines)
    }
    for i in range(0, len(views), at_once):
        batch = views[i : i + at_once]
        x = torch.cat([cnn.preprocess(v.image) for v in batch])
        targets = torch.tensor([v.target for v in batch], device=x.device)
        found = cam.heatmaps(cnn, x, layer, targets, methods) if methods else {}
        for name in baselines:
            found[name] = _baseline(name, cnn, batch, x, targets)
        for name, heatmaps in found.items():
            drawn[name][i : i + at_once] = heatmaps
    return drawn


def _baseline(name, cnn, batch, x, targets) -> np.ndarray:
    if name == "input_gradient":
        return baselines.input_gradient(cnn.model, x, targets)
    if name == "edge_map":
        return np.stack([baselines.edge_map(v.image) for v in batch])
    if name == "centre_blob":
        return np.stack([baselines.centre_blob(v.mask.shape) for v in batch])
    return np.stack([baselines.random_map(v.mask.shape, _seed(v.name)) for v in batch])


def _seed(name: str) -> int:
    # Python's hash() differs from run to run
    return int.from_bytes(name.encode()[-8:], "little")


def table(
    maps: dict[str, np.ndarray], views: Sequence[View], threshold: float = 0.5
) -> pd.DataFrame:
    """One row per view and method: name, method, target, size, kept, and the six ``SCORES``.

    threshold: the share of each map's maximum above which a pixel counts as marked.
    """
    rows = []
    with warnings.catch_warnings():
        # an empty map scores 0; its row says so
        warnings.simplefilter("ignore")
        for method, heatmaps in maps.items():
            for view, h in zip(views, heatmaps, strict=True):
                scores = metrics.localisation(h, view.mask, threshold)
                scores["pointing"] = metrics.pointing_game(h, view.mask)
                about = {"name": view.name, "method": method, "target": view.target}
                rows.append(about | {"size": view.size, "kept": view.kept} | scores)
    return pd.DataFrame(rows)


def recognised(cnn, scenes: Sequence, top: int = 5) -> list:
    """The scenes of which every object's class is among the network's ``top`` predictions.

    Where the network does not recognise an object there is nothing to explain.
    """
    order = np.argsort(-cnn.predict_proba([s.image for s in scenes]), axis=1, kind="stable")
    predicted = order[:, :top].tolist()
    return [s for s, classes in zip(scenes, predicted, strict=True) if set(s.targets) <= {*classes}]


def perturbation(
    cnn,
    views: Sequence[View],
    maps: dict[str, np.ndarray],
    kind: str = "deletion",
    steps: int = 6,
    fill: str = "blur",
) -> dict[str, np.ndarray]:
    """The area under each map's deletion or insertion curve: method -> (n,), mean probabilities.

    Parameters
    ----------
    cnn : a CNN, as ``load_cnn()`` makes it
    views, maps : what ``views()`` and ``maps()`` return
    kind : "deletion" (small is good) or "insertion" (large is good)
    steps : in how many equal steps the pixels go
    fill : what replaces a pixel, as in ``metrics.deletion``
    """
    if kind not in ("deletion", "insertion"):
        raise ValueError(f"kind must be 'deletion' or 'insertion', not {kind!r}.")
    areas: dict[str, list[float]] = {method: [] for method in maps}
    for i, view in enumerate(views):
        x, here = cnn.preprocess(view.image), {method: a[i] for method, a in maps.items()}
        found = perturbation_curves(
            cnn.model, x, here, view.target, kind == "insertion", steps, fill
        )
        for method, curve in found.items():
            areas[method].append(curve.auc)
    return {method: np.array(values) for method, values in areas.items()}


def grid_game(
    cnn, views: Sequence[View], methods: Sequence[str], n: int = 8, seed: int = 0
) -> dict[str, np.ndarray]:
    """The grid pointing game: method -> (4 n,), the share of heat in the cell of the target class.

    Each picture shows 2 x 2 views of four classes; each class is the target once. Chance is 1/4.
    Bohle et al. 2021.

    Parameters
    ----------
    cnn : a CNN whose network takes pictures of any size
    views : what ``views()`` returns, of four classes at least
    methods : names out of ``cam.METHODS``
    n : how many pictures
    seed : of the choice of views
    """
    shares: dict[str, list[float]] = {method: [] for method in methods}
    for four in grid_quartets([view.target for view in views], n, seed):
        x = tile(torch.cat([cnn.preprocess(views[i].image) for i in four]))
        for cell, i in enumerate(four):
            found = cam.heatmaps(cnn, x, target=views[i].target, methods=methods)
            for m in methods:
                shares[m].append(metrics.grid_pointing_game(found[m][0], cell))
    return {method: np.array(values) for method, values in shares.items()}
