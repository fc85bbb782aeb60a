"""Compiled, scripted, quantised and frozen networks, and those whose output is no logits."""

import copy
import warnings

import numpy as np
import pytest
import torch
from support.leftovers import hooks as left
from support.networks import SmallVGG, network, small_cnn
from torch import nn
from torch.nn import functional as F

from xailab import cam, evaluate, hooks, integrated_gradients, models

METHODS = ["grad_cam", "layer_cam", "ablation_cam"]


@pytest.fixture
def net():
    torch.manual_seed(1)
    return SmallVGG().eval()


@pytest.fixture
def x():
    return torch.randn(2, 3, 32, 32)


def assert_same_maps(found, expected):
    for name, h in expected.items():
        np.testing.assert_allclose(found[name], h, atol=1e-5, err_msg=name)
        assert h.any(), name


# --- torch.compile -----------------------------------------------------------------------------


def compiled(net, how):
    net = copy.deepcopy(net)
    if how == "the whole":
        return torch.compile(net, backend="eager")
    if how == "in place":
        net.compile(backend="eager")
    elif how == "a part":
        net.features = torch.compile(net.features, backend="eager")
    elif how == "a part in place":
        net.features.compile(backend="eager")
    elif how == "its forward":
        net.forward = torch.compile(net.forward, backend="eager")
    return net


HOW = ["the whole", "in place", "a part", "a part in place", "its forward"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("warm", [False, True])
def test_a_compiled_network_has_the_maps_and_the_names_of_what_it_was_made_from(how, warm, net, x):
    expected = cam.heatmaps(net, x, "features.4", [1, 3], METHODS)
    logits, model = net(x), compiled(net, how)
    if warm:
        model(x)
    assert_same_maps(cam.heatmaps(model, x, "features.4", [1, 3], METHODS), expected)
    real = next(
        name
        for name, _ in model.named_modules()
        if name.endswith("features.4") or name.endswith("features._orig_mod.4")
    )
    assert_same_maps(cam.heatmaps(model, x, real, [1, 3], METHODS), expected)
    assert cam.heatmaps(model, x, methods=["grad_cam"])["grad_cam"].any()
    # it is still compiled, and gives what it gave
    torch.testing.assert_close(model(x), logits)
    assert ("_compiled_call_impl" in vars(model)) == (how == "in place")
    own = models.own_cnn(model, "abcde", input_size=32)
    assert own.default_layer == "avgpool" and "features.4" in own.layers
    assert left(net) == 0


# --- TorchScript and quantised networks ----------------------------------------------------------


@pytest.mark.parametrize("how", ["script", "trace"])
def test_a_torchscript_module_is_refused_where_a_look_inside_is_needed(how, net, x):
    model = torch.jit.script(net) if how == "script" else torch.jit.trace(net, x)
    for call in (
        lambda: cam.heatmaps(model, x, "features.4", 1),
        lambda: cam.heatmaps(model, x),
        lambda: models.own_cnn(model, "abcde", input_size=32),
        lambda: hooks.find_layer(model, "features.4"),
        lambda: hooks.spatial_layers(model, x),
    ):
        with pytest.raises(TypeError, match="pass the Python module that it was scripted"):
            call()
    expected = evaluate.baselines.input_gradient(net, x, [1, 3])
    found = evaluate.baselines.input_gradient(model, x, [1, 3])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_scripted_part_is_run_and_not_looked_into(net, x):
    model = nn.Sequential(torch.jit.script(net.features), net.avgpool, nn.Flatten(), net.classifier)
    expected = cam.heatmaps(net, x, "avgpool", 2, METHODS)
    assert_same_maps(cam.heatmaps(model, x, "1", 2, METHODS), expected)
    assert_same_maps(cam.heatmaps(model, x, target=2, methods=METHODS), expected)
    with pytest.raises(TypeError, match="cannot be looked into"):
        cam.heatmaps(model, x, "0.4")


def quantised(net, x):
    model = copy.deepcopy(net)
    for relu in (m for m in model.modules() if isinstance(m, nn.ReLU)):
        relu.inplace = False
    ends = torch.ao.quantization.QuantStub(), torch.ao.quantization.DeQuantStub()
    model = nn.Sequential(ends[0], model, ends[1]).eval()
    model.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
    model = torch.ao.quantization.prepare(model)
    model(x)
    return torch.ao.quantization.convert(model)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", METHODS)
def test_a_layer_of_quantised_numbers_is_refused(method, net, x):
    model = quantised(net, x)
    for layer in ("1.features.4", None):
        with pytest.raises(TypeError, match="explain the network of floats that a quantised one"):
            cam.heatmaps(model, x, layer, 1, [method])
    assert left(model) == 0


@pytest.mark.filterwarnings("ignore")
def test_quantised_linear_layers_allow_what_needs_no_gradient(net, x):
    model = torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)
    found = cam.heatmaps(model, x, "features.4", 1, ["ablation_cam"], raw=True)["ablation_cam"]
    with hooks.record(model, "features.4", tape=True) as rec:
        S = model(x)[:, 1]
    drops = []
    for k in range(8):
        edited = rec.activations.clone()
        edited[:, k] = 0
        drops.append(torch.cat([rec.tail(edited[i : i + 1], i)[:, 1] for i in range(2)]))
    weights = cam.ablation_weights(S.detach(), torch.stack(drops, 1))
    expected = cam.upsample(cam.ablation_cam(rec.activations, weights), 32)
    # dynamic quantisation takes its scale from the whole batch
    np.testing.assert_allclose(found, expected, atol=0.15 * float(expected.max()))
    for method in ("grad_cam", "layer_cam"):
        with pytest.raises(RuntimeError, match=r"or quantised modules, or use 'ablation_cam'"):
            cam.heatmaps(model, x, "features.4", 1, [method])


