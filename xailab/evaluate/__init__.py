"""From pictures to a table: what the network saw, its maps, their scores.

An item is anything with ``name``, ``image``, ``mask`` and ``target``: a Photo, a Scene, your own.
All names can be had from ``evaluate`` too, which adds runs over thousands of pictures.
"""

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from .. import cam, metrics
from .._utils.interrupts import stoppable
from .._utils.validation import check_int, check_mask, truncated
from ..data.compositions import grid_quartets, tile
from ..metrics.faithfulness import perturbation_curves
from . import baselines

BASELINES = ("input_gradient", "edge_map", "centre_blob", "random_map")
SCORES = (*metrics.LOCALISATION, "pointing")


@dataclass(frozen=True, eq=False)
class View:
    """An item as the network saw it: resized, cropped, and how much of the object that left.

    image: (H, W, 3) uint8. mask: (H, W) bool. kept: the share of the object's pixels inside the
    crop. size: the share of the view that is object. Notebook 06.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    target: int
    kept: float

    @property
    def size(self) -> float:
        """The share of the view that is object."""
        return float(self.mask.mean())


def views(cnn, items: Iterable, least: float = 0.5) -> tuple[View, ...]:
    """The items as the network sees them, without those of which the crop leaves less than ``least``.

    The rule looks at masks only, never at a heat map, so it cannot favour a method. Notebook 06.
    Raises TypeError and ValueError for items that lack something or do not fit.
    """
    if not isinstance(least, int | float | np.number) or not 0 <= least <= 1:
        raise ValueError(f"least must be a share from 0 to 1, not {truncated(least)}.")
    if not hasattr(cnn, "view_mask"):
        raise TypeError(
            "cnn must be a CNN, as load_cnn() makes it; models.own_cnn(network, categories) makes "
            f"one of a network, not {truncated(cnn)}."
        )
    views = []
    for item in items:
        _check_item(item)
        view = cnn.view(item.image)
        mask = cnn.view_mask(item.mask)
        scale = 1.0
        if item.mask.shape != mask.shape:
            scale = (cnn.resize / min(item.mask.shape)) ** 2
        kept = min(1.0, mask.sum() / max(1.0, item.mask.sum() * scale))
        if mask.any() and kept >= least:
            views.append(View(item.name, view, mask, int(item.target), float(kept)))
    return tuple(views)


def _check_item(item) -> None:
    lost = [a for a in ("name", "image", "mask", "target") if not hasattr(item, a)]
    if lost:
        raise TypeError(
            "An item needs name, image, mask and target, as a Photo has them; "
            f"{type(item).__name__} has no {lost[0]}."
        )
    mask, shape = check_mask(item.mask, f"The mask of {item.name}"), np.shape(item.image)[:2]
    if mask.shape != shape:
        raise ValueError(f"The mask of {item.name} is {mask.shape} but its picture {shape}.")
    check_int(f"The target of {item.name}", item.target, least=0)


def maps(
    cnn,
    views: Sequence[View],
    methods: Sequence[str] = tuple(cam.METHODS),
    layer: str | None = None,
    baselines: Sequence[str] = (),
    batch_size: int = 8,
) -> dict[str, np.ndarray]:
    """The heat maps of several methods and controls for all views: name -> (n, H, W) in [0, 1].

    Raises ValueError for unknown names. Each view's random map has a seed of its own: the view's
    name, so it does not depend on the batch. Stopped by hand, it raises ``Interrupted``, whose
    ``partial`` holds the maps of the first views. Notebook 06.
    """
    if any(c not in BASELINES for c in baselines):
        raise ValueError(
            f"baselines must be out of {list(BASELINES)}, not {truncated(list(baselines))}."
        )
    if not views:
        raise ValueError(
            "There must be at least one view to draw maps for, and no picture is left: look at the "
            "list of pictures, their targets and what the crop keeps of their objects."
        )
    names, done = (*methods, *baselines), list[dict[str, np.ndarray]]()
    with stoppable(done, len(views), "views", lambda: _columns(names, done)):
        for i in range(0, len(views), batch_size):
            batch = views[i : i + batch_size]
            x = torch.cat([cnn.preprocess(s.image) for s in batch])
            targets = torch.tensor([s.target for s in batch], device=x.device)
            found = cam.heatmaps(cnn, x, layer, targets, methods) if methods else {}
            for name in baselines:
                found[name] = _control(name, cnn, batch, x, targets)
            done += [{n: found[n][k].astype(np.float32) for n in names} for k in range(len(batch))]
    return _columns(names, done)


def _columns(names: Iterable[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Lines of a table as its columns: name -> one entry a line."""
    return {name: np.array([row[name] for row in rows]) for name in names}


