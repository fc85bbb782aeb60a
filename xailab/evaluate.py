"""From pictures to a table: what the network saw, its maps, the scores, for ten pictures or ten thousand.

An item is anything with ``name``, ``image``, ``mask`` and ``target``: a Photo, a Scene, your own.
"""

import dataclasses
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from . import cam, controls, metrics
from .scenes import grid_quartets, tile

__all__ = [
    "CONTROLS", "Seen", "by_method", "conditions", "curves", "grid_game", "in_boxes", "maps",
    "means", "over", "progress_line", "recognised", "run", "see", "summary", "table",
]  # fmt: skip

CONTROLS = ("input_gradient", "edge_map", "centre_blob", "random_map")
SCORES = (*metrics.LOCALISATION, "pointing")


@dataclass(frozen=True, eq=False)
class Seen:
    """An item as the network saw it: resized, cropped, and how much of the object that left.

    image: (H, W, 3) uint8. mask: (H, W) bool. kept: the share of the object's pixels inside the
    crop. size: the share of the view that is object.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    target: int
    kept: float

    @property
    def size(self) -> float:
        return float(self.mask.mean())


def see(cnn, items: Iterable, least: float = 0.5) -> tuple[Seen, ...]:
    """The items as the network sees them, without those of which the crop leaves less than ``least``.

    The rule looks at masks only, never at a heat map, so it cannot favour a method. Notebook 06.
    """
    seen = []
    for item in items:
        view = cnn.view(item.image)
        mask = cnn.view_mask(item.mask)
        scale = 1.0
        if item.mask.shape != mask.shape:
            scale = (cnn.resize / min(item.mask.shape)) ** 2
        kept = min(1.0, mask.sum() / max(1.0, item.mask.sum() * scale))
        if mask.any() and kept >= least:
            seen.append(Seen(item.name, view, mask, int(item.target), float(kept)))
    return tuple(seen)


def maps(
    cnn,
    seen: Sequence[Seen],
    methods: Sequence[str] = tuple(cam.METHODS),
    layer: str | None = None,
    controls: Sequence[str] = (),
    batch_size: int = 8,
) -> dict[str, np.ndarray]:
    """The heat maps of several methods and controls for all views: name -> (n, H, W) in [0, 1].

    Raises ValueError for unknown names. Each view's random map has a seed of its own: the view's
    name, so it does not depend on the batch. Notebook 06.
    """
    unknown = [c for c in controls if c not in CONTROLS]
    if unknown or not seen:
        raise ValueError(
            f"controls must be out of {list(CONTROLS)} and there must be at least one view; "
            f"got {list(controls)} and {len(seen)} views."
        )
    parts: dict[str, list] = {name: [] for name in (*methods, *controls)}
    for i in range(0, len(seen), batch_size):
        batch = seen[i : i + batch_size]
        x = torch.cat([cnn.preprocess(s.image) for s in batch])
        targets = torch.tensor([s.target for s in batch], device=x.device)
        found = cam.heatmaps(cnn, x, layer, targets, methods) if methods else {}
        for name in controls:
            found[name] = _control(name, cnn, batch, x, targets)
        for name, heat in found.items():
            parts[name].append(heat.astype(np.float32))
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def _control(name, cnn, batch, x, targets) -> np.ndarray:
    if name == "input_gradient":
        return controls.input_gradient(cnn.model, x, targets)
    if name == "edge_map":
        return np.stack([controls.edge_map(s.image) for s in batch])
    if name == "centre_blob":
        return np.stack([controls.centre_blob(s.mask.shape) for s in batch])
    return np.stack([controls.random_map(s.mask.shape, _seed(s.name)) for s in batch])


def _seed(name: str) -> int:
    return int.from_bytes(name.encode()[-8:], "little")  # hash() differs from run to run


def table(
    maps: dict[str, np.ndarray], seen: Sequence[Seen], threshold: float = 0.5
) -> pd.DataFrame:
    """One row for each view and method: name, method, target, size, kept, and six scores. Notebook 06."""
    rows = []
    with warnings.catch_warnings():  # an empty map scores 0; its row says so
        warnings.simplefilter("ignore")
        for method, heatmaps in maps.items():
            for view, h in zip(seen, heatmaps, strict=True):
                scores = metrics.localisation(h, view.mask, threshold)
                scores["pointing"] = float(metrics.pointing_game(h, view.mask))
                about = {"name": view.name, "method": method, "target": view.target}
                rows.append(about | {"size": view.size, "kept": view.kept} | scores)
    return pd.DataFrame(rows)


def summary(
    scores: pd.DataFrame, columns: Sequence[str] = SCORES, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Means with bootstrap intervals, a row for each method: cells are ``metrics.Interval``. Notebook 06."""
    return pd.DataFrame({
        column: {
            method: metrics.bootstrap_interval(group[column], level, seed)
            for method, group in scores.groupby("method", sort=False)
        }
        for column in columns
    })  # fmt: skip


