"""Scenes: what is pasted is where the mask says; quartets and grids of images."""

import numpy as np
import pytest
import torch

from xailab import data
from xailab.data import Photo, compositions


def made_up(name, target, colour, height=40, width=20):
    """A plain rectangle on white: whatever is of its colour in a scene must be the object."""
    image = np.full((100, 100, 3), 255, np.uint8)
    mask = np.zeros((100, 100), bool)
    mask[30 : 30 + height, 30 : 30 + width] = True
    image[mask] = colour
    box = (30, 30, 30 + width, 30 + height)
    return Photo(name, image, target, name, mask, box, "us", "CC0 1.0", "drawn")


@pytest.fixture
def drawn():
    return [made_up("red", 1, (255, 0, 0)), made_up("blue", 2, (0, 0, 255), 20, 50)]


def close(image, colour):
    return np.abs(image.astype(int) - colour).max(2) < 60


def test_the_mask_is_where_the_object_is(drawn):
    for scene in compositions.compose(drawn[:1], 6):
        red = close(scene.image, (255, 0, 0))
        assert scene.targets == (1,) and scene.image.shape == (224, 224, 3)
        assert (red & scene.mask).sum() > 0.95 * scene.mask.sum()
        assert not (red & ~scene.mask).any() or (red & ~scene.mask).mean() < 0.01
        ys, xs = np.nonzero(scene.mask)
        # As tall as its share of the slot says, and not stretched.
        assert abs(np.ptp(ys) + 1 - 0.95 * 224) < 2
        assert abs((np.ptp(ys) + 1) / (np.ptp(xs) + 1) - 2) < 0.1


@pytest.mark.parametrize("objects", [1, 2, 3, 4])
def test_objects_do_not_overlap_and_each_has_a_mask(objects):
    for scene in data.scenes(3, objects, same_class=None, seed=1):
        assert len(scene.masks) == len(scene.targets) == len(scene.names) == objects
        assert np.sum(scene.masks, axis=0).max() == 1
        assert all(m.any() for m in scene.masks)


def test_the_same_object_twice_and_two_classes():
    for scene in data.scenes(5, 2, same_class=True):
        assert len(set(scene.names)) == 1
        a, b = (m.sum() for m in scene.masks)
        assert abs(a - b) < 0.02 * a
        assert np.array_equal(scene.mask, scene.masks[0] | scene.masks[1])
    for scene in data.scenes(5, 2, same_class=False):
        assert len(set(scene.targets)) == 2
        assert np.array_equal(scene.mask, scene.masks[0]) and scene.target == scene.targets[0]


def test_every_second_copy_is_mirrored(drawn):
    lopsided = drawn[0]
    # A green left edge.
    lopsided.image[30:70, 30:35] = (0, 255, 0)
    (scene,) = compositions.compose([lopsided], 1, 2, same_class=True)
    for mask, mirrored in zip(scene.masks, (False, True), strict=True):
        green = np.nonzero(close(scene.image, (0, 255, 0)) & mask)[1].mean()
        assert (green > np.nonzero(mask)[1].mean()) == mirrored


def test_small_beside_large(drawn):
    (scene,) = compositions.compose(drawn[:1], 1, 2, same_class=True, share=(0.3, 0.9))
    assert scene.masks[1].sum() / scene.masks[0].sum() == pytest.approx(9, rel=0.15)


def test_the_seed_decides_and_the_number_of_scenes_does_not():
    few, many, other = (
        data.scenes(2, 2, seed=3),
        data.scenes(4, 2, seed=3),
        data.scenes(2, 2, seed=4),
    )
    assert np.array_equal(few[1].image, many[1].image) and few[1].names == many[1].names
    assert not np.array_equal(few[1].image, other[1].image)
    assert not np.array_equal(many[2].image, many[3].image)


def test_only_whole_single_objects_are_cut_out():
    usable = {p.name for p in data.photos() if compositions._whole(p)}
    assert len(usable) >= 15
    # several objects, cut off, too large
    assert not usable & {"jaguar", "chickens", "red_panda", "baseball"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 1, "objects": 5}, "1 to 4 objects"),
        ({"n": 0}, "n is at least 1"),
        ({"n": 1, "share": 1.5}, "share must be in"),
        ({"n": 1, "objects": 2, "share": (0.5,)}, "one number or 2"),
    ],
)
def test_what_cannot_be_composed_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        data.scenes(**settings)


def test_two_classes_need_two(drawn):
    with pytest.raises(ValueError, match="There are no 2 classes"):
        compositions.compose(drawn[:1], 1, 2, same_class=False)


def test_quartets_are_of_four_classes_and_come_again_with_the_seed():
    targets = [1, 1, 1, 2, 3, 3, 4, 5]
    four = compositions.grid_quartets(targets, 20, seed=0)
    assert four.shape == (20, 4)
    assert all(len({targets[i] for i in q}) == 4 for q in four)
    assert np.array_equal(four, compositions.grid_quartets(targets, 20, seed=0))
    with pytest.raises(ValueError, match="at least four classes"):
        compositions.grid_quartets([1, 2, 3], 1)


def test_tiles_lie_row_by_row():
    x = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 2, 3, 5)
    tiled = compositions.tile(x)
    assert tiled.shape == (1, 2, 6, 10)
    assert [tiled[0, 0, r, c].item() for r, c in ((0, 0), (0, 9), (5, 0), (5, 9))] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="four inputs"):
        compositions.tile(x[:3])
