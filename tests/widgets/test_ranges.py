"""Every panel over the whole range of each of its controls: ends, steps, all choices.

One control changes at a time, the others keep their first value. Each time the picture is a complete
PNG, the readout holds a sentence and nothing warns or raises.
"""

import base64
import gc
import html
import inspect
import io
import re
import warnings
import weakref

import ipywidgets as ipw
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import skimage.data
import torch
from matplotlib.colors import to_rgb
from PIL import Image
from traitlets import Bunch

from xailab import cam, evaluate, metrics, models, shapley, widgets
from xailab.plots import settings
from xailab.widgets import evaluations, panels
from xailab.widgets import images as image_widgets

D = 3
TABLE = pd.DataFrame(np.random.default_rng(0).normal(size=(12, D)), columns=["a", "b", "c"]).round(
    1
)
TABLE["c"] = [0.0, 1.0, 2.0] * 4
CATEGORIES = {"c": ("red", "green", "blue")}
PICTURE = np.random.default_rng(1).integers(0, 255, (32, 40, 3), dtype=np.uint8)
PHOTO = skimage.data.coffee()[::5, ::5]
HEAT = np.hypot(*np.mgrid[-1:1:32j, -1:1:40j]).max() - np.hypot(*np.mgrid[-1:1:32j, -1:1:40j])
MASK = np.zeros((32, 40), bool)
MASK[8:20, 10:30] = True


def predict(X):
    a, b, c = np.asarray(X, dtype=float).T
    return 1 / (1 + np.exp(-(a + b * c)))


def predict_proba(X):
    return np.stack([1 - predict(X), predict(X)], 1)


def reds(images):
    share = np.asarray(images, dtype=float)[..., 0].mean((1, 2)) / 255
    return np.stack([1 - share, share], 1)


def _views():
    return tuple(evaluate.View(name, PICTURE, MASK, 0, 1.0) for name in ("one", "two"))


def _cascade():
    maps = {"m": np.stack([[HEAT, MASK], [1 - HEAT / HEAT.max(), MASK], [HEAT**2, MASK]])}
    return metrics.Cascade(
        ("as trained", "head", "stem"), maps, {"m": np.array([[1.0, 1.0], [-1.0, 0.2], [0.5, 0.3]])}
    )


PANELS = {
    "instance_explorer": lambda: widgets.instance_explorer(
        predict, TABLE, TABLE[:4], pd.Series(TABLE["a"] > 0)
    ),
    "what_if": lambda: widgets.what_if(predict, TABLE.iloc[0], TABLE, CATEGORIES),
    "background_slider": lambda: widgets.background_slider(predict, TABLE.iloc[0], TABLE),
    "lime_dial": lambda: widgets.lime_dial(predict_proba, TABLE, TABLE, ["c"], k=2),
    "localisation_explorer": lambda: widgets.localisation_explorer(
        _views(), {"m": np.stack([HEAT, HEAT.T.reshape(32, 40)]), "n": np.stack([HEAT, HEAT])}
    ),
    "randomisation_explorer": lambda: widgets.randomisation_explorer(
        [PICTURE, PICTURE], _cascade()
    ),
    "superpixel_explorer": lambda: image_widgets.superpixel_explorer(PHOTO),
    "lime_explorer": lambda: image_widgets.lime_explorer(reds, PHOTO, n=10),
}
TESTED_BELOW_OR_ELSEWHERE = set(
    "picker threshold_overlay cam_explorer network_explorer upload layer_choices".split()
)


