"""The exercises of notebook 01: the data and the network."""

import numpy as np

from .exercise import Exercise


def _half_width(p: float, n: int) -> float:
    return 1.96 * np.sqrt(p * (1 - p) / n)


def _shares() -> list[tuple]:
    rng = np.random.default_rng(1)
    drawn = [(rng.uniform(0.05, 0.95), int(rng.integers(20, 9000))) for _ in range(5)]
    return [(0.85, 6512), (0.5, 100), (1.0, 50), *drawn]


EXERCISES: dict[str, Exercise] = {
    "01.without_sex": Exercise(
        "Drop Sex and train the network again. Its accuracy a) falls by more than a point, b) rises "
        "by more than a point, c) stays within a point, d) falls to the majority class. Which?",
        "c",
        mistakes=[
            (
                "a",
                "Only if no other column carried the same information; look at *Husband*.",
            ),
            (
                "b",
                "One column less is less information; with 26,049 training rows a spare column hardly harms.",
            ),
            ("d", "Eleven columns are left, education, age and capital gain among them."),
        ],
        level="predict",
        minutes=5,
        hint="Which other column of the crosstab above tells a man from a woman in most rows?",
    ),
    "01.one_hot": Exercise(
        "Give logistic regression one column for every category (pd.get_dummies) and give its "
        "accuracy on the test rows, to two digits.",
        0.85,
        mistakes=[
            (
                0.8375,
                "That is logistic regression on the codes themselves: did get_dummies split them?",
            ),
            (
                0.835,
                "Without StandardScaler the fit stops before it has converged: dollars dwarf years.",
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
}
