"""The watermark: what is drawn where, controls of the same ink, and what the network makes of it."""

import numpy as np
import pytest
import torch

from xailab import data
from xailab.data import watermark as marks

RANDOM = ("tiles", "blocks")


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (224, 224, 3)).astype(np.uint8)


def test_the_masks_have_the_same_size_and_nearly_the_same_ink():
    bands = {kind: marks.band(kind) for kind in marks.KINDS}
    for ink in bands.values():
        assert ink.shape == (48, 224)
        assert ink.min() == 0
        assert ink.max() == 1
        assert ink.mean() == pytest.approx(bands["chinese"].mean(), rel=0.03)


def test_the_shuffled_tiles_are_the_same_pixels_in_other_places():
    ink, shuffled = marks.band(), marks.band("tiles")
    assert np.array_equal(np.sort(ink.ravel()), np.sort(shuffled.ravel()))
    assert (ink != shuffled).mean() > 0.2
    tiles = {marks._cells(ink, marks.TILE)[i].tobytes() for i in range(6 * 28)}
    assert {tile.tobytes() for tile in marks._cells(shuffled, marks.TILE)} == tiles


def test_the_blocks_are_whole():
    cells = marks._cells(marks.band("blocks"), marks.BLOCK)
    assert set(cells.mean((1, 2))) == {0, 1}


@pytest.mark.parametrize("kind", RANDOM)
def test_the_random_masks_follow_their_seed(kind):
    assert np.array_equal(marks.band(kind, seed=1), marks.band(kind, seed=1))
    assert not np.array_equal(marks.band(kind, seed=1), marks.band(kind, seed=2))


@pytest.mark.parametrize("kind", marks.KINDS)
def test_the_blend_is_the_formula_and_the_rest_of_the_image_is_untouched(image, kind):
    before, place = image.copy(), marks.region()
    marked = marks.watermark(image, kind, alpha=0.3)
    assert marked.dtype == np.uint8
    assert np.array_equal(image, before)
    assert np.array_equal(marked[~place], image[~place])
    share = 0.3 * marks.band(kind)[..., None]
    expected = (1 - share) * image[88:136] + share * 255
    assert np.abs(marked[88:136] - expected).max() <= 0.5 + 0.3


def test_an_opacity_of_0_changes_nothing_and_of_1_covers_the_ink(image):
    assert np.array_equal(marks.watermark(image, alpha=0), image)
    solid = marks.watermark(image, alpha=1)[88:136][marks.band() == 1]
    assert (solid == 255).all()


@pytest.mark.parametrize("shape", [(224, 224), (300, 512), (512, 300), (1, 1), (2, 300)])
def test_the_band_spans_the_width_of_any_image(shape, rng):
    image = np.zeros((*shape, 3), np.uint8)
    place = marks.region(shape)
    assert place.any()
    assert (place == place[:, :1]).all()
    rows = np.flatnonzero(place[:, 0])
    assert abs(rows.min() + rows.max() - (shape[0] - 1)) <= 1
    marked = marks.watermark(image)
    assert marked.shape == image.shape
    assert not marked[~place].any()


def test_bad_input_gets_one_clear_sentence(image):
    with pytest.raises(ValueError, match="kind must be one of"):
        marks.watermark(image, "klingon")
    for alpha in (-0.1, 1.1, np.nan, "half", None):
        with pytest.raises(ValueError, match="opacity"):
            marks.watermark(image, alpha=alpha)
    with pytest.raises(ValueError, match="uint8"):
        marks.watermark(image / 255)
    with pytest.raises(ValueError, match="seed"):
        marks.band(seed=-1)
    with pytest.raises(ValueError, match="side"):
        marks.region((0, 5))


def test_a_chinese_watermark_raises_carton_and_a_latin_one_does_not(cnn):
    views = [cnn.view(photo.image) for photo in data.photos()[:12]]
    carton = cnn.target("carton")

    def logits(images):
        with torch.inference_mode():
            return cnn.model(torch.cat([cnn.preprocess(image) for image in images]))

    plain = logits(views)
    rise = {
        kind: (logits([marks.watermark(v, kind) for v in views]) - plain).mean(0)
        for kind in ("chinese", "latin", "blocks")
    }
    assert rise["chinese"][carton] > 1
    assert (rise["chinese"] > rise["chinese"][carton]).sum() < 10
    assert rise["latin"][carton] < 0.5
    assert rise["blocks"][carton] < 0.5
