"""When things go wrong half-way: what was there before is there afterwards, whole and unchanged."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
from leftovers import hooks, nothing_left
from test_evaluate import METHODS, Tiny, made
from torch import nn

from xailab import (
    cam,
    controls,
    course,
    evaluate,
    faithfulness,
    integrated_gradients,
    lime_image,
    models,
    progress,
    results,
)
from xailab.hooks import record, spatial_layers
from xailab.interrupts import Interrupted

# --- an exception at every step inside a model -------------------------------------------------


class Boom(Exception):
    """What no code in the package can be waiting for."""


class Broken(RuntimeError):
    """Of the kind that torch raises itself."""


class _Slow(torch.autograd.Function):
    """Identity whose backward pass is a step that can fail, too."""

    @staticmethod
    def forward(ctx, x, fuse):
        ctx.fuse = fuse
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        ctx.fuse.step()
        return gradient, None


class Fuse(nn.Module):
    """A layer that counts the steps through it, forward and backward, and fails at one of them."""

    def __init__(self):
        super().__init__()
        self.count = [0, None, Boom]  # steps, the one that fails, with what

    def step(self):
        self.count[0] += 1
        if self.count[0] - 1 == self.count[1]:
            raise self.count[2]("at a step inside the model")

    def forward(self, x):
        self.step()
        return _Slow.apply(x, self) if torch.is_grad_enabled() else x

    def __deepcopy__(self, memo):
        return self  # one fuse for the network and its copies

    def set(self, at, kind=Boom):
        self.count[:] = [0, at, kind]


class Mined(nn.Module):
    """A small network with a skip connection, normalisation and dropout, and a fuse after each part."""

    def __init__(self, fuse):
        super().__init__()
        self.fuse = fuse
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), fuse, nn.ReLU(inplace=True))
        self.norm = nn.BatchNorm2d(4)
        self.body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), fuse)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Conv2d(4, 5, 3, padding=1)
        self.head = nn.Linear(5 * 64, 3)  # flatten + linear: Ablation-CAM has to run the tail

    def forward(self, x):
        x = self.fuse(self.norm(self.stem(x)))
        out = self.body(x)
        out += x
        out = self.fuse(self.last(self.fuse(self.drop(out))))
        return self.fuse(self.head(out.flatten(1)))


@pytest.fixture
def mined():
    """The network as its owner left it: half of it in train mode, one part frozen, old gradients."""
    fuse = Fuse()
    net = Mined(fuse)
    net.eval()
    net.norm.train()
    net.stem.requires_grad_(False)
    net.head.weight.grad = torch.full_like(net.head.weight, 7.0)
    return net, fuse


def _record(net, x, tape):
    with record(net, "body", tape=tape) as rec:
        score = net(x)[:, 0]
        rec.backward(score)
        if tape:
            rec.tail(rec.activations[:1].repeat(3, 1, 1, 1))


def _lime(net, x):
    image = np.zeros((8, 8, 3), np.uint8)
    segments = np.arange(8)[:, None] // 2 + np.zeros((8, 8), int)

    def predict(images):
        batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
        with torch.inference_mode():
            return net(batch).softmax(1).numpy()

    lime_image.explain(predict, image, segments=segments, n_samples=60, batch_size=4)


def _drawn(net, x):
    return {"layer_cam": cam.heatmaps(net, x, "body", 0, ["layer_cam"])["layer_cam"]}


HEAT = np.linspace(0, 1, 64).reshape(8, 8)
JOBS = {
    "heatmaps": lambda net, x: cam.heatmaps(
        net, x, "body", 0, ["grad_cam", "grad_cam_pp", "layer_cam", "hires_cam"]
    ),
    "heatmaps, last layer": lambda net, x: cam.heatmaps(net, x),
    "ablation": lambda net, x: cam.heatmaps(net, x, "stem", 1, ["ablation_cam"]),
    "record": lambda net, x: _record(net, x, False),
    "record with tape": lambda net, x: _record(net, x, True),
    "spatial layers": spatial_layers,
    "deletion": lambda net, x: faithfulness.deletion(net, x[:1], HEAT, 0, steps=40),
    "average drop": lambda net, x: faithfulness.average_drop(net, x, np.stack([HEAT] * 2), [0, 1]),
    "ladder": lambda net, x: faithfulness.randomisation_ladder(net, lambda n: _drawn(n, x)),
    "stability": lambda net, x: faithfulness.stability(lambda v: _drawn(net, v), x, repeats=2),
    "input gradient": lambda net, x: controls.input_gradient(net, x, torch.tensor([0, 1])),
    "integrated gradients": lambda net, x: integrated_gradients.path_average(
        lambda v: net(v)[:, 0],
        x[0],
        torch.zeros_like(x[0]),
        *integrated_gradients.quadrature(32),
        4,
    ),
    "own_cnn": lambda net, x: models.own_cnn(net, "abc", input_size=8),
    "LIME": _lime,
}
# own_cnn puts the network there for good; the others run it as the caller does
NEED_EVAL_MODE = ("own_cnn", "record", "record with tape", "integrated gradients", "LIME")
PER_JOB = 72  # forced exceptions; 14 jobs make 1,008


@pytest.mark.parametrize("job", JOBS)
def test_an_exception_at_any_step_inside_the_model_leaves_nothing(mined, job):
    net, fuse = mined
    if job in NEED_EVAL_MODE:
        net.eval()
    x, run = torch.rand(2, 3, 8, 8), JOBS[job]
    fuse.set(None)
    with _same_numbers(net), nothing_left(net):
        run(net, x)  # a run that goes well leaves nothing either
    steps = fuse.count[0]
    assert steps > 3
    for i in range(PER_JOB):
        kind = (Boom, KeyboardInterrupt, MemoryError)[i % 3]
        fuse.set(i // 3 % steps if steps <= PER_JOB // 3 else i * steps // PER_JOB, kind)
        with _same_numbers(net), nothing_left(net), pytest.raises(kind, match=r"at a step|Stopped"):
            run(net, x)
        assert hooks(net) == 0
    assert len(JOBS) * PER_JOB >= 1_000


@contextlib.contextmanager
def _same_numbers(net):
    """Weights and running statistics do not move either."""
    before = {name: value.clone() for name, value in net.state_dict().items()}
    yield
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


@pytest.mark.parametrize("at", range(6))
def test_an_error_of_torchs_own_kind_in_the_tail_is_not_swallowed_for_good(mined, at):
    """The tail is tried a second time after a RuntimeError; what fails always still fails."""
    net, fuse = mined
    net.eval()
    with record(net, "stem", tape=True) as rec, torch.no_grad():
        net(torch.rand(2, 3, 8, 8))
        edited = rec.activations[:1].repeat(2, 1, 1, 1)
        fuse.set(None)
        rec.tail(edited)
        fuse.set(at % fuse.count[0], Broken)
        fuse.step, real = lambda: (_ for _ in ()).throw(Broken("always")), fuse.step
        with pytest.raises(Broken, match="always"):
            rec.tail(edited)
        fuse.step = real
    assert hooks(net) == 0 and not any("forward" in vars(m) for m in net.modules())


# --- stopped by hand ---------------------------------------------------------------------------


def _stop_after(n, answer):
    calls = []

    def predict(images):
        calls.append(len(images))
        if len(calls) > n:
            raise KeyboardInterrupt
        return answer(images)

    return predict


def test_a_stopped_lime_explains_from_what_was_answered(rng):
    image = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    segments = np.arange(16)[:, None] // 4 + np.zeros((16, 16), int)

    def answer(images):  # the third superpixel decides
        p = np.array([im[segments == 2].mean() / 255 for im in images])
        return np.column_stack([1 - p, p])

    settings = {"segments": segments, "hide": "black", "target": 1, "batch_size": 8}
    with pytest.raises(KeyboardInterrupt, match="Stopped after 40 of 400 images") as stopped:
        lime_image.explain(_stop_after(5, answer), image, n_samples=400, **settings)
    assert isinstance(stopped.value, Interrupted)
    whole = lime_image.explain(answer, image, n_samples=400, **settings)
    part = stopped.value.partial
    assert part.n_samples == 40 and part.weights.argmax() == whole.weights.argmax() == 2
    assert part.model_prediction == whole.model_prediction
    with pytest.raises(Interrupted, match="Stopped after 0 of 400 images") as stopped:
        lime_image.explain(_stop_after(0, answer), image, n_samples=400, **settings)
    assert stopped.value.partial is None


def test_a_stopped_evaluation_has_the_table_of_what_was_finished(tmp_path, monkeypatch):
    tiny, file, real = Tiny(), tmp_path / "scores.csv", evaluate.see

    def see(cnn, some, least):
        if some[0].name == "p4":
            raise KeyboardInterrupt
        return real(cnn, some, least)

    monkeypatch.setattr(evaluate, "see", see)
    for place in (None, file):
        with pytest.raises(Interrupted, match="Stopped after 4 of 7 pictures") as stopped:
            evaluate.run(tiny, made(), METHODS, controls=(), batch_size=2, results=place)
        assert list(dict.fromkeys(stopped.value.partial["name"])) == ["p0", "p1", "p2", "p3"]
    pd.testing.assert_frame_equal(evaluate.so_far(file), stopped.value.partial)
    monkeypatch.setattr(evaluate, "see", real)
    whole = evaluate.run(tiny, made(), METHODS, controls=(), batch_size=2, results=file)
    pd.testing.assert_frame_equal(whole[whole["name"] < "p4"], stopped.value.partial)


# --- a full disk -------------------------------------------------------------------------------


@contextlib.contextmanager
def full_disk(size):
    """No file of this process can grow beyond ``size`` bytes: the system itself refuses the write."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


