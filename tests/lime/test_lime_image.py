"""LIME for images: the same masks through the lime package's own fit, and planted answers."""

import numpy as np
import pytest
from lime.lime_base import LimeBase
from lime.lime_image import ImageExplanation
from sklearn.metrics import pairwise_distances

from xailab.lime_image import apply_mask, draw_masks, explain, hidden, superpixels


@pytest.fixture
def image(rng):
    return rng.integers(1, 256, (24, 32, 3), dtype=np.uint8)


@pytest.fixture
def grid():
    """Twelve squares of 8 x 8 on 24 x 32 pixels, numbered row by row."""
    return (np.arange(24) // 8)[:, None] * 4 + np.arange(32) // 8


def brightness(images):
    """Three classes that look at the image in ways no line can follow exactly."""
    m = np.array([im[..., 0].mean() * im[:8].mean() / 255**2 for im in images])
    return np.column_stack([m, m**2, 1 - m - m**2])


def looks_at(segment, grid, image):
    """A classifier that sees one superpixel only: 0.9 when it is shown, 0.1 when hidden."""

    def predict_proba(images):
        shown = [np.array_equal(im[grid == segment], image[grid == segment]) for im in images]
        p = np.where(shown, 0.9, 0.1)
        return np.column_stack([1 - p, p])

    return predict_proba


# --- against the lime package ------------------------------------------------------------------


@pytest.mark.parametrize("num_features", [None, 7])
@pytest.mark.parametrize("target", [0, 1])
def test_the_same_masks_give_the_lime_packages_coefficients(image, grid, num_features, target):
    model = explain(
        brightness,
        image,
        n_samples=200,
        segments=grid,
        target=target,
        num_features=num_features,
        seed=3,
    )
    masks = draw_masks(200, 12, np.random.default_rng(3))
    assert (masks.sum(1) == 0).any() or masks.sum(1).min() > 0
    covered = hidden(image, grid)
    answers = brightness([apply_mask(image, covered, grid, row) for row in masks])
    distances = pairwise_distances(masks, masks[:1], metric="cosine").ravel()
    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / 0.25**2)))
    intercept, pairs, r2, local = base.explain_instance_with_data(
        masks, answers, distances, target, num_features or 12, feature_selection="highest_weights"
    )
    expected = np.zeros(12)
    for j, weight in pairs:
        expected[j] = weight
    np.testing.assert_allclose(model.weights, expected, atol=1e-8)
    assert model.intercept == pytest.approx(intercept, abs=1e-8)
    assert model.r2 == pytest.approx(r2, abs=1e-8)
    assert model.local_prediction == pytest.approx(local[0], abs=1e-8)
    assert model.model_prediction == brightness([image])[0, target]


@pytest.mark.parametrize(("top", "positive_only"), [(5, True), (3, True), (8, False)])
def test_the_mask_marks_what_the_packages_picture_marks(image, grid, top, positive_only):
    model = explain(brightness, image, n_samples=100, segments=grid, target=0)
    theirs = ImageExplanation(image, grid)
    pairs = sorted(enumerate(model.weights), key=lambda pair: -abs(pair[1]))
    theirs.local_exp[0] = pairs
    _, marked = theirs.get_image_and_mask(0, positive_only, num_features=top)
    # the package writes 1 for and -1 against, or 1 and 2 in older releases
    ours = model.mask(top, positive_only)
    assert np.array_equal(ours != 0, marked != 0)
    assert np.array_equal(ours > 0, marked == 1)


def test_an_image_with_everything_hidden_has_cosine_distance_one(image):
    segments = (np.arange(32) // 16)[None, :].repeat(24, 0)  # two superpixels: (0, 0) is drawn
    masks = draw_masks(40, 2, np.random.default_rng(0))
    assert (masks.sum(1) == 0).any()
    model = explain(brightness, image, n_samples=40, segments=segments, target=0)
    distances = pairwise_distances(masks, masks[:1], metric="cosine").ravel()
    covered = hidden(image, segments)
    answers = brightness([apply_mask(image, covered, segments, row) for row in masks])
    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / 0.25**2)))
    _, pairs, _, _ = base.explain_instance_with_data(masks, answers, distances, 0, 2, "none")
    np.testing.assert_allclose(model.weights, [w for _, w in sorted(pairs)], atol=1e-8)


def test_hiding_in_the_mean_colour_equals_limes_loop(image):
    segments = superpixels(image, "quickshift")
    expected = image.copy()
    for s in np.unique(segments):  # lime_image.explain_instance
        expected[segments == s] = [np.mean(image[segments == s][:, c]) for c in range(3)]
    assert np.array_equal(hidden(image, segments), expected)


