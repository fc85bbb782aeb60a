"""Every CAM formula against loops, closed forms and autograd; heatmaps() on networks."""

import numpy as np
import pytest
import torch
from torch import nn

from xailab import cam as cams
from xailab.hooks import record

F64 = torch.float64


@pytest.fixture
def A():
    """Signed activations (2, 3, 4, 5)."""
    return torch.randn(2, 3, 4, 5, dtype=F64)


@pytest.fixture
def g():
    """Gradients of the same shape, some of them exactly zero."""
    g = torch.randn(2, 3, 4, 5, dtype=F64)
    return torch.where(torch.rand(g.shape) < 0.2, 0, g)


def relu(number):
    return max(0.0, float(number))


def loop_map(A, weight):
    """sum_k weight(b, k, y, x) A_k(y, x), written out."""
    B, K, h, w = A.shape
    out = torch.zeros(B, h, w, dtype=A.dtype)
    for b in range(B):
        for y in range(h):
            for x in range(w):
                out[b, y, x] = sum(weight(b, k, y, x) * A[b, k, y, x] for k in range(K))
    return out


def conv_net(gap=True, act=nn.ReLU):
    """Two convolutions and a head: GAP + linear, or one that is not."""
    pool = nn.AdaptiveAvgPool2d(1) if gap else nn.AdaptiveAvgPool2d(2)
    rest = [nn.Linear(6, 5)] if gap else [nn.Linear(24, 8), act(), nn.Linear(8, 5)]
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        act(),
        nn.Conv2d(4, 6, 3, 2, 1),
        act(),
        pool,
        nn.Flatten(),
        *rest,
    ).eval()


# --- the formulas ------------------------------------------------------------------------------


def test_cam_is_the_sum_of_channels_times_class_weights(A):
    w = torch.randn(2, 3, dtype=F64)
    torch.testing.assert_close(cams.cam(A, w), loop_map(A, lambda b, k, y, x: w[b, k]))
    assert (cams.cam(A, w) < 0).any(), "the raw map is signed"
    torch.testing.assert_close(cams.cam(A, w[0]), loop_map(A, lambda b, k, y, x: w[0, k]))


def test_grad_cam_weighs_channels_by_their_mean_gradient(A, g):
    mean = [[sum(g[b, k].flatten().tolist()) / 20 for k in range(3)] for b in range(2)]
    expected = loop_map(A, lambda b, k, y, x: mean[b][k]).clamp(min=0)
    torch.testing.assert_close(cams.grad_cam(A, g), expected)
    assert (expected == 0).any()


def test_grad_cam_pp_is_the_papers_equation(A, g):
    def alpha(b, k, y, x):
        v = float(g[b, k, y, x])
        return v**2 / (2 * v**2 + v**3 * float(A[b, k].sum())) if v else 0.0

    weights = torch.tensor(
        [
            [
                sum(alpha(b, k, y, x) * relu(g[b, k, y, x]) for y in range(4) for x in range(5))
                for k in range(3)
            ]
            for b in range(2)
        ],
        dtype=F64,
    )
    torch.testing.assert_close(cams.grad_cam_pp_weights(A, g), weights)
    expected = loop_map(A, lambda b, k, y, x: weights[b, k]).clamp(min=0)
    torch.testing.assert_close(cams.grad_cam_pp(A, g), expected)


def test_grad_cam_pp_survives_gradients_that_would_underflow():
    A = torch.ones(1, 1, 2, 2)
    g = torch.full((1, 1, 2, 2), 1e-30)  # its square is 0 in float32
    assert cams.grad_cam_pp_weights(A, g).item() == pytest.approx(4 * 0.5 * 1e-30)
    assert cams.grad_cam_pp_weights(A, torch.zeros_like(g)).item() == 0


