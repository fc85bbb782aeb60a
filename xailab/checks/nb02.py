"""The exercises of notebook 02: LIME for tables."""

import numpy as np

from .. import local_fit
from .exercise import Exercise


def _distances() -> list[tuple]:
    rng = np.random.default_rng(2)
    fixed = [(np.linspace(0, 4, 5), width) for width in (0.5, 1.0, 2.6)]
    return fixed + [(rng.exponential(2, size=n), rng.uniform(0.3, 3)) for n in (1, 3, 8)]


def _rows_to_fit() -> list[tuple]:
    rng = np.random.default_rng(3)
    cases = []
    for n, m, penalty in ((20, 2, 1.0), (50, 3, 1.0), (200, 5, 0.1), (30, 1, 4.0)):
        Z = (rng.random((n, m)) < 0.4).astype(float)
        y = Z @ rng.normal(size=m) + rng.normal(size=n) + 2
        cases.append((Z, y, rng.uniform(0.1, 1, size=n), penalty))
    return cases


def _slopes(
    Z: np.ndarray, y: np.ndarray, weights: np.ndarray, penalty: float, centre=None
) -> np.ndarray:
    """centre: the weights of the means that are subtracted, the sample weights by default."""
    by = weights if centre is None else centre
    Z, y = Z - by @ Z / max(by.sum(), 1), y - by @ y / max(by.sum(), 1)
    return np.linalg.solve(Z.T * weights @ Z + penalty * np.eye(Z.shape[1]), Z.T @ (weights * y))


EXERCISES: dict[str, Exercise] = {
    "02.share": Exercise(
        "In the switch table, let b be on in 90 % of the rows and a still in half. Which weight grows: "
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
    "02.fit": Exercise(
        "Write slopes_of(Z, y, weights, penalty): the coefficients of the weighted ridge regression of y "
        "on the rows Z (n, m), without the intercept.",
        _slopes,
        _rows_to_fit,
        [
            (
                lambda Z, y, w, a: _slopes(Z, y, np.ones_like(w), a),
                "That is a ridge regression in which all rows count the same: use the weights.",
            ),
            (
                lambda Z, y, w, a: _slopes(Z, y, w, a, centre=np.ones_like(w)),
                "You subtracted the plain means; subtract the weighted ones.",
            ),
            (
                lambda Z, y, w, a: _slopes(Z, y, w, a, centre=np.zeros_like(w)),
                "Without centring the line is forced through the origin: subtract the weighted means.",
            ),
            (
                lambda Z, y, w, a: _slopes(Z, y, w, 0),
                "The penalty is missing: add penalty times the identity matrix.",
            ),
            (
                lambda Z, y, w, a: _slopes(Z, y, w**2, a, centre=w),
                "The weights are in it twice: multiply one of the two factors by them.",
            ),
        ],
        minutes=15,
        hint="(Z.T * weights) @ Z is Z' P Z; np.linalg.solve(left, right) solves the system.",
    ),
    "02.square": Exercise(
        "The output is a^2, a is standard normal, the row is a = 2, discretise=False, width 0.75. "
        "Give (LIME's slope, its slope with around=True).",
        (2.56, 4.0),
        mistakes=[
            (
                (4.0, 4.0),
                "4 is the derivative at 2; by default rows are drawn around 0 and only weighted by distance.",
            ),
            (
                (0.0, 4.0),
                "0 is the slope over the whole table; the kernel moves the centre of the rows towards 2.",
            ),
            (
                (2.56, 2.56),
                "With around=True the rows are drawn around 2: where is their centre then?",
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
}
