"""heatmaps() of a score of one's own, on its own scale, and with what a network's head allows."""

import dataclasses

import numpy as np
import pytest
import torch
from support.networks import SmallVGG, network, small_cnn
from support.tiny import Item, made
from torch import nn

from xailab import cam, evaluate, hooks, lime_image, models
from xailab._utils.labels import label
from xailab.evaluate import batch

ALL = ("grad_cam", "grad_cam_pp", "ablation_cam", "layer_cam", "hires_cam")


def difference(z):
    return z[:, 1] - z[:, 0]


# --- a function as target -------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [True, False])
@pytest.mark.parametrize("raw", [True, False])
def test_a_function_that_picks_a_logit_gives_the_maps_of_its_index(gap, raw):
    model, x = small_cnn(gap), torch.randn(2, 3, 8, 8)
    methods = ALL + ("cam",) * gap
    by_index = cam.heatmaps(model, x, "3", 3, methods, raw=raw)
    by_function = cam.heatmaps(model, x, "3", lambda z: z[:, 3], methods, raw=raw)
    each = cam.heatmaps(model, x, "3", [1, 4], methods, raw=raw)
    own = cam.heatmaps(model, x, "3", lambda z: z[[0, 1], [1, 4]], methods, raw=raw)
    for name in methods:
        np.testing.assert_allclose(by_function[name], by_index[name], atol=1e-5, err_msg=name)
        np.testing.assert_allclose(own[name], each[name], atol=1e-5, err_msg=name)
        assert by_index[name].any()


@pytest.mark.parametrize(("name", "layer"), [("vgg", "features.4"), ("resnet18", "layer4")])
def test_a_difference_of_two_logits_is_explained_as_the_formulas_say(name, layer):
    model, x = network(name), torch.randn(2, 3, 64, 64)
    maps = cam.heatmaps(model, x, layer, difference, ALL, raw=True)
    with hooks.record(model, layer, tape=True) as rec:
        S = difference(model(x))
        g = rec.backward(S)
    A, without = rec.activations, []
    for k in range(A.shape[1]):
        edited = A.clone()
        edited[:, k] = 0
        rows = [difference(rec.tail(edited[i : i + 1], i)) for i in range(2)]
        without.append(torch.cat(rows))
    weights = cam.ablation_weights(S.detach(), torch.stack(without, 1))
    for method in ALL:
        given = weights if method == "ablation_cam" else g
        expected = cam.upsample(cam.METHODS[method](A, given), 64).numpy()
        scale = np.abs(expected).max()
        np.testing.assert_allclose(maps[method], expected, atol=1e-3 * scale, err_msg=method)


def test_cam_of_a_difference_is_the_difference_of_the_cams_and_adds_up_to_the_score():
    model, x = small_cnn(), torch.randn(2, 3, 8, 8)
    one, zero = (cam.heatmaps(model, x, "3", c, ["cam"], raw=True)["cam"] for c in (1, 0))
    found = cam.heatmaps(model, x, "3", difference, ["cam"], raw=True)["cam"]
    np.testing.assert_allclose(found, one - zero, atol=1e-5)
    bias = difference(model[-1].bias.detach()[None]).item()
    expected = difference(model(x)).detach().numpy()
    np.testing.assert_allclose(found.mean((1, 2)) + bias, expected, atol=1e-5)


def test_swapped_classes_change_the_sign_of_the_map():
    model, x = small_cnn(), torch.randn(1, 3, 8, 8)
    maps = [
        cam.heatmaps(model, x, "3", target, ["cam"], raw=True)["cam"]
        for target in (difference, lambda z: -difference(z))
    ]
    np.testing.assert_allclose(maps[0], -maps[1], atol=1e-6)


def test_the_input_gradient_takes_a_function_too():
    model, x = small_cnn(gap=False), torch.randn(2, 3, 8, 8)
    expected = evaluate.baselines.input_gradient(model, x, torch.tensor([2, 2]))
    found = evaluate.baselines.input_gradient(model, x, lambda z: z[:, 2])
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (lambda z: z, ValueError, r"one score per row of the logits, .* not \(2, 5\); for example"),
        (lambda z: z.sum(), ValueError, r"of shape \(2,\), not \(\)"),
        (lambda z: 1.0, ValueError, r"of shape \(2,\), not 1.0"),
        (lambda z: z.detach()[:, 0], RuntimeError, "The score does not depend on the layer '2'"),
    ],
)
def test_a_function_that_returns_no_scores_is_refused(target, error, message):
    with pytest.raises(error, match=message):
        cam.heatmaps(small_cnn(), torch.randn(2, 3, 8, 8), "2", target, ["grad_cam"])


def test_cam_refuses_a_score_that_is_no_weighted_sum_of_logits():
    model, x = small_cnn(), torch.randn(2, 3, 8, 8)

    def probability(z):
        return z.softmax(1)[:, 1]

    with pytest.raises(ValueError, match="CAM explains weighted sums of logits only"):
        cam.heatmaps(model, x, "3", probability, ["cam"])
    assert cam.heatmaps(model, x, "3", probability, ["ablation_cam"])["ablation_cam"].any()


