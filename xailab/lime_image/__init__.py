"""LIME for images by hand: cut into superpixels, hide some at random, fit a line to the answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from tqdm.auto import tqdm

from .._utils.cards import name_of
from .._utils.interrupts import Interrupted
from .._utils.validation import check_callable, check_int, check_random_state
from ..data.images import as_rgb
from ..local_fit import (
    LocalExplanation,
    answers,
    check_settings,
    cosine_distance,
    exponential_kernel,
    fit_strongest,
    of_class,
)
from .chosen_masks import choose_masks, smooth_fit, told
from .perturbation import (
    DRAWS,
    FILLS,
    SEGMENTATIONS,
    apply_mask,
    draw_masks,
    hidden,
    superpixels,
)


@dataclass(frozen=True, repr=False)
class SuperpixelModel(LocalExplanation):
    """LIME's line in the superpixels of one image: a weight says what showing the superpixel adds.

    segments: (H, W), the superpixel of every pixel. hide, draws: settings, see ``explain``.
    """

    segments: np.ndarray
    hide: str
    draws: str

    title: ClassVar[str] = "LIME for an image"
    distance: ClassVar[str] = "cosine distance"

    def mask(self, top: int = 10, positive_only: bool = False) -> np.ndarray:
        """(H, W) int: +1 on superpixels for the class, -1 against, 0 on all but the top strongest.

        positive_only: the top among those for the class, as in lime's get_image_and_mask, whose
        defaults are 5 and True.
        """
        top = check_int("top", top, least=0)
        size = np.maximum(self.weights, 0) if positive_only else np.abs(self.weights)
        strongest = np.argsort(-size, kind="stable")[:top]
        strongest = strongest[size[strongest] > 0]
        signs = np.zeros(len(self.weights), dtype=int)
        signs[strongest] = np.sign(self.weights[strongest])
        return signs[self.segments]

    def heatmap(self) -> np.ndarray:
        """(H, W) float: every pixel has the weight of its superpixel; signed, in probability."""
        return self.weights[self.segments]

    def describe(self, k: int = 1) -> str:
        """The explanation in plain sentences; ``k`` superpixels with the largest weights are read."""
        return super().describe(k)

    def _samples(self) -> str:
        return f"{self.draws} masks of {len(self.weights)} superpixels, hidden: {self.hide}"

    def _reading(self, k: int) -> str:
        top = np.argsort(-self.weights, kind="stable")[:k]
        covered = np.isin(self.segments, top).mean()
        who, s = ("the strongest", "s") if k == 1 else (f"the {len(top)} strongest", "")
        return (
            f"{(self.weights > 0).sum()} of {len(self.weights)} superpixels support the class; "
            f"{who} add{s} {self.weights[top].sum():+.2f} and cover{s} {covered:.0%} of the image."
        )


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
    progress: bool = False,
    seed: int = 0,
) -> SuperpixelModel:
    """Explain one image: which superpixels raise, which lower the probability of a class?

    Ribeiro et al. 2016, section 3, with the kernel and the ridge penalty of the lime package. Two
    defaults differ from the package's: SLIC cuts the image where the package uses quickshift, and
    num_features keeps the largest weights, where the package, up to 6 features, adds them one by one.

    Parameters
    ----------
    predict_proba : function, list of n images (H, W, 3) uint8 -> (n, C) probabilities
        The classifier.
    image : (H, W, 3) uint8
        What is explained, as the model sees it (``CNN.view``).
    n_samples : int
        How many masks to ask about, at least two more than there are superpixels.
    segments : (H, W) int, optional
        The superpixels, labels 0 to m - 1; None for ``superpixels(image)``.
    hide : "mean", "grey", "blur" or "black"
        What stands in the place of a hidden superpixel, see ``hidden``.
    target : int, optional
        The class to explain, None for the predicted class.
    num_features : int, optional
        How many superpixels get a weight, the strongest ones; None keeps all.
    kernel_width : float
        In units of the cosine distance of a mask from the mask of ones.
    draws : "independent", "antithetic", "fold_over" or "chosen"
        How masks are drawn, see ``draw_masks``. "chosen": the masks that tell most, see
        ``chosen_masks``, with its fit, or fold-over masks where these tell more (many superpixels,
        few samples); the answer's ``draws`` says which. All aim at what endless samples would give.
    batch_size : int
        How many images the model is given at once.
    progress : bool
        Show a progress bar.
    seed : int
        Of the draws.

    Returns
    -------
    SuperpixelModel
        Weights, intercept and fit of the line, and every setting.

    Raises
    ------
    Interrupted
        When the kernel is interrupted: its ``partial`` is the explanation from the images that were
        answered, None if they are too few.
    """
    image, segments = _checked_image(image, segments)
    m = int(segments.max()) + 1
    check_settings(n_samples, m, kernel_width, num_features)

    # draw
    Z, draws = _draw(n_samples, m, check_random_state(seed), draws, kernel_width)
    settings = {
        "kernel_width": kernel_width,
        "num_features": num_features,
        "seed": seed,
        "model": name_of(predict_proba),
        "segments": segments,
        "hide": hide,
        "draws": draws,
    }
    # ask; then weigh, fit and read
    try:
        p = ask(predict_proba, image, segments, Z, hide, batch_size=batch_size, progress=progress)
    except Interrupted as stop:
        if stop.partial is not None:
            enough = len(stop.partial) >= m + 2
            stop.partial = _explanation(Z, stop.partial, target, **settings) if enough else None
        raise
    return _explanation(Z, p, target, **settings)


def _explanation(Z: np.ndarray, p: np.ndarray, target: int | None, **settings) -> SuperpixelModel:
    """The explanation from the answers p (n, C) to the first n masks."""
    Z = Z[: len(p)]
    target = int(p[0].argmax()) if target is None else target
    y = of_class(p, target)
    width, num_features = settings["kernel_width"], settings["num_features"]
    if settings["draws"] == "chosen":
        line = smooth_fit(Z, y, width, num_features)
    else:
        # weigh
        sample_weights = exponential_kernel(cosine_distance(Z), width)
        # fit
        line = fit_strongest(Z.astype(float), y, sample_weights, num_features)
    # read
    return SuperpixelModel(
        **vars(line),
        local_prediction=line.at(Z[0]),
        model_prediction=float(y[0]),
        n_samples=len(Z),
        target=target,
        **settings,
    )


def ask(
    predict_proba: Callable,
    image: np.ndarray,
    segments: np.ndarray,
    Z: np.ndarray,
    hide: str = "mean",
    *,
    batch_size: int = 32,
    progress: bool = False,
) -> np.ndarray:
    """The model's answers for every row of the binary matrix.

    Parameters
    ----------
    predict_proba, image, segments, hide, batch_size, progress
        As in ``explain``.
    Z : (n, m) of 0 and 1
        The masks: 1 shows a superpixel, 0 hides it.

    Returns
    -------
    (n, C) array
        The probabilities.

    Raises
    ------
    Interrupted
        When the kernel is interrupted: its ``partial`` holds the answers so far, None if there are
        none.
    """
    check_callable("predict_proba", predict_proba, "cnn.predict_proba")
    batch_size, covered = check_int("batch_size", batch_size), hidden(image, segments, hide)
    starts, answered = range(0, len(Z), batch_size), list[np.ndarray]()
    try:
        for start in tqdm(starts, f"batches of {batch_size} images") if progress else starts:
            rows = Z[start : start + batch_size]
            images = [apply_mask(image, covered, segments, row) for row in rows]
            answered.extend(answers(predict_proba, images, "images"))
    except KeyboardInterrupt:
        said = f"Interrupted after {len(answered)} of {len(Z)} images."
        raise Interrupted(said, np.array(answered) if answered else None) from None
    return np.array(answered)


def _draw(
    n: int, m: int, rng: np.random.Generator, draws: str, kernel_width: float
) -> tuple[np.ndarray, str]:
    """The masks, and how they were drawn: fold-over masks instead of chosen ones if they tell more."""
    if draws not in (*DRAWS, "chosen"):
        raise ValueError(f"draws must be one of {', '.join(DRAWS)}, chosen, not {draws!r}.")
    if draws != "chosen":
        return draw_masks(n, m, rng, draws), draws
    chosen = choose_masks(n, m, rng, kernel_width)
    fold_over = draw_masks(n, m, rng, "fold_over")
    if told(chosen, kernel_width) >= told(fold_over, kernel_width):
        return chosen, "chosen"
    return fold_over, "fold_over"


def _checked_image(image: np.ndarray, segments: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The image and its superpixels; one sentence for what does not fit."""
    image = image if isinstance(image, np.ndarray) else as_rgb(image)
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
    if len(labels) < 2:
        raise ValueError(
            "The image has one superpixel only, so there is nothing to compare; cut finer."
        )
    return image, segments
