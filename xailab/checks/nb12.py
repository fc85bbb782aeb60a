"""The exercises of notebook 12: counterfactuals."""

import numpy as np

from .. import counterfactual
from .exercise import Exercise


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


EXERCISES: dict[str, Exercise] = {
    "12.one": Exercise(
        "The score is 2 a - 3 b + c. A change of one unit costs 1 in a, 3 in b and 1 in c, and costs "
        "add up. Which one feature is it cheapest to change?",
        "a",
        mistakes=[
            (
                "b",
                "It has the largest weight, but 3 units of score cost 3 there: 1 per unit of cost.",
            ),
            ("c", "One unit of score per unit of cost; there is a better rate."),
            ("all", "With costs that add up, the best rate wins: one feature changes."),
        ],
        level="predict",
        minutes=3,
        hint="How much score does one unit of cost gain in each feature?",
    ),
    "12.closest": Exercise(
        "Write closest(w, c, x, t, scale): the row closest to x, by sqrt(sum((dx / scale)^2)), on "
        "which w @ row + c equals t.",
        counterfactual.closest_linear,
        _lines,
        [
            (
                lambda w, c, x, t, s: x + _missing(w, c, x, t) * w / (w**2).sum(),
                "That is the closest when all scales are 1: cheap features must change more.",
            ),
            (
                lambda w, c, x, t, s: _missing(w, c, x, t) * s**2 * w / (s**2 * w**2).sum(),
                "That is the change; add it to x.",
            ),
            (
                lambda w, c, x, t, s: x - _missing(w, c, x, t) * s**2 * w / (s**2 * w**2).sum(),
                "It goes the wrong way: what is missing is t minus the score.",
            ),
            (
                lambda w, c, x, t, s: x + _missing(w, c, x, t) * s * w / (s * w**2).sum(),
                "The scale is squared, in numerator and denominator.",
            ),
            (
                lambda w, c, x, t, s: x + (t - w @ x) * s**2 * w / (s**2 * w**2).sum(),
                "The intercept c is part of the score.",
            ),
        ],
        level="write",
        minutes=15,
        hint="Go along scale^2 * w, until the score has risen by what is missing.",
    ),
    "12.distance": Exercise(
        "Write distance(row, x, units, is_category): the sum of |difference| / unit over the numbers, "
        "plus 1 for every category that differs.",
        counterfactual.distance,
        _pairs,
        [
            (
                lambda r, x, u, k: (np.abs(r - x) / u).sum(),
                "Codes of categories are not quantities: another category costs 1, whatever its code.",
            ),
            (
                lambda r, x, u, k: (np.abs(r - x) / u)[~k].sum(),
                "The categories are left out; each that differs costs 1.",
            ),
            (
                lambda r, x, u, k: np.where(k, r != x, np.abs(r - x)).sum(),
                "Divide the numbers by their unit, or a dollar counts as much as a year.",
            ),
            (
                lambda r, x, u, k: np.where(k, r != x, (r - x) / u).sum(),
                "Take the absolute value of each difference, or ups and downs cancel.",
            ),
        ],
        level="write",
        minutes=8,
        hint="np.where(is_category, ..., ...) chooses for each column.",
    ),
}