def test_grad_cam_pp_is_finite_where_its_denominator_is_zero():
    A = torch.full((1, 1, 1, 2), -1.0)
    g = torch.ones(1, 1, 1, 2)  # 2 + g * sum(A) = 0
    assert cams.grad_cam_pp_weights(A, g).item() == 0


def derivatives_of_exp(head, A):
    """First, second and third derivative of exp(S) along every single activation, by autograd."""
    A = A.clone().requires_grad_()
    (d1,) = torch.autograd.grad(head(A).exp().sum(), A, create_graph=True)
    d2, d3 = torch.zeros_like(A), torch.zeros_like(A)
    for i in range(A.numel()):
        (second,) = torch.autograd.grad(d1.flatten()[i], A, create_graph=True)
        d2.view(-1)[i] = second.flatten()[i].detach()
        if second.requires_grad:
            (third,) = torch.autograd.grad(second.flatten()[i], A, retain_graph=True)
            d3.view(-1)[i] = third.flatten()[i]
    return d1.detach(), d2, d3


@pytest.mark.parametrize(("act", "holds"), [(nn.ReLU, True), (nn.GELU, False)])
def test_grad_cam_pp_alpha_comes_from_derivatives_of_exp_s_for_relu_heads_only(act, holds):
    head = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), act(), nn.Linear(6, 1)).to(F64)
    A = torch.rand(1, 3, 2, 2, dtype=F64)
    leaf = A.clone().requires_grad_()
    S = head(leaf)
    (g,) = torch.autograd.grad(S.sum(), leaf)
    d1, d2, d3 = derivatives_of_exp(head, A)
    alpha = d2 / (2 * d2 + A.sum((2, 3), keepdim=True) * d3)
    # the paper's weights are of Y = exp(S), whose gradient is exp(S) g: one factor for all
    expected = (alpha * d1.relu()).sum((2, 3)) / S.detach().exp()
    weights = cams.grad_cam_pp_weights(A, g)
    assert torch.allclose(weights, expected, rtol=1e-8) == holds
    assert torch.allclose(d2, S.detach().exp() * g**2, rtol=1e-8) == holds


def test_layer_cam_weighs_every_place_by_its_positive_gradient(A, g):
    expected = loop_map(A, lambda b, k, y, x: relu(g[b, k, y, x])).clamp(min=0)
    torch.testing.assert_close(cams.layer_cam(A, g), expected)


def test_hires_cam_weighs_every_place_by_its_gradient(A, g):
    expected = loop_map(A, lambda b, k, y, x: g[b, k, y, x]).clamp(min=0)
    torch.testing.assert_close(cams.hires_cam(A, g), expected)
    assert (expected - cams.layer_cam(A, g)).abs().max() > 0.1


def test_layer_cam_is_the_sum_of_relu_of_products_only_on_activations_that_are_not_negative(A, g):
    of_products = (g * A).relu().sum(1)
    assert (cams.layer_cam(A, g) - of_products).abs().max() > 0.1
    A = A.relu()
    torch.testing.assert_close(cams.layer_cam(A, g), (g * A).relu().sum(1))


def test_ablation_weights_are_the_relative_drop():
    S = torch.tensor([4.0, -2.0, 0.0])
    without = torch.tensor([[4.0, 3.0, 5.0], [-2.0, -3.0, -1.0], [1.0, 0.0, -1.0]])
    expected = torch.tensor([[0, 0.25, -0.25], [0, -0.5, 0.5], [0, 0, 0]])
    torch.testing.assert_close(cams.ablation_weights(S, without), expected)


def test_ablation_weights_turn_their_sign_where_the_score_is_negative():
    A = torch.rand(1, 3, 2, 2)
    drop = torch.tensor([[0.5, 1.0, -0.2]])  # S - S_k: channels 0 and 1 speak for the class
    for S, sign in ((2.0, 1), (-2.0, -1)):
        S = torch.tensor([S])
        weights = cams.ablation_weights(S, S[:, None] - drop)
        assert torch.equal(weights.sign(), sign * drop.sign())
        scaled = cams.normalise(cams.ablation_cam(A, weights))
        torch.testing.assert_close(scaled, cams.normalise(cams.cam(A, sign * drop)))


