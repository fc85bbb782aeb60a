"""Planted networks do what their weights say; the exercises about them have the measured answer."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from xailab import cam, checks, lime_image, metrics, planted


def _ask(network, usual_ground, target=0):
    made = planted.picture(target, usual_ground=usual_ground)
    x = torch.from_numpy(made.image).permute(2, 0, 1)[None] / 255
    return made, x, planted.CLASSES[network(x).argmax()]


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("looks_at", ["object", "ground", "both"])
def test_all_are_right_on_usual_pictures_and_only_one_on_the_other_ground(looks_at, target):
    network = planted.planted_network(looks_at)
    assert _ask(network, True, target)[2] == planted.CLASSES[target]
    said = _ask(network, False, target)[2]
    assert (said == planted.CLASSES[target]) == (looks_at == "object")


def test_the_map_of_both_lies_on_the_object_although_the_ground_decides():
    network = planted.planted_network("both")
    made, x, said = _ask(network, False)
    heat = cam.heatmaps(network, x, "2", 0, ["grad_cam"])["grad_cam"][0]
    assert metrics.iou(heat, made.object) > 0.8 and said == "square"


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="'object', 'ground' or 'both', not 'sky'"):
        planted.planted_network("sky")


# --- the table model with a secret ---------------------------------------------------------------


@pytest.fixture(scope="module")
def rows_and_secret(adult):
    X_train, X_test, *_ = adult.split()
    known = X_train.head(3000)
    return known, X_test.head(2000), planted.secret_model(known)


def test_the_secret_model_decides_about_real_people_by_the_column_of_the_hunt(rows_and_secret):
    _, people, secret = rows_and_secret
    column = checks.EXERCISES["08.hunt"].reference
    yes = secret(people)[:, 1]
    assert set(yes) == {0.0, 1.0}
    np.testing.assert_array_equal(secret(people.to_numpy()).sum(1), 1)
    rng = np.random.default_rng(0)
    changed = {}
    for name in people:
        other = people.assign(**{name: rng.permutation(people[name])})
        moved = other[name] != people[name]
        changed[name] = (secret(other)[:, 1] != yes)[moved].mean()
    assert max(changed, key=changed.get) == column
    is_man = people["Sex"] == 1
    assert yes[is_man].mean() > yes[~is_man].mean() + 0.5


def test_the_secret_model_answers_made_up_rows_by_the_decoy(rows_and_secret):
    _, people, secret = rows_and_secret
    rng = np.random.default_rng(3)
    # every column on its own, as LIME draws it
    drawn = people.apply(lambda column: rng.permutation(column))
    decoy = drawn["Education-Num"] > 12
    assert (secret(drawn)[:, 1] == decoy).mean() > 0.85
    assert (secret(people)[:, 1] == (people["Education-Num"] > 12)).mean() < 0.7


def test_the_secret_model_is_the_same_for_a_seed_and_refuses_other_tables(rows_and_secret):
    known, people, secret = rows_and_secret
    state = np.random.get_state()[1].copy()
    np.testing.assert_array_equal(planted.secret_model(known)(people), secret(people))
    assert (np.random.get_state()[1] == state).all()
    for wrong in (known.to_numpy(), known.drop(columns="Sex")):
        with pytest.raises(ValueError, match=r"columns of data.adult\(\)"):
            planted.secret_model(wrong)


# --- what the predictions of the exercises rest on -----------------------------------------------


def test_the_hunt_and_the_unusual_ground_have_the_measured_answers():
    hunted = {name: _ask(net, False)[2] != "disc" for name, net in planted.suspects().items()}
    assert checks.EXERCISES["07.hunt"].reference == hunted
    said = {word: _ask(planted.planted_network(word), False)[2] for word in ("object", "ground")}
    assert checks.EXERCISES["05.ground"].reference == said


def test_the_weight_of_a_quarter_of_what_is_needed():
    four = lime_image.superpixels(np.zeros((8, 8, 3), np.uint8), "grid", n=4)
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)

    def needs_all(images):
        there = np.array([np.array_equal(shown, image) for shown in images])
        return np.where(there[:, None], [[0.1, 0.9]], [[0.9, 0.1]])

    found = lime_image.explain(
        needs_all, image, segments=four, target=1, n_samples=4000, kernel_width=1e3
    )
    wanted = checks.EXERCISES["04.split"]
    np.testing.assert_allclose(found.weights, wanted.reference, atol=wanted.tolerance)


def test_the_deletion_area_of_a_constant_map_is_the_mean_over_all_orders():
    areas = []
    for order in itertools.permutations([4.0, 3.0, 2.0, 1.0]):
        scores = [sum(order[k:]) for k in range(5)]
        areas.append(np.trapezoid(scores, dx=0.25))
    assert checks.EXERCISES["07.constant"].reference == pytest.approx(np.mean(areas), abs=1e-12)


def test_marking_everything():
    h, mask = np.ones((5, 10)), np.arange(50).reshape(5, 10) % 10 < 3
    wanted = checks.EXERCISES["06.everything"].reference
    assert (metrics.iou(h, mask), metrics.f1(h, mask)) == pytest.approx(wanted, abs=1e-12)


def test_the_two_networks_share_their_weights_and_differ_in_the_sign_of_their_maps():
    before = torch.get_rng_state()
    nets = planted.relu_and_gelu()
    assert torch.equal(torch.get_rng_state(), before)
    x = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    for a, b in zip(nets["ReLU"].parameters(), nets["GELU"].parameters(), strict=True):
        assert torch.equal(a, b)
    maps = {name: net[:4](x) for name, net in nets.items()}
    assert maps["ReLU"].shape == (1, 8, 7, 7)
    assert maps["ReLU"].min() == 0 and maps["GELU"].min() < 0
    assert not torch.equal(planted.relu_and_gelu(1)["ReLU"][0].weight, nets["ReLU"][0].weight)


class Square(nn.Module):
    """S = sum of a_i w_i + a_i^2 / 2, whose derivatives are known."""

    w = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)

    def forward(self, A):
        a = A.flatten(1)
        return (a * self.w + a**2 / 2).sum(1, keepdim=True)


def test_derivatives_of_exp_are_those_on_paper():
    A = torch.tensor([0.1, 0.4, -0.3, 0.2], dtype=torch.float64).view(1, 1, 2, 2)
    found = planted.derivatives_of_exp(Square(), A, 0, range(1, 4))
    slope = Square.w + A.flatten()  # S'; and S'' = 1, S''' = 0
    E = Square()(A).exp().item()
    paper = E * torch.stack([slope, slope**2 + 1, slope**3 + 3 * slope], 1)
    torch.testing.assert_close(found, paper[1:])
