"""The threshold overlay in Python: what it sends is exact, its text equals xailab.metrics."""

import base64
import io
import warnings
import zlib

import numpy as np
import pytest
import traitlets
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from xailab import metrics, widgets
from xailab.widgets import overlay

HEAT = hnp.arrays(np.float32, (5, 7), elements=st.floats(0, 1, width=32, allow_subnormal=False))


@pytest.fixture
def parts(rng):
    image = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)
    mask = np.zeros((20, 30), bool)
    mask[5:12, 8:20] = True
    return image, rng.random((20, 30)).astype(np.float32), mask


@given(HEAT)
def test_a_level_is_the_number_of_steps_at_which_metrics_marks_the_pixel(h):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = overlay.levels(h)
        for k in (1, 7, 29, 50, 57, 99, 100):
            np.testing.assert_array_equal(found >= k, metrics.region(h, k / 100))


def test_levels_hold_where_a_pixel_lies_exactly_on_a_threshold():
    h = overlay.THRESHOLDS.reshape(10, 10)
    for k in range(1, 101):
        np.testing.assert_array_equal(overlay.levels(h) >= k, metrics.region(h, k / 100))


def test_what_is_sent_is_the_levels_the_mask_and_the_photo(parts):
    image, h, mask = parts
    made = overlay.ThresholdOverlay(image, h, mask)
    sent = np.frombuffer(zlib.decompress(made.maps["heat map"]["levels"]), np.uint8)
    np.testing.assert_array_equal(sent.reshape(h.shape), overlay.levels(h))
    np.testing.assert_array_equal(
        np.frombuffer(zlib.decompress(made.mask), np.uint8).reshape(mask.shape), mask
    )
    assert made.photo[:2] == b"\xff\xd8"
    assert {len(p) for p in made.palettes.values()} == {303}


def test_the_text_at_every_step_of_every_control_equals_metrics(parts):
    image, h, mask = parts
    made = widgets.threshold_overlay(image, {"one": h, "two": 1 - h}, mask)
    said = set()
    for method in made.controls["method"].options:
        made.controls["method"].value = method
        for k in range(1, 101):
            made.controls["threshold"].value = k / 100
            scores = metrics.localisation(made.heatmaps[method], mask, k / 100)
            assert all(f"{name} {value:.2f}" in made.text for name, value in scores.items())
            assert made.readout.value == made.text == repr(made)
            said.add(made.text)
    assert len(said) == 200
    for name in made.controls["colours"].options:
        made.controls["colours"].value = name


def test_an_empty_map_marks_nothing_and_scores_zero(parts):
    image, h, mask = parts
    with pytest.warns(UserWarning, match="zero everywhere"):
        made = overlay.ThresholdOverlay(image, 0 * h, mask)
        assert "marks 0% of the picture; saliency 0.00, iou 0.00" in made.text


def test_thresholds_between_steps_go_to_the_nearest_step(parts):
    made = overlay.ThresholdOverlay(*parts, threshold=0.333)
    assert made.threshold == 0.33


@pytest.mark.parametrize("bad", [0.0, 1.2, -1, 0.004])
def test_a_threshold_outside_is_refused(parts, bad):
    made = overlay.ThresholdOverlay(*parts)
    with pytest.raises(traitlets.TraitError, match=r"\[0.01, 1\]"):
        made.threshold = bad
    assert made.threshold == 0.5


def test_unknown_choices_are_refused_by_name(parts):
    made = overlay.ThresholdOverlay(*parts)
    with pytest.raises(traitlets.TraitError, match="method must be one of heat map"):
        made.method = "jet"
    with pytest.raises(traitlets.TraitError, match="colours must be one of orange"):
        made.colours = "rainbow"


def test_parts_that_do_not_fit_are_refused_in_one_sentence(parts):
    image, h, mask = parts
    with pytest.raises(ValueError, match="image must be uint8"):
        overlay.ThresholdOverlay(image[:5], h, mask)
    with pytest.raises(ValueError, match="must have one shape"):
        overlay.ThresholdOverlay(image, h[:5], mask)
    with pytest.raises(ValueError, match="mask is empty"):
        overlay.ThresholdOverlay(image, h, mask & False)
    with pytest.raises(ValueError, match="empty dict"):
        overlay.ThresholdOverlay(image, {}, mask)


def test_the_text_travels_with_the_view(parts):
    made = overlay.ThresholdOverlay(*parts)
    data, metadata = made._repr_mimebundle_()
    assert data["text/plain"] == made.text == metadata["image/png"]["alt"]
    assert "application/vnd.jupyter.widget-view+json" in data


def test_the_still_picture_paints_what_the_region_marks(parts):
    image, h, mask = parts
    made = overlay.ThresholdOverlay(image, h, mask, threshold=0.6)
    data, _ = made._repr_mimebundle_()
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))), dtype=float)
    base = np.asarray(Image.open(io.BytesIO(made.photo)), dtype=float)
    white = (shown == 255).all(2)
    changed = (np.abs(shown - base).max(2) > 0) & ~white
    marked = metrics.region(h, 0.6)
    assert (changed <= marked).all() and (white <= mask).all() and white.any()
    assert (changed | white)[marked].mean() > 0.95


def test_colour_tables_grow_lighter_with_the_level(parts):
    for table in overlay.ThresholdOverlay(*parts).palettes.values():
        light = np.frombuffer(table, np.uint8).reshape(-1, 3) @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(light) > -1.5).all() and light[-1] - light[0] > 100
