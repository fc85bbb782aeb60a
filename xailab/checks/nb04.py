"""The exercises of notebook 04: LIME for images."""

import numpy as np

from ..lime_image.perturbation import apply_mask
from .exercise import Exercise


def _pictures() -> list[tuple]:
    """An image, its covered copy, its superpixels and a row of the binary matrix."""
    rng = np.random.default_rng(23)
    cases = []
    for height, width, m in ((4, 6, 3), (6, 4, 4), (5, 5, 2)):
        image, covered = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
        segments = np.arange(height * width).reshape(height, width) * m // (height * width)
        row = np.arange(m) % 2
        cases += [(image, covered, segments, row), (image, covered, segments, 0 * row)]
    return cases


def _only_last(image, covered, segments, row):
    """Begins with a fresh copy for every hidden superpixel, so that one stays hidden only."""
    picture = image.copy()
    for j in np.flatnonzero(row == 0):
        picture = np.where((segments == j)[..., None], covered, image)
    return picture


def _blackened(image, covered, segments, row):
    return apply_mask(image, np.zeros_like(image), segments, row)


def _columns(image, covered, segments, row):
    """Takes the numbers of superpixels for numbers of pixel columns."""
    picture = image.copy()
    hidden = np.flatnonzero(row == 0)
    picture[:, hidden] = covered[:, hidden]
    return picture


def _half() -> list[tuple]:
    rng = np.random.default_rng(17)
    return [(rng.integers(0, 2, shape),) for shape in ((3, 4), (1, 5), (4, 2), (5, 5))]


def _binary() -> list[tuple]:
    rng = np.random.default_rng(9)
    tables = [rng.integers(0, 2, shape) for shape in ((6, 5), (2, 3), (4, 12))]
    return [(np.maximum(Z, np.eye(Z.shape[1], dtype=int)[0]),) for Z in tables]


EXERCISES: dict[str, Exercise] = {
    "04.perturb": Exercise(
        "Write perturb(image, covered, segments, row): a copy of image in which every superpixel j "
        "with row[j] == 0 is taken from covered.",
        apply_mask,
        _pictures,
        [
            (
                lambda image, covered, segments, row: apply_mask(covered, image, segments, row),
                "Shown and hidden are exchanged: 1 shows the photo, 0 shows covered.",
            ),
            (
                _only_last,
                "Only the last superpixel is hidden. Copy the image once, before the loop.",
            ),
            (
                _blackened,
                "The right superpixels, the wrong colour: they are painted as in covered, not black.",
            ),
            (
                _columns,
                "picture[:, j] is a column of pixels. The pixels of superpixel j are segments == j.",
            ),
            (
                lambda image, covered, segments, row: image.copy(),
                "That is the image itself: nothing is hidden.",
            ),
        ],
        hint="For each j with row[j] == 0: here = segments == j, then picture[here] = covered[here].",
    ),
    "04.split": Exercise(
        "Square 5 is cut into four pieces, and the classifier needs all four. Which weight, to one "
        "digit, does LIME give each of them?",
        0.1,
        mistakes=[
            (
                0.8,
                "Each piece is needed, but alone it does nothing: count how often it makes the difference.",
            ),
            (0.2, "LIME does not divide 0.8 up. It averages: how often are the other three shown?"),
            (
                0.4,
                "One other piece would be shown in half of the rows. Here there are three others.",
            ),
            (0.0, "It makes the difference whenever the other three happen to be shown."),
        ],
        level="predict",
        minutes=5,
        hint="Showing a piece adds 0.8 in the rows that show the other three, and 0 in the rest.",
        tolerance=0.025,
    ),
    "04.fold_over": Exercise(
        "Write fold_over(half): each 0/1 row of half (n, m) followed by its complement, (2 n, m).",
        lambda half: np.stack([half, 1 - half], axis=1).reshape(-1, half.shape[1]),
        _half,
        [
            (
                lambda half: np.vstack([half, 1 - half]),
                "The rows are right, their order is not: each complement follows its row, so that a "
                "run that stops early is balanced.",
            ),
            (
                lambda half: np.repeat(half, 2, axis=0),
                "Each row came twice: its complement shows what the row hides.",
            ),
            (
                lambda half: np.stack([half, -half], axis=1).reshape(-1, half.shape[1]),
                "The complement of 1 is 0: 1 - half, not -half.",
            ),
            (
                lambda half: np.stack([half, half[:, ::-1]], axis=1).reshape(-1, half.shape[1]),
                "A reversed row is not the complement: exchange 0 and 1.",
            ),
        ],
        hint="np.stack([half, 1 - half], axis=1) puts row and complement side by side, in shape (n, 2, m).",
    ),
    "04.distance": Exercise(
        "Write distance(Z): the cosine distance of every 0/1 row of Z from the row of ones.",
        lambda Z: 1 - np.sqrt(Z.mean(1)),
        _binary,
        [
            (lambda Z: np.sqrt(Z.mean(1)), "That is the similarity; the distance is 1 minus it."),
            (
                lambda Z: 1 - Z.mean(1),
                "Divide by the length of the row, the square root of its sum.",
            ),
            (
                lambda Z: np.sqrt((1 - Z).sum(1)),
                "That is the Euclidean distance; LIME for images takes cosine.",
            ),
        ],
        minutes=5,
        hint="The cosine between a row with k ones out of d and the row of ones is k / sqrt(k d).",
    ),
}
