"""Outputs of transformers as maps, and the sentence where a layer has none."""

import numpy as np
import pytest
import torch
from support.leftovers import hooks
from support.networks import network

from xailab import cam
from xailab.hooks import find_layer


def test_tokens_become_maps_by_rows_without_the_extra_ones():
    tokens = torch.randn(2, 2 + 9, 5)
    maps = cam.from_tokens(2)(tokens)
    assert maps.shape == (2, 5, 3, 3)
    for y in range(3):
        for x in range(3):
            assert torch.equal(maps[:, :, y, x], tokens[:, 2 + 3 * y + x])


def test_channels_last_become_channels_first():
    A = torch.randn(2, 3, 4, 5)
    maps = cam.from_channels_last(A)
    assert maps.shape == (2, 5, 3, 4)
    for k in range(5):
        assert torch.equal(maps[:, k], A[..., k])


TOKENS = [
    ("vit", "encoder.layers.encoder_layer_0", cam.from_tokens()),
    ("swin", "features.1.1", cam.from_channels_last),
]


@pytest.mark.parametrize(("name", "layer", "reshape"), TOKENS)
def test_maps_of_a_transformer_are_its_numbers_at_their_places(name, layer, reshape):
    model, x, target = network(name), torch.randn(1, 3, 32, 32), 2
    views = []
    handle = find_layer(model, layer).register_forward_hook(lambda m, i, o: views.append(o))
    logit = model(x)[0, target]
    handle.remove()
    (g,) = torch.autograd.grad(logit, views[0])
    # one row per location, one column per channel, no class token: no reshape function needed
    A, g = (
        t.detach()[0, 1:] if name == "vit" else t.detach()[0].flatten(0, 1) for t in (views[0], g)
    )
    side = int(len(A) ** 0.5)
    raw = {
        "grad_cam": (A @ g.mean(0)).relu(),
        "layer_cam": (A * g.relu()).sum(1).relu(),
        "hires_cam": (A * g).sum(1).relu(),
    }
    maps = cam.heatmaps(model, x, layer, target, [*raw, "ablation_cam"], reshape=reshape)
    for method, values in raw.items():
        expected = cam.normalise(cam.upsample(values.reshape(1, side, side), 32)).numpy()
        np.testing.assert_allclose(maps[method], expected, atol=1e-4, err_msg=method)
        assert maps[method].max() == 1


NO_MAPS = [
    ("vit", "encoder.layers.encoder_layer_0", None, r"pass reshape=cam.from_tokens\(\)"),
    ("vit", "encoder.layers.encoder_layer_0", cam.from_tokens(0), r"from_tokens\(0\) needs"),
    ("vit", "conv_proj", cam.from_tokens(), r"from_tokens\(1\) needs"),
    ("vit", "encoder.layers.encoder_layer_0", cam.from_channels_last, "from_channels_last needs"),
    (
        "vit",
        "encoder.layers.encoder_layer_0",
        lambda t: t,
        r"reshape must return maps \(B, K, h, w\)",
    ),
    (
        "vit",
        "encoder.layers.encoder_layer_0",
        lambda t: t[:, 1:].transpose(1, 2).reshape(len(t), 16, 4, 4).contiguous(),
        "reshape must return a view",
    ),
    (
        "swin",
        "features.3.0",
        None,
        r"looks like \(B, h, w, K\); pass reshape=cam.from_channels_last",
    ),
    ("swin", "flatten", None, "not maps"),
]


@pytest.mark.parametrize(("name", "layer", "reshape", "message"), NO_MAPS)
def test_a_layer_without_maps_is_refused_with_what_to_pass(name, layer, reshape, message):
    model = network(name)
    with pytest.raises(ValueError, match=message):
        cam.heatmaps(model, torch.randn(1, 3, 32, 32), layer, 0, ["grad_cam"], reshape=reshape)
    assert hooks(model) == 0