SETTINGS = {"model": "m"}


def _frame(names, big=0):
    return pd.DataFrame(
        {"name": names, "method": "grad_cam" + "x" * big, "model": "m", "target": 1.0}
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_full_disk_leaves_the_old_results_whole(tmp_path, suffix):
    file = tmp_path / f"r.{suffix}"
    store = results.Store(file, SETTINGS)
    store.add(_frame(["a", "b"]))
    store.finish()
    old = file.read_bytes()
    store = results.Store(file, SETTINGS)
    rng = np.random.default_rng(0)
    more = _frame([f"n{i}" for i in rng.integers(0, 10**9, 20_000)])
    with full_disk(4096), pytest.raises(OSError, match=r"could not be written .*make room"):
        store.add(more)
    assert file.read_bytes() == old
    assert not any(p.is_file() for p in (tmp_path / f"r.{suffix}.parts").iterdir())
    store.finish()  # with room again nothing is lost
    assert len(results.so_far(file)) == 2 + more["name"].nunique()
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_the_old_notebook_and_the_old_progress(tmp_path, monkeypatch):
    notebook = course.nbformat.v4.new_notebook(cells=[course.nbformat.v4.new_markdown_cell("old")])
    file = tmp_path / "a.ipynb"
    course.write(notebook, file)
    monkeypatch.setenv("XAILAB_PROGRESS", str(tmp_path / "p" / "progress.json"))
    assert progress.record("05.grad_cam", "correct") == ""
    kept = [file.read_bytes(), (tmp_path / "p" / "progress.json").read_bytes()]
    files = sorted(tmp_path.rglob("*"))
    notebook.cells[0].source = "new " * 10_000
    with full_disk(64):
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            course.write(notebook, file)
        assert "could not be kept" in progress.record("06.iou", "correct")
    assert kept == [file.read_bytes(), (tmp_path / "p" / "progress.json").read_bytes()]
    lock = (
        tmp_path / "p" / "progress.lock"
    )  # stays, so that nobody waits for a file that was removed
    assert set(files) | {lock} == set(tmp_path.rglob("*")) | {lock}


# --- killed in the middle of a write -----------------------------------------------------------

KILLED = textwrap.dedent("""
    import os, signal, sys
    import pandas as pd
    from xailab import results
    real, writes = os.replace, []
    def replace(a, b):
        writes.append(b)
        if len(writes) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        real(a, b)
    os.replace = replace
    store = results.Store(sys.argv[1], {"model": "m"})
    for name in "cde":
        store.add(pd.DataFrame({"name": [name], "method": "m", "model": "m", "target": 1.0}))
    store.finish()
""")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("write", [1, 3, 4])
def test_a_run_killed_while_it_writes_leaves_old_rows_and_whole_parts(tmp_path, write):
    """The first and the last part, and the one file of all parts."""
    file = tmp_path / "r.csv"
    first = results.Store(file, SETTINGS)
    first.add(_frame(["a", "b"]))
    first.finish()
    old = file.read_bytes()
    command = [sys.executable, "-c", KILLED, str(file), str(write)]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert file.read_bytes() == old
    assert sorted(results.so_far(file)["name"]) == ["a", "b", "c", "d", "e"][: 1 + write]
    again = results.Store(file, SETTINGS)
    again.add(_frame(["z"]))
    again.finish()
    assert sorted(results.so_far(file)["name"]) == [*"abcde"[: 1 + write], "z"]
    assert list(tmp_path.iterdir()) == [file]  # what the killed run had begun is gone


# --- two at once -------------------------------------------------------------------------------

SHARING = textwrap.dedent("""
    import sys
    import pandas as pd
    from xailab import results
    print("ready", flush=True)
    sys.stdin.readline()
    for name in sys.argv[2].split():
        store = results.Store(sys.argv[1], {"model": "m"})
        store.add(pd.DataFrame({"name": [name, "both"], "method": "m", "model": "m", "target": 1.0}))
        store.finish()
""")


def test_two_runs_that_share_a_results_file_lose_nothing(tmp_path):
    file, names = tmp_path / "r.csv", [[f"{who}{i}" for i in range(15)] for who in "ab"]
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", SHARING, str(file), " ".join(own)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for own in names
    ]  # fmt: skip
    for one in runs:
        assert one.stdout.readline() == "ready\n"
    for one in runs:
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in runs:
        _, said = one.communicate(timeout=120)
        assert one.returncode == 0, said
    assert sorted(results.so_far(file)["name"]) == sorted(["both", *names[0], *names[1]])
    assert list(tmp_path.iterdir()) == [file]
