"""The exercises of notebook 03: Shapley values."""

from math import comb, factorial

import numpy as np

from .. import shapley
from .exercise import Exercise


def _games() -> list[tuple]:
    rng = np.random.default_rng(3)
    return [(np.array([0, 1, 0, 3, 2, 5, 2, 9.0]),), *((rng.normal(size=8),) for _ in range(5))]


def _mean_over_coalitions(v: np.ndarray) -> np.ndarray:
    without = [[s for s in range(8) if not s >> i & 1] for i in range(3)]
    return np.array([np.mean([v[s | 1 << i] - v[s] for s in without[i]]) for i in range(3)])


def _adds_up(phi: np.ndarray, v: np.ndarray, *_: object) -> bool:
    return np.isclose(phi.sum(), v[-1] - v[0])


def _sizes() -> list[tuple]:
    rng = np.random.default_rng(4)
    many = [(int(rng.integers(1, d)), d) for d in rng.integers(2, 31, size=8).tolist()]
    return [(1, 2), (1, 3), (2, 4), (3, 12), *many]


def _pi(s: int, d: int) -> float:
    return (d - 1) / (comb(d, s) * s * (d - s))


EXERCISES: dict[str, Exercise] = {
    "03.additivity": Exercise(
        "The base value is 0.2, the prediction 0.9, and eleven of the twelve values add up to 0.4. "
        "Give (the twelfth value, the twelfth value when the output is 1 - p instead of p).",
        (0.3, -0.3),
        mistakes=[
            (
                (0.5, -0.5),
                "Base value and values together make the prediction: the base value was left out.",
            ),
            ((0.3, 0.3), "What pushes p up pushes 1 - p down."),
            (
                (0.3, 0.7),
                "1 - p holds for the prediction and for the base value; the difference changes its sign.",
            ),
            (
                (-0.3, 0.3),
                "The prediction lies above base value plus eleven values, so the twelfth pushes up.",
            ),
        ],
        level="predict",
        minutes=5,
        hint="Write down efficiency for both outputs; the second game is 1 minus the first.",
    ),
    "03.shapley": Exercise(
        "Write values(v): the Shapley values of a, b, c from v of {}, a, b, ab, c, ac, bc, abc.",
        shapley.shapley_from_values,
        _games,
        [
            (
                lambda v: v[[1, 2, 4]] - v[0],
                "That is each player's contribution as the first to enter; average over all orders.",
            ),
            (
                lambda v: v[7] - v[[6, 5, 3]],
                "That is each player's contribution as the last to enter; average over all orders.",
            ),
            (
                _mean_over_coalitions,
                "Orders are equally likely, coalitions are not: weight by |S|! (2 - |S|)! / 3!.",
            ),
            (
                lambda v: np.full(3, (v[7] - v[0]) / 3),
                "Equal parts add up, too, but ignore who contributed what.",
            ),
        ],
        minutes=15,
        hint="v[0b101] is what a and c earn. Two of the six orders begin with a: v[1] - v[0] has weight 2/6.",
        properties=[(_adds_up, "Your values do not add up to v(abc) - v({}), as efficiency asks.")],
    ),
    "03.kernel_weight": Exercise(
        "Write pi_of(s, d): KernelSHAP's weight (d - 1) / (binomial(d, s) s (d - s)) of a coalition of s "
        "of d features.",
        _pi,
        _sizes,
        [
            (
                lambda s, d: d - 1 / (comb(d, s) * s * (d - s)),
                "Brackets: all of d - 1 is the numerator.",
            ),
            (
                lambda s, d: (d - 1) / (s * (d - s)),
                "The binomial coefficient is missing: comb(d, s).",
            ),
            (
                lambda s, d: (d - 1) / comb(d, s) * s * (d - s),
                "Brackets: s and (d - s) belong to the denominator, too.",
            ),
            (
                lambda s, d: (d - 1) / (comb(d - 1, s) * s * (d - s)),
                "Choose s out of d, not out of d - 1.",
            ),
            (
                lambda s, d: 1 / (comb(d, s) * s * (d - s)),
                "The factor d - 1 in the numerator is missing.",
            ),
            (
                lambda s, d: (d - 1) / (factorial(s) * s * (d - s)),
                "s! counts orders; here coalitions of size s are counted.",
            ),
        ],
        minutes=5,
        hint="comb(d, s) from math is the binomial coefficient; multiply it by s and d - s.",
        properties=[(lambda w, s, d: w > 0, "Every coalition has a positive weight.")],
    ),
}
