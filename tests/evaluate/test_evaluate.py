"""From pictures to a table: views, maps, scores, and the games that ask the network again."""

import numpy as np
import pytest
import torch
from support.tiny import METHODS, Item, Tiny, made

from xailab import cam, data, evaluate, metrics, models
from xailab.data import compositions


@pytest.fixture
def tiny():
    return Tiny()


def test_a_view_counts_what_the_crop_leaves(tiny):
    wide = Item("wide", np.zeros((16, 32, 3), np.uint8), np.zeros((16, 32), bool), 0)
    wide.mask[4:8, 12:20] = True  # half of it right of the crop
    (views,) = evaluate.views(tiny, [wide], least=0.5)
    assert views.kept == 0.5 and views.size == 16 / 256
    assert evaluate.views(tiny, [wide], least=0.51) == ()
    wide.mask[:, :16] = False
    assert evaluate.views(tiny, [wide], least=0) == ()  # nothing left to find


def test_the_course_photos_lose_two_to_the_crop(cnn):
    kept = {s.name for s in evaluate.views(cnn, data.photos())}
    assert {p.name for p in data.photos()} - kept == {"cheetah", "spoonbills"}


def test_maps_are_those_of_heatmaps_whatever_the_batch(tiny):
    views = evaluate.views(tiny, made())
    x = torch.cat([tiny.preprocess(s.image) for s in views])
    expected = cam.heatmaps(tiny, x, target=[s.target for s in views], methods=METHODS)
    for batch_size in (1, 3, 50):
        found = evaluate.maps(
            tiny, views, METHODS, baselines=evaluate.BASELINES, batch_size=batch_size
        )
        assert list(found) == [*METHODS, *evaluate.BASELINES]
        for m in METHODS:
            np.testing.assert_allclose(found[m], expected[m], atol=1e-6)
        if batch_size == 1:
            first = found
        for m in found:
            np.testing.assert_allclose(found[m], first[m], atol=1e-6)
    assert not np.array_equal(found["random_map"][0], found["random_map"][1])


def test_pictures_of_224_pixels_go_through_a_network_four_at_a_time():
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, 16),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(4, 3),
    )
    cnn = models.own_cnn(network, "abc", default_layer="1")
    views, at_once = evaluate.views(cnn, made(9, size=224)), []
    network.register_forward_pre_hook(lambda net, given: at_once.append(len(given[0])))
    evaluate.maps(cnn, views, ["grad_cam"])
    assert at_once == [4, 4, 1]
    at_once.clear()
    evaluate.maps(cnn, views, [], baselines=["input_gradient"])
    assert at_once == [1] * 9
    at_once.clear()
    cnn.predict_proba([view.image for view in views])
    assert at_once == [4, 4, 1]


def test_unknown_controls_and_no_views_are_refused(tiny):
    views = evaluate.views(tiny, made())
    with pytest.raises(ValueError, match="baselines must be out of"):
        evaluate.maps(tiny, views, METHODS, baselines=["noise"])
    with pytest.raises(ValueError, match="at least one view"):
        evaluate.maps(tiny, (), METHODS)


def test_the_table_holds_the_metrics_of_each_map(tiny):
    views = evaluate.views(tiny, made())
    maps = evaluate.maps(tiny, views, METHODS)
    table = evaluate.table(maps, views, threshold=0.3)
    assert len(table) == 14
    row = table[(table["name"] == "p4") & (table["method"] == "layer_cam")].iloc[0]
    expected = metrics.localisation(maps["layer_cam"][4], views[4].mask, 0.3)
    assert {m: row[m] for m in metrics.LOCALISATION} == expected
    assert row["pointing"] == metrics.pointing_game(maps["layer_cam"][4], views[4].mask)


def test_recognised_scenes_have_all_their_classes_among_the_guesses(tiny):
    image = made(1)[0].image
    order = np.argsort(-tiny.predict_proba([image])[0])
    scene = compositions.Scene("s", image, (int(order[0]), int(order[1])), (), (), "grass")
    assert evaluate.recognised(tiny, [scene], top=2) == [scene]
    assert evaluate.recognised(tiny, [scene], top=1) == []


def test_the_grid_game_gives_a_share_for_each_cell(cnn):
    views = evaluate.views(cnn, [data.photo(n) for n in ("hedgehog", "koala", "panda", "dog")])
    found = evaluate.grid_game(cnn, views, ["grad_cam", "layer_cam"], n=1)
    assert found["grad_cam"].shape == (4,)
    assert found["grad_cam"].mean() > 0.5 > 0.25 < found["layer_cam"].mean()


def test_perturbation_areas_are_those_of_the_curves(tiny):
    views = evaluate.views(tiny, made(3))
    maps = evaluate.maps(tiny, views, METHODS)
    found = evaluate.perturbation(tiny, views, maps, "insertion", steps=4, fill="mean")
    x = tiny.preprocess(views[2].image)
    one = metrics.insertion(tiny.model, x, maps["layer_cam"][2], views[2].target, 4, "mean").auc
    assert found["layer_cam"][2] == pytest.approx(one)
    with pytest.raises(ValueError, match="kind must be 'deletion' or 'insertion'"):
        evaluate.perturbation(tiny, views, maps, "erasure")
