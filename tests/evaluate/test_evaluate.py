"""From pictures to a table: views, maps, groups; and runs that are killed half-way and resumed."""

import dataclasses
import os
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch

from xailab import cam, data, evaluate, metrics
from xailab.data import compositions
from xailab.evaluate import batch


@dataclasses.dataclass
class Item:
    name: str
    image: np.ndarray
    mask: np.ndarray
    target: int


class Tiny:
    """Stands in for a CNN: 16 x 16 views, three classes, no weights to load."""

    name, default_layer, resize, input_size = "tiny", "0", 16, 16

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        conv, linear = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Linear(8, 3)
        for p in [*conv.parameters(), *linear.parameters()]:
            p.data = torch.randn(p.shape, generator=generator)
        self.model = (
            torch.nn.Sequential(
                torch.nn.Sequential(conv, torch.nn.ReLU()),
                torch.nn.AdaptiveAvgPool2d(1),
                torch.nn.Flatten(),
                linear,
            )
            .eval()
            .requires_grad_(False)
        )

    def view(self, image):
        return image[:16, :16]

    view_mask = view

    def preprocess(self, image):
        return torch.from_numpy(self.view(image).copy()).permute(2, 0, 1)[None].float() / 255

    def predict_proba(self, images):
        x = torch.cat([self.preprocess(image) for image in images])
        return self.model(x).softmax(1).numpy()


@pytest.fixture
def tiny():
    return Tiny()


def made(n=7, size=16):
    rng = np.random.default_rng(0)
    items = []
    for i in range(n):
        mask = np.zeros((size, size), bool)
        mask[2 : 8 + i % 3, 3:12] = True
        image = rng.integers(0, 255, (size, size, 3), dtype=np.uint8)
        items.append(Item(f"p{i}", image, mask, i % 3))
    return items


METHODS = ("grad_cam", "layer_cam")


# --- views, maps, tables -----------------------------------------------------------------------


def test_a_view_counts_what_the_crop_leaves(tiny):
    wide = Item("wide", np.zeros((16, 32, 3), np.uint8), np.zeros((16, 32), bool), 0)
    wide.mask[4:8, 12:20] = True  # half of it right of the crop
    (views,) = evaluate.views(tiny, [wide], least=0.5)
    assert views.kept == 0.5 and views.size == 16 / 256
    assert evaluate.views(tiny, [wide], least=0.51) == ()
    wide.mask[:, :16] = False
    assert evaluate.views(tiny, [wide], least=0) == ()  # nothing left to find


def test_the_course_photos_lose_two_to_the_crop(cnn):
    kept = {s.name for s in evaluate.views(cnn, data.photos())}
    assert {p.name for p in data.photos()} - kept == {"cheetah", "spoonbills"}


def test_maps_are_those_of_heatmaps_whatever_the_batch(tiny):
    views = evaluate.views(tiny, made())
    x = torch.cat([tiny.preprocess(s.image) for s in views])
    expected = cam.heatmaps(tiny, x, target=[s.target for s in views], methods=METHODS)
    for batch_size in (1, 3, 50):
        found = evaluate.maps(
            tiny, views, METHODS, baselines=evaluate.BASELINES, batch_size=batch_size
        )
        assert list(found) == [*METHODS, *evaluate.BASELINES]
        for m in METHODS:
            np.testing.assert_allclose(found[m], expected[m], atol=1e-6)
        if batch_size == 1:
            first = found
        for m in found:
            np.testing.assert_allclose(found[m], first[m], atol=1e-6)
    assert not np.array_equal(found["random_map"][0], found["random_map"][1])


def test_unknown_controls_and_no_views_are_refused(tiny):
    views = evaluate.views(tiny, made())
    with pytest.raises(ValueError, match="baselines must be out of"):
        evaluate.maps(tiny, views, METHODS, baselines=["noise"])
    with pytest.raises(ValueError, match="at least one view"):
        evaluate.maps(tiny, (), METHODS)


def test_the_table_holds_the_metrics_of_each_map(tiny):
    views = evaluate.views(tiny, made())
    maps = evaluate.maps(tiny, views, METHODS)
    table = evaluate.table(maps, views, threshold=0.3)
    assert len(table) == 14
    row = table[(table["name"] == "p4") & (table["method"] == "layer_cam")].iloc[0]
    expected = metrics.localisation(maps["layer_cam"][4], views[4].mask, 0.3)
    assert {m: row[m] for m in metrics.LOCALISATION} == expected
    assert row["pointing"] == metrics.pointing_game(maps["layer_cam"][4], views[4].mask)
    iou = evaluate.by_method(table, "iou")
    assert list(iou) == list(METHODS) and iou["layer_cam"][4] == expected["iou"]
    summary = evaluate.summary(table, ["iou"])
    assert summary.loc["grad_cam", "iou"] == metrics.bootstrap_interval(iou["grad_cam"])
    assert evaluate.means(iou)["grad_cam"] == summary.loc["grad_cam", "iou"]