def test_ablation_cam_is_the_weighted_sum_after_relu(A):
    w = torch.randn(2, 3, dtype=F64)
    expected = loop_map(A, lambda b, k, y, x: w[b, k]).clamp(min=0)
    torch.testing.assert_close(cams.ablation_cam(A, w), expected)


def test_shapes_that_do_not_fit_are_refused(A, g):
    for function in (cams.grad_cam, cams.grad_cam_pp, cams.layer_cam, cams.hires_cam):
        for a, b in ((A, g[:, :2]), (A[0], g[0]), (A, g[:1])):
            with pytest.raises(ValueError, match=r"the same shape \(B, K, h, w\); got"):
                function(a, b)
    for function in (cams.cam, cams.ablation_cam):
        with pytest.raises(ValueError, match=r"and weights \(B, K\); got"):
            function(A, torch.zeros(2, 4, dtype=F64))


# --- scaling and upsampling --------------------------------------------------------------------


def test_normalise_divides_by_the_maximum_and_drops_negative_evidence():
    maps = torch.tensor([[[-1.0, 0.0], [1.0, 4.0]], [[0.0, 2.0], [0.5, 1.0]]])
    expected = torch.tensor([[[0.0, 0.0], [0.25, 1.0]], [[0.0, 1.0], [0.25, 0.5]]])
    assert torch.equal(cams.normalise(maps), expected)
    assert torch.equal(cams.normalise(maps)[0], cams.normalise(maps[:1])[0])
    assert torch.equal(cams.normalise(maps[0]), expected[0])


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_map_without_positive_evidence_stays_empty(value):
    assert torch.equal(cams.normalise(torch.full((1, 3, 3), value)), torch.zeros(1, 3, 3))


def test_a_uniform_map_is_not_stretched():
    assert torch.equal(cams.normalise(torch.full((1, 2, 2), 7.0)), torch.ones(1, 2, 2))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_map_that_is_not_finite_is_refused(value):
    maps = torch.zeros(1, 2, 2)
    maps[0, 0, 1] = value
    with pytest.raises(ValueError, match="The map has NaN or infinite values"):
        cams.normalise(maps)


def test_upsampling_is_bilinear_between_pixel_centres():
    raw = torch.tensor([[[0.0, 4.0], [8.0, 12.0]]])
    # new centres lie at -1/4, 1/4, 3/4, 5/4 of an old pixel: shares 0, 1/4, 3/4, 1
    across = torch.tensor([0.0, 1.0, 3.0, 4.0])
    expected = across[None, :] + 2 * across[:, None]
    torch.testing.assert_close(cams.upsample(raw, 4)[0], expected)
    torch.testing.assert_close(cams.upsample(raw, (2, 4))[0, 0], across)
    assert cams.upsample(raw, (4, 6)).shape == (1, 4, 6)


# --- truths at a head of global average pooling and one linear layer ---------------------------


@pytest.fixture(scope="module")
def espresso(cnn):
    """Lite0's record for the cup of coffee: x, A, g, logits, the class and its weights."""
    from skimage.data import coffee

    x = cnn.preprocess(coffee())
    with record(cnn.model, "head", tape=True) as rec:
        logits = cnn.model(x)
        rec.backward(logits[:, 967])
    linear = cnn.model.classifier
    return x, rec, logits.detach(), linear.weight[967].detach(), linear.bias[967].detach()


def test_the_mean_of_cam_plus_bias_is_the_score(espresso):
    _, rec, logits, w, bias = espresso
    total = cams.cam(rec.activations, w).mean() + bias
    torch.testing.assert_close(total, logits[0, 967], rtol=1e-4, atol=1e-4)


