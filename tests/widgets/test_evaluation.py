"""The panels for maps of many pictures, at the ends of their controls, without a browser."""

import ipywidgets as ipw
import numpy as np
import pytest

from xailab import evaluate, metrics, widgets


@pytest.fixture
def views(rng):
    masks = np.zeros((2, 12, 12), bool)
    masks[:, 2:7, 3:9] = True
    images = rng.integers(0, 255, (2, 12, 12, 3), dtype=np.uint8)
    return [evaluate.View(f"p{i}", images[i], masks[i], 0, 1.0) for i in range(2)]


def test_every_choice_of_the_localisation_explorer_gives_its_numbers(views, rng):
    maps = {"a": rng.random((2, 12, 12)), "empty": np.zeros((2, 12, 12))}
    box = widgets.localisation_explorer(views, maps)
    assert isinstance(box.controls["photo"], ipw.SelectionSlider)
    assert box.controls["photo"].options == (("p0", "p0"), ("p1", "p1"))
    box.controls["photo"].value, box.controls["method"].value = "p1", "a"
    for threshold in (0.05, 0.5, 0.95):
        box.controls["threshold"].value = threshold
        iou = metrics.iou(maps["a"][1], views[1].mask, threshold)
        assert f"iou {iou:.2f}" in box.text and bytes(box.picture.value[:4]) == b"\x89PNG"
    with pytest.warns(UserWarning, match="zero everywhere"):
        box.controls["method"].value = "empty"
    assert "iou 0.00" in box.text


def test_the_randomisation_goes_down_to_its_last_layer(views, rng):
    maps = {m: rng.random((3, 2, 12, 12)) for m in ("a", "b")}
    similarity = {m: np.array([[1, 1], [0.5, 0.25], [0, -0.125]]) for m in maps}
    cascade = metrics.Cascade(("as trained", "top", "stem"), maps, similarity)
    box = widgets.randomisation_explorer([s.image for s in views], cascade)
    assert "as trained" in box.text and "a 1.00, b 1.00" in box.text
    box.controls["picture"].value = 1
    box.controls["layer"].value = 2
    assert "Randomised down to layer stem" in box.text and "a -0.12" in box.text
    assert box.controls["layer"].max == 2 and box.controls["picture"].max == 1


def test_panels_name_methods_as_readers_know_them(views, rng):
    maps = {"grad_cam_pp": rng.random((2, 12, 12)), "random_map": rng.random((2, 12, 12))}
    box = widgets.localisation_explorer(views, maps)
    assert box.controls["method"]._options_labels == ("Grad-CAM++", "random map")
    box.controls["method"].value = "random_map"
    assert "p0, random map, threshold 0.50" in box.text
    overlay = widgets.threshold_overlay(
        views[0].image, {m: a[0] for m, a in maps.items()}, views[0].mask
    )
    assert overlay.controls["method"].options == ("Grad-CAM++", "random map")
    assert overlay.text.startswith("Grad-CAM++: threshold 0.50")
    picker = widgets.picker(box, method=["grad_cam_pp", "random_map"])
    assert picker.controls["method"].options == ("Grad-CAM++", "random map")
    cascade = metrics.Cascade(
        ("as trained",),
        {m: a[None] for m, a in maps.items()},
        {m: np.ones((1, 2)) for m in maps},
    )
    box = widgets.randomisation_explorer([v.image for v in views], cascade)
    assert "Grad-CAM++ 1.00, random map 1.00" in box.text