def test_curves_and_scores_of_ones_own_follow_the_order_of_the_views(tiny):
    views = evaluate.views(tiny, made())
    maps = evaluate.maps(tiny, views, METHODS)
    curves = evaluate.curves(maps, views, [0.2, 0.6])
    assert curves["grad_cam"].shape == (7, 2)
    own = evaluate.over(maps, views, lambda h, s: metrics.iou(h, s.mask, 0.6))
    np.testing.assert_allclose(curves["grad_cam"][:, 1], own["grad_cam"])


def test_conditions_are_the_same_maps_under_other_eyes(tiny):
    items = made(6)
    items[5].target = 500  # a thing, by ImageNet's order
    views = evaluate.views(tiny, items)
    maps = {"one": np.stack([s.mask.astype(float) for s in views])}
    found = evaluate.conditions(maps, views, thresholds=(0.2,))
    assert list(found)[:2] == ["threshold 0.2", "box, not mask"]
    assert all(np.all(v["one"] == 1) for v in found.values())
    assert (len(found["animals"]["one"]), len(found["things"]["one"])) == (5, 1)
    assert len(found["small objects"]["one"]) + len(found["large objects"]["one"]) == 6


def test_recognised_scenes_have_all_their_classes_among_the_guesses(tiny):
    image = made(1)[0].image
    order = np.argsort(-tiny.predict_proba([image])[0])
    scene = compositions.Scene("s", image, (int(order[0]), int(order[1])), (), (), "grass")
    assert evaluate.recognised(tiny, [scene], top=2) == [scene]
    assert evaluate.recognised(tiny, [scene], top=1) == []


def test_the_grid_game_gives_a_share_for_each_cell(cnn):
    views = evaluate.views(cnn, [data.photo(n) for n in ("hedgehog", "koala", "panda", "dog")])
    found = evaluate.grid_game(cnn, views, ["grad_cam", "layer_cam"], n=1)
    assert found["grad_cam"].shape == (4,)
    assert found["grad_cam"].mean() > 0.5 > 0.25 < found["layer_cam"].mean()


def test_perturbation_areas_are_those_of_the_curves(tiny):
    views = evaluate.views(tiny, made(3))
    maps = evaluate.maps(tiny, views, METHODS)
    found = evaluate.perturbation(tiny, views, maps, "insertion", steps=4, fill="mean")
    x = tiny.preprocess(views[2].image)
    one = metrics.insertion(tiny.model, x, maps["layer_cam"][2], views[2].target, 4, "mean").auc
    assert found["layer_cam"][2] == pytest.approx(one)
    with pytest.raises(ValueError, match="kind must be 'deletion' or 'insertion'"):
        evaluate.perturbation(tiny, views, maps, "erasure")


# --- runs over many pictures -------------------------------------------------------------------


def run(cnn, items, **settings):
    return batch.run(cnn, items, METHODS, baselines=("random_map",), batch_size=2, **settings)


def test_a_run_is_the_table_of_its_maps(tiny):
    items = made()
    found = run(tiny, items)
    views = evaluate.views(tiny, items)
    maps = evaluate.maps(tiny, views, METHODS, baselines=["random_map"])
    expected = evaluate.table(maps, views)
    a, b = (t.sort_values(["name", "method"]).reset_index(drop=True) for t in (found, expected))
    pd.testing.assert_frame_equal(a[b.columns], b, check_exact=False, rtol=1e-5)
    assert set(found["model"]) == {"tiny"} and set(found["threshold"]) == {0.5}
    assert list(dict.fromkeys(found["name"])) == [i.name for i in items]  # in the order asked for


def test_progress_counts_pictures_to_the_end(tiny, capsys):
    calls = []
    run(tiny, made(), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(2, 7), (4, 7), (6, 7), (7, 7)]
    batch.progress_line(4, 7)
    batch.progress_line(7, 7)
    out = capsys.readouterr()
    assert out.err == "\r4 of 7 pictures\r7 of 7 pictures\n" and out.out == ""


def test_a_run_that_fails_half_way_keeps_what_it_had(tiny, tmp_path, monkeypatch):
    items, file = made(), tmp_path / "scores.csv"
    count, real = [], evaluate.views

    def see(cnn, some, least):
        count.append(some[0].name)
        if len(count) == 6:
            raise KeyboardInterrupt
        return real(cnn, some, least)

    monkeypatch.setattr(evaluate, "see", see)
    with pytest.raises(KeyboardInterrupt):
        run(tiny, items, results=file)
    assert not file.exists() and len(list((tmp_path / "scores.csv.parts").glob("*.csv"))) == 2
    again = run(tiny, items, results=file)
    assert count[6:] == ["p4", "p5", "p6"]  # the first four were not looked at again
    assert file.exists() and not (tmp_path / "scores.csv.parts").exists()
    pd.testing.assert_frame_equal(again, run(tiny, items), check_exact=False, rtol=1e-12)
    assert run(tiny, items, results=file).equals(again) and len(count) == 16


