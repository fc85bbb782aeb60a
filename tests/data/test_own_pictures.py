"""Loaders on the smallest data sets that have the real layouts, written here and read as torchvision does."""

import json

import numpy as np
import pytest
import torchvision
from PIL import Image

from xailab import evaluate, models
from xailab.data import own_pictures
from xailab.evaluate import batch


def picture(path, size=(30, 20), colour=(200, 30, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def labels(path, values, palette=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Image.fromarray(values.astype(np.uint8))
    if palette:
        made = made.convert("P")
        made.putdata(values.astype(np.uint8).ravel().tolist())
    made.save(path)


# --- a folder ----------------------------------------------------------------------------------


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


def test_a_folder_is_read_lazily_and_can_be_cut(own, monkeypatch):
    reads = []
    real = own_pictures.read_image
    monkeypatch.setattr(own_pictures, "read_image", lambda p: reads.append(p.name) or real(p))
    items = own_pictures.folder(own)
    assert len(items) == 2 and reads == []
    assert items[1].name == "tea" and items[-1].name == "tea" and reads == ["tea.png", "tea.png"]
    assert [p.name for p in items[:1]] == ["rex"]
    assert [batch.item_name(items, i) for i in range(2)] != []


def test_names_need_no_picture_to_be_read(own, monkeypatch):
    monkeypatch.setattr(own_pictures, "read_image", lambda p: 1 / 0)
    items = own_pictures.folder(own)
    assert len({batch.item_name(items, i) for i in range(2)}) == 2


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


# --- Oxford-IIIT Pet ---------------------------------------------------------------------------


@pytest.fixture
def pets(tmp_path):
    base = tmp_path / "oxford-iiit-pet"
    trimap = np.full((20, 30), 2)
    trimap[4:12, 5:20] = 3
    trimap[6:10, 8:16] = 1
    for name in ("pug_1", "Siamese_12", "Abyssinian_3"):
        picture(base / "images" / f"{name}.jpg")
        labels(base / "annotations" / "trimaps" / f"{name}.png", trimap)
    lines = [
        "# Image CLASS-ID SPECIES",
        "Abyssinian_3 1 1 1",
        "pug_1 26 2 19",
        "Siamese_12 33 1 12",
    ]
    (base / "annotations" / "test.txt").write_text("\n".join(lines[1:]))
    (base / "annotations" / "trainval.txt").write_text("pug_1 26 2 19\n")
    return tmp_path


def test_oxford_pets_as_torchvision_lays_them_out(pets):
    theirs = torchvision.datasets.OxfordIIITPet(pets, "test", target_types="segmentation")
    ours = own_pictures.oxford_pets(pets)
    assert len(theirs) == 3 and [p.name for p in ours] == ["pug_1", "Siamese_12"]
    image, trimap = theirs[1]
    assert np.array_equal(ours[0].image, np.asarray(image.convert("RGB")))
    assert np.array_equal(ours[0].mask, np.asarray(trimap) != 2)
    assert ours[0].target == 254 and ours[0].box == (5, 4, 20, 12)
    assert len(own_pictures.oxford_pets(pets, "trainval")) == 1


def test_pet_breeds_are_the_imagenet_classes_they_say():
    categories = models._categories()
    same = [
        b
        for b, i in own_pictures.OXFORD_PETS.items()
        if categories[i].lower() == b.replace("_", " ")
    ]
    assert {"beagle", "boxer", "pug", "samoyed", "pomeranian", "keeshond"} <= set(same)
    assert categories[own_pictures.OXFORD_PETS["siamese"]] == "Siamese cat"
    assert len(set(own_pictures.OXFORD_PETS.values())) == len(own_pictures.OXFORD_PETS)


def test_pets_that_are_not_there_are_explained(tmp_path, pets):
    with pytest.raises(FileNotFoundError, match="OxfordIIITPet"):
        own_pictures.oxford_pets(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="split must be 'test' or 'trainval'"):
        own_pictures.oxford_pets(pets, "val")


# --- PASCAL VOC --------------------------------------------------------------------------------


@pytest.fixture
def voc(tmp_path):
    base = tmp_path / "VOCdevkit" / "VOC2012"
    plane = np.zeros((20, 30))
    plane[2:8, 3:20] = 255  # the border that belongs to nobody
    plane[3:7, 4:19] = 1  # aeroplane
    plane[12:18, 5:9] = 6  # bus
    person = np.where(plane == 1, 15, 0)
    for name, values in (("2007_000032", plane), ("2007_000033", person)):
        picture(base / "JPEGImages" / f"{name}.jpg")
        labels(base / "SegmentationClass" / f"{name}.png", values, palette=True)
    lists = base / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("2007_000032\n2007_000033\n")
    return tmp_path


def test_voc_as_torchvision_lays_it_out(voc):
    theirs = torchvision.datasets.VOCSegmentation(voc, "2012", "val")
    image, target = theirs[0]
    ours = own_pictures.voc(voc)
    assert [p.name for p in ours] == ["2007_000032_aeroplane", "2007_000032_bus"]
    assert np.array_equal(ours[0].image, np.asarray(image.convert("RGB")))
    assert np.array_equal(ours[0].mask, np.asarray(target) == 1)  # without the border
    assert ours[0].mask.sum() == 60 and ours[1].target == 874 and ours[1].box == (5, 12, 9, 18)


def test_voc_classes_can_be_mapped_by_hand(voc):
    (person,) = own_pictures.voc(voc, classes={"person": 981})
    assert (person.name, person.target) == ("2007_000033_person", 981)
    with pytest.raises(ValueError, match="VOC has no class 'robot'"):
        own_pictures.voc(voc, classes={"robot": 1})


def test_voc_that_is_not_there_is_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match="VOCSegmentation"):
        own_pictures.voc(tmp_path)


def test_a_data_set_goes_through_the_whole_evaluation(voc, cnn):
    table = batch.run(
        cnn, own_pictures.voc(voc), ("grad_cam",), baselines=("centre_blob",), least=0.1
    )
    assert set(table["name"]) == {"2007_000032_1", "2007_000032_6"}
    assert table["iou"].between(0, 1).all()
