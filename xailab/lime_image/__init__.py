"""LIME for images by hand: cut into superpixels, hide some at random, fit a line to the answers."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import hadamard
from skimage.filters import gaussian
from skimage.segmentation import felzenszwalb, quickshift, slic

from .._utils.interrupts import Interrupted, stoppable
from .._utils.validation import check_callable, check_int, check_random_state
from ..data.images import as_rgb
from ..local_fit import all_finite, answers, exponential_kernel, fit_strongest, of_class
from .chosen_masks import choose_masks, smooth_fit, told

SEGMENTATIONS = ("slic", "quickshift", "felzenszwalb", "grid")
FILLS = ("mean", "grey", "blur", "black")
DRAWS = ("independent", "antithetic", "fold_over")


def superpixels(image: np.ndarray, method: str = "slic", n: int = 50, seed: int = 0) -> np.ndarray:
    """Label every pixel with the number of its superpixel: (H, W) int, 0 to m - 1.

    method: "slic" (compact, about n), "quickshift" (lime's default settings), "felzenszwalb"
    (follows edges) or "grid" (squares, about n). Segmentation by scikit-image.
    Raises ValueError for an unknown method. Introduced in notebook 04.
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
    Raises ValueError for anything else. Introduced in notebook 04.
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
    the effect of one. Raises ValueError for another word.
    Box & Hunter 1961 (fold-over). Introduced in notebook 04.
    """
    n_samples, n_segments = check_int("n_samples", n_samples), check_int("n_segments", n_segments)
    if draws not in DRAWS:
        raise ValueError(f"draws must be one of {', '.join(DRAWS)}, not {draws!r}.")
    if draws == "independent":
        masks = rng.integers(0, 2, (n_samples, n_segments))
        masks[0] = 1
        return masks
    order = 1 << n_segments.bit_length()  # the smallest power of two above n_segments
    shown = (hadamard(order) + 1) // 2
    blocks, rows = [np.ones((1, n_segments), dtype=int)], 1
    while rows < n_samples:
        if draws == "antithetic":
            half = rng.integers(0, 2, (order, n_segments))
        else:  # column 0 of a Hadamard matrix is constant
            columns = rng.choice(np.arange(1, order), n_segments, replace=False)
            half = shown[rng.permutation(order)][:, columns] ^ rng.integers(0, 2, n_segments)
        blocks.append(np.stack([half, 1 - half], axis=1).reshape(-1, n_segments))
        rows += 2 * order
    return np.concatenate(blocks)[:n_samples]


def apply_mask(
    image: np.ndarray, hidden_image: np.ndarray, segments: np.ndarray, row: np.ndarray
) -> np.ndarray:
    """The image with the superpixels of row's zeros hidden, uint8 (H, W, 3). Notebook 04."""
    return np.where(row[segments][..., None] == 1, image, hidden_image)


@dataclass(frozen=True)
class SuperpixelModel:
    """A linear model of a classifier's answer in the superpixels of one image.

    weights: (m,), in units of probability: what showing the superpixel adds. segments: (H, W).
    local_prediction is the line's value for the whole image, model_prediction the model's own;
    r2 tells how well the line fits. The other fields are the settings it was made with. Notebook 04.
    """

    weights: np.ndarray
    intercept: float
    local_prediction: float
    model_prediction: float
    r2: float
    segments: np.ndarray
    target: int
    n_samples: int
    kernel_width: float
    hide: str
    num_features: int | None
    draws: str
    seed: int

    def mask(self, top: int = 10) -> np.ndarray:
        """(H, W) int: +1 on superpixels for the class, -1 against, 0 on all but the top strongest."""
        strongest = np.argsort(-np.abs(self.weights), kind="stable")[
            : check_int("top", top, least=0)
        ]
        signs = np.zeros(len(self.weights), dtype=int)
        signs[strongest] = np.sign(self.weights[strongest])
        return signs[self.segments]

    def heatmap(self) -> np.ndarray:
        """(H, W) float: every pixel has the weight of its superpixel; signed, in probability."""
        return self.weights[self.segments]

    def describe(self) -> str:
        """The explanation in one or two plain sentences."""
        best = int(np.argmax(self.weights))
        share = np.mean(self.segments == best)
        return (
            f"The model gives {self.model_prediction:.2f}, the line {self.local_prediction:.2f} "
            f"(R2 {self.r2:.2f}). {int((self.weights > 0).sum())} of {len(self.weights)} superpixels "
            f"speak for the class; the strongest adds {self.weights[best]:+.2f} and covers "
            f"{share:.0%} of the image."
        )


def ask(
    predict_proba: Callable,
    image: np.ndarray,
    segments: np.ndarray,
    Z: np.ndarray,
    hide: str = "mean",
    *,
    batch_size: int = 32,
    progress: bool | Callable[[int, int, float], None] = False,
) -> np.ndarray:
    """The model's answers for every row of the binary matrix, (n, C).

    Stopped by hand, it raises ``Interrupted`` with the answers so far. Introduced in notebook 04.
    """
    check_callable("predict_proba", predict_proba, "cnn.predict_proba")
    hidden_image, batch_size = hidden(image, segments, hide), check_int("batch_size", batch_size)
    report = _print_progress if progress is True else progress or (lambda *_: None)
    start, answered = time.perf_counter(), list[np.ndarray]()
    report(0, len(Z), 0.0)
    with stoppable(answered, len(Z), "images", lambda: np.array(answered)):
        for first in range(0, len(Z), batch_size):
            rows = Z[first : first + batch_size]
            images = [apply_mask(image, hidden_image, segments, row) for row in rows]
            answered.extend(all_finite(answers(predict_proba(images), len(rows), "images")))
            report(len(answered), len(Z), time.perf_counter() - start)
    return np.array(answered)


def _print_progress(done: int, total: int, seconds: float) -> None:
    """The cost on a line of its own, then one line that is written over until all is done."""
    if done == 0:
        print(f"{total} images go through the model", file=sys.stderr, flush=True)
        return
    left = f"about {seconds / done * (total - done):.0f} s left" if done < total else "done"
    end = "\n" if done == total else ""
    text = f"\r{done} of {total} images, {seconds:.0f} s, {left}"
    print(f"{text:60}", end=end, file=sys.stderr, flush=True)


def _masks(
    n: int, m: int, rng: np.random.Generator, draws: str, width: float
) -> tuple[np.ndarray, str]:
    """The binary matrix, and by what it came: fold-over rows instead of chosen ones if they tell more."""
    if draws not in (*DRAWS, "chosen"):
        raise ValueError(f"draws must be one of {', '.join(DRAWS)}, chosen, not {draws!r}.")
    if draws == "chosen":
        ways = {
            "chosen": choose_masks(n, m, rng, width),
            "fold_over": draw_masks(n, m, rng, "fold_over"),
        }
        draws = max(ways, key=lambda d: told(ways[d], width))
        return ways[draws], draws
    return draw_masks(n, m, rng, draws), draws


def explain(
    predict_proba: Callable,
    image: np.ndarray,
    *,
    n_samples: int = 1000,
    segments: np.ndarray | None = None,
    hide: str = "mean",
    target: int | None = None,
    num_features: int | None = None,
    kernel_width: float = 0.25,
    draws: str = "independent",
    batch_size: int = 32,
    progress: bool | Callable[[int, int, float], None] = False,
    seed: int = 0,
) -> SuperpixelModel:
    """Explain one image: which superpixels raise, which lower the probability of a class?

    predict_proba: list of (H, W, 3) uint8 images -> (n, C). image: as the model sees it
    (``CNN.view``). segments: (H, W) labels 0 to m - 1, None for ``superpixels(image)``.
    target: a class index, None for the predicted class. Distances are cosine distances
    between rows of the binary matrix, kernel and ridge as in the lime package. draws: see
    ``draw_masks``; or "chosen": the masks that tell most, see ``chosen_masks``, with its fit, or
    fold-over rows where these tell more (many superpixels, few samples); the answer's ``draws`` says
    which. All aim at what endless samples would give. progress: True prints the cost, then the time
    left, to stderr; or a function of (images done, images in all, seconds so far). Stopped by hand, it
    raises ``Interrupted``, whose ``partial`` is the explanation from the images that were answered,
    None if they are too few.
    Raises ValueError for images, segments or settings that do not fit.
    Ribeiro et al. 2016, section 3. Introduced in notebook 04.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f"image must be uint8 (H, W, 3), not {image.dtype} {image.shape}; see CNN.view."
        )
    segments = superpixels(image) if segments is None else np.asarray(segments)
    labels = np.unique(segments)
    if (
        segments.dtype.kind not in "iu"
        or segments.shape != image.shape[:2]
        or not np.array_equal(labels, np.arange(len(labels)))
    ):
        raise ValueError(
            f"segments must have shape {image.shape[:2]} and whole labels 0 to m - 1 without gaps; "
            "superpixels(image) makes such, and slic needs start_label=0."
        )
    m = len(labels)
    if m < 2:
        raise ValueError(
            "The image has one superpixel only, so there is nothing to compare; cut finer."
        )
    if check_int("n_samples", n_samples, least=None) < m + 2:
        raise ValueError(f"n_samples must be at least {m + 2} to fit {m} weights, not {n_samples}.")
    Z, draws = _masks(n_samples, m, check_random_state(seed), draws, kernel_width)
    n_samples = len(Z)
    stopped: Interrupted | None = None
    try:
        p = ask(predict_proba, image, segments, Z, hide, batch_size=batch_size, progress=progress)
    except Interrupted as stop:
        stopped, p = stop, stop.partial
        if p is None or len(p) < m + 2:
            stop.partial = None
            raise
        Z, n_samples = Z[: len(p)], len(p)
    target = int(p[0].argmax()) if target is None else check_int("target", target, least=None)
    y = of_class(p, target)
    if draws == "chosen":
        line = smooth_fit(Z, y, kernel_width, num_features)
    else:
        distance = 1 - np.sqrt(Z.mean(1))  # cosine distance of a 0/1 row from the row of ones
        sample_weights = exponential_kernel(distance, kernel_width)
        line = fit_strongest(Z.astype(float), y, sample_weights, num_features)
    found = SuperpixelModel(
        weights=line.weights,
        intercept=line.intercept,
        local_prediction=float(line.intercept + line.weights.sum()),
        model_prediction=float(p[0, target]),
        r2=line.r2,
        segments=segments,
        target=target,
        n_samples=n_samples,
        kernel_width=kernel_width,
        hide=hide,
        num_features=num_features,
        draws=draws,
        seed=seed,
    )
    if stopped is not None:
        stopped.partial = found
        raise stopped
    return found
