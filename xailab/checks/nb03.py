"""The exercises of notebooks 03 and 08."""

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


def _log_odds() -> list[tuple]:
    rng = np.random.default_rng(8)
    drawn = [(rng.normal(-1, 2, size=n),) for n in (3, 10, 100)]
    return [(np.array([0.0]),), (np.array([-4.0, 4.0, 2.0]),), *drawn]


def _probability(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _games_with_orders() -> list[tuple]:
    rng = np.random.default_rng(9)
    fixed = [(np.array([0, 1, 0, 3, 2, 5, 2, 9.0]), order) for order in ((0, 1, 2), (1, 2, 0))]
    return fixed + [(rng.normal(size=2**d), tuple(rng.permutation(d))) for d in (2, 3, 4, 5)]


def _walk(v: np.ndarray, order: tuple, start: int = 0) -> np.ndarray:
    """What each player of the order adds on entering, in the order of entering."""
    inside, adds = start, []
    for player in order:
        adds.append(v[inside | 1 << player] - v[inside])
        inside |= 1 << player
    return np.array(adds)


def _adds(v: np.ndarray, order: tuple) -> np.ndarray:
    phi = np.zeros(len(order))
    phi[list(order)] = _walk(v, order)
    return phi


def _alone(v: np.ndarray, order: tuple) -> np.ndarray:
    return np.array([v[1 << player] - v[0] for player in range(len(order))])


EXERCISES: dict[str, Exercise] = {
    "03.additivity": Exercise(
        "The base value is 0.2, the answer 0.9, and eleven of the twelve values add up to 0.4. "
        "Give (the twelfth value, the twelfth value when the output is 1 - p instead of p).",
        (0.3, -0.3),
        mistakes=[
            ((0.5, -0.5), "Base value and values together make the answer: the base was left out."),
            ((0.3, 0.3), "Whatever pushes p up pushes 1 - p down."),
            (
                (0.3, 0.7),
                "1 - p holds for the answer, and for the base; their difference only turns its sign.",
            ),
            (
                (-0.3, 0.3),
                "The answer lies above base and eleven values together, so the twelfth pushes up.",
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
            (
                lambda v: np.full(3, (v[7] - v[0]) / 3),
                "Equal parts add up, too, but forget who brought what.",
            ),
        ],
        minutes=15,
        hint="v[0b101] is what a and c earn. Two of the six orders begin with a: v[1] - v[0] weighs 2/6.",
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
                "Brackets: d - 1 as a whole stands above the line.",
            ),
            (
                lambda s, d: (d - 1) / (s * (d - s)),
                "The binomial coefficient is missing: comb(d, s).",
            ),
            (
                lambda s, d: (d - 1) / comb(d, s) * s * (d - s),
                "Brackets: s and (d - s) stand below the line, too.",
            ),
            (
                lambda s, d: (d - 1) / (comb(d - 1, s) * s * (d - s)),
                "Choose s out of d, not out of d - 1.",
            ),
            (
                lambda s, d: 1 / (comb(d, s) * s * (d - s)),
                "The factor d - 1 above the line is missing.",
            ),
            (
                lambda s, d: (d - 1) / (factorial(s) * s * (d - s)),
                "s! counts orders; here coalitions of size s are counted.",
            ),
        ],
        minutes=5,
        hint="comb(d, s) from math is the binomial coefficient; it, s and d - s all stand below the line.",
        properties=[(lambda w, s, d: w > 0, "Every coalition has a positive weight.")],
    ),
    "08.games": Exercise(
        "f = x1, correlation r = -0.8, row (1, 1.5). Give (value of x1, value of x2) in the background "
        "game and then in the likeness game: four numbers in all.",
        (1.0, 0.0, 1.6, -0.6),
        mistakes=[
            (
                (1.0, 0.0, 0.4, 0.6),
                "That is r = +0.8: with a negative r the value of x2 turns its sign.",
            ),
            (
                (1.0, 0.0, 2.2, -1.2),
                "v({2}) = r x2 is what x2 earns alone; its value is half of that.",
            ),
            ((1.0, 0.0, 1.0, -0.6), "The two values must add up to f(x) = 1 in every game."),
            (
                (1.6, -0.6, 1.0, 0.0),
                "The other way round: in the background game an unused feature gets nothing.",
            ),
            (
                (0.5, 0.5, 1.6, -0.6),
                "The background game has x2 as a null player: equal parts are not its answer.",
            ),
        ],
        level="predict",
        minutes=5,
        hint="Likeness: v({}) = 0, v({1}) = v({1, 2}) = 1, v({2}) = r x2.",
    ),
    "08.base": Exercise(
        "Write base_probability(z): the base value on the probability scale, from the log-odds z of "
        "the background rows.",
        lambda z: _probability(z).mean(),
        _log_odds,
        [
            (
                lambda z: _probability(z.mean()),
                "A mean of log-odds is not the log-odds of the mean: squash first.",
            ),
            (lambda z: z.mean(), "That is the base value in log-odds."),
            (
                lambda z: np.exp(z).mean(),
                "exp(z) are the odds; the probability is 1 / (1 + exp(-z)).",
            ),
            (_probability, "One number for the whole background: take the mean."),
            (
                lambda z: _probability(-z).mean(),
                "That is the probability of the other class: mind the sign.",
            ),
            (
                lambda z: (z > 0).mean(),
                "That counts the rows classified as yes; average their probabilities.",
            ),
        ],
        minutes=5,
        hint="Every row's own probability first, then one mean.",
        properties=[(lambda p, z: 0 < p < 1, "A probability lies between 0 and 1.")],
    ),
    "08.order": Exercise(
        "Write adds(v, order): what each player adds when they enter in this order; v as in notebook "
        "3, result[i] for player i. One step of permutation sampling.",
        _adds,
        _games_with_orders,
        [
            (_walk, "Right numbers in the order of entering: put each at its own player's place."),
            (
                lambda v, order: _adds(v, order[::-1]),
                "You went through the order from its end.",
            ),
            (
                _alone,
                "That compares each with the empty room; compare with those who are in already.",
            ),
            (
                lambda v, order: np.array(
                    [v[-1] - v[len(v) - 1 - (1 << i)] for i in range(len(order))]
                ),
                "That lets each be the last to come, whatever the order says.",
            ),
        ],
        minutes=15,
        hint="Keep the coalition as a number: inside | 1 << player adds a player to it.",
        properties=[(_adds_up, "What all add must make v(everybody) - v(nobody).")],
    ),
}
