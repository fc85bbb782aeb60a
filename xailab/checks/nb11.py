"""The exercises of notebook 11: integrated gradients."""

import numpy as np

from .exercise import Exercise


def _of_product(Z):
    """The gradient of a b^2, for rows (n, 2)."""
    return np.stack([Z[:, 1] ** 2, 2 * Z[:, 0] * Z[:, 1]], axis=1)


def _of_wave(Z):
    """The gradient of sum_j sin(j z_j), for rows (n, d)."""
    j = np.arange(1, Z.shape[1] + 1)
    return j * np.cos(j * Z)


def _paths() -> list[tuple]:
    rng = np.random.default_rng(6)
    own = [(_of_wave, rng.normal(size=d), rng.normal(size=d), n) for d, n in ((3, 7), (5, 20))]
    return [(_of_product, np.array([1.0, 2.0]), np.array([0.5, -1.0]), 10), *own]


def _along(gradient, x, b, a):
    return gradient(b + a[:, None] * (x - b)).mean(0)


def _integrated(gradient, x, b, n):
    return (x - b) * _along(gradient, x, b, (np.arange(n) + 0.5) / n)


def _sums() -> list[tuple]:
    rng = np.random.default_rng(8)
    return [(rng.normal(size=4), *rng.normal(size=2)) for _ in range(3)]


EXERCISES: dict[str, Exercise] = {
    "11.product": Exercise(
        "S = a c, explained at a = 2, c = 3 from the baseline (0, 0). What are the two integrated "
        "gradients?",
        (3.0, 3.0),
        mistakes=[
            ((6.0, 6.0), "Gradient times input adds up to 12, but S changes by 6."),
            (
                (3.0, 2.0),
                "Those are the gradients at the end; average them along the path, then multiply by 2 and 3.",
            ),
            ((0.0, 0.0), "Those are the gradients at the baseline only."),
            ((2.4, 3.6), "In proportion to the inputs? The integral treats a and c equally here."),
        ],
        level="predict",
        minutes=5,
        hint="Along the path the gradient with respect to a is 3 t, with t from 0 to 1.",
    ),
    "11.path": Exercise(
        "Write integrated(gradient, x, b, n): integrated gradients of x from b by the midpoint "
        "rule, points (k + 1/2) / n. gradient takes rows (n, d) and returns their gradients.",
        _integrated,
        _paths,
        [
            (
                lambda g, x, b, n: _along(g, x, b, (np.arange(n) + 0.5) / n),
                "That is the average gradient; the factor (x - b) is missing.",
            ),
            (
                lambda g, x, b, n: x * _along(g, x, b, (np.arange(n) + 0.5) / n),
                "Multiply by the length of the path, (x - b), not by x.",
            ),
            (
                lambda g, x, b, n: (x - b) * g(x[None])[0],
                "That takes the gradient at the end only: average it along the path.",
            ),
            (
                lambda g, x, b, n: (x - b) * _along(g, x, b, np.arange(n) / n),
                "That is the left Riemann sum: the points of the midpoint rule are (k + 1/2) / n.",
            ),
            (
                lambda g, x, b, n: (x - b) * _along(g, x, 0 * b, (np.arange(n) + 0.5) / n),
                "The path starts at b, not at zero.",
            ),
        ],
        level="write",
        minutes=15,
        hint="Rows b + a (x - b) for all points a at once: a[:, None] * (x - b).",
    ),
    "11.gap": Exercise(
        "Write gap(values, score, base): the completeness error, signed.",
        lambda values, score, base: np.sum(values) - (score - base),
        _sums,
        [
            (lambda v, s, b: np.sum(v) - s, "The score of the baseline counts too."),
            (lambda v, s, b: (s - b) - np.sum(v), "The sign: the sum minus the difference."),
            (
                lambda v, s, b: abs(np.sum(v) - (s - b)),
                "Keep the sign; it says which side is larger.",
            ),
            (lambda v, s, b: np.sum(v) + (s - b), "The difference is subtracted."),
        ],
        level="write",
        minutes=3,
        hint="Completeness: the values add up to score - base.",
    ),
}