# --- hiding and masks --------------------------------------------------------------------------


def test_grey_black_and_blur_hide_the_whole_image(image, grid):
    assert (hidden(image, grid, "grey") == 127).all()
    assert (hidden(image, grid, "black") == 0).all()
    blurred = hidden(image, grid, "blur")
    assert blurred.dtype == np.uint8
    assert blurred.astype(float).std() < image.astype(float).std()
    flat = np.full_like(image, 90)
    assert np.abs(hidden(flat, grid, "blur").astype(int) - 90).max() <= 1


def test_masks_are_fair_coins_and_row_zero_shows_everything():
    masks = draw_masks(4001, 10, np.random.default_rng(0))
    assert masks.shape == (4001, 10)
    assert (masks[0] == 1).all()
    assert set(np.unique(masks)) == {0, 1}
    assert masks[1:].mean(0) == pytest.approx(np.full(10, 0.5), abs=4 * 0.5 / np.sqrt(4000))


@pytest.mark.parametrize("draws", ["antithetic", "fold_over"])
def test_paired_draws_are_each_followed_by_their_complement(draws):
    masks = draw_masks(1 + 3 * 32, 12, np.random.default_rng(0), draws)
    assert (masks[0] == 1).all()
    pairs = masks[1:].reshape(-1, 2, 12)
    assert (pairs.sum(1) == 1).all()
    assert 0 < pairs[:, 0].mean(0).min() and pairs[:, 0].mean(0).max() < 1
    assert np.array_equal(draw_masks(50, 12, np.random.default_rng(0), draws), masks[:50])


def test_in_a_block_of_fold_over_two_superpixels_meet_exactly_as_often_as_by_chance():
    block = draw_masks(1 + 2 * 16, 12, np.random.default_rng(0), "fold_over")[1:]
    together = block.T @ block
    assert (together[~np.eye(12, dtype=bool)] == 8).all()
    assert (np.diag(together) == 16).all()


def test_a_mask_shows_ones_and_hides_zeros(image, grid):
    row = np.array([1, 0] * 6)
    covered = hidden(image, grid, "black")
    shown = apply_mask(image, covered, grid, row)
    for s in range(12):
        expected = image if row[s] else covered
        assert np.array_equal(shown[grid == s], expected[grid == s])
    assert shown.dtype == np.uint8


@pytest.mark.parametrize("method", ["slic", "quickshift", "felzenszwalb", "grid"])
def test_every_segmentation_labels_without_gaps_from_zero(coffee, method):
    small = coffee[::4, ::4]
    labels = superpixels(small, method, n=20)
    assert labels.shape == small.shape[:2]
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert labels.max() >= 3
    assert np.array_equal(labels, superpixels(small, method, n=20))


