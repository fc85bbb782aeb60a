"""What must not change a result: the orientation of a picture, the order of columns, the integer type
of a target, and the order in which equal values stand."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from xailab import cam, lime_tabular, metrics, shapley
from xailab._utils.tensors import class_indices
from xailab.cam import formulas
from xailab.evaluate import baselines

quick = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
few = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))

TURNS = {
    "upside down": np.flipud,
    "mirrored": np.fliplr,
    "transposed": np.transpose,
    "a quarter": np.rot90,
    "half": lambda a: np.rot90(a, 2),
}
turns = st.sampled_from(sorted(TURNS)).map(TURNS.get)
sides = st.tuples(st.integers(2, 6), st.integers(2, 7))


@st.composite
def maps_and_masks(draw):
    """A map with few different values, so with ties, and a mask that is not empty."""
    shape = draw(sides)
    heat = draw(hnp.arrays(float, shape, elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])))
    mask = draw(hnp.arrays(bool, shape))
    mask[draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))] = True
    return heat, mask


# --- orientation ---------------------------------------------------------------------------------


@quick
@given(maps_and_masks(), turns, st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_every_overlap_metric_is_the_same_for_a_turned_picture(pair, turn, threshold):
    heat, mask = pair
    turned = turn(heat), turn(mask)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for metric in (metrics.pointing_game, metrics.average_precision, metrics.saliency_score):
            assert metric(*turned) == pytest.approx(metric(heat, mask), abs=1e-12)
        for metric in (metrics.iou, metrics.precision, metrics.recall, metrics.f1):
            assert metric(*turned, threshold) == metric(heat, mask, threshold)
        curve, other = (metrics.threshold_curve(*p, [0.2, threshold]) for p in (pair, turned))
    assert all(np.allclose(curve[name], other[name]) for name in curve)
    assert np.array_equal(metrics.box_mask(turned[1]), turn(metrics.box_mask(mask)))


@quick
@given(maps_and_masks(), turns)
def test_the_similarity_of_two_maps_is_the_same_for_turned_pictures(pair, turn):
    a, b = pair[0], pair[1].astype(float)
    assert metrics.map_similarity(turn(a), turn(b)) == pytest.approx(
        metrics.map_similarity(a, b), abs=1e-12
    )


@quick
@given(hnp.arrays(float, (4, 4), elements=st.floats(0, 1)).filter(np.any), turns)
def test_the_grid_game_follows_its_cell(heat, turn):
    cells = turn(np.arange(4).reshape(2, 2)).ravel()
    for place, cell in enumerate(cells):
        assert metrics.grid_pointing_game(turn(heat), place) == pytest.approx(
            metrics.grid_pointing_game(heat, int(cell))
        )


class Total(nn.Module):
    """Two logits that do not depend on where a pixel is."""

    def forward(self, x):
        total = x.sum((1, 2, 3))
        return torch.stack([total, -total], 1)


@few
@given(sides.filter(lambda s: s[0] * s[1] > 3), turns, st.integers(0, 9))
def test_deletion_and_insertion_are_the_same_for_a_turned_picture(shape, turn, seed):
    rng = np.random.default_rng(seed)
    picture, heat = rng.random((3, *shape)), rng.permutation(shape[0] * shape[1]).reshape(shape)
    other = np.stack([turn(channel) for channel in picture])
    for measure in (metrics.deletion, metrics.insertion):
        first, second = (
            measure(Total(), torch.tensor(p.copy())[None], h.astype(float), 0, 3, "mean", "logit")
            for p, h in ((picture, heat), (other, turn(heat)))
        )
        assert second.scores == pytest.approx(first.scores)


def everywhere():
    """Convolutions of one pixel, pooling and a linear layer: no orientation is preferred."""
    generator = torch.Generator().manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(3, 5, 1),
        nn.ReLU(),
        nn.Conv2d(5, 6, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    ).double()
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=generator, dtype=torch.float64)
    return net.eval()


@few
@given(sides, turns, st.integers(0, 9), st.sampled_from(["1", "3"]))
def test_every_map_turns_with_its_picture(shape, turn, seed, layer):
    picture = np.random.default_rng(seed).random((3, *shape))
    x = torch.tensor(picture)[None]
    turned = torch.tensor(np.stack([turn(channel) for channel in picture]).copy())[None]
    net = everywhere()
    methods = cam.METHODS if layer == "3" else [m for m in cam.METHODS if m != "cam"]
    found, other = (cam.heatmaps(net, v, layer, 1, list(methods)) for v in (x, turned))
    for method in methods:
        assert other[method][0] == pytest.approx(turn(found[method][0]), abs=1e-5), method
    gradient, again = (baselines.input_gradient(net, v, 1)[0] for v in (x, turned))
    assert again == pytest.approx(turn(gradient), abs=1e-5)


@quick
@given(sides, turns, st.integers(0, 99))
def test_upsampling_and_scaling_turn_with_the_map(shape, turn, seed):
    raw = np.random.default_rng(seed).random(shape)
    size = (3 * shape[0], 4 * shape[1])

    def settle(a, size):
        return formulas.normalise(formulas.upsample(torch.tensor(a.copy())[None], size))[0].numpy()

    new = turn(np.empty(size)).shape
    assert settle(turn(raw), new) == pytest.approx(turn(settle(raw, size)), abs=1e-6)


@quick
@given(sides, turns, st.integers(0, 99))
def test_the_baselines_of_a_picture_turn_with_it(shape, turn, seed):
    image = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    turned = np.dstack([turn(image[..., c]) for c in range(3)])
    assert baselines.edge_map(turned) == pytest.approx(turn(baselines.edge_map(image)), abs=1e-9)
    assert baselines.centre_blob(turned.shape[:2]) == pytest.approx(
        turn(baselines.centre_blob(shape)), abs=1e-12
    )


# --- the order of columns ------------------------------------------------------------------------

X = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 4)), columns=list("abcd"))


def by_names(rows):
    return (rows["a"] + 2 * rows["b"] * rows["c"] - rows["d"] ** 2).to_numpy()


def both(rows):
    p = 1 / (1 + np.exp(-by_names(rows)))
    return np.column_stack([1 - p, p])


@few
@given(st.permutations("abcd"), st.permutations("abcd"), st.integers(0, 29))
def test_shapley_values_do_not_depend_on_the_order_of_columns(order, other, place):
    want = shapley.exact(by_names, X.iloc[place], X).table()["value"]
    found = shapley.exact(by_names, X[order].iloc[place], X[other])
    assert found.features == tuple(other)
    assert found.table()["value"][want.index].to_numpy() == pytest.approx(want.to_numpy())


@few
@given(st.permutations("abcd"), st.integers(0, 29))
def test_lime_does_not_depend_on_the_order_of_the_row(order, place):
    want = lime_tabular.explain(both, X.iloc[place], X, n_samples=60)
    found = lime_tabular.explain(both, X[order].iloc[[place]], X, n_samples=60)
    assert np.array_equal(found.weights, want.weights) and found.features == want.features


# --- the integer type of a target ----------------------------------------------------------------

TYPES = "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
LOGITS = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))


@quick
@given(st.lists(st.integers(0, 4), min_size=3, max_size=3), st.sampled_from(TYPES))
def test_a_target_may_be_of_any_integer_type(target, kind):
    given_as = np.array(target, kind)
    for form in (
        target,
        given_as,
        list(given_as),
        pd.Series(given_as, index=[7, 5, 9]),
        tuple(target),
    ):
        assert class_indices(form, LOGITS).tolist() == target
    assert class_indices(given_as[0], LOGITS).tolist() == [target[0]] * 3


@few
@given(st.integers(0, 1), st.sampled_from(TYPES))
def test_every_function_takes_a_target_of_any_integer_type(target, kind):
    one, x, heat = np.array(target, kind)[()], torch.rand(1, 3, 4, 5), np.ones((4, 5))
    for call in (
        lambda t: metrics.deletion(Total(), x, heat, t).scores,
        lambda t: metrics.average_drop(Total(), x, heat[None], [t]),
        lambda t: lime_tabular.explain(both, X.iloc[0], X, n_samples=60, target=t).weights,
        lambda t: cam.heatmaps(everywhere(), x.double(), target=t)["grad_cam"],
    ):
        assert np.array_equal(call(one), call(target))


# --- ties ----------------------------------------------------------------------------------------


@quick
@given(maps_and_masks(), st.randoms(use_true_random=False))
def test_where_equal_pixels_stand_does_not_matter(pair, random):
    heat, mask = pair
    order = list(range(heat.size))
    random.shuffle(order)
    moved = tuple(a.ravel()[order].reshape(a.shape) for a in pair)
    for metric in (metrics.pointing_game, metrics.average_precision):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert metric(*moved) == pytest.approx(metric(heat, mask), abs=1e-12)


@quick
@given(st.lists(st.sampled_from([0.001, 0.01, 0.02, 0.5, 1.0]), min_size=2, max_size=8))
def test_equal_p_values_are_corrected_alike_and_keep_their_order(p):
    found = metrics.holm(p)
    for i, one in enumerate(p):
        for j, other in enumerate(p):
            assert found[i] == found[j] if one == other else (one < other) <= (found[i] <= found[j])
    assert (found >= p).all() and (found <= 1).all()
    order = np.argsort(p)
    assert metrics.holm(np.array(p)[order]) == pytest.approx(found[order])
