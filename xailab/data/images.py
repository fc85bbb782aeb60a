"""Images of every kind as uint8 (H, W, 3), or one sentence that says what is wrong.

Files and uploads are not trusted: their size is read before their pixels, and every error of the
decoder ends in the same sentence.
"""

import io
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .._utils.validation import truncated

# Pillow's own limit: a quarter of a gigabyte as RGB.
MOST_PIXELS = 89_478_485


class _Unsuitable(Exception):
    """An image that can be read, but not without losing what it shows; says what to do."""


def read_image(path: str | Path | bytes | Image.Image) -> np.ndarray:
    """An image file as (H, W, 3) uint8 RGB, turned upright as its orientation tag says.

    path: also the file's bytes, the open file or a PIL image. Raises FileNotFoundError when there is
    no such file, ValueError when it is no image, has more than ``MOST_PIXELS`` pixels or more than
    8 bits per channel.
    """
    if isinstance(path, bytes | bytearray | memoryview | Image.Image) or hasattr(path, "read"):
        return as_rgb(path)
    if not isinstance(path, str | Path):
        raise TypeError(
            f"The path of an image file must be a string or Path, not {truncated(path)}."
        )
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no image file {path}; check the path.")
    return _decode(path, str(path), _rgb)


def read_labels(path: str | Path) -> np.ndarray:
    """A label image as its numbers (H, W), upright: palette indices and 16-bit values are labels here.

    Of a coloured image it is the largest channel, 0 where it is transparent.
    """
    return _decode(path, str(path), _labels)


def from_bytes(content: bytes, name: str = "The upload") -> np.ndarray:
    """The bytes of an image file as ``read_image`` reads them; ``name`` is for error messages."""
    return _decode(io.BytesIO(content), name, _rgb)


def labels_from_bytes(content: bytes, name: str = "The mask") -> np.ndarray:
    """The bytes of a label image as ``read_labels`` reads them."""
    return _decode(io.BytesIO(content), name, _labels)


def _rgb(image: Image.Image) -> np.ndarray:
    # 16 and 32 bits would be cut off at 255
    if image.mode.startswith(("I", "F")):
        raise _Unsuitable(
            f"has mode {image.mode!r} (more than 8 bits per channel); scale it to 0-255 first, for "
            "instance Image.fromarray((np.asarray(image) / 257).astype('uint8'))"
        )
    return np.asarray(image.convert("RGB"))


def _labels(image: Image.Image) -> np.ndarray:
    if image.mode in ("1", "L", "P") or image.mode.startswith("I"):
        return np.asarray(image)
    if image.mode == "F":
        raise _Unsuitable(
            "holds fractions, not labels; save it with whole numbers, 0 off the object"
        )
    parts = np.asarray(image.convert("RGBA"))
    return parts[..., :3].max(-1) * (parts[..., 3] > 0)


def _decode(source, name: str, convert: Callable[[Image.Image], np.ndarray]) -> np.ndarray:
    """The one reader: a path, a binary file or a PIL image, upright, within the size limit."""
    given = isinstance(source, Image.Image)
    try:
        with warnings.catch_warnings():
            # Pillow's remarks on odd files.
            warnings.simplefilter("ignore")
            with nullcontext(source) if given else Image.open(source) as opened:
                width, height = opened.size
                if width * height <= MOST_PIXELS:
                    return convert(ImageOps.exif_transpose(opened))
        why = f"{width} x {height} pixels"
    except _Unsuitable as what:
        raise ValueError(f"{name} {what}.") from None
    except Image.DecompressionBombError as error:
        why = str(error).partition("(")[2].partition(")")[0] or "too many pixels"
    except MemoryError:
        why = "more pixels than there is memory"
    except UnidentifiedImageError:
        raise ValueError(
            f"{name} cannot be read as an image: no known format; JPEG and PNG are safe."
        ) from None
    except Exception as error:
        # A damaged file can make a decoder raise nearly anything.
        why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ValueError(f"{name} cannot be read as an image ({why}).") from error
    raise ValueError(
        f"{name} cannot be read as an image: it has {why}, the course takes {MOST_PIXELS} at most; "
        "make it smaller first."
    )


def is_one_image(value: object) -> bool:
    """Whether this is a single picture in one of the forms of ``as_rgb``, and not a list of them."""
    kinds = str | Path | bytes | bytearray | memoryview | Image.Image
    return isinstance(value, kinds) or hasattr(value, "read") or getattr(value, "ndim", 0) == 3


def as_rgb(image) -> np.ndarray:
    """uint8 (H, W, 3) of an RGB array, a PIL image, or an image file: its path, its bytes, or open.

    All files and PIL images are read alike: upright, with the same modes and the same size limit.
    A grey, RGBA, 16-bit, float, NaN or empty array is a ValueError that says how to convert it.
    """
    if isinstance(image, bytes | bytearray | memoryview):
        return from_bytes(bytes(image))
    if isinstance(image, str | Path):
        return read_image(image)
    if isinstance(image, Image.Image):
        return _decode(image, "The image", _rgb)
    if hasattr(image, "read"):
        return _from_file(image)
    if hasattr(image, "detach"):
        # A tensor has its channels first and, once preprocessed, no pixel values.
        raise TypeError(
            "The image must be uint8 of shape (height, width, 3), not a tensor; pass the photograph, "
            "or tensor.permute(1, 2, 0).numpy()."
        )
    try:
        array = np.asarray(image)
    except Exception:
        # a ragged list, or an object whose own conversion fails
        array = np.array(None)
    if array.dtype.kind not in "buif":
        raise TypeError(
            "The image must be uint8 of shape (height, width, 3), a PIL image or the path of an "
            f"image file, not {truncated(image)}."
        )
    image, wrong = array, _what_is_wrong(array)
    if wrong:
        raise ValueError(f"The image must be uint8 of shape (height, width, 3), not {wrong}.")
    return image


def _from_file(file) -> np.ndarray:
    """The image in an open file, from its start."""
    name = str(getattr(file, "name", "The file"))
    try:
        if file.seekable():
            file.seek(0)
        content = file.read()
    except Exception as error:
        raise ValueError(f"{name} cannot be read ({' '.join(str(error).split())}).") from error
    if not isinstance(content, bytes):
        raise TypeError(f"{name} is open as text; open it with mode 'rb'.")
    return from_bytes(content, name)


def _what_is_wrong(image: np.ndarray) -> str | None:
    if 0 in image.shape or image.ndim == 0:
        return f"empty, of shape {image.shape}"
    if image.size > 3 * MOST_PIXELS:
        return f"of shape {image.shape}, more than {MOST_PIXELS} pixels; make it smaller first"
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        return "one with NaN or infinite pixels; replace them first"
    if image.dtype.kind == "f":
        return (
            f"{image.dtype}; (255 * image).round().astype('uint8') makes it of values from 0 to 1"
        )
    if image.dtype == np.uint16:
        return "uint16; (image // 257).astype('uint8') makes it of 16-bit values"
    if image.dtype != np.uint8:
        return f"{image.dtype}; image.astype('uint8') makes it of values from 0 to 255"
    if image.ndim == 2:
        return f"grey, of shape {image.shape}; np.stack([image] * 3, axis=-1) makes it"
    if image.ndim == 3 and image.shape[2] == 4:
        return f"RGBA, of shape {image.shape}; image[..., :3] drops the transparency"
    if image.ndim == 3 and image.shape[0] == 3 != image.shape[2]:
        return f"of shape {image.shape}; image.transpose(1, 2, 0) puts the channels last"
    if image.ndim != 3 or image.shape[2] != 3:
        return f"of shape {image.shape}"
    return None