def stops(control: ipw.Widget) -> list:
    """Every value that a user can choose, the ends first; about nine values of long ranges."""
    if isinstance(control, ipw.Checkbox):
        return [not control.value, control.value]
    if isinstance(control, ipw.Text):
        return [str(label) for label in TABLE.index]
    if hasattr(control, "options"):
        return [o[1] if isinstance(o, tuple) else o for o in control.options]
    low, high, step = control.min, control.max, control.step
    values = np.append(np.arange(low, high, step), high)
    if isinstance(control, ipw.FloatLogSlider):
        values = control.base**values
    thin = values[:: max(1, len(values) // 9)]
    return [type(control.value)(v) for v in (values[0], values[-1], *thin)]


def check(box, before: str | None = None) -> None:
    image = Image.open(io.BytesIO(box.picture.value))
    image.load()
    assert image.format == "PNG" and min(image.size) > 50
    shown = html.unescape(re.sub(r"<[^>]*>", "", box.readout.value))
    assert shown == box.text == repr(box) and len(shown.split()) > 3
    assert "xailab-error" not in box.readout.value
    assert not re.search(r"\bnan\b|\binf\b|None", shown), shown


def sweep(box) -> None:
    check(box)
    for name, control in box.controls.items():
        start, texts, pictures = control.value, set(), set()
        for value in stops(control):
            control.value = value
            check(box)
            texts.add(box.text)
            pictures.add(box.picture.value)
        control.value = start
        check(box)
        if name == "colours":
            # another picture, the same text
            assert len(texts) == 1 and len(pictures) == len(stops(control))
        else:
            assert len(texts) > 1 or len(stops(control)) == 1, f"{name} does not change the text"


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_works_over_the_whole_range_of_each_control(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        sweep(PANELS[name]())


def test_the_cam_panel_works_for_every_method_layer_and_class(cnn, coffee):
    sweep(image_widgets.cam_explorer(cnn, coffee, classes=3))


def test_a_chosen_network_has_its_own_layers_and_classes(cnn, coffee):
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, 2),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(4, 2),
    )
    mine = models.own_cnn(net, ["cup", "no cup"], input_size=32)
    box = image_widgets.network_explorer(coffee, {"Lite0": lambda: cnn, "mine": lambda: mine})
    assert repr(box) == box.children[-1].text != ""
    assert "espresso" in box.readout.value
    box.controls["network"].value = "mine"
    assert "cup" in box.readout.value and "espresso" not in box.readout.value
    assert [value for _, value in box.controls["layer"].options] == list(mine.layers)
    with pytest.raises(ValueError, match="networks must name at least one"):
        image_widgets.network_explorer(coffee, {})


def test_a_network_that_cannot_be_loaded_is_explained_and_the_old_one_stays(cnn, coffee):
    views = []

    def broken():
        views.append("xailab-busy" in box._dom_classes)
        raise FileNotFoundError("no <b>file</b> here; give its path.")

    box = image_widgets.network_explorer(coffee, {"Lite0": lambda: cnn, "broken": broken})
    said = box.readout.value
    with pytest.raises(FileNotFoundError, match="give its path"):
        box.controls["network"].value = "broken"
    assert box.children[1].value == "no &lt;b&gt;file&lt;/b&gt; here; give its path."
    assert box.readout.value == said
    assert views == [True] and "xailab-busy" not in box._dom_classes
    box.controls["network"].value = "Lite0"
    assert box.children[1].value == ""


def test_networks_without_weights_are_named_with_the_way_to_load_them(coffee, monkeypatch):
    ready = {"efficientnet_lite0": True, "vgg16": False, "resnet50": False}
    monkeypatch.setattr(models, "cnn_names", lambda: ready)
    box = image_widgets.network_explorer(coffee)
    assert list(box.controls["network"].options) == [("EfficientNet-Lite0", "efficientnet_lite0")]
    note = box.children[1].value
    assert "Not on this computer: vgg16, resnet50; " in note and "'path/to/file.pth'}" in note


def test_a_weights_file_adds_its_network_to_the_list(coffee, tmp_path):
    from torchvision.models import resnet50

    path = tmp_path / "weights.pth"
    torch.save(resnet50(weights=None).state_dict(), path)
    box = image_widgets.network_explorer(coffee, weights={"resnet50": path})
    names = [name for _, name in box.controls["network"].options]
    assert names == [n for n, here in models.cnn_names().items() if here and n != "resnet50"] + [
        "resnet50"
    ]
    assert "resnet50" not in box.children[1].value and "vgg16" in box.children[1].value
    box.controls["network"].value = "resnet50"
    assert (
        box.controls["layer"].value == "layer4"
        and "layer4 (last layer, 2,048 maps, 7 x 7)" in box.readout.value
    )


def test_networks_in_memory_need_no_function(cnn, coffee):
    box = image_widgets.network_explorer(coffee, {"as it is": cnn, "made": lambda: cnn})
    said = box.readout.value
    box.controls["network"].value = "made"
    assert box.readout.value == said and "espresso" in said


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (
            {"vgg61": "a.pth"},
            ValueError,
            "weights must map names out of efficientnet_lite0, .*vgg61",
        ),
        ({"vgg16": "no/such.pth"}, FileNotFoundError, "There is no weights file no/such.pth"),
    ],
)
def test_weights_that_cannot_be_used_are_named(coffee, weights, error, message):
    with pytest.raises(error, match=message):
        box = image_widgets.network_explorer(coffee, weights=weights)
        box.controls["network"].value = "vgg16"