def test_a_grid_of_sixteen_is_four_by_four(image):
    labels = superpixels(image, "grid", n=16)
    assert np.array_equal(labels, (np.arange(24) // 6)[:, None] * 4 + np.arange(32) // 8)


# --- planted answers ---------------------------------------------------------------------------


@pytest.mark.parametrize("hide", ["mean", "grey", "black", "blur"])
def test_a_classifier_that_looks_at_one_superpixel_is_seen_through(image, grid, hide):
    model = explain(
        looks_at(5, grid, image), image, n_samples=1000, segments=grid, hide=hide, target=1
    )
    assert model.weights[5] == pytest.approx(0.8, abs=0.02)
    assert np.abs(np.delete(model.weights, 5)).max() < 0.01
    assert model.intercept == pytest.approx(0.1, abs=0.02)
    assert model.r2 > 0.99
    assert model.model_prediction == 0.9


def test_the_mask_marks_the_strongest_superpixels_with_their_sign(image, grid):
    def predict_proba(images):
        shown = np.array(
            [[np.array_equal(im[grid == s], image[grid == s]) for s in (2, 7, 9)] for im in images]
        )
        p = 0.4 + shown @ [0.3, -0.2, 0.1]
        return np.column_stack([1 - p, p])

    model = explain(predict_proba, image, segments=grid, target=1)
    assert model.weights[[2, 7, 9]] == pytest.approx([0.3, -0.2, 0.1], abs=0.02)
    for top, signs in ((0, {}), (1, {2: 1}), (2, {2: 1, 7: -1}), (3, {2: 1, 7: -1, 9: 1})):
        expected = np.zeros((24, 32), int)
        for s, sign in signs.items():
            expected[grid == s] = sign
        assert np.array_equal(model.mask(top), expected)
    two_for = np.isin(grid, (2, 9)).astype(int)
    assert np.array_equal(model.mask(2, positive_only=True), two_for)
    assert np.array_equal(model.heatmap(), model.weights[grid])
    assert model.describe().startswith("The model gives 0.60, its local line 0.60 (R2 1.00).")
    assert "superpixels support the class; the strongest adds +0.30 and covers 8% of the image" in (
        model.describe()
    )
    assert "the 2 strongest add +0.40 and cover 17% of the image" in model.describe(2)


def test_without_a_target_the_predicted_class_is_explained(image, grid):
    model = explain(brightness, image, n_samples=50, segments=grid)
    assert model.target == brightness([image])[0].argmax() == 2


def test_the_same_seed_gives_the_same_weights_whatever_the_batch(image, grid):
    a, b, c = (
        explain(brightness, image, n_samples=50, segments=grid, seed=seed, batch_size=size)
        for seed, size in ((0, 32), (0, 7), (1, 32))
    )
    np.testing.assert_allclose(a.weights, b.weights, atol=1e-12)
    assert not np.allclose(a.weights, c.weights)


def test_numpys_global_random_state_is_left_alone(image):
    np.random.seed(1)
    expected = np.random.random(3)
    np.random.seed(1)
    explain(brightness, image, n_samples=80, segments=superpixels(image, "quickshift"))
    assert np.array_equal(np.random.random(3), expected)


def test_the_explanation_carries_its_settings(image, grid):
    model = explain(
        brightness,
        image,
        n_samples=50,
        segments=grid,
        hide="grey",
        target=1,
        num_features=3,
        kernel_width=0.5,
        seed=8,
    )
    settings = (model.n_samples, model.hide, model.target, model.num_features, model.kernel_width)
    assert settings == (50, "grey", 1, 3, 0.5)
    assert model.seed == 8
    assert np.count_nonzero(model.weights) == 3


def test_the_classifier_never_sees_more_than_a_batch(image, grid):
    sizes = []

    def predict_proba(images):
        sizes.append(len(images))
        assert all(im.shape == image.shape and im.dtype == np.uint8 for im in images)
        return brightness(images)

    explain(predict_proba, image, n_samples=50, segments=grid, batch_size=20)
    assert sizes == [20, 20, 10]


def test_progress_counts_the_batches_on_stderr(image, grid, capsys):
    for progress in (False, True):
        explain(brightness, image, n_samples=50, segments=grid, batch_size=20, progress=progress)
        said = capsys.readouterr()
        assert said.out == "" and ("3/3" in said.err) == progress


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.zeros((24, 32, 3))}, r"image must be uint8 \(H, W, 3\), not float64"),
        ({"image": np.zeros((24, 32), np.uint8)}, r"image must be uint8 \(H, W, 3\)"),
        ({"image": np.zeros((24, 32, 4), np.uint8)}, r"image must be uint8 \(H, W, 3\)"),
        ({"segments": np.zeros((24, 31), int)}, r"segments must have shape \(24, 32\)"),
        ({"segments": np.eye(24, 32, dtype=int) + 1}, "labels 0 to m - 1 without gaps"),
        ({"segments": np.eye(24, 32, dtype=int) * 2}, "labels 0 to m - 1 without gaps"),
        ({"segments": np.zeros((24, 32), int)}, "one superpixel only"),
        ({"n_samples": 13}, "n_samples must be at least 14 to fit 12 weights, not 13"),
        ({"hide": "red"}, "hide must be 'mean', 'grey', 'black' or 'blur', not 'red'"),
        ({"target": 3}, "target must be a class from 0 to 2, not 3"),
        ({"target": -1}, "target must be a class from 0 to 2, not -1"),
        ({"kernel_width": 0}, "kernel_width must be a positive number"),
        ({"num_features": 0}, "num_features must be at least 1"),
        ({"predict_proba": lambda ims: np.zeros(len(ims))}, r"must return \(n, classes\)"),
        ({"predict_proba": lambda ims: np.zeros((1, 3))}, r"must return \(n, classes\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(image, grid, change, message):
    call = {"predict_proba": brightness, "image": image, "segments": grid, "n_samples": 50}
    with pytest.raises(ValueError, match=message):
        explain(**(call | change))


def test_an_unknown_segmentation_is_refused(image):
    with pytest.raises(ValueError, match="method must be 'slic', 'quickshift', 'felzenszwalb'"):
        superpixels(image, "voronoi")
