"""Tables of many pictures: the same for any workers, never computed twice, and never out of date."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from support.tiny import METHODS, Item, Logged, Tiny, made

from xailab import evaluate
from xailab.evaluate import batch

TESTS = Path(__file__).parents[1]


def run(cnn, items, **settings):
    return batch.run(
        cnn,
        items,
        **{"methods": METHODS, "baselines": ("random_map",), "batch_size": 2, "progress": False}
        | settings,
    )


def same(a, b):
    pd.testing.assert_frame_equal(a, b, check_exact=False, rtol=1e-6)


@pytest.fixture
def tiny():
    return Tiny()


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "log"
    file.touch()
    return file


def computed(log):
    """The numbers of the pictures that were computed since the last call."""
    numbers = [int(line) for line in log.read_text().split()]
    log.write_text("")
    return numbers


def entries(folder):
    return sorted(Path(folder).rglob("output.pkl"))


# --- the table ---------------------------------------------------------------------------------


def test_a_run_is_the_table_of_its_maps(tiny):
    items = made()
    found = run(tiny, items)
    views = evaluate.views(tiny, items)
    maps = evaluate.maps(tiny, views, METHODS, baselines=["random_map"])
    expected = evaluate.table(maps, views)
    a, b = (t.sort_values(["name", "method"]).reset_index(drop=True) for t in (found, expected))
    pd.testing.assert_frame_equal(a[b.columns], b, check_exact=False, rtol=1e-5)
    # in the order asked for
    assert list(dict.fromkeys(found["name"])) == [i.name for i in items]


def test_the_settings_are_columns_of_the_table(tiny):
    found = run(tiny, made(2), threshold=0.3)
    assert found[
        ["model", "layer", "threshold", "least"]
    ].drop_duplicates().to_numpy().tolist() == [["tiny", "0", 0.3, 0.5]]


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_any_batch_size_gives_the_same_table(tiny, batch_size):
    same(run(tiny, made(), batch_size=batch_size), run(tiny, made()))


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_give_the_same_table(tiny, tmp_path, backend):
    for cache in (None, tmp_path / "cache"):
        there = run(tiny, made(), n_jobs=2, backend=backend, cache=cache)
        same(there, run(tiny, made(), cache=cache))


@pytest.mark.parametrize("processes", [False, True])
def test_a_dask_cluster_gives_the_same_table(tmp_path, log, processes):
    distributed = pytest.importorskip("distributed")
    cnn, cache = Logged(log), tmp_path / "cache"
    with (
        distributed.LocalCluster(
            2, threads_per_worker=1, processes=processes, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        there = run(cnn, made(), n_jobs=2, backend="dask", cache=cache)
    assert sorted(computed(log)) == list(range(7))
    same(there, run(Tiny(), made()))
    # what the cluster has computed is in the cache
    assert run(cnn, made(), cache=cache).equals(there) and computed(log) == []


def test_the_progress_bar_counts_pictures_to_the_end(tiny, capsys):
    run(tiny, made(), progress=True)
    out, err = capsys.readouterr()
    assert "7/7" in err and "pictures" in err and out == ""
    run(tiny, made())
    assert capsys.readouterr().err == ""


def test_two_items_of_one_name_are_refused_before_anything_runs(tmp_path, log):
    items = made(3)
    items[2].name = "p0"
    with pytest.raises(ValueError, match="Two items are called 'p0'; give each a name of its own"):
        run(Logged(log), items)
    assert computed(log) == []


def test_an_item_that_lacks_something_is_named(tiny):
    with pytest.raises(TypeError, match="An item needs name, image, mask and target"):
        run(tiny, [object()])


# --- the cache ---------------------------------------------------------------------------------


def test_a_second_run_computes_nothing_and_gives_the_same_numbers(tmp_path, log):
    first = run(Logged(log), made(), cache=tmp_path / "cache")
    assert computed(log) == list(range(7))
    assert run(Logged(log), made(), cache=tmp_path / "cache").equals(first)
    assert computed(log) == []


def test_more_pictures_and_another_batch_size_compute_only_what_is_new(tmp_path, log):
    cnn, cache = Logged(log), tmp_path / "cache"
    run(cnn, made(3), cache=cache)
    assert computed(log) == [0, 1, 2]
    more = run(cnn, made(6)[::-1], cache=cache, batch_size=4)
    assert sorted(computed(log)) == [3, 4, 5]
    assert list(dict.fromkeys(more["name"])) == [f"p{i}" for i in (5, 4, 3, 2, 1, 0)]
    assert len(run(cnn, made(2), cache=cache)) == 6 and computed(log) == []


def _other_weights(cnn, items, settings):
    cnn.model[3].weight.neg_()


def _other_activation(cnn, items, settings):
    cnn.model[0][1] = torch.nn.Sigmoid()


def _other_masks(cnn, items, settings):
    for item in items:
        item.mask = ~item.mask


def _other_targets(cnn, items, settings):
    for item in items:
        item.target = (item.target + 1) % 3


def _other_images(cnn, items, settings):
    for item in items:
        item.image[1:] = item.image[1:, ::-1].copy()


CHANGES = {
    "weights": _other_weights,
    "structure": _other_activation,
    "masks": _other_masks,
    "targets": _other_targets,
    "images": _other_images,
    "layer": lambda cnn, items, settings: settings.update(layer="0.0"),
    "methods": lambda cnn, items, settings: settings.update(methods=("grad_cam_pp",)),
    "baselines": lambda cnn, items, settings: settings.update(baselines=("edge_map",)),
    "threshold": lambda cnn, items, settings: settings.update(threshold=0.3),
    "least": lambda cnn, items, settings: settings.update(least=0.4),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_has_changed_under_the_same_names_is_computed_again(tmp_path, log, change):
    cache, settings = tmp_path / "cache", {}
    run(Logged(log), made(4), cache=cache)
    computed(log)
    cnn, items = Logged(log), made(4)
    change(cnn, items, settings)
    found = run(cnn, items, cache=cache, **settings)
    assert computed(log) == [0, 1, 2, 3]
    same(found, run(cnn, items, **settings))
    computed(log)
    # the old results are still there, too
    same(run(Logged(log), made(4), cache=cache), run(Tiny(), made(4)))
    assert computed(log) == []


def test_one_changed_mask_computes_one_picture(tmp_path, log):
    cnn, cache, items = Logged(log), tmp_path / "cache", made()
    run(cnn, items, cache=cache)
    computed(log)
    items[3].mask[0, 0] = True
    run(cnn, items, cache=cache)
    assert computed(log) == [3]


def test_pictures_whose_object_is_cut_away_are_left_out_and_cached(tmp_path, log, monkeypatch):
    items = made(3)
    items[1].image, items[1].mask = np.zeros((16, 40, 3), np.uint8), np.zeros((16, 40), bool)
    items[1].mask[:, 30:] = True
    first = run(Logged(log), items, cache=tmp_path / "cache")
    assert set(first["name"]) == {"p0", "p2"} and len(entries(tmp_path)) == 3
    monkeypatch.setattr(batch, "_compute", lambda *a, **k: {} if not a[1] else 1 / 0)
    assert run(Logged(log), items, cache=tmp_path / "cache").equals(first)
    monkeypatch.undo()
    assert len(run(Tiny(), items[1:2])) == 0


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_entry_is_computed_again_with_a_warning(tmp_path, log, caplog, damage):
    cnn, cache = Logged(log), tmp_path / "cache"
    first = run(cnn, made(), cache=cache)
    computed(log)
    file = entries(cache)[2]
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(
        {
            "cut": content[:middle],
            "changed": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "empty": b"",
        }[damage]
    )
    same(run(cnn, made(), cache=cache), first)
    assert "Exception while loading results" in caplog.text
    assert len(computed(log)) == 1
    same(run(cnn, made(), cache=cache), first)
    assert computed(log) == []


def test_names_that_look_like_numbers_or_paths_stay_names(tmp_path, log):
    items = made(5)
    names = ["0012", "NA", "1e3", "../../escaped", "x" * 400]
    for item, name in zip(items, names, strict=True):
        item.name = name
    cache = tmp_path / "a" / "cache"
    first = run(Logged(log), items, cache=cache)
    assert list(dict.fromkeys(first["name"])) == names
    again = run(Logged(log), items, cache=cache)
    assert again.equals(first) and sorted(p.name for p in tmp_path.iterdir()) == ["a", "log"]


def test_a_relative_folder_is_meant_where_the_run_began(tmp_path, monkeypatch, tiny):
    monkeypatch.chdir(tmp_path)
    run(tiny, made(2), cache="cache", n_jobs=2)
    assert len(entries(tmp_path / "cache")) == 2


def test_two_runs_can_share_a_folder(tmp_path, log):
    program = "from evaluate.test_batch import *; run(Tiny(), made(20), cache=sys.argv[1])"
    runs = [_start(program, tmp_path / "cache") for _ in range(2)]
    assert [one.wait(timeout=120) for one in runs] == [0, 0]
    same(run(Logged(log), made(20), cache=tmp_path / "cache"), run(Tiny(), made(20)))
    assert computed(log) == []


def test_a_full_disk_costs_the_cache_and_not_the_table(tmp_path, tiny, log):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    cache = tmp_path / "cache"
    run(tiny, made(1), cache=cache)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
    try:
        with pytest.warns(Warning, match="Unable to cache to disk"):
            found = run(tiny, made(3), cache=cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    same(found, run(tiny, made(3)))
    run(Logged(log), made(3), cache=cache)
    assert computed(log) == [1, 2]


# --- stopped and killed ------------------------------------------------------------------------


def _start(program, *arguments):
    path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )


SLOW = """
import sys, time
from evaluate.test_batch import *

