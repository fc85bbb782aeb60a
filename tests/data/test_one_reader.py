"""One picture, one answer: a path, its bytes, an open file and a PIL image are read alike."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.tiny import Tiny

from xailab import data, evaluate, lime_image, models
from xailab.data import images, own_pictures

RNG = np.random.default_rng(0)
UPRIGHT = RNG.integers(0, 256, (12, 20, 3), dtype=np.uint8)
ORIENTATION = 274


def written(image, kind, **settings):
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def ways(content, folder):
    """The picture in every form that the course takes, by name."""
    path = folder / "picture"
    path.write_bytes(content)
    return {
        "path": path,
        "str": str(path),
        "bytes": content,
        "bytearray": bytearray(content),
        "memoryview": memoryview(content),
        "BytesIO": io.BytesIO(content),
        "open file": open(path, "rb"),
        "PIL": Image.open(io.BytesIO(content)),
    }


def turned(tag):
    """The upright picture as a camera held in this way stores it, with its tag."""
    undo = {
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90,
        8: Image.Transpose.ROTATE_270,
        5: Image.Transpose.TRANSPOSE,
    }
    stored = Image.fromarray(UPRIGHT).transpose(undo[tag])
    exif = Image.Exif()
    exif[ORIENTATION] = tag
    return written(stored, "PNG", exif=exif)


@pytest.mark.parametrize("tag", [3, 5, 6, 8])
def test_every_way_in_turns_the_picture_upright(tmp_path, tag):
    for name, source in ways(turned(tag), tmp_path).items():
        assert np.array_equal(images.as_rgb(source), UPRIGHT), name
        assert np.array_equal(data.read_image(source), UPRIGHT), name


PALETTE = Image.fromarray(UPRIGHT).quantize(8)
PICTURES = {
    "palette": (written(PALETTE, "PNG"), np.asarray(PALETTE.convert("RGB"))),
    "grey": (
        written(Image.fromarray(UPRIGHT[..., 0]), "PNG"),
        np.repeat(UPRIGHT[..., :1], 3, axis=2),
    ),
    "transparent": (
        written(Image.fromarray(np.dstack([UPRIGHT, UPRIGHT[..., :1]])), "PNG"),
        UPRIGHT,
    ),
    "black and white": (
        written(Image.fromarray(UPRIGHT[..., 0] > 99), "PNG"),
        np.repeat((UPRIGHT[..., :1] > 99) * np.uint8(255), 3, axis=2),
    ),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_every_way_in_takes_the_same_modes(tmp_path, kind):
    content, want = PICTURES[kind]
    for name, source in ways(content, tmp_path).items():
        assert np.array_equal(images.as_rgb(source), want), name


SIXTEEN = np.arange(240, dtype=np.uint16).reshape(12, 20) * 257


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (Image.fromarray(SIXTEEN), "PNG"),
        (Image.fromarray(SIXTEEN.astype(np.int32)), "TIFF"),
        (Image.fromarray((SIXTEEN / 65535).astype(np.float32)), "TIFF"),
    ],
)
def test_more_than_eight_bits_are_refused_on_every_way_in(tmp_path, image, kind):
    for name, source in ways(written(image, kind), tmp_path).items():
        with pytest.raises(ValueError, match=r"more than 8 bits per channel.; scale it"):
            images.as_rgb(source)
        assert name
    # the advice keeps every grey level
    advised = images.as_rgb(Image.fromarray((SIXTEEN / 257).astype("uint8")))
    assert len(np.unique(advised)) == 240


def test_the_size_limit_holds_on_every_way_in(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MOST_PIXELS", 12 * 20 - 1)
    sources = ways(written(Image.fromarray(UPRIGHT), "PNG"), tmp_path) | {"array": UPRIGHT}
    for source in sources.values():
        with pytest.raises(ValueError, match="make it smaller first"):
            images.as_rgb(source)


def test_a_damaged_picture_is_one_sentence_on_every_way_in(tmp_path):
    whole = written(Image.fromarray(UPRIGHT), "PNG")
    for source in ways(whole[: len(whole) // 2], tmp_path).values():
        with pytest.raises(ValueError, match="cannot be read as an image") as caught:
            images.as_rgb(source)
        assert "\n" not in str(caught.value)


def test_an_open_file_is_read_from_its_start_and_must_be_binary(tmp_path):
    content = written(Image.fromarray(UPRIGHT), "PNG")
    file = io.BytesIO(content)
    for _ in range(2):
        assert np.array_equal(images.as_rgb(file), UPRIGHT)
    with pytest.raises(TypeError, match="open it with mode 'rb'"):
        images.as_rgb(io.StringIO("text"))
    file.close()
    with pytest.raises(ValueError, match="cannot be read"):
        images.as_rgb(file)


def test_the_ways_lead_everywhere(tmp_path):
    """Networks, LIME and evaluations take what the reader takes."""
    image = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    content = written(Image.fromarray(image), "PNG")
    net = models.own_cnn(Tiny().model, ["a", "b", "c"], input_size=16)
    mask = np.zeros((16, 16), bool)
    mask[3:9, 3:9] = True
    want = net.predict_proba([image])
    weights = lime_image.explain(net.predict_proba, image, n_samples=60).weights
    for name, source in ways(content, tmp_path).items():
        assert np.array_equal(net.predict_proba([source]), want), name
        with pytest.raises(TypeError, match="pass \\[image\\]"):
            net.predict_proba(source)
        assert np.array_equal(
            lime_image.explain(net.predict_proba, source, n_samples=60).weights, weights
        )
        item = SimpleNamespace(name="a", image=source, mask=mask, target=0)
        (view,) = evaluate.views(net, [item])
        assert np.array_equal(view.image, image) and np.array_equal(view.mask, mask)


def test_masks_keep_their_labels_and_are_turned_upright(tmp_path):
    labels = np.zeros((12, 20), np.uint16)
    labels[2:5, 3:9], labels[7:9, 3:9] = 300, 600
    path = tmp_path / "labels.png"
    Image.fromarray(labels).save(path)
    assert np.array_equal(images.read_labels(path), labels)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    stored = Image.fromarray((labels > 0).astype(np.uint8)).transpose(Image.Transpose.ROTATE_90)
    stored.save(path, exif=exif)
    assert np.array_equal(images.read_labels(path) > 0, labels > 0)
    # pure blue is darker than one grey level, and an object all the same
    blue = np.zeros((12, 20, 4), np.uint8)
    blue[labels > 0] = (0, 0, 1, 255)
    blue[labels == 0] = (255, 255, 255, 0)
    Image.fromarray(blue).save(path)
    assert np.array_equal(images.read_labels(path) > 0, labels > 0)
    assert own_pictures.read_labels is images.read_labels
