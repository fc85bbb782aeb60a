"""The exercises of notebooks 01, 02, 03 and 08: tables, LIME, Shapley values."""

import numpy as np

from . import local_fit, shapley
from .exercises import Exercise

__all__ = ["EXERCISES"]


def _distances() -> list[tuple]:
    rng = np.random.default_rng(2)
    fixed = [(np.linspace(0, 4, 5), width) for width in (0.5, 1.0, 2.6)]
    return fixed + [(rng.exponential(2, size=n), rng.uniform(0.3, 3)) for n in (1, 3, 8)]


def _games() -> list[tuple]:
    rng = np.random.default_rng(3)
    return [(np.array([0, 1, 0, 3, 2, 5, 2, 9.0]),), *((rng.normal(size=8),) for _ in range(5))]


def _mean_over_coalitions(v: np.ndarray) -> np.ndarray:
    without = [[s for s in range(8) if not s >> i & 1] for i in range(3)]
    return np.array([np.mean([v[s | 1 << i] - v[s] for s in without[i]]) for i in range(3)])


EXERCISES: dict[str, Exercise] = {
    "02.kernel": Exercise(
        "Write kernel(d, width): the weight exp(-d^2 / (2 width^2)) of samples at distance d.",
        local_fit.exponential_kernel,
        _distances,
        [
            (
                lambda d, w: np.exp(-(d**2) / w**2),
                "The square of the width counts twice: 2 width^2.",
            ),
            (lambda d, w: np.exp(-d / (2 * w**2)), "The distance is squared, too."),
            (
                lambda d, w: np.exp(d**2 / (2 * w**2)),
                "Weights must fall with distance: mind the sign.",
            ),
        ],
        level="write",
        minutes=5,
        hint="np.exp takes a whole array; mind the sign and the factor 2.",
    ),
    "03.shapley": Exercise(
        "Write values(v): the Shapley values of a, b, c from v of {}, a, b, ab, c, ac, bc, abc.",
        shapley.shapley_from_values,
        _games,
        [
            (
                lambda v: v[[1, 2, 4]] - v[0],
                "That is each player's value when first to come; average all orders.",
            ),
            (
                lambda v: v[7] - v[[6, 5, 3]],
                "That is each player's value when last to come; average all orders.",
            ),
            (
                _mean_over_coalitions,
                "Orders are equally likely, coalitions are not: weigh by |S|! (2 - |S|)! / 3!.",
            ),
        ],
        level="write",
        minutes=15,
        hint="Go through the six orders; each time note what a player adds on entering, then average.",
        properties=[
            (
                lambda phi, v: np.isclose(phi.sum(), v[7] - v[0]),
                "Your values do not add up to v(abc) - v({}), as efficiency asks.",
            )
        ],
    ),
}
