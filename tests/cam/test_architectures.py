"""heatmaps() under every condition of a caller, on tokens, on planted networks, and after errors."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from support.networks import MAP_LAYERS, SmallVGG, network
from torch import nn

from xailab import cam, planted
from xailab.hooks import find_layer, record

ALL = ("grad_cam", "grad_cam_pp", "ablation_cam", "layer_cam", "hires_cam")


def conv_net(act=nn.ReLU):
    """Layer 2 is the one to explain; in-place activations around it, and no linear function behind."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        act(),
        nn.Conv2d(4, 6, 3, 2, 1),
        act(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 8),
        act(),
        nn.Dropout(0.5),
        nn.Linear(8, 5),
    ).eval()


def by_hand(model, x, target, weights_of=None):
    """Maps of a Sequential cut in two behind layer 2, from the formulas alone."""
    with torch.no_grad():
        A = model[:3](x)
    A = A.requires_grad_()
    logits = model[3:](A.clone())
    (g,) = torch.autograd.grad(logits[:, target].sum(), A)
    A, S = A.detach(), logits[:, target].detach()
    without = []
    for k in range(A.shape[1]):
        edited = A.clone()
        edited[:, k] = 0
        with torch.no_grad():
            without.append(model[3:](edited)[:, target])
    weights = cam.ablation_weights(S.double(), torch.stack(without, 1).double())
    with torch.autocast("cpu", enabled=False):
        A, g = A.double(), g.double()
        raw = {name: cam.METHODS[name](A, g) for name in ALL if name != "ablation_cam"}
        raw["ablation_cam"] = cam.ablation_cam(A, weights)
        return {n: cam.normalise(cam.upsample(m, x.shape[2:])).numpy() for n, m in raw.items()}


CONDITIONS = {
    "as it is": nullcontext,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "frozen": nullcontext,
    "train mode": nullcontext,
    "channels_last": nullcontext,
    "input that asks for gradients": nullcontext,
    "float64": nullcontext,
    "bf16 model": nullcontext,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("act", [lambda: nn.ReLU(inplace=True), nn.GELU])
def test_the_maps_are_those_by_hand_under(condition, act):
    model, x = conv_net(act), torch.randn(2, 3, 16, 16)
    if condition in ("float64", "bf16 model"):
        dtype = torch.float64 if condition == "float64" else torch.bfloat16
        model, x = model.to(dtype), x.to(dtype)
    if condition == "channels_last":
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    around = CONDITIONS[condition]
    with around() if condition == "autocast" else nullcontext():
        expected = by_hand(model, x, 3)
    if condition == "input that asks for gradients":
        x = x.requires_grad_()
    model.requires_grad_(condition != "frozen").train(condition == "train mode")
    model[0].weight.grad = torch.full_like(model[0].weight, 7)
    flags = [p.requires_grad for p in model.parameters()]
    with around():
        maps = cam.heatmaps(model, x, "2", 3, ALL)
    # a logit in bfloat16 has 8 binary digits, and so has the drop that ablation looks at
    digits = condition in ("bf16 model", "autocast")
    for name in ALL:
        close = 0.1 if digits and name == "ablation_cam" else 1e-5
        np.testing.assert_allclose(maps[name], expected[name], atol=close, err_msg=name)
        assert maps[name].dtype == np.float32
        assert maps[name].max() == 1
    assert model.training == (condition == "train mode")
    assert [p.requires_grad for p in model.parameters()] == flags
    assert (model[0].weight.grad == 7).all()
    assert all(p.grad is None for p in list(model.parameters())[1:])
    assert x.grad is None


def test_in_bfloat16_a_gap_head_is_still_known_as_one():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
    ).eval()
    x = torch.rand(2, 3, 12, 12)
    expected = cam.heatmaps(model, x, "1", 2, ["cam", "ablation_cam"])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = cam.heatmaps(model, x, "1", 2, ["cam", "ablation_cam"])
    as_bf16 = cam.heatmaps(model.bfloat16(), x.bfloat16(), "1", 2, ["cam", "ablation_cam"])
    for maps in (under_autocast, as_bf16):
        for name, heatmap in maps.items():  # A itself is rounded to 8 binary digits
            np.testing.assert_allclose(heatmap, expected[name], atol=2**-5, err_msg=name)