class Slow(Logged):
    def preprocess(self, image):
        time.sleep(0.02)
        return super().preprocess(image)

if __name__ == "__main__":
    run(Slow(sys.argv[1]), made(200), cache=sys.argv[2], batch_size=4, n_jobs=int(sys.argv[3]))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_killed_run_of_200_pictures_goes_on_where_it_was(tmp_path, log, n_jobs):
    cache = tmp_path / "cache"
    process = _start(SLOW, log, cache, n_jobs)
    end = time.monotonic() + 120
    while len(log.read_text().split()) < 100 and time.monotonic() < end:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    time.sleep(0.2)
    begun, finished = computed(log), len(entries(cache))
    assert 100 <= len(begun) < 200 and len(set(begun)) == len(begun)
    # a batch that was under way is lost for each worker, and no more
    assert len(begun) - 4 * n_jobs <= finished <= len(begun)
    found = run(Logged(log), made(200), cache=cache, batch_size=4)
    again = computed(log)
    assert len(again) == 200 - finished and set(again) | set(begun) == set(range(200))
    assert list(dict.fromkeys(found["name"])) == [f"p{i}" for i in range(200)]
    same(found, run(Tiny(), made(200), batch_size=4))


def test_an_interrupted_run_keeps_what_it_had(tmp_path, log):
    class Stopped(Logged):
        def preprocess(self, image):
            if image[0, 0, 0] == 5:
                raise KeyboardInterrupt
            return super().preprocess(image)

    with pytest.raises(KeyboardInterrupt):
        run(Stopped(log), made(), cache=tmp_path / "cache", progress=True)
    assert computed(log) == [0, 1, 2, 3, 4]