def _control(name, cnn, batch, x, targets) -> np.ndarray:
    if name == "input_gradient":
        return baselines.input_gradient(cnn.model, x, targets)
    if name == "edge_map":
        return np.stack([baselines.edge_map(s.image) for s in batch])
    if name == "centre_blob":
        return np.stack([baselines.centre_blob(s.mask.shape) for s in batch])
    return np.stack([baselines.random_map(s.mask.shape, _seed(s.name)) for s in batch])


def _seed(name: str) -> int:
    return int.from_bytes(name.encode()[-8:], "little")  # hash() differs from run to run


def table(
    maps: dict[str, np.ndarray], views: Sequence[View], threshold: float = 0.5
) -> pd.DataFrame:
    """One row for each view and method: name, method, target, size, kept, and six scores. Notebook 06."""
    rows = []
    with warnings.catch_warnings():  # an empty map scores 0; its row says so
        warnings.simplefilter("ignore")
        for method, heatmaps in maps.items():
            for view, h in zip(views, heatmaps, strict=True):
                scores = metrics.localisation(h, view.mask, threshold)
                scores["pointing"] = float(metrics.pointing_game(h, view.mask))
                about = {"name": view.name, "method": method, "target": view.target}
                rows.append(about | {"size": view.size, "kept": view.kept} | scores)
    return pd.DataFrame(rows)