@pytest.mark.parametrize("name", [n for n in MAP_LAYERS if n != "data_dependent"])
def test_gradients_are_those_of_the_whole_network_on_every_kind_of_it(name):
    model, x = network(name).double(), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    for layer in MAP_LAYERS[name]:
        if (name, layer) in (("unet", "down"), ("unet", "side")):
            continue  # sums in place in front of them, which a whole backward cannot stand
        views = []
        handle = find_layer(model, layer).register_forward_hook(
            lambda m, i, o, views=views: views.append(o) or o.clone()
        )
        logits = model(x)
        handle.remove()
        (g,) = torch.autograd.grad(logits[:, 1].sum(), views[0])
        with record(model, layer) as rec:
            rec.backward(model(x)[:, 1])
        assert torch.equal(rec.activations, views[0].detach())
        torch.testing.assert_close(rec.gradients, g, rtol=0, atol=1e-12)
        assert g.abs().max() > 1e-4


# --- transformers ------------------------------------------------------------------------------


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
    # one row a place, one column a channel, the class token left out: no reshape function at all
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
        r"reshape must make maps \(B, K, h, w\)",
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
    assert untouched(model)


# --- planted networks --------------------------------------------------------------------------


def share_on(mask, heatmap):
    return heatmap[mask].sum() / heatmap.sum()


@pytest.mark.parametrize("method", ["cam", *ALL])
@pytest.mark.parametrize("usual_ground", [True, False])
def test_every_method_finds_what_a_planted_network_looks_at(method, usual_ground):
    scene = planted.picture(0, usual_ground=usual_ground)
    x = torch.from_numpy(scene.image).permute(2, 0, 1)[None] / 255
    for word, mask in (("object", scene.object), ("ground", scene.ground)):
        net = planted.planted_network(word)
        target = int(net(x).argmax())  # the shortcut is wrong on the unusual ground, and still seen
        assert (target == scene.target) == (word == "object" or usual_ground)
        heatmap = cam.heatmaps(net, x, "2", target, [method])[method][0]
        away = np.ones_like(mask)  # one cell of the map covers 8 x 8 pixels: leave out the border
        edges = np.argwhere(scene.object)
        (top, left), (bottom, right) = edges.min(0) - 8, edges.max(0) + 9
        away[top:bottom, left:right] = False
        if word == "object":
            assert share_on(mask, heatmap) > 0.7
            assert share_on(away, heatmap) < 0.01
        else:
            assert share_on(mask, heatmap) > 0.95
            assert heatmap[scene.object].mean() < 0.3 * heatmap[scene.ground].mean()


def test_a_planted_network_ignores_what_it_does_not_look_at():
    here, there = (planted.picture(0, centre) for centre in ((28, 68), (60, 30)))
    pictures = [torch.from_numpy(s.image).permute(2, 0, 1)[None] / 255 for s in (here, there)]
    ground = planted.planted_network("ground")
    swapped = planted.picture(0, usual_ground=False)
    x = torch.from_numpy(swapped.image).permute(2, 0, 1)[None] / 255
    assert ground(pictures[0]).argmax() == ground(pictures[1]).argmax() == 0
    assert ground(x).argmax() == 1
    assert planted.planted_network("object")(x).argmax() == 0


def test_ablation_marks_what_speaks_against_a_class_whose_score_is_negative():
    scene = planted.picture(0)
    x = torch.from_numpy(scene.image).permute(2, 0, 1)[None] / 255
    net = planted.planted_network("object")
    S = net(x)[0]
    assert S[0] > 0 > S[1]
    disc, square = (
        cam.heatmaps(net, x, "2", c, ["ablation_cam"])["ablation_cam"][0] for c in (0, 1)
    )
    # the disc speaks for "disc" and, with as much weight, against "square"
    np.testing.assert_allclose(square, disc, atol=1e-6)
    assert share_on(scene.object, square) > 0.7
    assert not cam.heatmaps(net, x, "2", 1, ["cam"])["cam"].any()


