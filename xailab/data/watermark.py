"""A half-transparent watermark in Chinese characters, and three controls of the same ink.

ImageNet's photographs of cartons often bear such a watermark, and networks trained on them take it
for evidence of *carton* (Li et al. 2023, A Whac-A-Mole dilemma) and of a few other classes (Bykov et al.
2023, Mark my words). Put on any photo it gives a known answer inside a real network: the band is why the
score rose.
"""

import io

import numpy as np
from PIL import Image

from .._utils.validation import check_int, check_random_state, truncated
from . import _verified
from .images import as_rgb

KINDS = ("chinese", "latin", "tiles", "blocks")
# Pixels per side of a shuffled tile (a character is 20 wide) and of a random block.
TILE, BLOCK = 8, 4


def band(kind: str = "chinese", seed: int = 0) -> np.ndarray:
    """The ink of a band, (48, 224) floats in [0, 1], 1 where a glyph covers the pixel.

    "chinese": two rows of characters. "latin": two rows of Latin text that says the same. "tiles":
    the Chinese band cut into tiles of 8 x 8 pixels, shuffled. "blocks": random blocks of 4 x 4
    pixels. All have the same mean to within 3 %. seed: for the two random ones.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {list(KINDS)}, not {truncated(kind)}.")
    rng = check_random_state(seed)
    drawn = kind if kind == "latin" else "chinese"
    with Image.open(io.BytesIO(_verified(f"watermark/{drawn}.png"))) as file:
        ink = np.asarray(file, dtype=float) / 255
    if kind == "tiles":
        tiles = _cells(ink, TILE)
        return _joined(tiles[rng.permutation(len(tiles))], ink.shape)
    if kind == "blocks":
        cells = ink.size // BLOCK**2
        filled = rng.permutation(cells) < round(ink.mean() * cells)
        blocks = np.broadcast_to(filled[:, None, None], (cells, BLOCK, BLOCK)).astype(float)
        return _joined(blocks, ink.shape)
    return ink


def watermark(
    image: np.ndarray, kind: str = "chinese", *, alpha: float = 0.5, seed: int = 0
) -> np.ndarray:
    """A copy of the image with a white band of ink across its middle: uint8 (H, W, 3).

    (1 - alpha ink) image + alpha ink 255, the ink scaled to the image's width.

    image: uint8 (H, W, 3); pass the network's view, so that no crop cuts the band. kind, seed: as
    for ``band``. alpha: the opacity of the ink, in [0, 1].
    """
    image = as_rgb(image)
    if not isinstance(alpha, int | float | np.number) or not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be an opacity from 0 to 1, not {truncated(alpha)}.")
    place = region(image.shape[:2])
    rows, width = int(place.any(1).sum()), image.shape[1]
    ink = Image.fromarray(np.rint(255 * band(kind, seed)).astype(np.uint8))
    cover = np.asarray(ink.resize((width, rows), Image.Resampling.BILINEAR), dtype=float) / 255
    share = alpha * cover.reshape(-1, 1)
    marked = image.copy()
    marked[place] = np.rint((1 - share) * image[place] + share * 255).astype(np.uint8)
    return marked


def region(shape: tuple[int, int] = (224, 224)) -> np.ndarray:
    """Where ``watermark`` puts its band in an image of this shape: (H, W) bool, full width.

    3/14 of the width high, at most the height; 21 % of a square image.
    """
    height, width = (check_int("A side of the image", side) for side in shape)
    rows = min(height, max(1, round(width * 48 / 224)))
    top = (height - rows) // 2
    found = np.zeros((height, width), dtype=bool)
    found[top : top + rows] = True
    return found


def _cells(ink: np.ndarray, side: int) -> np.ndarray:
    """(H, W) -> (n, side, side), row by row."""
    height, width = ink.shape
    grid = ink.reshape(height // side, side, width // side, side)
    return grid.swapaxes(1, 2).reshape(-1, side, side)


def _joined(cells: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The reverse of ``_cells``."""
    side = cells.shape[1]
    grid = cells.reshape(shape[0] // side, shape[1] // side, side, side)
    return grid.swapaxes(1, 2).reshape(shape)