UNDERSCORE = re.compile(r"[A-Za-z0-9]_[A-Za-z0-9]")


def shown_words(box) -> list[str]:
    """The text of a panel, and the names and options of its controls."""
    words = [html.unescape(re.sub(r"<[^>]*>", "", box.readout.value))]
    for control in box.controls.values():
        words.append(control.description)
        words += [str(text) for text in getattr(control, "_options_labels", ())]
    return words


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_shows_no_name_of_the_code(name):
    assert not [text for text in shown_words(PANELS[name]()) if UNDERSCORE.search(text)]


def test_panels_of_photos_and_maps_show_no_name_of_the_code(cnn, coffee):
    red_panda = [evaluate.View("red_panda", PICTURE, MASK, 0, 1.0)]
    names = (*cam.METHODS, *evaluate.BASELINES)
    box = widgets.localisation_explorer(red_panda, {name: HEAT[None] for name in names})
    assert box.text.startswith("red panda, CAM, threshold 0.50")
    panels_ = [box, image_widgets.cam_explorer(cnn, coffee), image_widgets.network_explorer(coffee)]
    for one in panels_:
        assert not [text for text in shown_words(one) if UNDERSCORE.search(text)]


def test_a_layer_is_named_with_its_maps_in_the_menu_the_picture_and_the_text(cnn, coffee):
    box = image_widgets.cam_explorer(cnn, coffee)
    last = "head (last layer, 1,280 maps, 7 x 7)"
    assert box.controls["layer"].label == last == cnn.layer_label("head")
    assert f"at {last}: " in box.text
    box.controls["layer"].value = "blocks.10"
    assert box.controls["layer"].label == "blocks.10 (112 maps, 14 x 14)"
    assert "at blocks.10 (112 maps, 14 x 14): " in box.text
    assert len(set(box.controls["layer"]._options_labels)) == len(box.controls["layer"].options)


def test_a_panel_may_begin_at_a_layer_inside_a_part_of_the_network(cnn, coffee):
    box = image_widgets.cam_explorer(cnn, coffee, layer="blocks.15")
    assert box.controls["layer"].label == "blocks.15 (320 maps, 7 x 7)"


def test_every_panel_is_tested():
    offered = {
        name
        for module in (widgets, evaluations, image_widgets)
        for name, thing in vars(module).items()
        if inspect.isfunction(thing) and thing.__module__ == module.__name__ and name[0] != "_"
    }
    assert offered == PANELS.keys() | TESTED_BELOW_OR_ELSEWHERE


def _grey(color: str) -> float:
    """How light a colour is in print, 0 to 1."""
    return float(to_rgb(color) @ np.array([0.2126, 0.7152, 0.0722]))


def test_every_panel_whose_colours_carry_meaning_has_the_switch():
    for name, make in PANELS.items():
        controls = make().controls
        assert ("colours" in controls) == (name != "superpixel_explorer"), name
        if "colours" in controls:
            first = controls["colours"].value
            assert (
                first in ("orange", "orange and blue")
                and "xailab-colours" in controls["colours"]._dom_classes
            )
    for raises, lowers in settings.COLORS.values():
        assert abs(_grey(raises) - _grey(lowers)) > 0.05
    dark, light = settings.COLORS["black and grey"]
    assert _grey(light) - _grey(dark) > 0.5 and len(set(to_rgb(dark))) == 1
    for name in settings.PALETTES.values():
        shades = plt.get_cmap(name)(np.linspace(0, 1, 64))[:, :3] @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(shades) > 0).all(), name


