"""Baseline maps, which a heat map has to beat."""

import numpy as np
import pandas as pd
import pytest
import torch
from skimage import data as pictures
from support.tiny import Tiny, made

from xailab.evaluate import baselines


def test_baselines_lie_in_0_to_1_and_reach_1():
    for h in (
        baselines.random_map((30, 50), 1),
        baselines.centre_blob((31, 51)),
        baselines.edge_map(pictures.coffee()[:60, :80]),
    ):
        assert h.min() >= 0 and h.max() == pytest.approx(1)


def test_a_random_map_has_a_seed_and_the_centre_blob_a_centre():
    assert np.array_equal(baselines.random_map((30, 50), 1), baselines.random_map((30, 50), 1))
    assert not np.array_equal(baselines.random_map((30, 50), 1), baselines.random_map((30, 50), 2))
    blob = baselines.centre_blob((31, 51))
    assert np.unravel_index(blob.argmax(), blob.shape) == (15, 25)
    assert blob[15, 0] == pytest.approx(np.exp(-(0.5**2) / (2 * 0.25**2)))


def test_the_edge_map_is_high_on_an_edge_only():
    image = np.zeros((60, 60, 3), np.uint8)
    image[:, 30:] = 200
    h = baselines.edge_map(image, blur=1.0)
    assert h[:, 29:31].min() == 1 and h[:, :20].max() < 0.01
    assert not baselines.edge_map(np.zeros((9, 9, 3), np.uint8)).any()


def test_the_input_gradient_of_a_linear_model_is_its_weight():
    w = torch.rand(2, 3, 9, 9)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(243, 2, bias=False))
    model[1].weight.data = w.flatten(1)
    found = baselines.input_gradient(model, torch.rand(2, 3, 9, 9), torch.tensor([0, 1]), blur=0)
    expected = w.abs().amax(1).numpy()
    np.testing.assert_allclose(found, expected / expected.max((1, 2), keepdims=True), rtol=1e-6)


@pytest.mark.parametrize("target", [3, [0, 0], True, 0.5])
def test_the_input_gradient_wants_class_indices(target):
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(27, 2))
    with pytest.raises(ValueError, match="target must"):
        baselines.input_gradient(model, torch.rand(1, 3, 3, 3), target)


@pytest.mark.parametrize("kind", ["none", "one", "list", "tensor", "array", "series", "function"])
def test_the_input_gradient_looks_at_a_few_pictures_at_a_time_and_is_the_same(kind):
    cnn, batch = Tiny(), []
    x = torch.cat([cnn.preprocess(item.image) for item in made(5)])
    wanted = [0, 1, 2, 1, 0]
    target = {
        "none": None,
        "one": 1,
        "list": wanted,
        "tensor": torch.tensor(wanted),
        "array": np.array(wanted, "uint8"),
        "series": pd.Series(wanted, index=[9, 8, 7, 6, 5]),
        "function": lambda z: z[:, 1],
    }[kind]
    hook = cnn.model.register_forward_pre_hook(lambda net, given: batch.append(len(given[0])))
    found = baselines.input_gradient(cnn.model, x, target)
    hook.remove()
    assert batch == ([5] if kind == "function" else [4, 1])
    single = cnn.model(x).argmax(1).tolist() if kind == "none" else wanted
    single = [1] * 5 if kind in ("one", "function") else single
    for one, k, h in zip(x, single, found, strict=True):
        assert h == pytest.approx(baselines.input_gradient(cnn.model, one[None], k)[0], abs=1e-6)
    with pytest.raises(ValueError, match="target must be one class index or 5"):
        baselines.input_gradient(cnn.model, x, [0, 1])