def in_boxes(seen: Sequence[Seen]) -> tuple[Seen, ...]:
    """The same views, with the box around each mask in the mask's place. Notebook 06."""
    return tuple(dataclasses.replace(s, mask=metrics.box_mask(s.mask)) for s in seen)


def by_method(scores: pd.DataFrame, column: str) -> dict[str, np.ndarray]:
    """One score of a ``table``, picture by picture: method -> (n,). Notebook 06."""
    groups = scores.groupby("method", sort=False)
    return {method: group[column].to_numpy() for method, group in groups}


def over(
    maps: dict[str, np.ndarray], items: Sequence, score: Callable[[np.ndarray, object], float]
) -> dict[str, np.ndarray]:
    """A score of your own for every map and its item: method -> (n,). score(heatmap, item). Notebook 06."""
    return {
        method: np.array([score(h, item) for h, item in zip(heatmaps, items, strict=True)])
        for method, heatmaps in maps.items()
    }


def means(values: dict[str, np.ndarray], seed: int = 0) -> dict[str, metrics.Interval]:
    """The mean of each method's values with its 95 % bootstrap interval. Notebook 06."""
    return {method: metrics.bootstrap_interval(v, seed=seed) for method, v in values.items()}


def conditions(
    maps: dict[str, np.ndarray], seen: Sequence[Seen], thresholds: Sequence[float] = (0.1, 0.3, 0.7)
) -> dict[str, dict[str, np.ndarray]]:
    """The IoUs of the same maps under other eyes: condition -> method -> (its photos,). Notebook 06.

    Other thresholds; boxes in place of masks; animals or things; the half with the smaller or the
    larger objects. All but the first at threshold 0.5.
    """
    found = {
        f"threshold {t}": over(maps, seen, lambda h, s, t=t: metrics.iou(h, s.mask, t))
        for t in thresholds
    }
    at_half = over(maps, seen, lambda h, s: metrics.iou(h, s.mask))
    found["box, not mask"] = over(maps, in_boxes(seen), lambda h, s: metrics.iou(h, s.mask))
    animal = np.array([s.target < 398 for s in seen])  # ImageNet counts its animals first
    small = np.array([s.size for s in seen]) < np.median([s.size for s in seen])
    groups = {"animals": animal, "things": ~animal, "small objects": small, "large objects": ~small}
    for name, rows in groups.items():
        found[name] = {method: values[rows] for method, values in at_half.items()}
    return found


def curves(
    maps: dict[str, np.ndarray],
    seen: Sequence[Seen],
    thresholds: Sequence[float],
    score: str = "iou",
) -> dict[str, np.ndarray]:
    """One score at every threshold: method -> (n, len(thresholds)). Notebook 06."""
    return {
        method: np.stack([
            metrics.threshold_curve(h, view.mask, thresholds)[score]
            for h, view in zip(heatmaps, seen, strict=True)
        ])
        for method, heatmaps in maps.items()
    }  # fmt: skip


