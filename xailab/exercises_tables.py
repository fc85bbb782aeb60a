"""The exercises of notebooks 01, 02, 03 and 08: tables, LIME, Shapley values."""

from math import comb, factorial

import numpy as np

from . import local_fit, shapley
from .exercises import Exercise

__all__ = ["EXERCISES"]


# --- 01: a first black box -----------------------------------------------------------------------


def _half_width(p: float, n: int) -> float:
    return 1.96 * np.sqrt(p * (1 - p) / n)


def _shares() -> list[tuple]:
    rng = np.random.default_rng(1)
    drawn = [(rng.uniform(0.05, 0.95), int(rng.integers(20, 9000))) for _ in range(5)]
    return [(0.85, 6512), (0.5, 100), (1.0, 50), *drawn]


# --- 02: LIME for tables -------------------------------------------------------------------------


def _distances() -> list[tuple]:
    rng = np.random.default_rng(2)
    fixed = [(np.linspace(0, 4, 5), width) for width in (0.5, 1.0, 2.6)]
    return fixed + [(rng.exponential(2, size=n), rng.uniform(0.3, 3)) for n in (1, 3, 8)]


# --- 03: Shapley values --------------------------------------------------------------------------


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


# --- 08: estimators and limits -------------------------------------------------------------------


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
    "01.without_sex": Exercise(
        "Drop Sex and train the network again. Its accuracy a) falls by more than a point, b) rises "
        "by more than a point, c) stays within a point, d) falls to the majority class. Which?",
        "c",
        mistakes=[
            (
                "a",
                "So much would be lost only if no other column carried the same news; look at *Husband*.",
            ),
            (
                "b",
                "A column less is information less; on 26,049 training rows it hardly does harm either.",
            ),
            ("d", "Eleven columns are left, education, age and capital gain among them."),
        ],
        level="predict",
        minutes=5,
        hint="Which other column of the crosstab above tells a man from a woman in most rows?",
    ),
    "01.one_hot": Exercise(
        "Give logistic regression one column for every category (pd.get_dummies) and say its "
        "accuracy on the test rows, to two digits.",
        0.85,
        mistakes=[
            (
                0.8375,
                "That is logistic regression on the codes themselves: did get_dummies split them?",
            ),
            (
                0.835,
                "Without StandardScaler the fit stops before it is done: dollars dwarf years.",
            ),
            (0.853, "That is measured on the training rows; the question is about the test rows."),
            (
                0.761,
                "That is the majority class: check that the columns of both parts are the same.",
            ),
        ],
        level="change",
        minutes=10,
        hint="pd.get_dummies(table.X, columns=list(table.categories)), then .loc[X_train.index].",
        tolerance=0.0015,
    ),
    "01.half_width": Exercise(
        "Write half_width(p, n): half of the 95 % interval of an accuracy p measured on n rows, "
        "1.96 times the square root of p (1 - p) / n.",
        _half_width,
        _shares,
        [
            (lambda p, n: 1.96 * p * (1 - p) / n, "The square root is missing."),
            (
                lambda p, n: np.sqrt(p * (1 - p) / n),
                "That is one standard error; 95 % takes 1.96 of them.",
            ),
            (lambda p, n: 2 * np.sqrt(p * (1 - p) / n), "2 is a rounded 1.96; take 1.96."),
            (lambda p, n: 1.96 * np.sqrt(p * (1 - p)) / n, "n belongs under the root, too."),
            (
                lambda p, n: 3.92 * np.sqrt(p * (1 - p) / n),
                "That is the whole interval; give half of it.",
            ),
            (
                lambda p, n: 1.96 * np.sqrt(p / n),
                "The spread of a share is p (1 - p), not p alone.",
            ),
        ],
        minutes=5,
        hint="Four times as many rows must give half the width.",
        properties=[
            (lambda half, p, n: half >= 0, "A width cannot be negative."),
        ],
    ),
    "02.share": Exercise(
        "In the switch table, let b be on in 90 % of the rows, a still in half. Which weight grows: "
        "'a', 'b', 'both' or 'neither'?",
        "a",
        mistakes=[
            ("b", "The weight of b depends on how often a is on, and that has not changed."),
            (
                "both",
                "Only one share has changed; each weight depends on the share of the other switch.",
            ),
            (
                "neither",
                "The weight of a switch is 0.6 times how often the other one is on, and that changed.",
            ),
        ],
        level="predict",
        minutes=5,
        hint="Read the formula for the weight of a again: whose share is in it?",
    ),
    "02.kernel": Exercise(
        "Write kernel_of(d, width): the weight exp(-d^2 / (2 width^2)) of samples at distance d.",
        local_fit.exponential_kernel,
        _distances,
        [
            (
                lambda d, w: np.exp(-(d**2) / w**2),
                "The square of the width counts twice: 2 width^2.",
            ),
            (
                lambda d, w: np.exp(-(d**2) / 2 * w**2),
                "Brackets: a / 2 * b multiplies by b; 2 * width**2 belongs in brackets.",
            ),
            (lambda d, w: np.exp(-d / (2 * w**2)), "The distance is squared, too."),
            (
                lambda d, w: np.exp(d**2 / (2 * w**2)),
                "Weights must fall with distance: mind the sign.",
            ),
            (lambda d, w: np.exp(-(d**2) / (2 * w)), "The width is squared, too."),
        ],
        minutes=5,
        hint="np.exp takes a whole array; mind the sign and the factor 2.",
        properties=[
            (
                lambda pi, d, w: (pi <= 1).all(),
                "No sample weighs more than the row itself, which weighs 1.",
            ),
        ],
    ),
    "02.square": Exercise(
        "The output is a^2, a is standard normal, the row is a = 2, discretise=False, width 0.75. "
        "Give (LIME's slope, its slope with around=True).",
        (2.56, 4.0),
        mistakes=[
            (
                (4.0, 4.0),
                "4 is the derivative at 2; by default rows are drawn around 0 and only weighed by nearness.",
            ),
            (
                (0.0, 4.0),
                "0 is the slope over the whole table; the kernel moves the centre of the rows towards 2.",
            ),
            (
                (2.56, 2.56),
                "With around=True the rows are drawn around 2 already: where is their centre then?",
            ),
            (
                (1.28, 2.0),
                "Those are the centres of the weighted rows; a line through a^2 there has twice that slope.",
            ),
            ((4.0, 2.56), "The other way round: the first is the default."),
        ],
        level="change",
        minutes=15,
        hint="Over normal rows with centre m the best line through a^2 has the slope 2 m.",
        tolerance=0.06,
    ),
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
