"""Baseline maps, which a heat map has to beat."""

import numpy as np
import pytest
import torch
from skimage import data as pictures

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
