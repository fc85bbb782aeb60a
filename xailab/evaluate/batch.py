"""Evaluation for ten pictures or ten thousand: everything of ``measure``, and ``run``.

``run`` works in batches, in parallel, with progress, and can be killed at any moment: what was
computed is on disk and is not computed again. On one computer with four workers:

    pets = datasets.oxford_pets("data/pets")
    evaluate.run(cnn, pets, results="pets.csv", n_jobs=4, progress=evaluate.progress_line)

On a cluster (pip install dask distributed; workers need this package and the pictures' folder):

    with distributed.Client("tcp://scheduler:8786"):
        evaluate.run(cnn, pets, results="pets.parquet", n_jobs=64, backend="dask")
"""

import copy
import dataclasses
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .. import cam
from .._utils.interrupts import stoppable
from .._utils.validation import check_int
from . import (
    BASELINES,
    View,
    maps,
    table,
    views,
)
from .results import CUT_AWAY, Store


def progress_line(done: int, total: int) -> None:
    """Say on stderr how far a run has come. Notebook 06."""
    end = "\n" if done == total else ""
    print(f"\r{done} of {total} pictures", end=end, file=sys.stderr, flush=True)


def run(
    cnn,
    items: Sequence,
    methods: Sequence[str] = tuple(cam.METHODS),
    layer: str | None = None,
    *,
    threshold: float = 0.5,
    baselines: Sequence[str] = BASELINES,
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
    Stopped by hand, it raises ``Interrupted``, whose ``partial`` is the table of what was finished;
    of a killed run ``so_far(results)`` has it. Items need names of their own. Raises ValueError when
    the results file was made with other settings or n_jobs is 0. Notebook 06.
    """
    batch_size = check_int("batch_size", batch_size)
    if check_int("n_jobs", n_jobs, least=-1) == 0:
        raise ValueError("n_jobs must be a number of workers, or -1 for all cores, not 0.")
    if not len(items):
        raise ValueError("items must hold one picture at least.")
    names = [item_name(items, i) for i in range(len(items))]
    if len(set(names)) < len(names):
        twice = next(n for i, n in enumerate(names) if n in names[:i])
        raise ValueError(f"Two items are called {twice!r}; results need a name for each.")
    settings = {
        "model": cnn.name,
        "layer": layer or cnn.default_layer,
        "threshold": threshold,
        "least": least,
        "methods": "+".join((*methods, *baselines)),
    }
    store = Store(results, settings)
    done = store.done
    todo = [i for i, name in enumerate(names) if name not in done]
    batches = [todo[i : i + batch_size] for i in range(0, len(todo), batch_size)]
    job = _Job(
        cnn, tuple(methods), layer, threshold, tuple(baselines), least, settings, n_jobs == 1
    )
    finished = [name for name in names if name in done]
    per_round = 1 if n_jobs == 1 else 2 * (n_jobs if n_jobs > 0 else os.cpu_count() or 1)
    with stoppable(finished, len(names), "pictures", lambda: store.table(names), least=0):
        for i in range(0, len(batches), per_round):
            parts = [([names[k] for k in b], _some(items, b)) for b in batches[i : i + per_round]]
            for part, frame in zip(parts, _parallel(job, parts, n_jobs, backend), strict=True):
                store.add(frame)
                finished += part[0]
            if progress:
                progress(len(finished), len(names))
    store.finish()
    return store.table(names)


def item_name(items: Sequence, i: int) -> str:
    """The name of item i, from a lazy sequence's keys where it has them, so no picture is read.

    Notebook 06.
    """
    keys = getattr(items, "keys", None)
    if not isinstance(keys, tuple):
        return str(items[i].name)
    return "_".join(map(str, keys[i][:2])) if isinstance(keys[i], tuple) else str(keys[i])


def _some(items: Any, indices: list[int]) -> Sequence:
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


@dataclass(frozen=True, eq=False)  # told apart by identity: Dask wants jobs hashable
class _Job:
    """One batch, as a worker gets it; with a network of its own, as threads cannot share hooks."""

    cnn: object
    methods: tuple
    layer: str | None
    threshold: float
    baselines: tuple
    least: float
    settings: dict
    alone: bool

    def __call__(self, names, items) -> pd.DataFrame:
        cnn = self.cnn if self.alone else copy.deepcopy(self.cnn)
        found, skipped = [], []
        for name, item in zip(names, items, strict=True):
            found_views = views(cnn, [item], self.least)
            found += [View(name, v.image, v.mask, v.target, v.kept) for v in found_views]
            skipped += [] if found_views else [name]
        parts = []
        if found:
            heat = maps(cnn, found, self.methods, self.layer, self.baselines, len(found))
            parts.append(table(heat, found, self.threshold))
        if skipped:  # noted, so that a resumed run does not look at them again
            parts.append(pd.DataFrame({"name": skipped, "method": CUT_AWAY}))
        return pd.concat(parts, ignore_index=True).assign(**self.settings)