def recognised(cnn, scenes: Sequence, top: int = 5) -> list:
    """The scenes of which every object's class is among the network's ``top`` guesses. Notebook 06.

    Where the network does not see an object there is nothing to explain.
    """
    order = np.argsort(-cnn.predict_proba([s.image for s in scenes]), axis=1, kind="stable")
    guesses = order[:, :top].tolist()
    return [s for s, guess in zip(scenes, guesses, strict=True) if set(s.targets) <= set(guess)]


def grid_game(
    cnn, seen: Sequence[Seen], methods: Sequence[str], n: int = 8, seed: int = 0
) -> dict[str, np.ndarray]:
    """The grid pointing game: method -> (4 n,), the share of heat in the cell of the class asked for.

    n pictures of 2 x 2 views of four classes; each class is asked for once. Chance is 1/4.
    Needs a network that takes pictures of any size. Bohle et al. 2021. Notebook 06.
    """
    shares: dict[str, list] = {m: [] for m in methods}
    for four in grid_quartets([view.target for view in seen], n, seed):
        x = tile(torch.cat([cnn.preprocess(seen[i].image) for i in four]))
        for cell, i in enumerate(four):
            found = cam.heatmaps(cnn, x, target=seen[i].target, methods=methods)
            for m in methods:
                shares[m].append(metrics.grid_share(found[m][0], cell))
    return {m: np.array(values) for m, values in shares.items()}


# --- at scale ----------------------------------------------------------------------------------


def progress_line(done: int, total: int) -> None:
    """Say on stderr how far a run has come."""
    end = "\n" if done == total else ""
    print(f"\r{done} of {total} pictures", end=end, file=sys.stderr, flush=True)


