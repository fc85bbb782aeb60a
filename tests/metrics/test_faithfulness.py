"""Deletion, insertion and average drop against models whose areas can be worked out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from xailab import metrics
from xailab.metrics import faithfulness


class Sum(nn.Module):
    """Logits (sum w x, 0): what a pixel is worth is w x, whatever the others are."""

    def __init__(self, w=1.0):
        super().__init__()
        self.register_buffer("w", torch.as_tensor(w, dtype=torch.float32))

    def forward(self, x):
        total = (self.w * x).sum((1, 2, 3))
        return torch.stack([total, 0 * total], 1)


LINEAR = {"target": 0, "fill": "zero", "output": "logit"}


@pytest.fixture
def four():
    return torch.tensor([[[[4.0, 3.0], [2.0, 1.0]]]])


# --- deletion and insertion --------------------------------------------------------------------


def test_the_curves_of_a_sum_of_four_pixels_by_hand(four):
    h = np.array([[4, 3], [2, 1]])
    down = metrics.deletion(Sum(), four, h, steps=4, **LINEAR)
    up = metrics.insertion(Sum(), four, h, steps=4, **LINEAR)
    assert down.scores.tolist() == [10, 6, 3, 1, 0]
    assert up.scores.tolist() == [0, 4, 7, 9, 10]
    assert down.fractions.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert (down.auc, up.auc) == (3.75, 6.25)
    assert metrics.deletion(Sum(), four, -h, steps=4, **LINEAR).auc == 6.25
    assert (down.output, down.fill) == ("logit", "zero")


@given(st.lists(st.integers(-20, 20), min_size=9, max_size=9), st.permutations(range(9)))
def test_the_area_for_a_linear_model_is_a_weighted_sum(worth, order):
    """Pixel of rank r (0 first) is gone after step r + 1: it counts r + 1/2 steps of 9."""
    x = torch.tensor(worth, dtype=torch.float32).reshape(1, 1, 3, 3)
    rank = np.array(order)
    h = (9.0 - rank).reshape(3, 3)
    counted = float(np.sum(np.array(worth) * (rank + 0.5)) / 9)
    assert metrics.deletion(Sum(), x, h, steps=9, **LINEAR).auc == pytest.approx(counted)
    assert metrics.insertion(Sum(), x, h, steps=9, **LINEAR).auc == pytest.approx(
        sum(worth) - counted
    )


@given(st.lists(st.integers(-20, 20), min_size=9, max_size=9), st.permutations(range(9)))
def test_no_order_deletes_faster_than_that_of_the_pixels_own_worth(worth, order):
    x = torch.tensor(worth, dtype=torch.float32).reshape(1, 1, 3, 3)
    best = metrics.deletion(Sum(), x, x[0, 0].numpy(), steps=9, **LINEAR).auc
    other = metrics.deletion(Sum(), x, np.reshape(order, (3, 3)), steps=9, **LINEAR).auc
    assert best <= other + 1e-9


def test_ties_are_broken_at_random_by_the_seed():
    x = torch.arange(64.0).reshape(1, 1, 8, 8)
    flat = np.zeros((8, 8))
    runs = [metrics.deletion(Sum(), x, flat, steps=8, seed=s, **LINEAR).scores for s in (0, 0, 1)]
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])
    straight = metrics.deletion(Sum(), x, -np.arange(64.0).reshape(8, 8), steps=8, **LINEAR).scores
    # row by row would favour the top of the picture
    assert not np.array_equal(runs[0], straight)


def test_scores_are_probabilities_of_the_target_unless_logits_are_asked_for(four):
    p = metrics.deletion(Sum(), four, np.ones((2, 2)), 1, steps=1, fill="zero")
    assert p.scores == pytest.approx([1 / (1 + np.exp(10)), 0.5])
    assert p.output == "probability"


@pytest.mark.parametrize(
    ("fill", "expected"), [("zero", 0.0), ("mean", 2.5), ("blur", 2.5), (torch.tensor(7.0), 7.0)]
)
def test_what_stands_in_for_removed_pixels(four, fill, expected):
    filled = faithfulness.baseline(four, fill)
    assert filled.shape == four.shape and torch.all(filled == expected)


def test_blur_keeps_a_large_pictures_colours_in_place():
    x = torch.zeros(1, 3, 128, 128)
    x[..., 64:] = 1
    blurred = faithfulness.baseline(x, "blur")
    assert blurred[..., :8].abs().max() < 0.05 and (blurred[..., -8:] - 1).abs().max() < 0.05


def test_a_network_with_a_fused_copy_gives_the_scores_it_gives_itself(cnn, coffee):
    x, h = cnn.preprocess(coffee), np.arange(224.0**2).reshape(224, 224)
    curve = metrics.deletion(cnn, x, h, 967, steps=9)
    grey = faithfulness.baseline(x)
    for step, picture in ((0, x), (9, grey)):
        with torch.inference_mode():
            p = cnn.model(picture).double().softmax(1)[0, 967]
        assert curve.scores[step] == pytest.approx(float(p), abs=1e-5)
    place = torch.arange(224**2 - 1, -1, -1).reshape(224, 224) < round(224**2 * 2 / 9)
    with torch.inference_mode():
        p = cnn.model(torch.where(place, grey, x)).double().softmax(1)[0, 967]
    assert curve.scores[2] == pytest.approx(float(p), abs=1e-5)


@pytest.mark.parametrize("shape", [(2, 3), (4,), (2, 2, 1)])
def test_a_map_of_another_shape_is_refused(four, shape):
    with pytest.raises(ValueError, match=r"x must have shape \(1, C, H, W\) and the heat map"):
        metrics.deletion(Sum(), four, np.zeros(shape), 0)


def test_unknown_settings_are_refused(four):
    h = np.ones((2, 2))
    with pytest.raises(ValueError, match="fill must be 'blur'"):
        metrics.deletion(Sum(), four, h, 0, fill="black")
    with pytest.raises(ValueError, match="output must be 'probability' or 'logit'"):
        metrics.insertion(Sum(), four, h, 0, output="odds")
    with pytest.raises(ValueError, match="steps must be at least 1"):
        metrics.insertion(Sum(), four, h, 0, steps=0)


# --- average drop ------------------------------------------------------------------------------


def test_the_average_drop_by_hand(four):
    x = torch.cat([four, four, -four])
    h = np.stack([np.array([[1, 0], [0, 0]]), np.ones((2, 2)), np.zeros((2, 2))])
    p = lambda s: 1 / (1 + np.exp(-s))
    # keeping 4 of 10; keeping all; from -10 up to 0, a gain, which counts as no drop
    expected = [(p(10) - p(4)) / p(10), 0, 0]
    assert metrics.average_drop(Sum(), x, h, [0, 0, 0]) == pytest.approx(expected)


def test_the_average_drop_wants_one_map_and_one_target_per_picture(four):
    with pytest.raises(ValueError, match="x and heat maps must be"):
        metrics.average_drop(Sum(), four, np.ones((2, 2, 2)), [0])
    with pytest.raises(ValueError, match="one class index or 1 of them"):
        metrics.average_drop(Sum(), four, np.ones((1, 2, 2)), [0, 1])


# --- memory --------------------------------------------------------------------------------------


class Counts(torch.nn.Module):
    """Remembers how many pictures came at once."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(len(x))
        return torch.stack([x.mean((1, 2, 3)), -x.mean((1, 2, 3))], 1)


