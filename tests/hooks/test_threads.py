"""Several threads on one network: every call gives what it gives alone."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from support.leftovers import hooks as left
from support.networks import SmallVGG, network
from torch import nn

from xailab import cam, evaluate, hooks, models
from xailab._utils import threads

METHODS = ["grad_cam", "grad_cam_pp", "layer_cam", "ablation_cam"]


def in_threads(call, values, n=4):
    """The call's results for all values, made by n threads that begin together."""
    begin = threading.Barrier(n)
    with ThreadPoolExecutor(n, initializer=begin.wait) as pool:
        return list(pool.map(call, values, timeout=120))


@pytest.mark.parametrize("name", ["vgg", "resnet18"])
@pytest.mark.parametrize("training", [False, True])
def test_heat_maps_of_four_threads_are_those_of_one(name, training):
    model, pictures = network(name), torch.randn(10, 1, 3, 32, 32)
    layer = "features.4" if name == "vgg" else "layer2"
    model.train(training)
    expected = [cam.heatmaps(model, x, layer, 1, METHODS) for x in pictures]
    found = in_threads(
        lambda i: cam.heatmaps(model, pictures[i % 10], layer, 1, METHODS),
        range(160 if name == "vgg" else 40),
    )
    for i, maps in enumerate(found):
        for m in METHODS:
            np.testing.assert_allclose(maps[m], expected[i % 10][m], atol=1e-6)
    assert all(m.training == training for m in model.modules())
    assert left(model) == 0 and all(p.requires_grad for p in model.parameters())
    assert all("forward" not in vars(m) for m in model.modules())


def test_a_plain_run_beside_heat_maps_is_not_recorded_and_not_changed():
    model, pictures = network("vgg"), torch.randn(4, 2, 3, 32, 32)
    maps = [cam.heatmaps(model, x, "features.4", 1, METHODS) for x in pictures]
    with torch.no_grad():
        logits = [model(x) for x in pictures]

    def either(i):
        x = pictures[i % 4]
        if i % 2:
            with torch.no_grad():
                return model(x)
        return cam.heatmaps(model, x, "features.4", 1, METHODS)

    for i, found in enumerate(in_threads(either, range(200))):
        if i % 2:
            torch.testing.assert_close(found, logits[i % 4])
        else:
            assert all(np.allclose(found[m], maps[i % 4][m], atol=1e-6) for m in METHODS)


def test_two_networks_that_share_an_encoder_do_not_disturb_each_other():
    one = SmallVGG().eval()
    two = nn.Sequential(one.features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)).eval()
    x = torch.randn(1, 3, 32, 32)
    three = nn.Sequential(*one.features, nn.Flatten(), nn.Linear(512, 3)).eval()
    ask = [(one, "features.4"), (two, "0.4"), (three, "4"), (two, "0.1")]
    for model, _ in ask:
        model.train()
    expected = [cam.heatmaps(model, x, layer, 1, METHODS) for model, layer in ask]
    found = in_threads(
        lambda i: cam.heatmaps(ask[i % 4][0], x, ask[i % 4][1], 1, METHODS), range(80)
    )
    for i, maps in enumerate(found):
        assert all(np.allclose(maps[m], expected[i % 4][m], atol=1e-6) for m in METHODS)
    assert all(m.training for model, _ in ask for m in model.modules())


def test_records_layers_and_baselines_of_four_threads_are_those_of_one():
    cnn = models.own_cnn(SmallVGG(), "abcde", input_size=32)
    x = torch.randn(3, 1, 3, 32, 32)

    def record(i):
        with hooks.record(cnn.model, "features.3") as rec:
            cnn.model(x[i % 3])
        return rec.activations

    calls = [
        record,
        lambda i: cnn.layers,
        lambda i: cam.methods_for(cnn),
        lambda i: evaluate.baselines.input_gradient(cnn.model, x[i % 3], 1),
    ]
    expected = [[call(i) for i in range(3)] for call in calls]
    found = in_threads(lambda i: calls[i % 4](i), range(120))
    for i, value in enumerate(found):
        np.testing.assert_equal(_numbers(value), _numbers(expected[i % 4][i % 3]))


def _numbers(value):
    return value.numpy() if torch.is_tensor(value) else value


def test_a_record_that_fails_lets_the_next_thread_in():
    model = SmallVGG().eval()

    def fail(i):
        with pytest.raises(ValueError, match="There is no layer"):
            cam.heatmaps(model, torch.zeros(1, 3, 32, 32), "none")
        with pytest.raises(ZeroDivisionError), hooks.record(model, "features.3"):
            raise ZeroDivisionError
        return True

    assert all(in_threads(fail, range(40)))


def test_records_within_each_other_need_not_wait():
    model, x = SmallVGG().eval(), torch.randn(1, 3, 32, 32)
    with hooks.record(model, "features.3") as outer, hooks.record(model, "features.0") as inner:
        model(x)
    assert outer.activations.shape[1:] == (8, 16, 16)
    assert inner.activations.shape[1:] == (6, 32, 32)


def test_a_thread_that_waits_for_long_says_so_and_goes_on_when_the_other_is_out(monkeypatch):
    model, x = SmallVGG().eval(), torch.randn(1, 3, 32, 32)
    expected = cam.heatmaps(model, x, "features.3", 1)
    texts, said = [], threading.Event()

    def warn(text, **settings):
        texts.append(text)
        said.set()

    monkeypatch.setattr(threads, "PATIENCE", 0.05)
    monkeypatch.setattr(threads.warnings, "warn", warn)
    entered = hooks.record(model, "features.3")
    entered.__enter__()
    with ThreadPoolExecutor(1) as pool:
        try:
            waiting = pool.submit(cam.heatmaps, model, x, "features.3", 1)
            assert said.wait(60) and not waiting.done()
        finally:
            entered.__exit__(None, None, None)
        found = waiting.result(60)
    assert len(texts) == 1 and "was left inside `with record(...)`" in texts[0]
    for method, maps in expected.items():
        np.testing.assert_allclose(found[method], maps, atol=1e-6)


def test_a_record_that_was_entered_and_thrown_away_lets_other_threads_in():
    model, x = SmallVGG().eval(), torch.randn(1, 3, 32, 32)
    hooks.record(model, "features.3").__enter__()
    gc.collect()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(cam.heatmaps, model, x, "features.3", 1).result(60)
    assert left(model) == 0 and all(p.requires_grad for p in model.parameters())