def test_a_feature_called_colours_keeps_its_control():
    X = TABLE.rename(columns={"a": "colours"})
    box = widgets.what_if(predict, X.iloc[0], X)
    box.controls["colours"].value = 1.0
    assert f"Changed: colours {X.iloc[0, 0]:g} to 1." in box.text
    before = box.picture.value
    box.controls["colours of the figure"].value = "black and grey"
    assert box.picture.value != before


def test_figures_are_collected_at_once_and_the_collector_is_left_as_it_was():
    made = []

    def draw(n):
        ax = widgets.plots.heatmap(HEAT)
        made.append(weakref.ref(ax.figure))
        assert not gc.isenabled()
        if n == 3:
            raise ValueError("Not three.")
        return ax, f"n is {n}."

    box = widgets.panel(draw, n=ipw.IntSlider(max=5))
    assert gc.isenabled() and made[0]() is None
    with pytest.raises(ValueError, match="three"):
        box.controls["n"].value = 3
    assert gc.isenabled()
    gc.disable()
    try:
        box.controls["n"].value = 4
        assert not gc.isenabled() and made[-1]() is None
    finally:
        gc.enable()


def test_the_text_of_the_row_panel_is_about_the_row_that_is_drawn():
    box = widgets.instance_explorer(predict, TABLE, TABLE[:4])
    for place in range(len(TABLE)):
        box.controls["row"].value = place
        row = shapley.exact(
            predict, TABLE.iloc[place], TABLE[:4], output="probability of income > 50K"
        )
        assert box.text == f"Row {TABLE.index[place]}. {row.describe()}"


def test_an_unknown_row_is_named_and_the_next_choice_draws_again():
    box = widgets.instance_explorer(predict, TABLE, TABLE[:4])
    box.controls["index"].value = "99"
    assert "no row '99'" in box.text
    box.controls["index"].value = "5"
    assert box.text.startswith("Row 5.")


def test_an_upload_that_is_not_a_picture_is_named_and_a_picture_is_used():
    box = image_widgets.upload(lambda image: ipw.Label(str(image.shape)))

    def file(name, content):
        return {
            "name": name,
            "type": "",
            "size": len(content),
            "content": content,
            "last_modified": pd.Timestamp(0, tz="UTC").to_pydatetime(),
        }

    with pytest.raises(ValueError, match=r"notes\.txt cannot be read"):
        box.controls["file"].value = (file("notes.txt", b"no picture"),)
    assert "notes.txt cannot be read" in box.readout.value
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, "PNG")
    box.controls["file"].value = (file("mine.png", buffer.getvalue()),)
    assert box.readout.value == repr(box) == "mine.png: 40 x 32 pixels."
    assert box._repr_mimebundle_()[0]["text/plain"] == repr(box)
    assert box.children[-1].value == "(32, 40, 3)"


def test_an_upload_takes_the_files_of_ipywidgets_7_too():
    box = image_widgets.upload(lambda image: ipw.Label(str(image.shape)))
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, "PNG")
    files = {"mine.png": {"metadata": {"name": "mine.png"}, "content": buffer.getvalue()}}
    change = {"name": "value", "type": "change", "old": {}, "new": files}
    box.controls["file"].notify_change(Bunch(change, owner=box.controls["file"]))
    assert box.readout.value == "mine.png: 40 x 32 pixels."


def test_a_panel_leaves_its_picture_and_its_text_to_readers_without_a_kernel():
    panel = widgets.instance_explorer(predict, TABLE, TABLE[:4])
    around = panels.Box([ipw.Label("above"), panel])
    around.readout = panel.readout
    for box in (panel, around):
        data, metadata = box._repr_mimebundle_()
        assert panel.text == metadata["image/png"]["alt"]
        assert base64.b64decode(data["image/png"]) == panel.picture.value
