"""A folder of annotated pictures, written here and read lazily; what is wrong with it is said."""

import json

import numpy as np
import pytest
from PIL import Image

from xailab import evaluate
from xailab.data import own_pictures
from xailab.evaluate import batch


def picture(path, size=(30, 20), colour=(200, 30, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def labels(path, values):
    Image.fromarray(values.astype(np.uint8)).save(path)


@pytest.fixture
def own(tmp_path):
    picture(tmp_path / "rex.jpg")
    mask = np.zeros((20, 30))
    mask[5:10, 6:16] = 255
    labels(tmp_path / "rex_mask.png", mask)
    picture(tmp_path / "tea.png", (40, 30))
    entries = {
        "rex.jpg": {
            "target": 235,
            "category": "German shepherd",
            "mask": "rex_mask.png",
            "author": "me",
        },
        "tea.png": {"target": 968, "box": [4, 6, 14, 26]},
    }
    (tmp_path / "annotations.json").write_text(json.dumps(entries))
    return tmp_path


def test_a_folder_of_ones_own(own):
    rex, tea = own_pictures.folder(own)
    assert (rex.name, rex.target, rex.category, rex.author) == ("rex", 235, "German shepherd", "me")
    assert rex.box == (6, 5, 16, 10) and rex.mask.sum() == 50 and rex.image.shape == (20, 30, 3)
    assert tea.box == (4, 6, 14, 26) and tea.mask.sum() == 200 and tea.licence == "unknown"


def test_a_mask_with_a_palette_counts_labels_not_colours(own):
    labels_of = np.zeros((20, 30), np.uint8)
    labels_of[3:7, 4:19] = 1
    mask = Image.fromarray(labels_of).convert("P")
    mask.putpalette([200, 200, 200, 0, 0, 0])
    mask.putdata(labels_of.ravel().tolist())
    mask.save(own / "rex_mask.png")
    assert own_pictures.folder(own)[0].box == (4, 3, 19, 7)


def test_a_folder_is_read_lazily_and_can_be_cut(own, monkeypatch):
    reads = []
    real = own_pictures.read_image
    monkeypatch.setattr(own_pictures, "read_image", lambda p: reads.append(p.name) or real(p))
    items = own_pictures.folder(own)
    assert len(items) == 2 and reads == []
    assert items[1].name == "tea" and items[-1].name == "tea" and reads == ["tea.png", "tea.png"]
    assert [p.name for p in items[:1]] == ["rex"]


def test_names_need_no_picture_to_be_read_and_differ(own, monkeypatch):
    monkeypatch.setattr(own_pictures, "read_image", lambda p: 1 / 0)
    assert own_pictures.folder(own).names == ("rex", "tea")
    assert own_pictures.folder(own)[1:].names == ("tea",)
    entries = {f: {"target": 1} for f in ("a/tea.png", "b/tea.png", "b/rex.png")}
    (own / "annotations.json").write_text(json.dumps(entries))
    assert own_pictures.folder(own).names == ("a/tea.png", "b/tea.png", "rex")


@pytest.mark.parametrize(
    ("entries", "error", "message"),
    [
        ({"rex.jpg": {"mask": "rex_mask.png"}}, ValueError, "rex.jpg .* has no 'target'"),
        (
            {"rex.jpg": {"target": 1, "mask": "no.png"}},
            FileNotFoundError,
            "no.png is missing: a picture",
        ),
        ({"no.jpg": {"target": 1, "box": [0, 0, 1, 1]}}, FileNotFoundError, "no.jpg"),
        ({"tea.png": {"target": 1, "mask": "rex_mask.png"}}, ValueError, "The mask of tea is"),
        ({"tea.png": {"target": 1, "box": [4, 4, 4, 9]}}, ValueError, "The mask of tea is empty"),
        ({"tea.png": {"target": 1, "mask": "m.jpg"}}, ValueError, "m.jpg is a JPEG"),
        ("[1, 2", ValueError, "is not a JSON table"),
        ([1, 2], ValueError, "is not a JSON table"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(own, entries, error, message):
    text = entries if isinstance(entries, str) else json.dumps(entries)
    (own / "annotations.json").write_text(text)
    with pytest.raises(error, match=message):
        list(own_pictures.folder(own))


def test_a_folder_without_annotations_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"annotations\.json is missing.*rex\.jpg"):
        own_pictures.folder(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    picture(tmp_path / "Uschi 1.JPG")
    with pytest.raises(FileNotFoundError, match=r'missing.*\{"Uschi 1\.JPG": \{"target": 235'):
        own_pictures.folder(tmp_path)


def test_annotations_may_begin_with_a_byte_order_mark_and_must_be_utf_8(own):
    file = own / "annotations.json"
    text = json.dumps({"tea.png": {"target": 968, "box": [4, 6, 14, 26], "category": "Tee, süß"}})
    file.write_text(text, encoding="utf-8-sig")
    assert own_pictures.folder(own)[0].box == (4, 6, 14, 26)
    file.write_bytes(text.replace("\\u00fc", "ü").replace("\\u00df", "ß").encode("latin-1"))
    with pytest.raises(ValueError, match="not text in UTF-8; save it so"):
        own_pictures.folder(own)


def test_a_students_mixed_folder_is_read_upright_and_in_colour(tmp_path, cnn):
    """Alpha, grey, turned by the camera, another size, a palette; a space in the path, a text file."""
    root, made = tmp_path / "my photos", {}
    root.mkdir()
    rng = np.random.default_rng(0)
    wide = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize((64, 48))
    mask = np.zeros((48, 64), bool)
    mask[10:40, 20:44] = True
    turned, exif = wide.transpose(Image.Transpose.ROTATE_90), Image.Exif()
    exif[0x112] = 6  # to be shown turned back
    clear = wide.convert("RGBA")
    clear.putalpha(100)
    pictures = {
        "alpha.png": (clear, {}),
        "grey.jpg": (wide.convert("L"), {"quality": 95}),
        "phone.JPG": (turned, {"exif": exif, "quality": 95}),
        "palette.gif": (wide, {}),
        "large one.jpg": (wide.resize((640, 480)), {"quality": 95}),
        "small.webp": (wide, {}),
    }
    for name, (image, settings) in pictures.items():
        image.save(root / name, **settings)
        made[name] = {"target": 3, "mask": "m.png" if image.width < 100 else "large.png"}
    labels(root / "m.png", mask.astype(np.uint8) * 255)
    labels(root / "large.png", mask.repeat(10, 0).repeat(10, 1).astype(np.uint8))
    (root / "notes.txt").write_text("mine")
    (root / "annotations.json").write_text(json.dumps(made))
    items = list(own_pictures.folder(root))
    assert [item.name for item in items] == [name.rpartition(".")[0] for name in made]
    for item in items:
        assert item.image.dtype == np.uint8 and item.image.shape == (*item.mask.shape, 3)
        back = np.asarray(Image.fromarray(item.image).resize((64, 48)), float)
        wanted = np.asarray(
            wide.convert("L").convert("RGB") if item.name == "grey" else wide, float
        )
        assert np.corrcoef(back.ravel(), wanted.ravel())[0, 1] > 0.97, item.name
        assert item.mask.mean() == mask.mean()
    views = evaluate.views(cnn, items)
    assert len(views) == 6 and all(view.image.shape == (224, 224, 3) for view in views)


def test_a_folder_goes_through_the_whole_evaluation(own, cnn):
    table = batch.run(
        cnn, own_pictures.folder(own), ("grad_cam",), baselines=("centre_blob",), least=0.1
    )
    assert set(table["name"]) == {"rex", "tea"}
    assert table["iou"].between(0, 1).all()
