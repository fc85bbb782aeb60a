"""Chosen masks and the smooth fit: against sums over all masks, and planted pairs."""

import numpy as np
import pytest

from xailab import lime_image, local_fit
from xailab.lime_image import chosen_masks
from xailab.lime_image.chosen_masks import choose_masks, smooth_fit, told


def every_mask(m):
    return (np.arange(2**m)[:, None] >> np.arange(m)) & 1


def endless(Z, y, width=0.25):
    """The line of endless samples: every mask of Z once with its weight, no ridge."""
    pi = local_fit.exponential_kernel(1 - np.sqrt(Z.mean(1)), width)
    return local_fit.fit(Z.astype(float), y, pi, alpha=0.0)


def told_by_sums(Z, asked, width=0.25):
    """``told``, with nothing but sums over all 2^m masks and the prior written out."""
    m, X = Z.shape[1], 2 * Z - 1
    pi = local_fit.exponential_kernel(1 - np.sqrt(Z.mean(1)), width)
    centred = Z - pi @ Z / pi.sum()
    weights_of = np.linalg.solve((centred.T * pi) @ centred, centred.T * pi)  # (m, 2^m)
    differ = (Z[:, None] != Z[None]).sum(2)
    prior = np.exp(-chosen_masks.SMOOTHNESS * differ / m) + chosen_masks.VAGUE * (1 + X @ X.T)
    with_weights = weights_of @ prior[:, asked]
    known = prior[np.ix_(asked, asked)] + chosen_masks.JITTER * np.eye(len(asked))
    return np.trace(with_weights @ np.linalg.solve(known, with_weights.T))


def pairs(seed, m=10):
    """A planted model: every superpixel alone, and every two of them together."""
    rng = np.random.default_rng(seed)
    w, V = rng.normal(size=m), np.triu(rng.normal(size=(m, m)), 1)
    return lambda Z: Z @ w + np.einsum("ni,ij,nj->n", Z, V, Z)


@pytest.mark.parametrize("width", [0.25, 0.6])
@pytest.mark.parametrize("m", [2, 5, 7])
def test_when_all_masks_are_asked_the_line_is_that_of_endless_samples(m, width, rng):
    Z = every_mask(m)
    y = rng.normal(size=len(Z))
    found, expected = smooth_fit(Z, y, width), endless(Z, y, width)
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-4)
    assert found.intercept == pytest.approx(expected.intercept, abs=1e-4)
    assert found.r2 == pytest.approx(expected.r2, abs=1e-4)


def test_the_strongest_superpixels_are_fitted_again_without_the_others(rng):
    Z = every_mask(6)
    y = rng.normal(size=64) + Z @ [3, 0, -4, 0, 5, 0]
    found = smooth_fit(Z, y, num_features=3)
    assert (found.weights[[1, 3, 5]] == 0).all()
    pi = local_fit.exponential_kernel(1 - np.sqrt(Z.mean(1)), 0.25)
    expected = local_fit.fit(Z[:, [0, 2, 4]].astype(float), y, pi, alpha=0.0)
    np.testing.assert_allclose(found.weights[[0, 2, 4]], expected.weights, atol=1e-4)
    assert found.intercept == pytest.approx(expected.intercept, abs=1e-4)


def test_a_line_is_found_exactly_from_few_masks(rng):
    w = rng.normal(size=12)
    Z = choose_masks(14, 12, np.random.default_rng(0))
    found = smooth_fit(Z, Z @ w + 0.3)
    np.testing.assert_allclose(found.weights, w, atol=1e-8)
    assert found.intercept == pytest.approx(0.3, abs=1e-8)
    assert found.r2 == pytest.approx(1)


def test_a_constant_has_no_weights():
    found = smooth_fit(every_mask(4), np.full(16, 0.25))
    np.testing.assert_allclose(found.weights, 0, atol=1e-9)
    assert (found.intercept, found.r2) == (pytest.approx(0.25), 0)


def test_what_masks_tell_is_what_sums_over_all_masks_say(rng):
    Z = every_mask(6)
    for n in (1, 9, 30):
        asked = rng.choice(64, n, replace=False)
        assert told(Z[asked]) == pytest.approx(told_by_sums(Z, asked), rel=1e-6)


def test_each_mask_tells_most_after_those_before_it():
    Z = choose_masks(9, 5, np.random.default_rng(0))
    assert (Z[0] == 1).all()
    for i in range(1, 9):
        best = max(told(np.vstack([Z[:i], [z]])) for z in every_mask(5))
        assert told(Z[: i + 1]) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("m", [10, 20])