@pytest.mark.parametrize(("side", "most"), [(8, 16), (224, 4), (448, 1), (1000, 1)])
def test_steps_are_scored_a_few_at_a_time_and_large_pictures_fewer(side, most):
    net, x = Counts(), torch.rand(1, 3, side, side)
    maps = {name: np.random.default_rng(0).random((side, side)) for name in "ab"}
    steps = 30 if side < 448 else 4
    faithfulness.perturbation_curves(net, x, maps, 0, steps=steps)
    assert max(net.seen) == most and sum(net.seen) == 2 + 2 * (steps - 1)


def test_many_steps_of_many_maps_have_the_scores_of_single_ones():
    x, rng = torch.rand(1, 3, 12, 10), np.random.default_rng(1)
    maps = {f"m{i}": rng.random((12, 10)) for i in range(5)}
    found = faithfulness.perturbation_curves(Counts(), x, maps, 0, steps=17, output="logit")
    for name, heat in maps.items():
        alone = metrics.deletion(Counts(), x, heat, 0, steps=17, output="logit")
        assert found[name].scores == pytest.approx(alone.scores, abs=1e-6)


def test_average_drop_looks_at_a_few_pictures_at_a_time():
    net, x = Counts(), torch.rand(40, 3, 8, 8)
    metrics.average_drop(net, x, np.ones((40, 8, 8)), [0] * 40)
    assert max(net.seen) == 16 and sum(net.seen) == 80
