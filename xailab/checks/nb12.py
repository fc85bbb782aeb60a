"""The exercises of notebooks 11 to 13."""

import numpy as np

from .. import counterfactual
from ..metrics import tables
from .exercise import Exercise

# --- 11: integrated gradients ------------------------------------------------------------------


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


_PATHS = {
    "11.product": Exercise(
        "S = a b, explained at a = 2, b = 3 from the baseline (0, 0). What are the two integrated "
        "gradients?",
        (3.0, 3.0),
        mistakes=[
            ((6.0, 6.0), "Gradient times input: that adds up to 12, and S moves by 6."),
            ((3.0, 2.0), "Those are the gradients at the end; average them, then times 2 and 3."),
            ((0.0, 0.0), "Those are the gradients at the baseline only."),
            ((2.4, 3.6), "In proportion to the inputs? The integral treats a and b alike here."),
        ],
        level="predict",
        minutes=5,
        hint="On the way the gradient of a is b t = 3 t, with t from 0 to 1.",
    ),
    "11.path": Exercise(
        "Write integrated(gradient, x, b, n): integrated gradients of x from b by the middle rule, "
        "places (k + 1/2) / n. gradient takes rows (n, d) and returns their gradients.",
        _integrated,
        _paths,
        [
            (
                lambda g, x, b, n: _along(g, x, b, (np.arange(n) + 0.5) / n),
                "That is the average gradient; times (x - b) is missing.",
            ),
            (
                lambda g, x, b, n: x * _along(g, x, b, (np.arange(n) + 0.5) / n),
                "Times the way that was gone, (x - b), not times x.",
            ),
            (
                lambda g, x, b, n: (x - b) * g(x[None])[0],
                "That takes the gradient at the end only: average it along the way.",
            ),
            (
                lambda g, x, b, n: (x - b) * _along(g, x, b, np.arange(n) / n),
                "That is the left rule: the places of the middle rule are (k + 1/2) / n.",
            ),
            (
                lambda g, x, b, n: (x - b) * _along(g, x, 0 * b, (np.arange(n) + 0.5) / n),
                "The path starts at b, not at zero.",
            ),
        ],
        level="write",
        minutes=15,
        hint="Rows b + a (x - b) for all places a at once: a[:, None] * (x - b).",
    ),
    "11.gap": Exercise(
        "Write gap(values, score, base): the completeness gap, signed.",
        lambda values, score, base: np.sum(values) - (score - base),
        _sums,
        [
            (lambda v, s, b: np.sum(v) - s, "The score of the baseline counts too."),
            (lambda v, s, b: (s - b) - np.sum(v), "The sign: the sum minus the difference."),
            (
                lambda v, s, b: abs(np.sum(v) - (s - b)),
                "Keep the sign; it says which side is short.",
            ),
            (lambda v, s, b: np.sum(v) + (s - b), "The difference is subtracted."),
        ],
        level="write",
        minutes=3,
        hint="Complete means: the values add up to score - base.",
    ),
}

# --- 12: counterfactuals -----------------------------------------------------------------------


def _lines() -> list[tuple]:
    rng = np.random.default_rng(12)
    made = [(rng.normal(size=d), rng.normal(), rng.normal(size=d), 1.0) for d in (2, 3, 5)]
    return [(w, c, x, t, rng.uniform(0.5, 3, len(w))) for w, c, x, t in made]


def _missing(w, c, x, t):
    return t - (w @ x + c)


def _pairs() -> list[tuple]:
    rng = np.random.default_rng(13)
    units, kinds = np.array([10.0, 2.0, 1.0, 1.0]), np.array([False, False, True, True])
    rows = np.column_stack([rng.normal(size=(3, 2)) * 10, rng.integers(0, 5, (3, 2))])
    return [(row, np.array([1.0, 2.0, 3.0, 1.0]), units, kinds) for row in rows]


