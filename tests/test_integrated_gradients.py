"""Integrated gradients: closed forms, the rules' exactness, captum's class on the same inputs."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

from xailab import integrated_gradients as ig


def cube(x):
    return x[:, 0] ** 2 * x[:, 1]


@pytest.mark.parametrize("rule", ig.RULES)
@pytest.mark.parametrize("n", [2, 3, 10])
def test_weights_add_up_to_one_and_places_lie_on_the_path(rule, n):
    places, weights = ig.quadrature(n, rule)
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    assert places.min() >= 0 and places.max() <= 1 and len(places) == n


def test_gauss_legendre_is_exact_up_to_degree_2n_minus_1_and_not_beyond():
    places, weights = ig.quadrature(3)
    for power in range(6):
        assert weights @ places**power == pytest.approx(1 / (power + 1), abs=1e-14)
    assert abs(weights @ places**6 - 1 / 7) > 1e-4


@pytest.mark.parametrize(
    ("rule", "order"), [("left", 1), ("right", 1), ("midpoint", 2), ("trapezoid", 2)]
)
def test_errors_fall_with_the_order_that_the_docstring_says(rule, order):
    def error(n):
        places, weights = ig.quadrature(n, rule)
        return abs(weights @ np.exp(places) - (np.e - 1))

    assert np.log2(error(200) / error(400)) == pytest.approx(order, abs=0.03)


@pytest.mark.parametrize("rule", ig.RULES)
def test_a_linear_score_gets_w_times_difference_whatever_the_rule(rule):
    w = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)
    x, b = torch.tensor([[1.0, 4.0, -2.0], [0.5, 1.0, 0.0]], dtype=torch.float64)
    found = ig.explain(lambda z: z @ w + 3, x, b, n_steps=4, rule=rule)
    assert np.allclose(found.values, w * (x - b), atol=1e-12)
    assert abs(found.completeness_error) < 1e-12


def test_a_square_times_b_gives_two_thirds_and_one_third():
    found = ig.explain(cube, np.ones(2), np.zeros(2), n_steps=2)
    assert np.allclose(found.values, [2 / 3, 1 / 3], atol=1e-12)
    assert found.base == 0 and found.score == 1


def test_a_saturated_unit_has_gradient_zero_and_value_one():
    def score(z):
        return 1 - torch.relu(1 - z[:, 0])

    found = ig.explain(score, np.array([2.0]), np.array([0.0]), n_steps=400, rule="midpoint")
    assert found.values[0] == pytest.approx(1, abs=1e-9)
    x = torch.tensor([[2.0]], requires_grad=True)
    assert torch.autograd.grad(score(x).sum(), x)[0].item() == 0


def test_the_completeness_error_is_the_integration_error():
    found = ig.explain(
        lambda z: torch.exp(z[:, 0]), np.ones(1), np.zeros(1), n_steps=5, rule="left"
    )
    by_hand = np.exp(np.arange(5) / 5).mean() - (np.e - 1)
    assert found.completeness_error == pytest.approx(by_hand, abs=1e-12)
    assert found.relative_error == pytest.approx(abs(by_hand) / (np.e - 1))


@pytest.fixture
def network():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(nn.Linear(6, 20), nn.Softplus(), nn.Linear(20, 3)).double().eval()


@pytest.mark.parametrize(
    ("rule", "theirs"),
    [
        ("left", "riemann_left"),
        ("right", "riemann_right"),
        ("midpoint", "riemann_middle"),
        ("gauss-legendre", "gausslegendre"),
    ],
)
def test_captum_has_the_same_values(network, rule, theirs):
    rng = np.random.default_rng(2)
    x, b = rng.normal(size=(2, 6))
    ours = ig.explain(lambda z: network(z)[:, 1], x, b, n_steps=20, rule=rule, batch_size=7)
    captums, delta = IntegratedGradients(network).attribute(
        torch.tensor(x)[None],
        torch.tensor(b)[None],
        target=1,
        n_steps=20,
        method=theirs,
        return_convergence_delta=True,
    )
    assert np.allclose(ours.values, captums[0].detach(), atol=1e-12)
    # captum makes the places of its Riemann rules in single precision
    assert ours.completeness_error == pytest.approx(float(delta), abs=1e-8)


def test_captums_trapezoid_misses_a_linear_score_by_one_nth(network):
    """Its n places are 1/(n-1) apart, its weights add up to (n-1)/n; ours add up to 1."""
    line = nn.Linear(2, 1).double()
    x, b = torch.ones(1, 2).double(), torch.zeros(1, 2).double()
    theirs = IntegratedGradients(line).attribute(x, b, n_steps=10, method="riemann_trapezoid")
    ours = ig.explain(line, x[0], b[0], n_steps=10, rule="trapezoid").values
    assert np.allclose(theirs[0].detach(), 0.9 * ours, atol=1e-12)


def test_batches_make_no_difference_and_the_network_is_left_as_it_was(network):
    x, b = np.linspace(-1, 1, 6), np.zeros(6)
    kept = [p.clone() for p in network.parameters()]
    one, many = (
        ig.explain(lambda z: network(z)[:, 0], x, b, batch_size=size).values for size in (1, 64)
    )
    assert np.allclose(one, many, atol=1e-14)
    assert all(p.grad is None for p in network.parameters())
    assert all(torch.equal(p, k) for p, k in zip(network.parameters(), kept, strict=True))


def test_a_heat_map_sums_the_channels_sizes():
    found = ig.explain(lambda z: z.sum((1, 2, 3)), np.ones((3, 2, 2)), np.zeros((3, 2, 2)))
    assert np.allclose(found.heatmap(), 1) and found.heatmap().dtype == np.float32
    with pytest.raises(ValueError, match=r"\(C, H, W\)"):
        ig.explain(cube, np.ones(2), np.zeros(2)).heatmap()


def test_card_and_sentence_carry_the_error_and_the_baseline():
    found = ig.explain(cube, np.ones(2), np.zeros(2), n_steps=8)
    for needed in ("baseline", "zeros", "8, gauss-legendre", "completeness error", "cube"):
        assert needed in found.card(baseline="zeros")
    named = found.card(model="my network", output="logit")
    assert "my network" in named and "logit" in named and "cube" in str(found)
    said = found.describe(baseline="zeros")
    assert "zeros" in said and "0.0%" in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"x": np.ones((1, 2))}, "without a batch axis"),
        ({"x": np.array([np.nan, 1])}, "missing or infinite"),
        ({"score": lambda z: z}, "one number per input"),
        ({"score": lambda z: 3.0}, "float"),
        ({"score": lambda z: z[:, 0] / 0}, "returned missing"),
        ({"rule": "simpson"}, "one of left"),
        ({"n_steps": 0}, "at least 1"),
        ({"n_steps": 1, "rule": "trapezoid"}, "at least 2"),
    ],
)
def test_bad_input_gets_one_sentence(change, says):
    given = {"score": cube, "x": np.ones(2), "baseline": np.zeros(2)} | change
    args = [given.pop(k) for k in ("score", "x", "baseline")]
    with pytest.raises(ValueError, match=says):
        ig.explain(*args, **given)