def test_an_error_in_one_picture_keeps_the_batches_before_it(tmp_path, log):
    cnn, cache, items = Logged(log), tmp_path / "cache", made()
    items[4].target = 99
    with pytest.raises(ValueError, match="target must lie between 0 and 2"):
        run(cnn, items, cache=cache)
    computed(log)
    run(cnn, made(), cache=cache)
    assert computed(log) == [4, 5, 6]


# --- many pictures -----------------------------------------------------------------------------


class Counted:
    """A lazy sequence, as a folder of pictures is; notes what is read and how much is kept at once."""

    def __init__(self, items, places=None, counts=None):
        self.items, self.counts = items, counts or {"reads": [], "alive": 0, "most": 0}
        self.places = range(len(items)) if places is None else places
        self.names = [items[i].name for i in self.places]

    def __len__(self):
        return len(self.places)

    def __getitem__(self, part):
        return Counted(self.items, self.places[part], self.counts)

    def __iter__(self):
        return map(self._read, self.places)

    def _read(self, i):
        image = self.items[i].image.copy()
        weakref.finalize(image, self._count, -1)
        self._count(1)
        self.counts["reads"].append(i)
        return Item(self.items[i].name, image, self.items[i].mask, self.items[i].target)

    def _count(self, more):
        self.counts["alive"] += more
        self.counts["most"] = max(self.counts["most"], self.counts["alive"])


def test_each_picture_is_read_once_and_few_are_kept_at_once(tmp_path, tiny):
    for _ in ("computed", "cached"):
        items = Counted(made(240))
        found = run(tiny, items, cache=tmp_path / "cache", batch_size=8)
        assert items.counts["reads"] == list(range(240)) and len(found) == 720
        assert items.counts["alive"] == 0 and items.counts["most"] <= 16


def test_workers_read_a_lazy_sequence_themselves(tiny):
    items = Counted(made(6))
    same(run(tiny, items, n_jobs=2), run(tiny, made(6)))
    assert items.counts["reads"] == []
