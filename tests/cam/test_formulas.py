"""The formulas against loops, closed forms, autograd, other libraries, and a GAP + linear head."""

import numpy as np
import pytest
import torch
from support.networks import small_cnn
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


def test_cam_is_the_sum_of_channels_times_class_weights(A):
    w = torch.randn(2, 3, dtype=F64)
    torch.testing.assert_close(cams.cam(A, w), loop_map(A, lambda b, k, y, x: w[b, k]))
    assert (cams.cam(A, w) < 0).any(), "the raw map is signed"
    torch.testing.assert_close(cams.cam(A, w[0]), loop_map(A, lambda b, k, y, x: w[0, k]))


def test_grad_cam_weights_channels_by_their_mean_gradient(A, g):
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
    # Its square is 0 in float32.
    g = torch.full((1, 1, 2, 2), 1e-30)
    assert cams.grad_cam_pp_weights(A, g).item() == pytest.approx(4 * 0.5 * 1e-30)
    assert cams.grad_cam_pp_weights(A, torch.zeros_like(g)).item() == 0


def test_grad_cam_pp_is_finite_where_its_denominator_is_zero():
    A = torch.full((1, 1, 1, 2), -1.0)
    # 2 + g * sum(A) = 0.
    g = torch.ones(1, 1, 1, 2)
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


def test_layer_cam_weights_every_location_by_its_positive_gradient(A, g):
    expected = loop_map(A, lambda b, k, y, x: relu(g[b, k, y, x])).clamp(min=0)
    torch.testing.assert_close(cams.layer_cam(A, g), expected)


def test_hires_cam_weights_every_location_by_its_gradient(A, g):
    expected = loop_map(A, lambda b, k, y, x: g[b, k, y, x]).clamp(min=0)
    torch.testing.assert_close(cams.hires_cam(A, g), expected)
    assert (expected - cams.layer_cam(A, g)).abs().max() > 0.1


def test_layer_cam_sums_relu_of_products_only_where_activations_are_not_negative(A, g):
    of_products = (g * A).relu().sum(1)
    assert (cams.layer_cam(A, g) - of_products).abs().max() > 0.1
    A = A.relu()
    torch.testing.assert_close(cams.layer_cam(A, g), (g * A).relu().sum(1))


def test_ablation_weights_are_the_relative_drop():
    S = torch.tensor([4.0, -2.0, 0.0])
    without = torch.tensor([[4.0, 3.0, 5.0], [-2.0, -3.0, -1.0], [1.0, 0.0, -1.0]])
    expected = torch.tensor([[0, 0.25, -0.25], [0, -0.5, 0.5], [0, 0, 0]])
    torch.testing.assert_close(cams.ablation_weights(S, without), expected)


def test_ablation_weights_flip_their_sign_where_the_score_is_negative():
    A = torch.rand(1, 3, 2, 2)
    # S - S_k: channels 0 and 1 support the class.
    drop = torch.tensor([[0.5, 1.0, -0.2]])
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


# --- scaling and upsampling -----------------------------------------------------------------------


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


def test_upsampling_is_bilinear_between_pixel_centres():
    raw = torch.tensor([[[0.0, 4.0], [8.0, 12.0]]])
    # new centres lie at -1/4, 1/4, 3/4, 5/4 of an old pixel: shares 0, 1/4, 3/4, 1
    across = torch.tensor([0.0, 1.0, 3.0, 4.0])
    expected = across[None, :] + 2 * across[:, None]
    torch.testing.assert_close(cams.upsample(raw, 4)[0], expected)
    torch.testing.assert_close(cams.upsample(raw, (2, 4))[0, 0], across)
    assert cams.upsample(raw, (4, 6)).shape == (1, 4, 6)


# --- a head of global average pooling and one linear layer ----------------------------------------


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


# --- other libraries ------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [True, False])
@pytest.mark.parametrize("act", [nn.ReLU, nn.GELU])
def test_grad_cam_agrees_with_captum(gap, act):
    from captum.attr import LayerGradCam

    model, x = small_cnn(gap, act), torch.randn(2, 3, 8, 8)
    expected = LayerGradCam(model, model[2]).attribute(x, target=3, relu_attributions=True)
    with record(model, "2") as rec:
        rec.backward(model(x)[:, 3])
    got = cams.grad_cam(rec.activations, rec.gradients)
    torch.testing.assert_close(got, expected[:, 0].detach())
    assert got.max() > 0


def test_layer_cam_and_ablation_weights_agree_with_pytorch_grad_cam():
    from pytorch_grad_cam import AblationCAM, LayerCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model, x = small_cnn(gap=False), torch.randn(2, 3, 8, 8)
    targets = [ClassifierOutputTarget(3)] * 2
    with record(model, "2", tape=True) as rec:
        logits = model(x)
        rec.backward(logits[:, 3])
        scores = cams.ablated_scores(rec, torch.tensor([3, 3]))
    A, g = rec.activations, rec.gradients
    theirs = LayerCAM(model, [model[2]])
    raw = theirs.get_cam_image(x, model[2], targets, A.numpy(), g.numpy(), False)
    np.testing.assert_allclose(cams.layer_cam(A, g), np.maximum(raw, 0), atol=1e-6)
    theirs = AblationCAM(model, [model[2]])
    weights = theirs.get_cam_weights(x, model[2], targets, A.numpy(), g.numpy())
    ours = cams.ablation_weights(logits[:, 3].detach(), scores)
    np.testing.assert_allclose(ours, np.reshape(weights, ours.shape), rtol=1e-3, atol=1e-5)
    assert ours.abs().max() > 1e-3
