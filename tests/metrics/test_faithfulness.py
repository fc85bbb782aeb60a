"""Deletion, insertion and average drop against models whose areas can be worked out; sanity on toys."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from torch import nn
from torch.nn import functional as F

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
def test_no_order_deletes_faster_than_the_pixels_own_worth(worth, order):
    x = torch.tensor(worth, dtype=torch.float32).reshape(1, 1, 3, 3)
    best = metrics.deletion(Sum(), x, x[0, 0].numpy(), steps=9, **LINEAR).auc
    other = metrics.deletion(Sum(), x, np.reshape(order, (3, 3)), steps=9, **LINEAR).auc
    assert best <= other + 1e-9


def test_ties_fall_by_a_lot_that_the_seed_decides():
    x = torch.arange(64.0).reshape(1, 1, 8, 8)
    flat = np.zeros((8, 8))
    runs = [metrics.deletion(Sum(), x, flat, steps=8, seed=s, **LINEAR).scores for s in (0, 0, 1)]
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])
    straight = metrics.deletion(Sum(), x, -np.arange(64.0).reshape(8, 8), steps=8, **LINEAR).scores
    assert not np.array_equal(runs[0], straight)  # row by row would favour the top of the picture


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


def test_settings_that_mean_nothing_are_refused(four):
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


def test_the_average_drop_wants_one_map_and_target_a_picture(four):
    with pytest.raises(ValueError, match="x and heat maps must be"):
        metrics.average_drop(Sum(), four, np.ones((2, 2, 2)), [0])
    with pytest.raises(ValueError, match="one class index or 1 of them"):
        metrics.average_drop(Sum(), four, np.ones((1, 2, 2)), [0, 1])


# --- sanity and stability ----------------------------------------------------------------------


def test_map_similarity_is_spearmans_rank_correlation(rng):
    a, b = rng.integers(0, 9, (2, 12, 14))  # many ties
    assert metrics.map_similarity(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel())[0])
    assert metrics.map_similarity(a, np.exp(a)) == pytest.approx(1)
    assert metrics.map_similarity(a, -a) == pytest.approx(-1)
    assert metrics.map_similarity(a, np.ones_like(a)) == 0
    part = spearmanr(a[2::4, 2::4].ravel(), b[2::4, 2::4].ravel())[0]
    assert metrics.map_similarity(a, b, stride=4) == pytest.approx(part)
    with pytest.raises(ValueError, match="must have one shape"):
        metrics.map_similarity(a, b[1:])


def toy():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


def test_the_ladder_changes_what_depends_on_the_weights_and_nothing_else():
    net, x = toy(), torch.rand(2, 1, 8, 8)
    before = {name: p.clone() for name, p in net.state_dict().items()}

    def explain(model):
        first = model[0](x)
        heat = torch.einsum("k,bkhw->bhw", model[4].weight[0], first).detach().numpy()
        return {"weights": heat, "edges": x[:, 0].numpy(), "front": first[:, 0].detach().numpy()}

    cascade = metrics.cascading_randomisation(net, explain, seed=0)
    assert cascade.layers == (
        "as trained",
        "4",
        "0",
    )  # from the top; parts without weights are none
    assert cascade.maps["weights"].shape == (3, 2, 8, 8)
    assert cascade.similarity["weights"].shape == (3, 2)
    assert np.all(cascade.similarity["edges"] == pytest.approx(1))
    assert cascade.similarity["front"][1] == pytest.approx(
        [1, 1]
    )  # the top layer is not its business
    assert (cascade.similarity["front"][2] < 0.999).all()
    assert (cascade.similarity["weights"][1] < 0.999).all()
    trained, _, last = cascade.maps["weights"]
    expected = [metrics.map_similarity(a, b) for a, b in zip(trained, last, strict=True)]
    assert cascade.similarity["weights"][2] == pytest.approx(expected)
    for name, p in net.state_dict().items():
        assert torch.equal(p, before[name]), "the network itself must stay as it was"


def test_shuffling_keeps_the_entries_and_loses_their_places():
    net, states = toy(), []

    def keep(model):
        states.append({name: p.flatten().clone() for name, p in model.state_dict().items()})
        return {}

    metrics.cascading_randomisation(net, keep, ["4"], seed=0)
    trained, shuffled = states
    assert torch.equal(shuffled["4.weight"].sort().values, trained["4.weight"].sort().values)
    assert not torch.equal(shuffled["4.weight"], trained["4.weight"])
    assert torch.equal(shuffled["0.weight"], trained["0.weight"])


def test_the_ladder_opens_long_chains_and_names_their_parts(cnn):
    names = [name for name, _ in faithfulness._layers_from_the_top(cnn.model)]
    assert names[:3] == ["classifier", "head", "blocks.15"]
    assert names[-2:] == ["blocks.0", "stem"] and len(names) == 19


def test_an_unknown_rung_is_refused():
    with pytest.raises(ValueError, match="There is no part 'top'"):
        metrics.cascading_randomisation(toy(), lambda m: {}, ["top"])


def test_stability_is_one_for_a_constant_answer_and_less_for_a_jumpy_one():
    x = torch.rand(2, 3, 8, 8)
    fixed = np.arange(64.0).reshape(8, 8)[None].repeat(2, 0)

    def explain(v):
        return {
            "fixed": fixed,
            "smooth": F.avg_pool2d(v, 3, 1, 1)[:, 0].numpy(),
            "jumpy": np.sin(1e4 * v[:, 0].numpy()),
        }

    found = metrics.stability(explain, x, noise=0.05, repeats=3)
    assert found["fixed"] == pytest.approx([1, 1])
    assert (found["smooth"] > 0.9).all() and (np.abs(found["jumpy"]) < 0.5).all()
    assert found["smooth"].tolist() == metrics.stability(explain, x, 0.05, 3)["smooth"].tolist()


def test_stabilitys_noise_is_in_units_of_the_pictures_own_spread():
    x = torch.rand(2, 3, 8, 8)
    explain = lambda v: {"": v[:, 0].numpy()}
    found = [metrics.stability(explain, factor * x, noise=0.5)[""] for factor in (1, 8)]
    assert found[0].tolist() == found[1].tolist()
    assert (found[0] < 0.95).all()
