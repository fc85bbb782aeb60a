"""When things go wrong half-way: what was there before is there afterwards, whole and unchanged."""

import contextlib
import dataclasses
import errno
import itertools
import os
import re
import types
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from jupyter_client.manager import start_new_kernel
from support.leftovers import hooks, nothing_left
from support.tiny import METHODS, Tiny
from torch import nn

from xailab import (
    cam,
    counterfactual,
    evaluate,
    integrated_gradients,
    lime_image,
    lime_tabular,
    models,
    shapley,
    stability,
)
from xailab._utils.interrupts import Interrupted
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


class _StopAt:
    """A function that is stopped by hand at one of its calls; set and count as a Fuse has them."""

    def __init__(self, f):
        self.f, self.count = f, [0, None, None]

    def __call__(self, *args):
        self.count[0] += 1
        if self.count[0] - 1 == self.count[1]:
            raise self.count[2]
        return self.f(*args)

    set = Fuse.set


def _equal(found, expected):
    """Field by field, whatever it is made of; numbers but for rounding."""
    if dataclasses.is_dataclass(expected):
        assert type(found) is type(expected)
        _equal(vars(found), vars(expected))
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            _equal(found[key], expected[key])
    elif isinstance(expected, tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            _equal(one, other)
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(found, expected)
    elif isinstance(expected, float | np.ndarray):
        np.testing.assert_allclose(found, expected, atol=1e-9)
    else:
        assert found == expected


ROWS = np.random.default_rng(5).normal(size=(12, 5))
FRAME = pd.DataFrame(ROWS.round(0), columns=list("abcde"))
BACK = FRAME.iloc[6:]


def _curved(rows):
    r = np.asarray(rows)
    return r[:, 0] * r[:, 1] + np.abs(r[:, 2]) - r[:, 3] * r[:, 4] * r[:, 0]


def _walked(m, n=70, d=5):
    """The first m of n orders with one background row each, walked in both directions, one by one."""
    f, rng, b = _curved, np.random.default_rng(0), ROWS[6:]
    orders = rng.random((n, d)).argsort(1)
    drawn = b[rng.integers(len(b), size=n)]
    gains = np.zeros((2 * m, d))
    walks = [
        (order[::way], base)
        for order, base in zip(orders[:m], drawn, strict=False)
        for way in (1, -1)
    ]
    for gain, (order, base) in zip(gains, walks, strict=True):
        at = base.copy()
        for j in order:
            before, at[j] = f(at[None])[0], ROWS[0, j]
            gain[j] = f(at[None])[0] - before
    return shapley.Attribution(
        ("x0", "x1", "x2", "x3", "x4"),
        gains.mean(0),
        float(f(b).mean()),
        float(f(ROWS[:1])[0]),
        ROWS[0],
        "sampling",
        len(b),
        2 * m * (d + 1) + len(b),
        0,
        "model output",
        "m",
    )


def _fitted(m, d=9):
    """KernelSHAP on the first m / 2 drawn pairs: the last value follows from the others' sum."""
    f, rng, x, b = _bent, np.random.default_rng(0), NINE, BACK_OF_NINE
    sizes = np.arange(1, d)
    p = 1 / (sizes * (d - sizes))
    s = rng.choice(sizes, 30, p=p / p.sum())
    half = (rng.random((30, d)).argsort(1).argsort(1) < s[:, None])[: m // 2]
    S = np.array([z for one in half for z in (one, ~one)])
    v0, v1 = f(b).mean(), f(x[None])[0]
    y = np.array([f(np.where(z, x, b)).mean() for z in S]) - v0 - S[:, -1] * (v1 - v0)
    first = np.linalg.lstsq(S[:, :-1] - S[:, -1:].astype(float), y, rcond=None)[0]
    return np.array([*first, v1 - v0 - first.sum()])


NINE, BACK_OF_NINE = np.ones(9), np.linspace(-1, 1, 18).reshape(2, 9)


def _bent(rows):
    return np.asarray(rows)[:, :4].prod(1) + np.asarray(rows)[:, 5:] @ [1.0, 2, 3, 4]


def _sets_tried(m):
    """Of a search that was not stopped, the answers of the first m sets."""
    whole = counterfactual.search(_either, ZERO, LEVELS, max_changes=3, n_answers=99, model="m")
    sets = [set(s) for size in (1, 2, 3) for s in itertools.combinations("abcde", size)]
    return tuple(a for a in whole.answers if set(a.changes) in sets[:m])


LEVELS = pd.DataFrame(list(itertools.product([0.0, 1], repeat=5)), columns=list("abcde"))
ZERO = LEVELS.iloc[0]
_either = lambda rows: ((rows["b"] == 1) | (rows["c"] + rows["e"] == 2)) * 1.0


def _estimate(f):
    return lambda n, seed: shapley.sampling(
        f, ROWS[0], ROWS[6:8], n_permutations=n, seed=seed, model="m"
    )


def _line(f, seed):
    weights = np.random.default_rng(seed).normal(size=3)
    return types.SimpleNamespace(weights=weights, model_prediction=f(ROWS)[0])


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
BATCH = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
BANDS = np.arange(16)[:, None] // 4 + np.zeros((16, 16), int)
HEATS = {"a": np.random.default_rng(2).random((6, 16, 16)), "b": np.ones((6, 16, 16))}
BASELINES = ("input_gradient", "random_map")


def _four_classes(fuse):
    tiny = Tiny()
    tiny.model[3] = nn.Linear(8, 4).requires_grad_(False)
    tiny.model[3].weight.copy_(torch.rand(4, 8, generator=torch.Generator().manual_seed(1)))
    tiny.model[3].bias.zero_()
    tiny.model.append(fuse)
    return tiny


VALUES = {"one": ROWS[:6], "other": ROWS[6:]}
TRUTH = shapley.exact(_curved, ROWS[0], ROWS[6:8])


class Job(NamedTuple):
    """run(f, m): do m things with a function or network; ``total`` of them are begun and stopped."""

    made: Callable  # a function to ask, or fuse -> a network or CNN with the fuse in it
    total: int
    run: Callable
    least: int = 1
    view: Callable = lambda found: found  # what is compared
    oracle: Callable | None = None  # m -> the view of m things, None for that of a run of m


STOPPED = {
    "rows": Job(_curved, 6, lambda f, m: shapley.exact_rows(f, FRAME[:m], BACK, model="m")),
    "orders": Job(
        _curved,
        9,
        lambda f, m: shapley.sampling(f, ROWS[0], ROWS[6:], n_permutations=m, model="m"),
    ),
    "orders, each with one row": Job(
        _curved,
        70,
        lambda f, m: shapley.sampling(
            f, ROWS[0], ROWS[6:], n_permutations=m, one_row=True, model="m"
        ),
        oracle=_walked,
    ),
    "drawn coalitions": Job(
        _bent,
        60,
        lambda f, m: shapley.kernel(f, NINE, BACK_OF_NINE, n_samples=m),
        18,
        lambda found: found.values,
        _fitted,
    ),
    "all coalitions": Job(_curved, 30, lambda f, m: shapley.kernel(f, ROWS[0], ROWS[6:]), 31),
    "runs": Job(
        _curved,
        6,
        lambda f, m: stability.repeat(partial(_line, f), range(m), k=2),
        2,
        lambda found: found.weights,
    ),
    "errors": Job(
        _curved, 6, lambda f, m: stability.errors("s", _estimate(f), TRUTH, [2], range(m))
    ),
    "counterfactuals": Job(
        _either,
        25,
        lambda f, m: counterfactual.search(f, ZERO, LEVELS, max_changes=3, model="m"),
        2,
        lambda found: found.answers,
        _sets_tried,
    ),
    ),
    "images": Job(
        _four_classes,
        9,
        lambda cnn, m: (
            lime_image.ask(cnn.predict_proba, VIEWS[0].image, BANDS, np.eye(9, 4), batch_size=2)
            if m == 9
            else cnn.predict_proba(
                [
                    lime_image.apply_mask(
                        VIEWS[0].image, lime_image.hidden(VIEWS[0].image, BANDS), BANDS, z
                    )
                    for z in np.eye(9, 4)[:m]
                ]
            )
        ),
    ),
}


@pytest.mark.parametrize("name", STOPPED)
def test_what_a_stop_leaves_is_what_a_shorter_run_gives(name, monkeypatch):
    job = STOPPED[name]
    monkeypatch.setattr(shapley, "CALL_ROWS", 24)  # many calls of few rows
    fuse = _StopAt(job.made) if job.made in (_curved, _bent, _either) else Fuse()
    subject = fuse if isinstance(fuse, _StopAt) else job.made(fuse)
    nets = [net for net in (subject, getattr(subject, "model", None)) if isinstance(net, nn.Module)]
    fuse.set(None)
    job.run(subject, job.total)
    points = set()
    for at in range(fuse.count[0]):
        fuse.set(at, KeyboardInterrupt)
        with nothing_left(*nets), pytest.raises(KeyboardInterrupt) as stopped:
            job.run(subject, job.total)
        fuse.set(None)
        if not isinstance(stopped.value, Interrupted):  # before the first thing was begun
            assert not points
            continue
        said, left = str(stopped.value), stopped.value.partial
        m, total = map(int, re.match(r"Stopped after (\d+) of (\d+) ", said).groups())
        assert total == job.total
        if m < job.least:
            assert left is None and "too little to use" in said
        else:
            shorter = job.oracle(m) if job.oracle else job.view(job.run(subject, m))
            assert "sys.last_value.partial" in said
            _equal(job.view(left), shorter)
        points.add(m)
    assert len(points) >= 3


def test_a_stopped_search_says_on_its_card_how_far_it_came():
    f = _StopAt(_either)
    f.set(5, KeyboardInterrupt)  # the first call asks about the row itself
    with pytest.raises(Interrupted) as stopped:
        counterfactual.search(f, ZERO, LEVELS)
    assert "exhaustive, 4 of 15 sets only" in stopped.value.partial.card()
    assert "only" not in counterfactual.search(_either, ZERO, LEVELS).method


# a function, and the calls at which it is stopped
NOTHING_TO_KEEP = {
    "exact": (_curved, (0, 5, 6), lambda f: shapley.exact(f, ROWS[0], ROWS[6:])),
    "coalition values": (
        _curved,
        (0, 1),
        lambda f: shapley.coalition_values(f, ROWS[0], ROWS[6:], np.eye(5) > 0),
    ),
    "random search": (_either, (0, 1), lambda f: counterfactual.random_search(f, ZERO, LEVELS)),
    "LIME": (_either, (0,), lambda f: lime_tabular.explain(f, LEVELS.iloc[0], LEVELS)),
    "integrated gradients": (
        lambda rows: rows.prod(1),
        (0, 1, 3),
        lambda f: integrated_gradients.explain(f, *ROWS[:2]),
    ),
}


@pytest.mark.parametrize("name", NOTHING_TO_KEEP)
def test_where_half_a_result_would_mislead_a_stop_leaves_none(name, monkeypatch):
    monkeypatch.setattr(shapley, "CALL_ROWS", 24)
    function, places, run = NOTHING_TO_KEEP[name]
    for at in places:
        f = _StopAt(function)
        f.set(at, KeyboardInterrupt)
        with nothing_left(), pytest.raises(KeyboardInterrupt) as stopped:
            run(f)
        assert type(stopped.value) is KeyboardInterrupt


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


KERNEL = """
import sys, time
import numpy as np
from types import SimpleNamespace
from xailab import stability

def explain(seed):
    if slow:
        print("run", seed, flush=True)
        time.sleep(0.2)
    return SimpleNamespace(weights=np.random.default_rng(seed).normal(size=4))

slow = True
"""


def test_in_a_kernel_the_stopped_cell_leaves_its_partial_result():
    manager, client = start_new_kernel()
    try:
        client.execute_interactive(KERNEL, timeout=60, output_hook=lambda message: None)
        printed = []

        def listen(message):
            printed.append(message["content"])
            if "run 3" in message["content"].get("text", "") and "asked" not in printed:
                printed.append("asked")
                manager.interrupt_kernel()

        stopped = client.execute_interactive(
            "stability.repeat(explain, range(10_000), k=2)",
            timeout=60,
            output_hook=listen,
            stop_on_error=False,  # else the kernel drops what comes right after the stop
        )
        assert stopped["content"]["ename"] == "Interrupted"
        assert "of 10000 runs. What was finished is in sys.last_value.partial" in str(printed)
        read = """
slow, part = False, sys.last_value.partial
whole = stability.repeat(explain, range(len(part.runs)), k=2)
len(part.runs) >= 3 and np.array_equal(part.weights, whole.weights) and part.jaccard == whole.jaccard
"""
        shown = []
        reply = client.execute_interactive(read, timeout=60, output_hook=shown.append)
        assert reply["content"]["status"] == "ok"
        answers = [
            m["content"]["data"]["text/plain"] for m in shown if m["msg_type"] == "execute_result"
        ]
        assert answers == ["True"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


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
    lock = (
        tmp_path / "p" / "progress.lock"
    )  # stays, so that nobody waits for a file that was removed
    assert set(files) | {lock} == set(tmp_path.rglob("*")) | {lock}
