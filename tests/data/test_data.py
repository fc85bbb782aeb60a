"""The Adult table against shap's own reading; files that are missing, altered or no images."""

import gzip
import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xailab import data
from xailab._utils.labels import PICTURES, picture_label


@pytest.fixture
def copied_data(tmp_path, monkeypatch):
    """A copy of the table and its checksum that a test may damage; XAILAB_DATA points at it."""
    for name in ("adult.csv.gz", "CHECKSUMS"):
        shutil.copy(data.data_dir() / name, tmp_path / name)
    monkeypatch.setenv("XAILAB_DATA", str(tmp_path))
    return tmp_path


# --- the table ---------------------------------------------------------------------------------


def test_the_table_equals_what_shap_makes_of_the_same_file(adult, tmp_path, monkeypatch):
    import shap

    unpacked = tmp_path / "adult.data"
    unpacked.write_bytes(gzip.decompress((data.data_dir() / "adult.csv.gz").read_bytes()))
    monkeypatch.setattr(shap.datasets, "cache", lambda url: str(unpacked))
    X, y = shap.datasets.adult()
    assert list(adult.X.columns) == list(X.columns)
    assert np.array_equal(adult.X.to_numpy(), X.to_numpy(float))
    assert np.array_equal(adult.y.to_numpy(), y)


def test_the_table_has_the_size_and_types_of_the_contract(adult):
    assert adult.X.shape == (32561, 12)
    assert adult.y.shape == (32561,)
    assert {dtype.name for dtype in adult.X.dtypes} == {"float64"}
    assert adult.y.dtype == bool
    # The count that UCI's adult.names gives as 24.08 %.
    assert adult.y.sum() == 7841
    assert adult.X.notna().all(axis=None)


def test_row_28197_is_instance_a(adult):
    expected = {
        "Age": 40,
        "Workclass": 4,
        "Education-Num": 15,
        "Marital Status": 2,
        "Occupation": 10,
        "Relationship": 4,
        "Race": 4,
        "Sex": 1,
        "Capital Gain": 15024,
        "Capital Loss": 0,
        "Hours per week": 55,
        "Country": 11,
    }
    row = adult.X.iloc[28197]
    assert list(row.index) == list(expected)
    assert row.to_dict() == expected


def test_decode_names_every_category_as_the_raw_file_does(adult):
    text = gzip.decompress((data.data_dir() / "adult.csv.gz").read_bytes()).decode()
    lines = text.splitlines()
    for i in (0, 1, 28197, 32560):
        raw = dict(zip(data.ADULT_COLUMNS, lines[i].split(", "), strict=True))
        decoded = adult.decode(adult.X.iloc[i])
        for feature in adult.X.columns:
            value = decoded[feature]
            assert (value if feature in adult.categories else f"{value:g}") == raw[feature]


def test_decode_does_not_change_the_row_or_unknown_columns(adult):
    row = adult.X.iloc[0]
    before = row.copy()
    assert adult.decode(row[["Age", "Sex"]]).to_dict() == {"Age": 39, "Sex": "Male"}
    pd.testing.assert_series_equal(row, before)


def test_every_code_has_a_name_and_every_name_a_row(adult):
    for feature, names in adult.categories.items():
        assert set(adult.X[feature]) == set(range(len(names)))
    assert set(adult.categories) == set(data.ADULT_CATEGORICAL)


def test_the_split_is_disjoint_complete_and_keeps_rows_with_their_labels(adult):
    X_train, X_test, y_train, y_test = adult.split(test_size=0.25)
    assert len(X_test) == round(0.25 * 32561)
    assert sorted([*X_train.index, *X_test.index]) == list(range(32561))
    for X, y in ((X_train, y_train), (X_test, y_test)):
        assert X.equals(adult.X.loc[X.index])
        assert y.equals(adult.y.loc[X.index])


def test_the_split_is_random_but_the_same_for_the_same_seed(adult):
    index = [tuple(adult.split(seed=seed)[1].index) for seed in (0, 0, 1)]
    assert index[0] == index[1]
    assert index[0] != index[2]
    assert list(index[0]) != sorted(index[0])


@pytest.mark.parametrize("test_size", [0, 1, -0.1, 1.5])
def test_a_test_size_outside_0_to_1_is_refused(adult, test_size):
    with pytest.raises(ValueError, match="test_size must lie between 0 and 1"):
        adult.split(test_size=test_size)


# --- missing and altered files -----------------------------------------------------------------


def test_the_environment_variable_names_the_data_folder(copied_data, adult):
    assert data.data_dir() == copied_data
    assert data.adult().X.equals(adult.X)


