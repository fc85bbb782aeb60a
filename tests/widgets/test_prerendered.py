"""The picker shows what the panel shows, for every combination, and refuses what does not fit."""

import base64
import io

import ipywidgets as ipw
import numpy as np
import pytest
import traitlets
from PIL import Image

from xailab import plots, widgets
from xailab.widgets import prerendered


def png(shade: int, size=(20, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((*size, 3), shade, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def four(**settings):
    pictures = {(a, b): png(10 * i) for i, (a, b) in enumerate([*zip("aabb", "xyxy", strict=True)])}
    says = {key: f"This is {' and '.join(key)}." for key in pictures}
    return prerendered.Picker(["first", "second"], pictures, says, **settings)


def pixels(webp: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(webp))
    assert image.format == "WEBP"
    return np.asarray(image.convert("RGB"))


def test_every_combination_has_its_own_picture_and_sentence():
    made = four()
    assert made.text == "This is a and x." and made.chosen == {"first": "a", "second": "x"}
    for i, (a, b) in enumerate(zip("aabb", "xyxy", strict=True)):
        made.controls["first"].value, made.controls["second"].value = a, b
        assert made.text == made.readout.value == repr(made) == f"This is {a} and {b}."
        np.testing.assert_array_equal(pixels(made.picture), np.full((20, 30, 3), 10 * i))
    assert made.controls["first"].options == ("a", "b")


def test_a_choice_of_the_page_reaches_python_and_an_unknown_one_is_refused():
    made = four()
    made.set_state({"chosen": {"first": "b", "second": "y"}})
    assert made.text == "This is b and y."
    with pytest.raises(traitlets.TraitError, match="first must be one of a, b, not 'c'"):
        made.controls["first"].value = "c"
    with pytest.raises(traitlets.TraitError, match="chosen must name first, second"):
        made.chosen = {"first": "a"}
    assert made.text == "This is b and y."


def test_a_combination_that_is_missing_is_named():
    pictures = {("a", "x"): png(0), ("b", "y"): png(1)}
    with pytest.raises(ValueError, match=r"\('a', 'y'\) is missing"):
        prerendered.Picker(["first", "second"], pictures, dict.fromkeys(pictures, "said"))
    with pytest.raises(ValueError, match="all is missing"):
        prerendered.Picker(["first"], {}, {})


def test_too_many_pictures_for_a_page_are_refused(rng, monkeypatch):
    monkeypatch.setattr(prerendered, "LARGEST", 20_000)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (200, 200, 3), dtype=np.uint8)).save(buffer, "PNG")
    pictures = {(str(i),): buffer.getvalue() for i in range(3)}
    with pytest.raises(
        ValueError, match=r"The 3 pictures have \d+ KB together, more than the 20 KB"
    ):
        prerendered.Picker(["which"], pictures, dict.fromkeys(pictures, "said"))


def panel():
    h = np.arange(12.0).reshape(3, 4) / 12

    def draw(n, kind, flag):
        return plots.heatmap(h * n / 4, kind), f"n {n}, kind {kind}, flag {flag}."

    return widgets.panel(
        draw,
        n=ipw.IntSlider(4, max=4, description="how many"),
        kind=ipw.Dropdown(options=[("one", "i"), ("two", "ii")]),
        flag=ipw.Checkbox(),
    )


def test_a_panels_picker_shows_what_the_panel_shows_and_leaves_it_alone():
    box = panel()
    before = box.text, box.picture.value
    made = widgets.picker(box, kind=None, n=(0, 2, 4))
    assert (box.text, box.picture.value) == before
    assert made.names == ["kind", "how many"] and made.sliding == [False, True]
    assert made.labels == [["one", "two"], ["0", "2", "4"]]
    for label, kind in (("one", "i"), ("two", "ii")):
        for n in (0, 2, 4):
            box.controls["kind"].value, box.controls["n"].value = kind, n
            made.controls["kind"].value, made.controls["how many"].value = label, str(n)
            assert made.text == box.text == f"n {n}, kind {kind}, flag False."
            shown = np.asarray(Image.open(io.BytesIO(box.picture.value)).convert("RGB"))
            assert np.abs(pixels(made.picture) - shown.astype(float)).mean() < 4


def test_a_name_that_is_no_control_or_a_slider_without_values_is_refused():
    with pytest.raises(ValueError, match="no control 'method'; it has n, kind, flag"):
        widgets.picker(panel(), method=None)
    with pytest.raises(ValueError, match="n is a slider: say which"):
        widgets.picker(panel(), n=None)


def test_the_sentence_travels_with_the_view():
    made = four()
    data, metadata = made._repr_mimebundle_()
    assert data["text/plain"] == made.text == metadata["image/png"]["alt"]
    still = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    np.testing.assert_array_equal(np.asarray(still.convert("RGB")), pixels(made.picture))
    assert "application/vnd.jupyter.widget-view+json" in data
