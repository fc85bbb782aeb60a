"""The exercises of notebook 01: the data and the network."""

import numpy as np

from .exercise import Exercise


def _half_width(p: float, n: int) -> float:
    return 1.96 * np.sqrt(p * (1 - p) / n)


def _auc(scores: np.ndarray, labels: np.ndarray) -> float:
    difference = scores[labels][:, None] - scores[~labels]
    return ((difference > 0) + 0.5 * (difference == 0)).mean()


def _scored() -> list[tuple]:
    rng = np.random.default_rng(2)
    drawn = []
    for n in (8, 30, 100):
        labels = np.arange(n) % 3 == 0
        # one decimal, so that scores tie
        drawn.append(((rng.uniform(size=n) + 0.3 * labels).round(1), labels))
    known = np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])
    return [known, *drawn]


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
    "01.auc": Exercise(
        "Write auc(scores, labels): the share of pairs, one row with label True and one with label "
        "False, in which the first has the higher score; a tie counts one half.",
        _auc,
        _scored,
        [
            (
                lambda scores, labels: (scores[labels][:, None] > scores[~labels]).mean(),
                "Ties count one half; you count them as lost.",
            ),
            (
                lambda scores, labels: (scores[labels][:, None] >= scores[~labels]).mean(),
                "Ties count one half; you count them as won.",
            ),
            (
                lambda scores, labels: 1 - _auc(scores, labels),
                "The row with label True has to be higher, not lower.",
            ),
            (
                lambda scores, labels: _auc(scores, labels) * labels.sum() * (~labels).sum(),
                "That is the number of pairs won; divide it by the number of pairs.",
            ),
            (
                lambda scores, labels: ((scores > 0.5) == labels).mean(),
                "That is the accuracy at 0.5; the AUC compares pairs of rows.",
            ),
        ],
        minutes=8,
        hint="Loop over the scores with label True; compare each with scores[~labels] at once.",
        properties=[
            (lambda auc, scores, labels: 0 <= auc <= 1, "An AUC lies between 0 and 1."),
        ],
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