# --- raw maps ------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [None, 2, difference])
def test_raw_maps_divided_by_their_maximum_are_the_scaled_ones(target):
    model, x = small_cnn(), torch.randn(3, 3, 8, 8)
    scaled = cam.heatmaps(model, x, "3", target, [*ALL, "cam"])
    raw = cam.heatmaps(model, x, "3", target, [*ALL, "cam"], raw=True)
    for name, h in raw.items():
        assert h.dtype == np.float32
        expected = cam.normalise(torch.from_numpy(h)).numpy()
        assert np.array_equal(expected, scaled[name]), name
    assert raw["cam"].min() < 0


def test_raw_maps_of_two_classes_share_one_scale():
    # the same network with one class's weights ten times as large
    model, x = small_cnn(), torch.rand(1, 3, 8, 8)
    model[-1].weight.data[1] = 10 * model[-1].weight.data[0]
    raw = [cam.heatmaps(model, x, "3", c, ["grad_cam"], raw=True)["grad_cam"] for c in (0, 1)]
    np.testing.assert_allclose(raw[1], 10 * raw[0], rtol=1e-5)
    scaled = [cam.heatmaps(model, x, "3", c, ["grad_cam"])["grad_cam"] for c in (0, 1)]
    np.testing.assert_allclose(*scaled, atol=1e-6)


# --- what the head allows --------------------------------------------------------------------------


def own(net, side=32):
    return models.own_cnn(net, "abcde", input_size=side)


def test_cam_is_offered_where_pooling_and_one_linear_layer_follow():
    assert cam.methods_for(own(network("resnet18"), 64)) == tuple(cam.METHODS)
    assert cam.methods_for(own(network("resnet18"), 64), "layer3") == tuple(
        m for m in cam.METHODS if m != "cam"
    )
    vgg = own(SmallVGG())
    assert "cam" not in cam.methods_for(vgg) and "grad_cam" in cam.methods_for(vgg)
    assert "cam" not in cam.methods_for(vgg, vgg.model.features[3])


def test_cam_is_offered_by_the_courses_network(cnn):
    assert "cam" in cam.methods_for(cnn)
    assert "cam" not in cam.methods_for(cnn, cnn.layer_of_size(14))


def test_what_the_head_allows_is_asked_of_a_cnn():
    with pytest.raises(TypeError, match="cnn must be a CNN, as load_cnn"):
        cam.methods_for(SmallVGG())
    model = SmallVGG().train()
    cam.methods_for(models.CNN("a", model, (), 32, 32, None, (), (), "features.4"))
    assert model.training and not any(m._forward_hooks for m in model.modules())


def test_a_vgg_is_evaluated_by_default():
    cnn = own(SmallVGG())
    items = [
        Item(i.name, np.tile(i.image, (2, 2, 1)), np.tile(i.mask, (2, 2)), i.target)
        for i in made(3)
    ]
    views = evaluate.views(cnn, items)
    maps = evaluate.maps(cnn, views)
    assert list(maps) == list(cam.methods_for(cnn)) == [m for m in cam.METHODS if m != "cam"]
    table = batch.run(cnn, items, progress=False)
    assert set(table["method"]) == {*maps, *evaluate.BASELINES}
    expected = evaluate.table(maps, views)
    found = table[table["method"].isin(list(maps))].set_index(["name", "method"])["iou"]
    expected = expected.set_index(["name", "method"])["iou"]
    np.testing.assert_allclose(found.sort_index(), expected.sort_index(), atol=1e-6)


# --- labels ----------------------------------------------------------------------------------------


def test_every_method_and_baseline_has_a_label_without_underscores():
    assert set(cam.LABELS) >= {*cam.METHODS, *evaluate.BASELINES}
    assert cam.LABELS["grad_cam_pp"] == "Grad-CAM++"
    assert not any("_" in text for text in cam.LABELS.values())
    assert len(set(cam.LABELS.values())) == len(cam.LABELS)


def test_networks_and_segmentations_have_labels_without_underscores():
    names = [*models.cnn_names(), *lime_image.SEGMENTATIONS, "scene_net"]
    assert not any("_" in label(name) for name in names)
    cnn = own(small_cnn(), 32)
    assert cnn.label == cnn.name
    assert dataclasses.replace(cnn, name="efficientnet_lite0").label == "EfficientNet-Lite0"


def test_a_layers_label_says_which_is_the_last_and_refuses_unknown_ones():
    cnn = own(nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), *small_cnn(gap=False)[1:]), 32)
    cnn.model[-1] = nn.Linear(8, 5)
    shapes = cnn.layers
    for name, (k, h, w) in shapes.items():
        last = "last layer, " if name == cnn.default_layer else ""
        assert cnn.layer_label(name) == f"{name} ({last}{k} maps, {h} x {w})"
    for wrong in ("nowhere", ["1"], None):
        with pytest.raises(ValueError, match="layer must be one of"):
            cnn.layer_label(wrong)


def test_class_names_are_written_as_people_write_them(cnn):
    assert not [name for name in cnn.categories if set(name) & set("_,") or name != name.strip()]
    assert cnn.categories[388] == "giant panda" and cnn.categories[334] == "porcupine"


def test_a_layer_is_found_by_the_size_of_its_maps():
    cnn = own(nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), *small_cnn(gap=False)[1:]), 32)
    cnn.model[-1] = nn.Linear(8, 5)
    assert cnn.layer_of_size(16) == "1"
    assert cnn.layer_of_size(8) == "3"
    with pytest.raises(ValueError, match="no layer whose maps are 9 cells wide; there are maps of"):
        cnn.layer_of_size(9)
