"""The exercises of notebook 08: Shapley estimators."""

import numpy as np

from .exercise import Exercise


def _adds_up(phi: np.ndarray, v: np.ndarray, *_: object) -> bool:
    return np.isclose(phi.sum(), v[-1] - v[0])


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
    """What each player adds on entering, in the order of entering."""
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
    "08.games": Exercise(
        "f = x1, correlation r = -0.8, row (1, 1.5). Give the interventional values of x1 and x2, then "
        "the conditional values of x1 and x2: four numbers in all.",
        (1.0, 0.0, 1.6, -0.6),
        mistakes=[
            (
                (1.0, 0.0, 0.4, 0.6),
                "That is r = +0.8: with a negative r the value of x2 is negative.",
            ),
            (
                (1.0, 0.0, 2.2, -1.2),
                "v({2}) = r x2 is what x2 earns alone; its value is half of that.",
            ),
            ((1.0, 0.0, 1.0, -0.6), "Either pair of values must add up to f(x) = 1."),
            (
                (1.6, -0.6, 1.0, 0.0),
                "The other way round: the interventional value of an unused feature is 0.",
            ),
            (
                (0.5, 0.5, 1.6, -0.6),
                "In the interventional version x2 is a null player: it does not get an equal part.",
            ),
        ],
        level="predict",
        minutes=5,
        hint="Conditional: v({}) = 0, v({1}) = v({1, 2}) = 1, v({2}) = r x2.",
    ),
    "08.base": Exercise(
        "Write base_probability(z): the base value on the probability scale, from the log-odds z of "
        "the background rows.",
        lambda z: _probability(z).mean(),
        _log_odds,
        [
            (
                lambda z: _probability(z.mean()),
                "The sigmoid of a mean is not the mean of the sigmoids: convert to probabilities first.",
            ),
            (lambda z: z.mean(), "That is the base value in log-odds."),
            (
                lambda z: np.exp(z).mean(),
                "exp(z) are the odds; the probability is 1 / (1 + exp(-z)).",
            ),
            (_probability, "One number for the whole background is wanted: take the mean."),
            (
                lambda z: _probability(-z).mean(),
                "That is the probability of the other class: mind the sign.",
            ),
            (
                lambda z: (z > 0).mean(),
                "That counts the rows classified as yes; average the probabilities.",
            ),
        ],
        minutes=5,
        hint="First the probability of every row, then the mean.",
        properties=[(lambda p, z: 0 < p < 1, "A probability lies between 0 and 1.")],
    ),
    "08.order": Exercise(
        "Write adds(v, order): what each player adds when they enter in this order; v as in notebook "
        "3, result[i] for player i. One step of permutation sampling.",
        _adds,
        _games_with_orders,
        [
            (
                _walk,
                "The numbers are right but in the order of entering: put each at its player's position.",
            ),
            (
                lambda v, order: _adds(v, order[::-1]),
                "You went through the order from the end.",
            ),
            (
                _alone,
                "That compares each player with the empty coalition, not with those already inside.",
            ),
            (
                lambda v, order: np.array(
                    [v[-1] - v[len(v) - 1 - (1 << i)] for i in range(len(order))]
                ),
                "That lets each player enter last, whatever the order says.",
            ),
        ],
        minutes=15,
        hint="Keep the coalition as a number: inside | 1 << player adds a player to it.",
        properties=[
            (_adds_up, "The contributions must add up to v(all players) - v(empty coalition).")
        ],
    ),
    "08.hunt": Exercise(
        "By which column does the secret model decide about real people? Give its name.",
        "Sex",
        mistakes=[
            (
                "Education-Num",
                "That is what the explanations say, and it holds for rows that look made up. "
                "Compare real people with and without a degree, men and women apart.",
            ),
            (
                "Relationship",
                "Near: husbands are men. Look at husbands and wives, or at unmarried men and women.",
            ),
            (
                "Marital Status",
                "Changing it changes many answers, since such rows look made up. Compare groups of "
                "real, unchanged rows.",
            ),
            (
                "Capital Gain",
                "That is the network's strongest feature for A, not this model's.",
            ),
        ],
        level="hunt",
        minutes=15,
        hint="Compare the share of yes, secret(rows)[:, 1], between groups of real rows. Two columns look "
        "alike? Then compare inside one group, such as unmarried men and women.",
    ),
}