def run(
    cnn,
    items: Sequence,
    methods: Sequence[str] = tuple(cam.METHODS),
    layer: str | None = None,
    *,
    threshold: float = 0.5,
    controls: Sequence[str] = CONTROLS,
    least: float = 0.5,
    results: str | Path | None = None,
    batch_size: int = 16,
    n_jobs: int = 1,
    backend: str = "loky",
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """``table`` over any number of items: in batches, in parallel, and resumable.

    results: a .csv or .parquet file (the latter needs pyarrow). Every finished batch is written at
    once, whole or not at all, into a folder beside it; a run that was killed goes on from there, and the
    finished run leaves the one file. Items already in the file are not computed again.
    n_jobs, backend: joblib's ("loky", "threading", "multiprocessing", or "dask" under a dask.distributed
    Client). progress(done, total) is called after every round of batches.
    Items need names of their own. Raises ValueError when the results file was made with other
    settings. Notebook 06.
    """
    names = [item_name(items, i) for i in range(len(items))]
    if len(set(names)) < len(names):
        twice = next(n for i, n in enumerate(names) if n in names[:i])
        raise ValueError(f"Two items are called {twice!r}; results need a name for each.")
    settings = {
        "model": cnn.name, "layer": layer or cnn.default_layer, "threshold": threshold,
        "least": least, "methods": "+".join((*methods, *controls)),
    }  # fmt: skip
    store = _Store(results, settings)
    todo = [i for i, name in enumerate(names) if name not in store.done]
    batches = [todo[i : i + batch_size] for i in range(0, len(todo), batch_size)]
    job = _Job(cnn, tuple(methods), layer, threshold, tuple(controls), least, settings)
    finished, per_round = len(names) - len(todo), max(1, 2 * n_jobs)
    for i in range(0, len(batches), per_round):
        parts = [([names[k] for k in b], _some(items, b)) for b in batches[i : i + per_round]]
        for part, frame in zip(parts, _parallel(job, parts, n_jobs, backend), strict=True):
            store.add(frame)
            finished += len(part[0])
        if progress:
            progress(finished, len(names))
    return store.finish(names)


def item_name(items: Sequence, i: int) -> str:
    """The name of item i, from a lazy sequence's keys where it has them, so no picture is read."""
    keys = getattr(items, "keys", None)
    if not isinstance(keys, tuple):
        return str(items[i].name)
    return "_".join(map(str, keys[i][:2])) if isinstance(keys[i], tuple) else str(keys[i])


def _some(items: Sequence, indices: list[int]) -> Sequence:
    """These items; of a lazy sequence only their keys travel to a worker, not the pictures."""
    if isinstance(getattr(items, "keys", None), tuple):
        return dataclasses.replace(items, keys=tuple(items.keys[i] for i in indices))
    return [items[i] for i in indices]


def _parallel(job, parts, n_jobs, backend) -> list[pd.DataFrame]:
    if n_jobs == 1 and backend == "loky":
        return [job(*part) for part in parts]
    import joblib

    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        return joblib.Parallel()(joblib.delayed(job)(*part) for part in parts)


@dataclass(frozen=True)
class _Job:
    """One batch, as a worker gets it."""

    cnn: object
    methods: tuple
    layer: str | None
    threshold: float
    controls: tuple
    least: float
    settings: dict

    def __call__(self, names, items) -> pd.DataFrame:
        found, skipped = [], []
        for name, item in zip(names, items, strict=True):
            views = see(self.cnn, [item], self.least)
            found += [Seen(name, v.image, v.mask, v.target, v.kept) for v in views]
            skipped += [] if views else [name]
        parts = []
        if found:
            heat = maps(self.cnn, found, self.methods, self.layer, self.controls, len(found))
            parts.append(table(heat, found, self.threshold))
        if skipped:  # noted, so that a resumed run does not look at them again
            parts.append(pd.DataFrame({"name": skipped, "method": "(cut away)"}))
        return pd.concat(parts, ignore_index=True).assign(**self.settings)


class _Store:
    """Finished rows on disk: a folder of whole parts while the run lasts, one file afterwards."""

    def __init__(self, path: str | Path | None, settings: dict):
        self.frames: list[pd.DataFrame] = []
        self.path = Path(path) if path is not None else None
        if self.path is not None:
            if self.path.suffix not in (".csv", ".parquet"):
                raise ValueError(f"results must end in .csv or .parquet, not {self.path.name!r}.")
            self.folder = self.path.with_name(self.path.name + ".parts")
            old = sorted(self.folder.glob(f"*{self.path.suffix}")) if self.folder.is_dir() else []
            self.frames = [_read(p) for p in [self.path, *old] if p.is_file()]
        for frame in self.frames:
            _same_settings(frame, settings, self.path)
        self.done = {name for frame in self.frames for name in frame["name"]}

    def add(self, frame: pd.DataFrame) -> None:
        self.frames.append(frame)
        if self.path is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            number = len(list(self.folder.iterdir()))
            _write(frame, self.folder / f"{number:06d}_{os.getpid()}{self.path.suffix}")

    def finish(self, order: Sequence[str]) -> pd.DataFrame:
        whole = pd.concat(self.frames, ignore_index=True) if self.frames else pd.DataFrame()
        whole = whole.drop_duplicates(["name", "method"]) if len(whole) else whole
        if self.path is not None and len(whole):
            _write(whole, self.path)
            for part in self.folder.glob("*") if self.folder.is_dir() else ():
                part.unlink()
            if self.folder.is_dir():
                self.folder.rmdir()
        if not len(whole):
            return whole
        wanted = whole[whole["name"].isin(set(order)) & (whole["method"] != "(cut away)")]
        place = {name: i for i, name in enumerate(order)}
        return wanted.sort_values("name", key=lambda c: c.map(place), kind="stable").reset_index(
            drop=True
        )


def _same_settings(frame: pd.DataFrame, settings: dict, path: Path) -> None:
    for key, value in settings.items():
        found = frame[key].iloc[0] if key in frame and len(frame) else None
        if found is None or str(found) != str(value):
            raise ValueError(
                f"{path} was made with {key} = {found!r}, now it is {value!r}; "
                "choose another results file or the same settings."
            )


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def _write(frame: pd.DataFrame, path: Path) -> None:
    """Write whole or not at all: into a temporary file beside it, which then takes its place."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".writing_")
    os.close(handle)
    try:
        if path.suffix == ".csv":
            frame.to_csv(beside, index=False, float_format="%.17g")
        else:
            frame.to_parquet(beside, index=False)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