# --- nothing stays behind, whatever goes wrong --------------------------------------------------


class Fragile(nn.Module):
    """Can break half-way; has a layer that never runs, one that runs twice, one without maps."""

    def __init__(self):
        super().__init__()
        self.conv, self.twice = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.never, self.pair = nn.Conv2d(4, 4, 1), nn.LSTM(4, 4)
        self.norm, self.head = nn.BatchNorm2d(4), nn.Linear(4, 5)
        self.breaks = False

    def forward(self, x):
        maps = self.twice(self.twice(self.norm(self.conv(x))).relu())
        if self.breaks:
            raise FloatingPointError("half-way")
        return self.head(self.pair(maps.mean((2, 3)))[0])


def untouched(model, training=False):
    return (
        all(
            not (m._forward_hooks or m._forward_pre_hooks or m._backward_hooks)
            for m in model.modules()
        )
        and all("forward" not in vars(m) for m in model.modules())
        and all(m.training == training for m in model.modules())
        and all(p.requires_grad and p.grad is None for p in model.parameters())
    )


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(layer="never"), RuntimeError, "The layer 'never' did not run; call"),
        (dict(layer="twice"), ValueError, "The layer 'twice' ran twice: either"),
        (dict(layer="pair"), TypeError, "The layer 'pair' returns a tuple, not a tensor"),
        (dict(layer="nver"), ValueError, "There is no layer 'nver' in this model; near: never"),
        (dict(layer="head"), ValueError, r"returns shape \(2, 5\), not maps"),
        (dict(target=5), ValueError, "target must lie between 0 and 4, not 5"),
        (dict(target=[0, 1, 2]), ValueError, "target must be one class index or 2 of them"),
        (
            dict(methods=["cam"]),
            ValueError,
            "CAM needs a network whose layer is followed by global",
        ),
        (dict(methods=["eigen_cam"]), ValueError, "methods must be a list of names"),
        (dict(x=torch.zeros(3, 8, 8)), ValueError, r"x must have shape \(B, 3, H, W\), not \(3, 8"),
        (dict(x=np.zeros((1, 3, 8, 8))), TypeError, r"x must be a tensor .* not ndarray"),
        (dict(x=torch.full((2, 3, 8, 8), torch.nan)), ValueError, "x has NaN or infinite values"),
        (dict(x=torch.zeros(2, 4, 8, 8)), RuntimeError, "to have 3 channels"),
        (dict(breaks=True), FloatingPointError, "half-way"),
        (dict(reshape=lambda A: A.flatten(1)), ValueError, "reshape must make maps"),
        (dict(reshape=lambda A: 1 / 0), ZeroDivisionError, "division"),
    ],
)
def test_every_error_is_one_sentence_and_leaves_the_model_as_it_was(
    change, error, message, training
):
    model, change = Fragile().train(training), dict(change)
    model.breaks = change.pop("breaks", False)
    settings = dict(x=torch.randn(2, 3, 8, 8), layer="conv", target=1, methods=ALL) | change
    with pytest.raises(error, match=message) as caught:
        cam.heatmaps(model, settings.pop("x"), **settings)
    assert "\n" not in str(caught.value)
    assert untouched(model, training)


def test_a_model_that_returns_no_logits_and_one_without_maps_are_refused():
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = SmallVGG().eval()

        def forward(self, x):
            return {"logits": self.net(x)}

    with pytest.raises(ValueError, match=r"must return logits of shape \(B, classes\), not dict"):
        cam.heatmaps(Wrapped().eval(), torch.randn(1, 3, 32, 32), "net.features.3")
    flat = nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).eval()
    with pytest.raises(ValueError, match="No part of this Sequential returns maps"):
        cam.heatmaps(flat, torch.randn(1, 3, 8, 8))
