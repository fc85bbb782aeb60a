"""When things go wrong half-way: what was there before is there afterwards, whole and unchanged."""

import contextlib
import errno
import os

import numpy as np
import pytest
import torch
from support.leftovers import hooks, nothing_left
from support.tiny import METHODS, Tiny
from torch import nn

from xailab import (
    cam,
    evaluate,
    integrated_gradients,
    lime_image,
    models,
)
from xailab.checks import progress_file
from xailab.course import notebooks
from xailab.evaluate import baselines
from xailab.hooks import record, spatial_layers
from xailab.metrics import faithfulness, sanity

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
    "cascade": lambda net, x: sanity.cascading_randomisation(net, lambda n: _drawn(n, x)),
    "stability": lambda net, x: sanity.stability(lambda v: _drawn(net, v), x, repeats=2),
    "input gradient": lambda net, x: baselines.input_gradient(net, x, torch.tensor([0, 1])),
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
        with (
            _same_numbers(net),
            nothing_left(net),
            pytest.raises(kind, match=r"at a step|Stopped|Inter"),
        ):
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


# --- interrupted ---------------------------------------------------------------------------------


VIEWS = [
    evaluate.View(
        f"v{i}",
        np.random.default_rng(i).integers(0, 256, (16, 16, 3), np.uint8),
        np.eye(16) > 0,
        i % 4,
        1.0,
    )
    for i in range(6)
]
HEATS = {"a": np.random.default_rng(2).random((6, 16, 16)), "b": np.ones((6, 16, 16))}
BASELINES = ("input_gradient", "random_map")


def _four_classes(fuse):
    tiny = Tiny()
    tiny.model[3] = nn.Linear(8, 4).requires_grad_(False)
    tiny.model[3].weight.copy_(torch.rand(4, 8, generator=torch.Generator().manual_seed(1)))
    tiny.model[3].bias.zero_()
    tiny.model.append(fuse)
    return tiny


UNKEPT = {
    "maps": lambda cnn: evaluate.maps(cnn, VIEWS, METHODS, baselines=BASELINES, batch_size=2),
    "areas": lambda cnn: evaluate.perturbation(cnn, VIEWS, HEATS),
    "cells": lambda cnn: evaluate.grid_game(cnn, VIEWS, METHODS, n=2),
}


@pytest.mark.parametrize("name", UNKEPT)
def test_an_interrupted_evaluation_leaves_the_network_as_it_was(name):
    fuse = Fuse()
    cnn = _four_classes(fuse)
    fuse.set(None)
    UNKEPT[name](cnn)
    for at in range(fuse.count[0]):
        fuse.set(at, KeyboardInterrupt)
        with nothing_left(cnn.model), pytest.raises(KeyboardInterrupt) as stopped:
            UNKEPT[name](cnn)
        assert type(stopped.value) is KeyboardInterrupt


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


def test_a_full_disk_leaves_the_old_notebook_and_the_old_progress(tmp_path, monkeypatch):
    notebook = notebooks.nbformat.v4.new_notebook(
        cells=[notebooks.nbformat.v4.new_markdown_cell("old")]
    )
    file = tmp_path / "a.ipynb"
    notebooks.write(notebook, file)
    monkeypatch.setenv("XAILAB_PROGRESS", str(tmp_path / "p" / "progress.json"))
    assert progress_file.record("05.grad_cam", "correct") == ""
    kept = [file.read_bytes(), (tmp_path / "p" / "progress.json").read_bytes()]
    files = sorted(tmp_path.rglob("*"))
    notebook.cells[0].source = "new " * 10_000
    with full_disk(64):
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            notebooks.write(notebook, file)
        assert "could not be kept" in progress_file.record("06.iou", "correct")
    assert kept == [file.read_bytes(), (tmp_path / "p" / "progress.json").read_bytes()]
    lock = tmp_path / "p" / "progress.lock"  # stays, so that no process waits for a removed file
    assert set(files) | {lock} == set(tmp_path.rglob("*")) | {lock}
