"""The exercises of notebooks 01 and 02."""

import numpy as np

from .. import local_fit
from .exercise import Exercise


def _half_width(p: float, n: int) -> float:
    return 1.96 * np.sqrt(p * (1 - p) / n)


def _shares() -> list[tuple]:
    rng = np.random.default_rng(1)
    drawn = [(rng.uniform(0.05, 0.95), int(rng.integers(20, 9000))) for _ in range(5)]
    return [(0.85, 6512), (0.5, 100), (1.0, 50), *drawn]


def _distances() -> list[tuple]:
    rng = np.random.default_rng(2)
    fixed = [(np.linspace(0, 4, 5), width) for width in (0.5, 1.0, 2.6)]
    return fixed + [(rng.exponential(2, size=n), rng.uniform(0.3, 3)) for n in (1, 3, 8)]


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
}
