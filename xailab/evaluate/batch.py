"""The table of ten thousand pictures: in batches, in parallel, and never computed twice.

On one computer with four workers; the caller keeps the table, for example with ``to_csv``:

    table = batch.run(cnn, own_pictures.folder("my_photos"), cache="cache", n_jobs=4)

On a cluster (pip install dask distributed) whose machines share the pictures' and the cache's folder:

    with distributed.Client(scheduler_file="/shared/scheduler.json"):
        table = batch.run(cnn, pictures, cache="/shared/cache", n_jobs=64, backend="dask")

A cache folder holds pickles, which can run programs: use your own, never one from somebody else.
"""

import copy
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path

import joblib
import pandas as pd
from tqdm.auto import tqdm

from .. import cam
from .._utils.validation import check_int, truncated
from . import BASELINES, keys, maps, table, views


def run(
    cnn,
    items: Sequence,
    methods: Sequence[str] | None = None,
    layer: str | None = None,
    *,
    threshold: float = 0.5,
    baselines: Sequence[str] = BASELINES,
    least: float = 0.5,
    cache: str | Path | None = None,
    batch_size: int = 8,
    n_jobs: int = 1,
    backend: str = "loky",
    progress: bool = True,
) -> pd.DataFrame:
    """``evaluate.table`` over any number of items, with columns for the settings.

    Every item is cached by its content: its name, image, mask and target, the network's weights,
    modules and preprocessing, and the settings. So a run that was stopped or killed goes on from its
    last batch, further items or another batch_size cost only what is new, and what has changed is
    computed again. Not part of the key: the code of a network's forward and of this package. Use
    another folder when one of them has changed. Items that ``views`` leaves out are not in the table.

    Parameters
    ----------
    cnn, methods, layer, baselines : as in ``maps``; layer is a name, not a module
    items : a sequence, such as a list or ``own_pictures.folder``. No two may have one name.
    threshold : as in ``table``
    least : as in ``views``
    cache : folder of the finished items, made if it is not there; None keeps nothing
    batch_size : how many items are read, and go through the network, at once
    n_jobs, backend : joblib's number of workers (-1: one per core) and "loky", "threading" or "dask"
    progress : show a progress bar
    """
    # checks cnn and least
    views(cnn, (), least)
    batch_size = check_int("batch_size", batch_size)
    if check_int("n_jobs", n_jobs, least=-1) == 0:
        raise ValueError("n_jobs must be a number of workers, or -1 for all cores, not 0.")
    layer = cnn.default_layer if layer is None else layer
    if not isinstance(layer, str):
        raise TypeError(f"layer must be a name out of cnn.layers, not {truncated(layer)}.")
    if cache is not None and Path(cache).exists() and not Path(cache).is_dir():
        raise ValueError(f"cache must be a folder, and {cache} is a file.")
    _check_names(items)
    about = {"layer": layer, "threshold": threshold, "least": least}
    if methods is None:
        methods = cam.methods_for(cnn, layer)
    settings = {"methods": list(methods), "baselines": list(baselines), **about}
    folder = None if cache is None else Path(cache).absolute()
    memory, key = joblib.Memory(folder, verbose=0, compress=True), keys.network_key(cnn)
    jobs = (
        joblib.delayed(_batch)(cnn, items[i : i + batch_size], memory, key, settings)
        for i in range(0, len(items), batch_size)
    )
    tables = []
    with (
        joblib.parallel_config(backend=backend, n_jobs=n_jobs),
        tqdm(total=len(items), unit=" pictures") if progress else nullcontext() as bar,
    ):
        for found in joblib.Parallel(return_as="generator")(jobs):
            # a table needs a fifth of the memory that its rows need as dictionaries
            tables.append(pd.DataFrame(list(chain.from_iterable(found))))
            if bar is not None:
                bar.update(len(found))
    # pictures whose objects are all cut away make an empty table
    filled = [one for one in tables if len(one)] or tables[:1]
    return pd.concat(filled, ignore_index=True).assign(model=cnn.name, **about)


def _check_names(items: Sequence) -> None:
    if not hasattr(items, "__getitem__") or not len(items):
        raise ValueError("items must be a sequence, such as a list, of one picture at least.")
    names = getattr(items, "names", None)
    if names is None:
        names = [str(getattr(item, "name", i)) for i, item in enumerate(items)]
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise ValueError(f"Two items are called {name!r}; give each a name of its own.")


def _batch(cnn, items: Sequence, memory, network: str, settings: dict) -> list[list[dict]]:
    """The rows of each item, from the cache or computed. A lazy sequence is read here."""
    cached = memory.cache(_rows, ignore=["compute"])
    items = list(items)
    pairs = [(item, (network, repr(settings), keys.item_key(item))) for item in items]
    new = [item for item, key in pairs if not cached.check_call_in_cache(*key, None)]
    computed = _compute(cnn, new, **settings)

    def compute(item) -> list[dict]:
        if str(item.name) not in computed:
            # the cache has an entry for it, but a damaged one
            computed.update(_compute(cnn, [item], **settings))
        return computed[str(item.name)]

    return [cached(*key, lambda item=item: compute(item)) for item, key in pairs]


def _rows(network: str, settings: str, item: str, compute: Callable) -> list[dict]:
    """The rows of one item: what the cache keeps, by the first three arguments."""
    return compute()


def _compute(cnn, items, methods, baselines, layer, threshold, least) -> dict[str, list[dict]]:
    """The rows of ``table`` for a few items, by their names; no rows where the object is cut away."""
    if threading.current_thread() is not threading.main_thread():
        # threads cannot share the hooks of one network
        cnn = copy.deepcopy(cnn)
    rows: dict[str, list[dict]] = {str(item.name): [] for item in items}
    if found := views(cnn, items, least):
        heatmaps = maps(cnn, found, methods, layer, baselines, len(found))
        for row in table(heatmaps, found, threshold).to_dict("records"):
            rows[row["name"]].append(row)
    return rows