def test_grad_cam_is_cam_after_relu_and_scaling(espresso):
    _, rec, _, w, _ = espresso
    torch.testing.assert_close(rec.gradients.mean((2, 3))[0], w / 49, rtol=1e-4, atol=1e-7)
    of_cam = cams.normalise(cams.cam(rec.activations, w))
    torch.testing.assert_close(
        cams.normalise(cams.grad_cam(rec.activations, rec.gradients)), of_cam, rtol=0, atol=1e-5
    )
    assert of_cam.max() == 1


def test_the_drop_of_an_ablated_channel_is_its_weight_times_its_mean(espresso):
    _, rec, logits, w, _ = espresso
    scores = cams.ablated_scores(rec, torch.tensor([967]))
    F_k = rec.activations.mean((2, 3))
    torch.testing.assert_close(logits[:, [967]] - scores, w * F_k, rtol=1e-3, atol=1e-4)
    assert (w * F_k).abs().max() > 0.1


def test_the_closed_form_and_the_general_path_give_one_ablation_map(cnn, espresso, monkeypatch):
    x = espresso[0]
    closed = cams.heatmaps(cnn, x, target=967, methods=["ablation_cam"])["ablation_cam"]

    def refuse(*args):
        raise ValueError

    monkeypatch.setattr(cams, "gap_linear_head", refuse)
    general = cams.heatmaps(cnn, x, target=967, methods=["ablation_cam"])["ablation_cam"]
    np.testing.assert_allclose(general, closed, atol=1e-3)


def test_the_head_is_found_by_measuring(cnn, espresso):
    _, rec, logits, _, _ = espresso
    weight, bias = cams.gap_linear_head(cnn.model, rec.activations, logits)
    assert weight.data_ptr() == cnn.model.classifier.weight.data_ptr()
    assert torch.equal(bias, cnn.model.classifier.bias)


def test_a_head_without_bias_has_bias_zero():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5, bias=False)
    )
    x = torch.randn(1, 3, 6, 6)
    weight, bias = cams.gap_linear_head(model, model[0](x), model(x))
    assert torch.equal(weight, model[3].weight)
    assert torch.equal(bias, torch.zeros(5))


@pytest.mark.parametrize("scale", [1.0, 1e-3])
@pytest.mark.parametrize("head", ["vgg", "max pool", "relu between"])
def test_any_other_head_is_refused(head, scale):
    heads = {
        "vgg": [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 4), nn.ReLU()],
        "max pool": [nn.AdaptiveMaxPool2d(1), nn.Flatten()],
        "relu between": [nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()],
    }
    model = nn.Sequential(nn.Conv2d(3, 4, 3), *heads[head], nn.Linear(4, 5)).eval()
    with torch.no_grad():
        model[-1].weight.mul_(scale)
        model[-1].bias.mul_(scale)
    x = torch.randn(2, 3, 8, 8)
    with pytest.raises(ValueError, match="CAM needs a network whose layer is followed by global"):
        cams.gap_linear_head(model, model[0](x), model(x))
    with pytest.raises(ValueError, match="'grad_cam' instead"):
        cams.heatmaps(model, x, "0", methods=["cam"])


# --- against the libraries ---------------------------------------------------------------------


@pytest.mark.parametrize("gap", [True, False])
@pytest.mark.parametrize("act", [nn.ReLU, nn.GELU])
def test_grad_cam_agrees_with_captum(gap, act):
    from captum.attr import LayerGradCam

    model, x = conv_net(gap, act), torch.randn(2, 3, 8, 8)
    expected = LayerGradCam(model, model[2]).attribute(x, target=3, relu_attributions=True)
    with record(model, "2") as rec:
        rec.backward(model(x)[:, 3])
    got = cams.grad_cam(rec.activations, rec.gradients)
    torch.testing.assert_close(got, expected[:, 0].detach())
    assert got.max() > 0


