"""What LIME asks about an image: superpixels, what hides them, and masks that say which to hide."""

import numpy as np
from scipy.linalg import hadamard
from skimage.filters import gaussian
from skimage.segmentation import felzenszwalb, quickshift, slic

from .._utils.validation import check_int
from ..data.images import as_rgb

SEGMENTATIONS = ("slic", "quickshift", "felzenszwalb", "grid")
FILLS = ("mean", "grey", "blur", "black")
DRAWS = ("independent", "antithetic", "fold_over")


def superpixels(image: np.ndarray, method: str = "slic", n: int = 50, seed: int = 0) -> np.ndarray:
    """Label every pixel with the number of its superpixel: (H, W) int, 0 to m - 1.

    method: "slic" (compact, about n), "quickshift" (lime's default settings), "felzenszwalb"
    (follows edges) or "grid" (squares, about n). Segmentation by scikit-image.
    """
    image, n = as_rgb(image), check_int("n", n)
    if method == "slic":
        labels = slic(image, n_segments=n, compactness=10, sigma=1, start_label=0)
    elif method == "quickshift":
        labels = quickshift(image, kernel_size=4, max_dist=200, ratio=0.2, rng=seed)
    elif method == "felzenszwalb":
        labels = felzenszwalb(
            image, scale=200, sigma=0.8, min_size=max(1, image[..., 0].size // (4 * n))
        )
    elif method == "grid":
        side = max(1, round(np.sqrt(n)))
        y, x = (np.arange(length) * side // length for length in image.shape[:2])
        labels = y[:, None] * side + x
    else:
        raise ValueError(
            f"method must be 'slic', 'quickshift', 'felzenszwalb' or 'grid', not {method!r}."
        )
    return np.unique(labels, return_inverse=True)[1].reshape(image.shape[:2])


def hidden(image: np.ndarray, segments: np.ndarray, hide: str = "mean") -> np.ndarray:
    """The image with every superpixel hidden, uint8 (H, W, 3).

    hide: "mean" (each superpixel in its mean colour), "grey" (127), "black" (0) or "blur".
    """
    if segments.shape != image.shape[:2]:
        raise ValueError(f"segments must have shape {image.shape[:2]}, not {segments.shape}.")
    if hide == "mean":
        size = np.bincount(segments.ravel())
        sums = [np.bincount(segments.ravel(), image[..., c].ravel()) for c in range(3)]
        return np.stack([(s / size)[segments] for s in sums], axis=-1).astype(np.uint8)
    if hide == "blur":
        blurred = gaussian(image, sigma=image.shape[0] / 20, channel_axis=-1, preserve_range=True)
        return blurred.astype(np.uint8)
    if hide in ("grey", "black"):
        return np.full_like(image, 127 if hide == "grey" else 0)
    raise ValueError(f"hide must be 'mean', 'grey', 'black' or 'blur', not {hide!r}.")


def draw_masks(
    n_samples: int, n_segments: int, rng: np.random.Generator, draws: str = "independent"
) -> np.ndarray:
    """The binary matrix, (n_samples, n_segments) int: 1 shows a superpixel, 0 hides it.

    Row 0 is the whole image. After it every entry is a fair coin, thrown
    "independent"ly; or "antithetic"ally, each row followed by its complement 1 - z; or by
    "fold_over", rows of a Hadamard matrix with shuffled columns, each followed by its complement:
    in a block any two superpixels are shown together exactly as often as by chance.
    Effects of an even number of superpixels at once cancel in a pair and cannot be mistaken for
    the effect of one. Box & Hunter 1961 (fold-over).
    """
    n_samples, n_segments = check_int("n_samples", n_samples), check_int("n_segments", n_segments)
    if draws not in DRAWS:
        raise ValueError(f"draws must be one of {', '.join(DRAWS)}, not {draws!r}.")
    if draws == "independent":
        masks = rng.integers(0, 2, (n_samples, n_segments))
        masks[0] = 1
        return masks
    # the smallest power of two above n_segments
    order = 1 << n_segments.bit_length()
    shown = (hadamard(order) + 1) // 2
    blocks, rows = [np.ones((1, n_segments), dtype=int)], 1
    while rows < n_samples:
        if draws == "antithetic":
            half = rng.integers(0, 2, (order, n_segments))
        else:
            # column 0 of a Hadamard matrix is constant
            columns = rng.choice(np.arange(1, order), n_segments, replace=False)
            half = shown[rng.permutation(order)][:, columns] ^ rng.integers(0, 2, n_segments)
        blocks.append(np.stack([half, 1 - half], axis=1).reshape(-1, n_segments))
        rows += 2 * order
    return np.concatenate(blocks)[:n_samples]


def apply_mask(
    image: np.ndarray, hidden_image: np.ndarray, segments: np.ndarray, row: np.ndarray
) -> np.ndarray:
    """The image with the superpixels of row's zeros hidden, uint8 (H, W, 3)."""
    return np.where(row[segments][..., None] == 1, image, hidden_image)