# --- gradients that are switched off --------------------------------------------------------------


class Off(nn.Module):
    """The network, or its first part only, inside one of torch's contexts."""

    def __init__(self, net, context, whole):
        super().__init__()
        self.net, self.context, self.whole = net, context, whole

    def forward(self, x):
        with self.context():
            seen = self.net(x) if self.whole else self.net.features(x)
        return seen if self.whole else self.net.classifier(self.net.avgpool(seen).flatten(1))


OFF = [torch.no_grad, torch.inference_mode]


@pytest.mark.parametrize("context", OFF)
@pytest.mark.parametrize("whole", [True, False])
def test_a_forward_that_switches_gradients_off_is_named_as_the_cause(context, whole, net, x):
    model = Off(net, context, whole).eval()
    expected = cam.heatmaps(net, x, "features.4", 1, ["ablation_cam"])
    assert_same_maps(cam.heatmaps(model, x, "net.features.4", 1, ["ablation_cam"]), expected)
    with pytest.raises(RuntimeError, match="does not depend on the layer 'net"):
        cam.heatmaps(model, x, "net.features.4", 1, ["grad_cam"])
    with pytest.raises(
        RuntimeError, match=r"on the picture through .* look in the model's forward"
    ):
        evaluate.baselines.input_gradient(model, x, 1)
    with pytest.raises(RuntimeError, match="does not depend on x through differentiable steps"):
        integrated_gradients.explain(lambda z: model(z)[:, 1], x[0], 0 * x[0])
    if not whole:
        methods = ["hires_cam", "ablation_cam"]
        behind = cam.heatmaps(net, x, "avgpool", 1, methods, raw=True)
        found = cam.heatmaps(model, x, "net.avgpool", 1, methods, raw=True)
        for name in methods:
            np.testing.assert_allclose(found[name], behind[name], atol=1e-5)
        assert behind["hires_cam"].any()


@pytest.mark.parametrize("context", OFF)
@pytest.mark.parametrize("kind", ["tensor", "numpy", "made inside"])
def test_integrated_gradients_are_the_same_where_gradients_are_off(context, kind, net, x):
    expected = integrated_gradients.explain(lambda z: net(z)[:, 1], x[0], 0 * x[0])
    with context():
        picture = {"tensor": x[0], "numpy": x[0].numpy(), "made inside": x[0].clone()}[kind]
        found = integrated_gradients.explain(lambda z: net(z)[:, 1], picture, 0 * picture)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-6)
    assert (found.base, found.score) == pytest.approx((expected.base, expected.score))