def test_layer_cam_and_ablation_weights_agree_with_pytorch_grad_cam():
    from pytorch_grad_cam import AblationCAM, LayerCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model, x = conv_net(gap=False), torch.randn(2, 3, 8, 8)
    targets = [ClassifierOutputTarget(3)] * 2
    with record(model, "2", tape=True) as rec:
        logits = model(x)
        rec.backward(logits[:, 3])
        scores = cams.ablated_scores(rec, torch.tensor([3, 3]), batch_size=4)
    A, g = rec.activations, rec.gradients
    theirs = LayerCAM(model, [model[2]])
    raw = theirs.get_cam_image(x, model[2], targets, A.numpy(), g.numpy(), False)
    np.testing.assert_allclose(cams.layer_cam(A, g), np.maximum(raw, 0), atol=1e-6)
    theirs = AblationCAM(model, [model[2]])
    weights = theirs.get_cam_weights(x, model[2], targets, A.numpy(), g.numpy())
    ours = cams.ablation_weights(logits[:, 3].detach(), scores)
    np.testing.assert_allclose(ours, np.reshape(weights, ours.shape), rtol=1e-3, atol=1e-5)
    assert ours.abs().max() > 1e-3


# --- heatmaps ----------------------------------------------------------------------------------

ALL = ("grad_cam", "grad_cam_pp", "ablation_cam", "layer_cam")


def test_heatmaps_are_the_formulas_upsampled_and_scaled():
    model, x = conv_net(gap=False), torch.randn(2, 3, 8, 8)
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
        "grad_cam": cams.grad_cam(A, g),
        "grad_cam_pp": cams.grad_cam_pp(A, g),
        "ablation_cam": cams.ablation_cam(A, cams.ablation_weights(S, without)),
        "layer_cam": cams.layer_cam(A, g),
    }
    maps = cams.heatmaps(model, x, "2", target=1)
    assert list(maps) == list(ALL)
    for name, heatmap in maps.items():
        assert heatmap.shape == (2, 8, 8)
        assert heatmap.dtype == np.float32
        expected = cams.normalise(cams.upsample(raw[name], 8)).numpy()
        np.testing.assert_allclose(heatmap, expected, atol=1e-5, err_msg=name)
        assert 0 <= heatmap.min() <= heatmap.max() <= 1


@pytest.mark.parametrize("gap", [True, False])
def test_a_batch_of_two_equals_two_single_images(gap):
    model, x = conv_net(gap), torch.randn(2, 3, 8, 8)
    methods = ALL + ("cam",) * gap
    layer = "3"
    both = cams.heatmaps(model, x, layer, target=[1, 4], methods=methods)
    for i, target in enumerate((1, 4)):
        one = cams.heatmaps(model, x[i : i + 1], layer, target=target, methods=methods)
        for name in methods:
            np.testing.assert_allclose(both[name][i], one[name][0], atol=1e-5, err_msg=name)
    other = cams.heatmaps(model, x, layer, target=[4, 1], methods=methods)
    assert all(np.abs(both[name] - other[name]).max() > 0.01 for name in methods)


def test_without_a_target_each_image_is_asked_about_its_predicted_class():
    model, x = conv_net(gap=False), torch.randn(8, 3, 8, 8)
    model[-1].bias.data[:] = -model(x).mean(0).detach() + model[-1].bias.data
    predicted = model(x).argmax(1).tolist()
    assert len(set(predicted)) > 1
    expected = cams.heatmaps(model, x, "2", target=predicted)
    for name, heatmap in cams.heatmaps(model, x, "2").items():
        assert np.array_equal(heatmap, expected[name])


