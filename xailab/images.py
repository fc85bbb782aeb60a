"""Whatever a picture comes as, made uint8 (H, W, 3), or one sentence that says what is wrong."""

from pathlib import Path

import numpy as np
from PIL import Image

from .data import read_image

__all__ = ["as_rgb"]


def as_rgb(image: np.ndarray | Image.Image | str | Path) -> np.ndarray:
    """uint8 (H, W, 3) of an RGB array, a PIL image or the path of an image file.

    Raises one sentence that says what is wrong: ValueError for a grey, RGBA, 16-bit, float,
    NaN or empty image, FileNotFoundError for a path without a file. Introduced in notebook 04.
    """
    if isinstance(image, str | Path):
        return read_image(image)
    if isinstance(image, Image.Image):
        if image.mode.startswith(("I", "F")):
            raise ValueError(
                f"The image has mode {image.mode!r} (more than 8 bits a pixel); scale it to 0-255 "
                "first, for instance Image.fromarray((np.asarray(image) / 257).astype('uint8'))."
            )
        return np.asarray(image.convert("RGB"))
    image = np.asarray(image)
    wrong = _what_is_wrong(image)
    if wrong:
        raise ValueError(f"The image must be uint8 of shape (height, width, 3), not {wrong}.")
    return image


def _what_is_wrong(image: np.ndarray) -> str | None:
    if 0 in image.shape or image.ndim == 0:
        return f"empty, of shape {image.shape}"
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
    if image.ndim != 3 or image.shape[2] != 3:
        return f"of shape {image.shape}"
    return None
