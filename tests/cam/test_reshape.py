"""Outputs of transformers as maps, and the sentence where a layer has none."""

import numpy as np
import pytest
import torch
from support.leftovers import hooks
from support.networks import network

from xailab import cam, models
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


# --- which axes are which, for pictures that are not square ----------------------------------------


SIZES = [(32, 48), (64, 32), (32, 32), (32, 64)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("layer", ["features.0", "features.1.1", "features.3.0.norm1", "norm"])
def test_channels_last_are_never_taken_for_maps(size, layer):
    # of 32 x 32 pixels features.1.1 makes (1, 8, 8, 8), of 32 x 64 (1, 8, 16, 8): sizes say nothing
    model, x = network("swin"), torch.randn(2, 3, *size)
    with pytest.raises(ValueError, match=r"pass reshape=cam\.from_channels_last"):
        cam.heatmaps(model, x, layer, 1, ["grad_cam"])
    A = []
    handle = find_layer(model, layer).register_forward_hook(lambda m, i, o: A.append(o))
    logits = model(x)
    handle.remove()
    (g,) = torch.autograd.grad(logits[:, 1].sum(), A[0])
    expected = cam.hires_cam(A[0].detach().permute(0, 3, 1, 2), g.permute(0, 3, 1, 2))
    expected = cam.normalise(cam.upsample(expected, size)).numpy()
    found = cam.heatmaps(model, x, layer, 1, ["hires_cam"], reshape=cam.from_channels_last)
    np.testing.assert_allclose(found["hires_cam"], expected, atol=1e-5)


@pytest.mark.parametrize("size", [(32, 32), (32, 64), (64, 32), (48, 32)], ids=str)
@pytest.mark.parametrize("name", ["convnext", "resnet18", "vgg"])
def test_maps_are_never_taken_for_channels_last(name, size):
    # of 32 x 32 pixels ConvNeXt's first stage makes (1, 8, 8, 8)
    model, x = network(name), torch.randn(1, 3, *size)
    layer = {"convnext": "features.1", "resnet18": "layer2", "vgg": "features.5"}[name]
    assert cam.heatmaps(model, x, layer, 1, ["hires_cam"])["hires_cam"].shape == (1, *size)


@pytest.mark.parametrize(("channels", "size"), [(8, (64, 64)), (16, (32, 64)), (6, (64, 64))])
def test_a_network_for_one_size_only_is_judged_by_proportions(channels, size):
    h, w = size[0] // 8, size[1] // 8
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, channels, 8, 8),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(channels * h * w, 4),
    ).eval()
    assert cam.heatmaps(model, torch.randn(1, 3, *size), "1", 1)["grad_cam"].shape == (1, *size)


class Patches(torch.nn.Module):
    """A transformer without position embedding: pictures of any size, patches of 16 x 16."""

    def __init__(self):
        super().__init__()
        self.patch = torch.nn.Conv2d(3, 8, 16, 16)
        self.block = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.norm, self.head = torch.nn.LayerNorm(8), torch.nn.Linear(8, 5)

    def forward(self, x):
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], 1)
        return self.head(self.norm(self.block(tokens))[:, 0])


def test_tokens_of_a_picture_that_is_not_square_are_no_square():
    model = Patches().eval()
    x = torch.randn(1, 3, 64, 144)
    # 4 x 9 patches are 36 tokens, which would also be 6 x 6
    with pytest.raises(ValueError, match="the picture of 64 x 144 pixels is not square; pass your"):
        cam.heatmaps(model, x, "block", 1, reshape=cam.from_tokens())
    found = cam.heatmaps(
        model,
        x,
        "block",
        1,
        ["hires_cam"],
        reshape=lambda t: t[:, 1:].unflatten(1, (4, 9)).permute(0, 3, 1, 2),
    )
    assert found["hires_cam"].shape == (1, 64, 144)
    square = torch.randn(1, 3, 96, 96)
    assert cam.heatmaps(model, square, "block", 1, reshape=cam.from_tokens())


# --- the layer that is taken by default --------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: network("vit"), lambda: Patches().eval()])
def test_without_a_layer_the_patch_embedding_is_not_explained(make):
    model, x = make(), torch.randn(1, 3, 32, 32)
    with pytest.raises(
        ValueError, match=r"The last maps of this .* come before its tokens"
    ) as said:
        cam.heatmaps(model, x)
    first = "patch" if isinstance(model, Patches) else "conv_proj"
    assert f"name {first!r} if you want its maps" in str(said.value)
    assert cam.heatmaps(model, x, first)["grad_cam"].shape == (1, 32, 32)
    with pytest.raises(ValueError, match="come before its tokens"):
        models.own_cnn(model, "abcde", input_size=32)
    assert models.own_cnn(model, "abcde", input_size=32, default_layer=first).layers
    assert not hooks(model)


def test_without_a_layer_a_swin_is_explained_where_its_maps_are_maps():
    model, x = network("swin"), torch.randn(1, 3, 32, 48)
    named = cam.heatmaps(model, x, "permute", 1)
    for name, h in cam.heatmaps(model, x, target=1).items():
        assert np.array_equal(h, named[name])
    layers = models.own_cnn(model, "abcde", input_size=64).layers
    assert layers["permute"] == (16, 8, 8) and "features.3" not in layers


def test_a_linear_layer_on_vectors_is_no_sign_of_tokens():
    for name in ("convnext", "vgg", "resnet18", "unet"):
        assert cam.heatmaps(network(name), torch.randn(1, 3, 32, 32))["layer_cam"].any()