def summary(
    scores: pd.DataFrame, columns: Sequence[str] = SCORES, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Means with bootstrap intervals, a row for each method: cells are ``metrics.Interval``. Notebook 06."""
    return pd.DataFrame(
        {
            column: {
                method: metrics.bootstrap_interval(group[column], level, seed)
                for method, group in scores.groupby("method", sort=False)
            }
            for column in columns
        }
    )


def in_boxes(views: Sequence[View]) -> tuple[View, ...]:
    """The same views, with the box around each mask in the mask's place. Notebook 06."""
    return tuple(dataclasses.replace(s, mask=metrics.box_mask(s.mask)) for s in views)


def by_method(scores: pd.DataFrame, column: str) -> dict[str, np.ndarray]:
    """One score of a ``table``, picture by picture: method -> (n,). Notebook 06."""
    groups = scores.groupby("method", sort=False)
    return {method: group[column].to_numpy() for method, group in groups}


def over(
    maps: dict[str, np.ndarray], items: Sequence, score: Callable[[np.ndarray, Any], float]
) -> dict[str, np.ndarray]:
    """A score of your own for every map and its item: method -> (n,). score(heatmap, item). Notebook 06."""
    return {
        method: np.array([score(h, item) for h, item in zip(heatmaps, items, strict=True)])
        for method, heatmaps in maps.items()
    }


def means(values: dict[str, np.ndarray], seed: int = 0) -> dict[str, metrics.Interval]:
    """The mean of each method's values with its 95 % bootstrap interval. Notebook 06."""
    return {method: metrics.bootstrap_interval(v, seed=seed) for method, v in values.items()}


def _iou(h: np.ndarray, view: View, threshold: float = 0.5) -> float:
    return metrics.iou(h, view.mask, threshold)


def conditions(
    maps: dict[str, np.ndarray],
    views: Sequence[View],
    thresholds: Sequence[float] = (0.1, 0.3, 0.7),
) -> dict[str, dict[str, np.ndarray]]:
    """The IoUs of the same maps under other eyes: condition -> method -> (its photos,). Notebook 06.

    Other thresholds; boxes in place of masks; animals or things; the half with the smaller or the
    larger objects. All but the first at threshold 0.5.
    """
    found = {f"threshold {t}": over(maps, views, partial(_iou, threshold=t)) for t in thresholds}
    at_half = over(maps, views, _iou)
    found["box, not mask"] = over(maps, in_boxes(views), _iou)
    animal = np.array([s.target < 398 for s in views])  # ImageNet counts its animals first
    small = np.array([s.size for s in views]) < np.median([s.size for s in views])
    groups = {"animals": animal, "things": ~animal, "small objects": small, "large objects": ~small}
    for name, rows in groups.items():
        found[name] = {method: values[rows] for method, values in at_half.items()}
    return found


def curves(
    maps: dict[str, np.ndarray],
    views: Sequence[View],
    thresholds: Sequence[float],
    score: str = "iou",
) -> dict[str, np.ndarray]:
    """One score at every threshold: method -> (n, len(thresholds)). Notebook 06."""
    return {
        method: np.stack(
            [
                metrics.threshold_curve(h, view.mask, thresholds)[score]
                for h, view in zip(heatmaps, views, strict=True)
            ]
        )
        for method, heatmaps in maps.items()
    }


def recognised(cnn, scenes: Sequence, top: int = 5) -> list:
    """The scenes of which every object's class is among the network's ``top`` guesses. Notebook 06.

    Where the network does not see an object there is nothing to explain.
    """
    order = np.argsort(-cnn.predict_proba([s.image for s in scenes]), axis=1, kind="stable")
    guesses = order[:, :top].tolist()
    return [s for s, guess in zip(scenes, guesses, strict=True) if set(s.targets) <= set(guess)]


def perturbation(
    cnn,
    views: Sequence[View],
    maps: dict[str, np.ndarray],
    kind: str = "deletion",
    steps: int = 6,
    fill: str = "blur",
) -> dict[str, np.ndarray]:
    """Deletion or insertion areas for all maps and views: method -> (n,), mean probabilities.

    Small is good for "deletion", large for "insertion". Stopped by hand, it raises ``Interrupted``, whose
    ``partial`` holds the areas of the first views. Raises ValueError for another kind. Notebook 07.
    """
    if kind not in ("deletion", "insertion"):
        raise ValueError(f"kind must be 'deletion' or 'insertion', not {kind!r}.")
    done: list[dict[str, float]] = []
    with stoppable(done, len(views), "views", lambda: _columns(maps, done)):
        for i, view in enumerate(views):
            x, here = cnn.preprocess(view.image), {method: a[i] for method, a in maps.items()}
            curves = perturbation_curves(
                cnn.model, x, here, view.target, kind == "insertion", steps, fill
            )
            done.append({method: curve.auc for method, curve in curves.items()})
    return _columns(maps, done)


def grid_game(
    cnn, views: Sequence[View], methods: Sequence[str], n: int = 8, seed: int = 0
) -> dict[str, np.ndarray]:
    """The grid pointing game: method -> (4 n,), the share of heat in the cell of the class asked for.

    n pictures of 2 x 2 views of four classes; each class is asked for once. Chance is 1/4. Stopped by
    hand, it raises ``Interrupted``, whose ``partial`` holds the shares so far.
    Needs a network that takes pictures of any size. Bohle et al. 2021. Notebook 06.
    """
    done: list[dict[str, float]] = []
    with stoppable(done, 4 * n, "cells", lambda: _columns(methods, done)):
        for four in grid_quartets([view.target for view in views], n, seed):
            x = tile(torch.cat([cnn.preprocess(views[i].image) for i in four]))
            for cell, i in enumerate(four):
                found = cam.heatmaps(cnn, x, target=views[i].target, methods=methods)
                done.append({m: metrics.grid_pointing_game(found[m][0], cell) for m in methods})
    return _columns(methods, done)