@pytest.mark.parametrize("name", ["adult.csv.gz", "CHECKSUMS"])
def test_a_missing_file_is_named_with_its_remedy(copied_data, name):
    (copied_data / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name} is missing; restore it with `git check"):
        data.adult()


def test_a_single_altered_bit_is_noticed(copied_data):
    path = copied_data / "adult.csv.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="SHA-256 differs from data/CHECKSUMS"):
        data.adult()


def test_a_file_without_a_checksum_is_not_trusted(copied_data):
    (copied_data / "CHECKSUMS").write_text("\n")
    with pytest.raises(ValueError, match="SHA-256 differs"):
        data.adult()


# --- photographs -------------------------------------------------------------------------------


@pytest.fixture
def two_photos(tmp_path, monkeypatch, rng):
    """A data folder with two tiny photographs of known content."""
    (tmp_path / "photos").mkdir()
    entries = []
    for name, box in (("red_cup", (1, 2, 4, 6)), ("blue_cup", (0, 0, 3, 1))):
        mask = np.zeros((8, 12), np.uint8)
        mask[box[1] : box[3], box[0] : box[2]] = 255
        Image.fromarray(mask).convert("1").save(tmp_path / "photos" / f"{name}.png")
        picture = rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / "photos" / f"{name}.jpg")
        entries.append(
            {
                "name": name,
                "target": 968,
                "category": "cup",
                "author": "A. Body",
                "box": box,
                "licence": "CC0",
                "source": "https://example.org",
                "title": name,
                "instances": 2,
                "note": "not a field of Photo",
            }
        )
    (tmp_path / "photos.json").write_text(json.dumps(entries))
    files = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    digests = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(tmp_path).as_posix()}"
        for p in files
    ]
    (tmp_path / "CHECKSUMS").write_text("\n".join(digests) + "\n")
    monkeypatch.setenv("XAILAB_DATA", str(tmp_path))
    return tmp_path


def test_photos_come_in_catalogue_order_with_image_mask_and_credit(two_photos):
    first, second = data.photos()
    assert (first.name, second.name) == ("red_cup", "blue_cup")
    expected = np.asarray(Image.open(two_photos / "photos" / "red_cup.jpg"))
    assert np.array_equal(first.image, expected)
    assert first.mask.dtype == bool
    assert first.mask.sum() == 3 * 4
    assert first.mask[2:6, 1:4].all()
    assert first.box == (1, 2, 4, 6)
    assert (first.target, first.category, first.instances) == (968, "cup", 2)
    assert first.credit == "red_cup, A. Body, CC0"
    assert (first.label, second.label) == ("red cup", "blue cup")


def test_every_photo_of_the_course_has_a_label_of_its_own_without_underscores():
    named = [entry["name"] for entry in data._catalogue()]
    assert set(PICTURES) <= set(named)
    labels = [picture_label(name) for name in named]
    assert len(set(labels)) == len(named) and not any("_" in label for label in labels)


def test_photo_returns_the_one_of_that_name(two_photos):
    assert data.photo("blue_cup").box == (0, 0, 3, 1)


def test_an_unknown_photo_is_an_error_with_similar_names(two_photos):
    with pytest.raises(ValueError, match="no photo named 'red_cap'; similar names are red_cup"):
        data.photo("red_cap")


def test_an_altered_photo_is_noticed(two_photos):
    Image.new("RGB", (12, 8)).save(two_photos / "photos" / "red_cup.jpg")
    with pytest.raises(ValueError, match=r"red_cup\.jpg is not the file the course was written"):
        data.photos()


def test_every_photo_has_what_the_contract_says(cnn):
    photos = data.photos()
    assert len({photo.name for photo in photos}) == len(photos) >= 20
    for photo in photos:
        height, width = photo.image.shape[:2]
        assert photo.image.dtype == np.uint8, photo.name
        assert photo.image.shape == (height, width, 3), photo.name
        assert 200 <= min(height, width) <= max(height, width) <= 512, photo.name
        assert photo.mask.dtype == bool, photo.name
        assert photo.mask.shape == (height, width), photo.name
        rows, columns = np.flatnonzero(photo.mask.any(1)), np.flatnonzero(photo.mask.any(0))
        extent = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        assert photo.box == extent, photo.name
        assert 0.005 < photo.mask.mean() < 0.95, photo.name
        assert cnn.categories[photo.target] == photo.category, photo.name
        assert photo.instances >= 1, photo.name
        for text in (photo.author, photo.licence, photo.source):
            assert text.strip(), photo.name
        assert photo.author in photo.credit, photo.name
        assert photo.licence in photo.credit, photo.name


# --- the user's own images ---------------------------------------------------------------------


def test_read_image_gives_the_pixels_of_the_file(tmp_path, rng):
    picture = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    assert np.array_equal(data.read_image(tmp_path / "a.png"), picture)
    assert np.array_equal(data.read_image(str(tmp_path / "a.png")), picture)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_read_image_makes_rgb_of_any_mode(tmp_path, mode):
    Image.new("RGB", (6, 4), "white").convert(mode).save(tmp_path / "a.tif")
    image = data.read_image(tmp_path / "a.tif")
    assert image.dtype == np.uint8
    assert np.array_equal(image, np.full((4, 6, 3), 255))


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (6, lambda a: np.rot90(a, -1)),
        (8, lambda a: np.rot90(a)),
    ],
)
def test_read_image_turns_a_photo_upright(tmp_path, rng, orientation, upright):
    stored = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(data.read_image(tmp_path / "a.png"), upright(stored))


def test_a_missing_image_is_named(tmp_path):
    for path in (tmp_path / "none.jpg", tmp_path):
        with pytest.raises(FileNotFoundError, match=r"There is no image file .*check the path"):
            data.read_image(path)


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\xff\xd8\xff\xe0 half a JPEG"])
def test_a_file_that_is_no_image_is_refused(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.jpg cannot be read as an image"):
        data.read_image(tmp_path / "a.jpg")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own remarks on damaged files
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp"])
def test_a_damaged_image_gives_one_sentence_and_no_other_error(tmp_path, rng, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    refused = 0
    for _ in range(60):
        damaged = whole[: rng.integers(8, len(whole))].copy()
        damaged[rng.integers(0, len(damaged), 3)] ^= rng.integers(1, 256, 3, dtype=np.uint8)
        path.write_bytes(damaged.tobytes())
        try:
            assert data.read_image(path).shape[2] == 3
        except ValueError as error:
            assert "cannot be read as an image" in str(error)
            refused += 1
    assert refused > 10
