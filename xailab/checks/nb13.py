"""The exercises of notebook 13: the capstone."""

import numpy as np

from ..metrics import tables
from .exercise import Exercise


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


EXERCISES: dict[str, Exercise] = {
    "13.order": Exercise(
        "Write order(values, raises): the positions of the features, those first that contribute most "
        "towards the side on which the output lies; raises says whether that side is up.",
        tables.strongest_first,
        _sides,
        [
            (
                lambda v, raises: np.argsort(-np.abs(v)),
                "By size alone, what contributes to the other side would come first, too.",
            ),
            (
                lambda v, raises: np.argsort(-v),
                "Right if raises is True; otherwise the most negative value comes first.",
            ),
            (
                lambda v, raises: np.argsort(v if raises else -v),
                "The other way round: this begins with the weakest.",
            ),
            (
                lambda v, raises: np.sort(-v if raises else v),
                "Those are the values; np.argsort gives their positions.",
            ),
        ],
        level="write",
        minutes=8,
        hint="np.argsort sorts upwards; a minus sign reverses it.",
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
        hint="set(np.argsort(-np.abs(a))[:k]), and & for the intersection of two sets.",
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
        hint="Is 0.62 much? What would a random order get?",
    ),
}