def test_weights_made_for_inference_are_refused_by_all_that_need_a_gradient(x):
    with torch.inference_mode():
        model = SmallVGG().eval()
        inside = torch.randn(1, 3, 32, 32)
    for call in (
        lambda: cam.heatmaps(model, x, "features.4", 1),
        lambda: evaluate.baselines.input_gradient(model, x, 1),
        lambda: integrated_gradients.explain(lambda z: model(z)[:, 1], x[0], 0 * x[0]),
    ):
        for context in (torch.inference_mode, torch.enable_grad):
            with context(), pytest.raises(RuntimeError, match="make or load the model outside"):
                call()
    fine = SmallVGG().eval()
    assert cam.heatmaps(fine, inside, "features.4", 1)["grad_cam"].shape == (1, 32, 32)


# --- what is no logits ------------------------------------------------------------------------------


class Ends(nn.Module):
    """A network with something behind its logits."""

    def __init__(self, net, end):
        super().__init__()
        self.net, self.end = net, end

    def forward(self, x):
        return self.end(self.net(x))


SOFTMAXES = {
    "module": nn.Softmax(1),
    "function": lambda z: z.softmax(1),
    "saturated": lambda z: (1000 * z).softmax(1),
    "temperature": lambda z: F.softmax(z / 100, dim=-1),
}


@pytest.mark.parametrize("name", SOFTMAXES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_probabilities_are_refused_with_what_to_write(name, dtype, net, x):
    model = Ends(net, SOFTMAXES[name]).eval().to(dtype)
    x = x.to(dtype)
    for call in (
        lambda: cam.heatmaps(model, x, "net.features.4", 1),
        lambda: cam.heatmaps(model, x[:1], "net.features.4"),
        lambda: evaluate.baselines.input_gradient(model, x, 1),
    ):
        with pytest.raises(ValueError, match=r"returns probabilities.*put torch.nn.Identity\(\)"):
            call()
    assert left(model) == 0


def test_the_advice_about_probabilities_gives_the_maps_of_the_logits(net, x):
    model = Ends(net, nn.Softmax(1)).eval()
    model.end = nn.Identity()
    expected = cam.heatmaps(net, x, "features.4", 1, METHODS)
    assert_same_maps(cam.heatmaps(model, x, "net.features.4", 1, METHODS), expected)
    model.end = nn.Softmax(1)
    found = cam.heatmaps(model, x, "net.features.4", lambda p: p[:, 1], METHODS)
    expected = cam.heatmaps(net, x, "features.4", lambda z: z.softmax(1)[:, 1], METHODS)
    assert_same_maps(found, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_logarithms_of_probabilities_are_refused_and_a_function_explains_them(dtype, net, x):
    model, x = Ends(net, nn.LogSoftmax(1)).eval().to(dtype), x.to(dtype)
    says = r"returns the logarithms of probabilities.*leave out its last log_softmax"
    for call in (
        lambda: cam.heatmaps(model, x, "net.features.4", 1),
        lambda: evaluate.baselines.input_gradient(model, x, 1),
        lambda: models.own_cnn(model.float(), "abcde", input_size=x.shape[2]),
    ):
        with pytest.raises(ValueError, match=says):
            call()
    assert left(model) == 0
    model.to(dtype)
    found = cam.heatmaps(model, x, "net.features.4", lambda p: p[:, 1], ["grad_cam"])
    expected = cam.heatmaps(net, x, "features.4", lambda z: z.log_softmax(1)[:, 1], ["grad_cam"])
    assert_same_maps(found, expected)


def test_logits_that_are_positive_or_add_up_to_one_once_are_logits(x):
    positive = Ends(small_cnn(), nn.Softplus()).eval()
    one = nn.Sequential(small_cnn()[:5], nn.Flatten(), nn.Linear(6, 1)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("resnet18", "vgg", "convnext"):
            assert cam.heatmaps(network(name), x)["grad_cam"].shape
        assert cam.heatmaps(positive, x, "net.3")["grad_cam"].any()
        # a single logit is no softmax of one class
        one[-1].weight.data.zero_()
        one[-1].bias.data.fill_(1)
        assert not cam.heatmaps(one, x, "0.3", methods=["grad_cam"])["grad_cam"].any()