def test_chosen_masks_differ_from_each_other_and_tell_more_than_random_ones(m):
    Z = choose_masks(100, m, np.random.default_rng(0))
    assert Z.shape == (100, m)
    assert len(np.unique(Z, axis=0)) == 100
    assert np.array_equal(Z, choose_masks(100, m, np.random.default_rng(0)))
    random = np.unique(np.random.default_rng(0).integers(0, 2, (100, m)), axis=0)
    assert told(Z) > told(random)


def test_there_are_no_more_masks_than_all():
    Z = choose_masks(1000, 4, np.random.default_rng(0))
    assert np.array_equal(np.unique(Z, axis=0), np.unique(every_mask(4), axis=0))
    assert len(Z) == 16


def test_with_planted_pairs_a_quarter_of_the_questions_comes_nearer_than_independent_draws():
    all_masks, errors = every_mask(10), {"chosen": [], "independent": []}
    for seed in range(10):
        f = pairs(seed)
        truth = endless(all_masks, f(all_masks)).weights
        Z = choose_masks(100, 10, np.random.default_rng(seed))
        errors["chosen"].append(smooth_fit(Z, f(Z)).weights - truth)
        Z = lime_image.draw_masks(400, 10, np.random.default_rng(seed))
        errors["independent"].append(endless(Z, f(Z)).weights - truth)
    chosen, independent = (np.sqrt(np.mean(np.square(e))) for e in errors.values())
    assert chosen < independent


# --- in lime_image.explain -------------------------------------------------------------------------


@pytest.fixture
def tiny():
    """An image of eight stripes and a classifier that counts with pairs which of them are shown."""
    image = np.tile(np.arange(0, 256, 16, dtype=np.uint8), (4, 1))[..., None].repeat(3, 2)
    f = pairs(0, 8)

    def predict_proba(images):
        shown = [[(im[0, 2 * j] == image[0, 2 * j]).all() for j in range(8)] for im in images]
        return np.column_stack([f(np.array(shown, dtype=int))] * 2)

    return predict_proba, image, (np.arange(16) // 2)[None].repeat(4, 0), f


def test_an_image_is_explained_by_chosen_masks(tiny):
    predict_proba, image, segments, f = tiny
    truth = endless(every_mask(8), f(every_mask(8)))
    asked = {"segments": segments, "target": 0, "draws": "chosen"}
    model = lime_image.explain(predict_proba, image, n_samples=80, **asked)
    np.testing.assert_allclose(model.weights, truth.weights, atol=0.1)
    assert model.draws == "chosen"
    assert model.n_samples == 80
    assert model.model_prediction == pytest.approx(f(np.ones((1, 8)))[0])
    model = lime_image.explain(predict_proba, image, n_samples=1000, **asked)
    np.testing.assert_allclose(model.weights, truth.weights, atol=1e-3)
    assert model.n_samples == 256
    model = lime_image.explain(predict_proba, image, n_samples=80, num_features=2, **asked)
    assert np.count_nonzero(model.weights) == 2


def test_with_many_superpixels_fold_over_rows_tell_more_and_are_taken():
    rng = np.random.default_rng(0)
    many, draws = lime_image._draw(257, 41, rng, "chosen", 0.25)
    assert draws == "fold_over"
    assert (many[1:].reshape(-1, 2, 41).sum(1) == 1).all()
    few, draws = lime_image._draw(257, 10, rng, "chosen", 0.25)
    assert draws == "chosen"
    assert (few[1:].reshape(-1, 2, 10).sum(1) != 1).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernel_width": 1e-4}, "widen the kernel"),
        ({"kernel_width": 0}, "kernel_width must be a positive number"),
        ({"num_features": 0}, "num_features must be at least 1"),
        ({"draws": "best"}, "draws must be one of independent, antithetic, fold_over, chosen"),
        ({"n_samples": 9}, "n_samples must be at least 10"),
    ],
)
def test_what_does_not_fit_is_refused(tiny, change, message):
    predict_proba, image, segments, _ = tiny
    with pytest.raises(ValueError, match=message):
        lime_image.explain(
            predict_proba,
            image,
            **({"segments": segments, "draws": "chosen", "n_samples": 50} | change),
        )


def test_more_than_200_superpixels_and_more_than_2000_masks_are_refused():
    with pytest.raises(
        ValueError, match="n_segments must be a whole number from 2 to 200, not 201"
    ):
        choose_masks(300, 201, np.random.default_rng(0))
    with pytest.raises(ValueError, match="n_samples must be a whole number from 1 to 2000"):
        choose_masks(2001, 20, np.random.default_rng(0))