_COUNTERFACTUALS = {
    "12.one": Exercise(
        "The score is 2 a - 3 b + c. A change of one unit costs 1 in a, 3 in b and 1 in c, and costs "
        "add up. Which one feature is it cheapest to move?",
        "a",
        mistakes=[
            (
                "b",
                "It has the largest weight, but 3 of score cost 3 there: 1 for each unit of cost.",
            ),
            ("c", "One of score for one of cost; there is a better rate."),
            ("all", "With costs that add up, the best rate takes everything: one feature moves."),
        ],
        level="predict",
        minutes=3,
        hint="How much score does one unit of cost buy in each?",
    ),
    "12.closest": Exercise(
        "Write closest(w, c, x, t, scale): the row nearest to x, by sqrt(sum((dx / scale)^2)), on "
        "which w @ row + c equals t.",
        counterfactual.closest_linear,
        _lines,
        [
            (
                lambda w, c, x, t, s: x + _missing(w, c, x, t) * w / (w**2).sum(),
                "That is nearest when all scales are 1: cheap features must move more.",
            ),
            (
                lambda w, c, x, t, s: _missing(w, c, x, t) * s**2 * w / (s**2 * w**2).sum(),
                "That is the change; add it to x.",
            ),
            (
                lambda w, c, x, t, s: x - _missing(w, c, x, t) * s**2 * w / (s**2 * w**2).sum(),
                "It moves the wrong way: what is missing is t minus the score.",
            ),
            (
                lambda w, c, x, t, s: x + _missing(w, c, x, t) * s * w / (s * w**2).sum(),
                "The scale counts twice: scale^2, above and below.",
            ),
            (
                lambda w, c, x, t, s: x + (t - w @ x) * s**2 * w / (s**2 * w**2).sum(),
                "The intercept c is part of the score.",
            ),
        ],
        level="write",
        minutes=15,
        hint="Go along scale^2 * w, just so far that the score rises by what is missing.",
    ),
    "12.distance": Exercise(
        "Write distance(row, x, units, is_category): the sum of |difference| / unit over the numbers, "
        "and of 1 for every category that differs.",
        counterfactual.distance,
        _pairs,
        [
            (
                lambda r, x, u, k: (np.abs(r - x) / u).sum(),
                "Codes of categories are no quantities: another category costs 1, however far.",
            ),
            (
                lambda r, x, u, k: (np.abs(r - x) / u)[~k].sum(),
                "The categories are left out; each that differs costs 1.",
            ),
            (
                lambda r, x, u, k: np.where(k, r != x, np.abs(r - x)).sum(),
                "Divide the numbers by their unit, or a dollar weighs as much as a year.",
            ),
            (
                lambda r, x, u, k: np.where(k, r != x, (r - x) / u).sum(),
                "Take the size of each difference, or ups and downs cancel.",
            ),
        ],
        level="write",
        minutes=8,
        hint="np.where(is_category, ..., ...) chooses for each column.",
    ),
}

# --- 13: the capstone --------------------------------------------------------------------------


def _sides() -> list[tuple]:
    rng = np.random.default_rng(14)
    return [(rng.normal(size=d), raises) for d in (4, 7) for raises in (True, False)]


def _two() -> list[tuple]:
    rng = np.random.default_rng(15)
    return [(rng.normal(size=6), rng.normal(size=6), k) for k in (1, 2, 3, 3)]


def _overlap(a, b, k) -> float:
    return tables.agreement([a], [b], k)["overlap"].item()


def _top(values, k) -> set:
    return set(np.argsort(-values)[:k])


_CAPSTONE = {
    "13.order": Exercise(
        "Write order(values, raises): the places of the features, first those that speak strongest for "
        "the side the model takes; raises says whether that side is up.",
        tables.strongest_first,
        _sides,
        [
            (
                lambda v, raises: np.argsort(-np.abs(v)),
                "By size alone, what speaks against the answer would come first, too.",
            ),
            (
                lambda v, raises: np.argsort(-v),
                "Right where the model raises; where it lowers, the most negative comes first.",
            ),
            (
                lambda v, raises: np.argsort(v if raises else -v),
                "The other way round: this begins with the quietest.",
            ),
            (
                lambda v, raises: np.sort(-v if raises else v),
                "Those are the values; np.argsort gives their places.",
            ),
        ],
        level="write",
        minutes=8,
        hint="np.argsort goes upwards; a minus sign turns it round.",
    ),
    "13.overlap": Exercise(
        "Write overlap(a, b, k): the share of the k strongest features (by size) that two "
        "explanations have in common.",
        _overlap,
        _two,
        [
            (
                lambda a, b, k: len(_top(a, k) & _top(b, k)) / k,
                "Strongest by size: a large negative value counts as well. Take np.abs first.",
            ),
            (
                lambda a, b, k: len(_top(abs(a), k) & _top(abs(b), k)) / len(a),
                "The share of the k, not of all features: divide by k.",
            ),
            (
                lambda a, b, k: len(_top(abs(a), k) & _top(abs(b), k)),
                "That is how many; the share divides by k.",
            ),
            (
                lambda a, b, k: (np.argsort(-abs(a))[:k] == np.argsort(-abs(b))[:k]).mean(),
                "The order among the k does not count here: compare sets.",
            ),
        ],
        level="write",
        minutes=8,
        hint="set(np.argsort(-np.abs(a))[:k]), and & for what two sets share.",
    ),
    "13.missing": Exercise(
        "'On 200 held-out rows, against 50 background rows and over 5 seeds, method A explains the "
        "probability faithfully: deletion 0.62 [0.58, 0.66]. All rows were kept; one data set only.' "
        "What is missing before that number means anything? One of: n, interval, control, background.",
        "control",
        mistakes=[
            ("n", "200 rows: it is there."),
            ("interval", "[0.58, 0.66] is one."),
            ("background", "50 background rows: it is there."),
        ],
        level="hunt",
        minutes=5,
        hint="Is 0.62 much? What would an order that knows nothing get?",
    ),
}

EXERCISES: dict[str, Exercise] = {**_PATHS, **_COUNTERFACTUALS, **_CAPSTONE}