def test_without_a_layer_the_last_maps_are_taken(cnn, espresso):
    x = espresso[0]
    default = cams.heatmaps(cnn, x, methods=["grad_cam", "cam"])
    named = cams.heatmaps(cnn.model, x, cnn.model.head, 967, ["grad_cam", "cam"])
    assert default["cam"].shape == (1, 224, 224)
    for name in default:
        assert np.array_equal(default[name], named[name])
    np.testing.assert_allclose(default["cam"], default["grad_cam"], atol=1e-5)
    model, x = conv_net(), torch.randn(1, 3, 8, 8)
    last = cams.heatmaps(model, x, "3", methods=["layer_cam"])["layer_cam"]
    assert np.array_equal(cams.heatmaps(model, x, methods=["layer_cam"])["layer_cam"], last)


def test_the_model_is_left_as_it_was_mode_by_mode():
    model, x = conv_net(gap=False), torch.randn(2, 3, 8, 8)
    model.insert(1, nn.BatchNorm2d(4))
    model.train()
    model[1].eval()  # as when fine-tuning with frozen statistics
    modes = [m.training for m in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    cams.heatmaps(model, x, "3", target=1)
    assert [m.training for m in model.modules()] == modes
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    with pytest.raises(ValueError, match="target must lie"):
        cams.heatmaps(model, x, "3", target=99)
    assert [m.training for m in model.modules()] == modes
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_heatmaps_are_made_in_eval_mode():
    model, x = conv_net(gap=False), torch.randn(2, 3, 8, 8)
    model.insert(5, nn.Dropout(0.9))
    expected = cams.heatmaps(model, x, "2", 1)
    model.train()
    for name, heatmap in cams.heatmaps(model, x, "2", 1).items():
        assert np.array_equal(heatmap, expected[name])


@pytest.mark.parametrize("methods", [["grad_cam", "eigen_cam"], "grad_cam"])
def test_unknown_methods_are_refused(methods):
    with pytest.raises(ValueError, match="methods must be a list of names out of"):
        cams.heatmaps(conv_net(), torch.zeros(1, 3, 8, 8), "2", methods=methods)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (5, "target must lie between 0 and 4, not 5"),
        (-1, "target must lie between 0 and 4, not -1"),
        ([0, 1, 2], "target must be one class index or 2 of them"),
        (1.5, "target must be one class index or 2 of them"),
        ([], "target must be one class index or 2 of them"),
    ],
)
def test_targets_that_do_not_fit_are_refused(target, message):
    with pytest.raises(ValueError, match=message):
        cams.heatmaps(conv_net(), torch.zeros(2, 3, 8, 8), "2", target)


@pytest.mark.parametrize("methods", [ALL, ["grad_cam"]])
def test_a_layer_without_maps_is_refused(methods):
    with pytest.raises(ValueError, match=r"returns shape \(2, 6\), not maps \(B, K, h, w\)"):
        cams.heatmaps(conv_net(), torch.zeros(2, 3, 8, 8), "5", methods=methods)


@pytest.mark.parametrize("methods", [ALL, ["grad_cam"]])
def test_a_layer_that_does_not_run_is_named(methods):
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.spare = conv_net(), nn.Conv2d(3, 3, 1)

        def forward(self, x):
            return self.used(x)

    with pytest.raises(RuntimeError, match="The layer 'spare' did not run"):
        cams.heatmaps(Unused(), torch.zeros(1, 3, 8, 8), "spare", methods=methods)


def test_an_input_without_batch_axis_is_refused():
    with pytest.raises(ValueError, match=r"x must have shape \(B, 3, H, W\), not \(3, 8, 8\)"):
        cams.heatmaps(conv_net(), torch.zeros(3, 8, 8), "2")


def test_a_network_with_nan_is_reported_not_painted():
    model = conv_net(gap=False)
    model[0].bias.data[0] = float("nan")
    with pytest.raises(ValueError, match="The score is NaN or infinite"):
        cams.heatmaps(model, torch.zeros(1, 3, 8, 8), "2", target=0, methods=["grad_cam"])


def test_every_method_has_a_name():
    assert set(cams.METHODS) >= {"cam", "hires_cam", *ALL}
    assert all(cams.METHODS[name] is getattr(cams, name) for name in cams.METHODS)