def test_a_run_that_is_killed_loses_nothing_that_was_computed(tmp_path):
    """A process kills itself without warning in its third batch; the next one goes on from there."""
    program = textwrap.dedent("""
        import os, signal, sys
        sys.path.insert(0, sys.argv[1])
        import test_evaluate as t
        from xailab import evaluate
        real = evaluate.views
        def see(cnn, some, least):
            if some[0].name == sys.argv[3]:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(cnn, some, least)
        evaluate.views = see
        print(len(t.run(t.Tiny(), t.made(), results=sys.argv[2])))
    """)
    here, file = os.path.dirname(__file__), str(tmp_path / "scores.csv")
    command = [sys.executable, "-c", program, here, file]
    killed = subprocess.run([*command, "p5"], capture_output=True, text=True)
    assert killed.returncode == -9 and len(list(tmp_path.glob("scores.csv.parts/*.csv"))) == 2
    survived = subprocess.run(
        [*command, "p0"], capture_output=True, text=True
    )  # p0 is done already
    assert survived.returncode == 0 and survived.stdout.strip() == "21"


def test_a_results_file_of_other_settings_is_refused(tiny, tmp_path):
    file = tmp_path / "scores.csv"
    run(tiny, made(3), results=file)
    with pytest.raises(ValueError, match=r"made with threshold = .*0\.5.*, now it is 0\.3"):
        run(tiny, made(3), results=file, threshold=0.3)
    with pytest.raises(ValueError, match="made with methods"):
        batch.run(tiny, made(3), METHODS, baselines=(), results=file)


def test_more_pictures_are_added_to_a_finished_file(tiny, tmp_path):
    file = tmp_path / "scores.csv"
    run(tiny, made(3), results=file)
    assert len(run(tiny, made(5), results=file)) == 15
    assert pd.read_csv(file)["name"].nunique() == 5
    assert len(run(tiny, made(2), results=file)) == 6  # only what was asked for comes back
    assert pd.read_csv(file)["name"].nunique() == 5  # and nothing is thrown away


def test_pictures_whose_object_is_cut_away_are_noted_and_left_out(tiny, tmp_path):
    items = made(3)
    items[1].mask[:] = False
    items[1].mask[0, 0] = True
    items[1].image, items[1].mask = np.zeros((16, 40, 3), np.uint8), np.zeros((16, 40), bool)
    items[1].mask[:, 30:] = True
    found = run(tiny, items, results=tmp_path / "s.csv")
    assert set(found["name"]) == {"p0", "p2"}
    assert "(cut away)" in set(pd.read_csv(tmp_path / "s.csv")["method"])
    assert set(run(tiny, items, results=tmp_path / "s.csv")["name"]) == {"p0", "p2"}


def test_names_that_look_like_numbers_stay_names(tiny, tmp_path, monkeypatch):
    items = made(3)
    for item, name in zip(items, ("0012", "NA", "1e3"), strict=True):
        item.name = name
    first = run(tiny, items, results=tmp_path / "s.csv")
    monkeypatch.setattr(evaluate, "see", lambda *a: 1 / 0)  # nothing is computed again
    again = run(tiny, items, results=tmp_path / "s.csv")
    assert list(dict.fromkeys(again["name"])) == ["0012", "NA", "1e3"]
    pd.testing.assert_frame_equal(again, first, check_exact=False, rtol=1e-12)


def test_names_must_differ_and_files_be_tables(tiny, tmp_path):
    items = made(2)
    items[1].name = "p0"
    with pytest.raises(ValueError, match="Two items are called 'p0'"):
        run(tiny, items)
    with pytest.raises(ValueError, match=r"results must end in \.csv or \.parquet"):
        run(tiny, made(2), results=tmp_path / "scores.xlsx")


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_give_the_same_table(tiny, backend):
    here = run(tiny, made())
    there = run(tiny, made(), n_jobs=2, backend=backend)
    pd.testing.assert_frame_equal(there, here, check_exact=False, rtol=1e-6)


def test_a_dask_cluster_gives_the_same_table(tiny):
    pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        there = run(tiny, made(), n_jobs=2, backend="dask")
    pd.testing.assert_frame_equal(there, run(tiny, made()), check_exact=False, rtol=1e-6)


def test_parquet_is_as_good_as_csv(tiny, tmp_path):
    pytest.importorskip("pyarrow")
    file = tmp_path / "scores.parquet"
    first = run(tiny, made(), results=file)
    assert file.exists() and run(tiny, made(), results=file).equals(first)


def test_settings_can_be_read_from_the_file(tiny, tmp_path):
    run(tiny, made(2), results=tmp_path / "s.csv")
    row = pd.read_csv(tmp_path / "s.csv", dtype=str).iloc[0]
    assert (row["model"], row["layer"], row["threshold"]) == ("tiny", "0", "0.5")
