"""heatmaps(): the formulas on a network, under every condition of a caller, and after errors."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from support.networks import SmallVGG, small_cnn
from torch import nn

from xailab import cam, planted

ALL = ("grad_cam", "grad_cam_pp", "ablation_cam", "layer_cam", "hires_cam")
DEFAULT = ("grad_cam", "grad_cam_pp", "ablation_cam", "layer_cam")


def test_heatmaps_are_the_formulas_upsampled_and_scaled():
    model, x = small_cnn(gap=False), torch.randn(2, 3, 8, 8)
    head = model[3:]
    A = model[:3](x).detach().requires_grad_()
    logits = head(A)
    (g,) = torch.autograd.grad(logits[:, 1].sum(), A)
    A, S = A.detach(), logits[:, 1].detach()
    without = torch.empty(2, 6)
    for k in range(6):
        edited = A.clone()
        edited[:, k] = 0
        without[:, k] = head(edited)[:, 1].detach()
    raw = {
        "grad_cam": cam.grad_cam(A, g),
        "grad_cam_pp": cam.grad_cam_pp(A, g),
        "ablation_cam": cam.ablation_cam(A, cam.ablation_weights(S, without)),
        "layer_cam": cam.layer_cam(A, g),
    }
    maps = cam.heatmaps(model, x, "2", target=1)
    assert list(maps) == list(DEFAULT)
    for name, heatmap in maps.items():
        assert heatmap.shape == (2, 8, 8)
        assert heatmap.dtype == np.float32
        expected = cam.normalise(cam.upsample(raw[name], 8)).numpy()
        np.testing.assert_allclose(heatmap, expected, atol=1e-5, err_msg=name)
        assert 0 <= heatmap.min() <= heatmap.max() <= 1


@pytest.mark.parametrize("gap", [True, False])
def test_a_batch_of_two_equals_two_single_images(gap):
    model, x = small_cnn(gap), torch.randn(2, 3, 8, 8)
    methods = DEFAULT + ("cam",) * gap
    layer = "3"
    both = cam.heatmaps(model, x, layer, target=[1, 4], methods=methods)
    for i, target in enumerate((1, 4)):
        one = cam.heatmaps(model, x[i : i + 1], layer, target=target, methods=methods)
        for name in methods:
            np.testing.assert_allclose(both[name][i], one[name][0], atol=1e-5, err_msg=name)
    other = cam.heatmaps(model, x, layer, target=[4, 1], methods=methods)
    assert all(np.abs(both[name] - other[name]).max() > 0.01 for name in methods)


@pytest.mark.parametrize(("side", "n", "parts"), [(8, 19, [16, 3]), (224, 6, [4, 2])])
def test_many_pictures_go_through_the_network_a_few_at_a_time(side, n, parts):
    model, x, seen = small_cnn(gap=False), torch.randn(n, 3, side, side), []
    if side > 8:
        model = nn.Sequential(nn.AdaptiveAvgPool2d(8), *model)
    layer, wanted = str(len(model) - 6), [i % 5 for i in range(n)]
    targets = (None, 3, wanted, np.array(wanted, "uint8"), torch.tensor(wanted), lambda z: z[:, 3])
    for target in targets:
        seen.clear()
        hook = model.register_forward_pre_hook(lambda net, given: seen.append(len(given[0])))
        together = cam.heatmaps(model, x, layer, target, ["grad_cam", "layer_cam"])
        hook.remove()
        # a function of the logits gets the pictures as they are
        assert seen == ([n] if callable(target) else parts)
        for i in range(n):
            own = int(target[i]) if np.ndim(target) else target
            one = cam.heatmaps(model, x[i : i + 1], layer, own, ["grad_cam", "layer_cam"])
            for name, heatmap in one.items():
                np.testing.assert_allclose(together[name][i], heatmap[0], atol=1e-5, err_msg=name)


def test_without_a_target_each_image_is_explained_for_its_predicted_class():
    model, x = small_cnn(gap=False), torch.randn(8, 3, 8, 8)
    model[-1].bias.data[:] = -model(x).mean(0).detach() + model[-1].bias.data
    predicted = model(x).argmax(1).tolist()
    assert len(set(predicted)) > 1
    expected = cam.heatmaps(model, x, "2", target=predicted)
    for name, heatmap in cam.heatmaps(model, x, "2").items():
        assert np.array_equal(heatmap, expected[name])


def test_without_a_layer_the_last_maps_are_taken(cnn, coffee):
    x = cnn.preprocess(coffee)
    default = cam.heatmaps(cnn, x, methods=["grad_cam", "cam"])
    named = cam.heatmaps(cnn.model, x, cnn.model.head, 967, ["grad_cam", "cam"])
    assert default["cam"].shape == (1, 224, 224)
    for name in default:
        assert np.array_equal(default[name], named[name])
    np.testing.assert_allclose(default["cam"], default["grad_cam"], atol=1e-5)
    model, x = small_cnn(), torch.randn(1, 3, 8, 8)
    last = cam.heatmaps(model, x, "3", methods=["layer_cam"])["layer_cam"]
    assert np.array_equal(cam.heatmaps(model, x, methods=["layer_cam"])["layer_cam"], last)


def test_the_model_is_left_as_it_was_mode_by_mode():
    model, x = small_cnn(gap=False), torch.randn(2, 3, 8, 8)
    model.insert(1, nn.BatchNorm2d(4))
    model.train()
    # As when fine-tuning with frozen statistics.
    model[1].eval()
    modes = [m.training for m in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    cam.heatmaps(model, x, "3", target=1)
    assert [m.training for m in model.modules()] == modes
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    with pytest.raises(ValueError, match="target must lie"):
        cam.heatmaps(model, x, "3", target=99)
    assert [m.training for m in model.modules()] == modes
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_heatmaps_are_made_in_eval_mode():
    model, x = small_cnn(gap=False), torch.randn(2, 3, 8, 8)
    model.insert(5, nn.Dropout(0.9))
    expected = cam.heatmaps(model, x, "2", 1)
    model.train()
    for name, heatmap in cam.heatmaps(model, x, "2", 1).items():
        assert np.array_equal(heatmap, expected[name])


def test_every_method_has_a_name():
    assert set(cam.METHODS) >= {"cam", "hires_cam", *DEFAULT}
    assert all(cam.METHODS[name] is getattr(cam, name) for name in cam.METHODS)


# --- conditions of the caller ---------------------------------------------------------------------


def dropout_net(act=nn.ReLU):
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


def by_hand(model, x, target):
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
    model, x = dropout_net(act), torch.randn(2, 3, 16, 16)
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
        # A itself is rounded to 8 binary digits.
        for name, heatmap in maps.items():
            np.testing.assert_allclose(heatmap, expected[name], atol=2**-5, err_msg=name)


# --- planted networks -----------------------------------------------------------------------------


def share_on(mask, heatmap):
    return heatmap[mask].sum() / heatmap.sum()


@pytest.mark.parametrize("method", ["cam", *ALL])
@pytest.mark.parametrize("usual_ground", [True, False])
def test_every_method_finds_what_a_planted_network_looks_at(method, usual_ground):
    scene = planted.picture(0, usual_ground=usual_ground)
    x = torch.from_numpy(scene.image).permute(2, 0, 1)[None] / 255
    for word, mask in (("object", scene.object), ("ground", scene.ground)):
        net = planted.planted_network(word)
        # The shortcut is wrong on the unusual ground, and still seen.
        target = int(net(x).argmax())
        assert (target == scene.target) == (word == "object" or usual_ground)
        heatmap = cam.heatmaps(net, x, "2", target, [method])[method][0]
        # One cell of the map covers 8 x 8 pixels: leave out the border.
        away = np.ones_like(mask)
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


def test_ablation_marks_evidence_against_a_class_whose_score_is_negative():
    scene = planted.picture(0)
    x = torch.from_numpy(scene.image).permute(2, 0, 1)[None] / 255
    net = planted.planted_network("object")
    S = net(x)[0]
    assert S[0] > 0 > S[1]
    disc, square = (
        cam.heatmaps(net, x, "2", c, ["ablation_cam"])["ablation_cam"][0] for c in (0, 1)
    )
    # the disc supports "disc" and, with equal weight, counts against "square"
    np.testing.assert_allclose(square, disc, atol=1e-6)
    assert share_on(scene.object, square) > 0.7
    assert not cam.heatmaps(net, x, "2", 1, ["cam"])["cam"].any()


# --- bad input, and nothing left behind after an error --------------------------------------------


@pytest.mark.parametrize("methods", [["grad_cam", "eigen_cam"], "grad_cam"])
def test_unknown_methods_are_refused(methods):
    with pytest.raises(ValueError, match="methods must be a list of names out of"):
        cam.heatmaps(small_cnn(), torch.zeros(1, 3, 8, 8), "2", methods=methods)


def test_a_network_with_nan_is_refused():
    model = small_cnn(gap=False)
    model[0].bias.data[0] = float("nan")
    with pytest.raises(ValueError, match="The score is NaN or infinite"):
        cam.heatmaps(model, torch.zeros(1, 3, 8, 8), "2", target=0, methods=["grad_cam"])


class Repaired(nn.Module):
    """Its layer returns NaN, and what follows replaces it: the score is finite, the maps are not."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x):
        maps = self.conv(x)
        return self.head(torch.nan_to_num(maps, 0, 0, 0).mean((2, 3)))


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_activations_with_nan_or_infinite_values_are_refused(value, method):
    model = Repaired().eval()
    model.conv.bias.data[0] = value
    with pytest.raises(ValueError, match="The map has NaN or infinite values; look for them in"):
        cam.heatmaps(model, torch.randn(1, 3, 8, 8), "conv", 1, [method])


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
        (dict(reshape=lambda A: A.flatten(1)), ValueError, "reshape must return maps"),
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
