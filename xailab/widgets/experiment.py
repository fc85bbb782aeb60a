"""A ten-minute experiment in which the class are the subjects: does a waterfall help to predict a model?

Each of twenty items shows an example, person A with the model's answer, and person B, who differs from
A in three features. The student predicts the model's answer for B: forward simulation. For ten items
A comes with its Shapley values as a waterfall; the other ten, without it, are the control. The
waterfall is A's: a waterfall of B would hold the answer, since base value + bars = prediction.
Doshi-Velez and Kim 2017; Hase and Bansal 2020.

``class_experiment`` shows it in a notebook, the live page holds it too; both run
``static/experiment.js``. ``class_result`` compares the two conditions over the students.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import floor, sqrt

import anywidget
import numpy as np
import pandas as pd
import traitlets

from .. import shapley
from .._utils.validation import check_random_state
from ..metrics import Interval
from ..metrics.intervals import FEW
from .panels import static

SCRIPTS = ("bars.js", "experiment.js")
STYLES = ("bars.css", "experiment.css")

# pairs of items per set of ten, with A's answer "yes" and with "no"
PAIRS = ((2, 3), (3, 2))
# in how many features B differs from A
CHANGED = 3
# no answer is closer to 0.5 than this, and no example further away than that
CLOSE, FAR = 0.1, 0.4
# the probabilities of the two examples of a pair differ by this at most
ALIKE = 0.03

# one group may have this many times as many students as the other
UNEQUAL = 1.5
LINE = re.compile(r"(?:^|\s)([12]): *([0-9]+) +([0-9]+)$")

# what stands before and after a number
UNITS = {
    "Age": ("", " years"),
    "Capital Gain": ("$", ""),
    "Capital Loss": ("$", ""),
    "Hours per week": ("", " hours"),
}
SCHOOLING = """none or preschool|grades 1 to 4|grades 5 to 6|grades 7 to 8|grade 9|grade 10|grade 11|
    grade 12|high school|some college|associate, vocational|associate, academic|bachelor|master|
    professional school|doctorate"""


# --- the items ---------------------------------------------------------------------------------


def feature_words(name: str, categories: dict) -> dict:
    """What the page needs to write a value of this feature: names of its codes, or its unit."""
    if name in categories:
        names = ["not stated" if n == "?" else n for n in categories[name]]
        return {"name": name, "names": names}
    before, after = UNITS.get(name, ("", ""))
    feature: dict = {"name": name, "before": before, "after": after}
    if name == "Education-Num":
        meanings = [meaning.strip() for meaning in SCHOOLING.split("|")]
        feature["meanings"] = dict(enumerate(meanings, start=1))
    return feature


def choose_pairs(X: np.ndarray, p: np.ndarray, seed: int = 0) -> list[tuple[int, int]]:
    """Twenty (A, B), positions in X: even places are one set of ten, odd places the other.

    Items are drawn in pairs: two examples A with the same answer and nearly the same probability,
    one whose B gets the same answer and one whose B gets the other. So in each set B's answer is
    "yes" five times and equals A's five times, and A's probability tells nothing about B's answer.
    No person occurs twice. X: (n, d). p: (n,), the model's probabilities.
    """
    rng = check_random_state(seed)
    yes = p >= 0.5
    distance = abs(p - 0.5)
    clear = distance >= CLOSE
    order = rng.permutation(np.flatnonzero(clear & (distance <= FAR)))
    used: set[int] = set()

    def partner(a: int, same: bool) -> int | None:
        fits = clear & ((X != X[a]).sum(1) == CHANGED) & ((yes == yes[a]) == same)
        free = [int(b) for b in np.flatnonzero(fits) if b not in used | {a}]
        return int(rng.choice(free)) if free else None

    def next_pair(answer: bool) -> list[tuple[int, int]]:
        for a in order:
            if yes[a] != answer or a in used or (b := partner(a, same=True)) is None:
                continue
            near = [c for c in order if yes[c] == answer and abs(p[c] - p[a]) <= ALIKE]
            for c in near:
                if c in used | {a, b} or (d := partner(c, same=False)) in (None, a, b):
                    continue
                used.update((a, b, c, d))
                return [(int(a), b), (int(c), d)]
        raise ValueError("X has too few similar people for twenty items; give more rows.")

    sets = []
    for with_yes, with_no in PAIRS:
        drawn = [
            pair for answer in [True] * with_yes + [False] * with_no for pair in next_pair(answer)
        ]
        sets.append([drawn[i] for i in rng.permutation(len(drawn))])
    return [item for both in zip(*sets, strict=True) for item in both]


def make_items(
    predict: Callable, X: pd.DataFrame, background: pd.DataFrame, seed: int = 0
) -> list[dict]:
    """The twenty items as plain data, for the page.

    Each has a and b (the values of the two people, as X has them), p (the model's probabilities of
    the two), and base and values (A's exact Shapley values). predict: DataFrame (n, d) -> (n,).
    """
    p = np.asarray(predict(X))
    items = []
    for a, b in choose_pairs(X.to_numpy(), p, seed):
        found = shapley.exact(predict, X.iloc[a], background)
        items.append(
            {
                "a": X.iloc[a].tolist(),
                "b": X.iloc[b].tolist(),
                "p": [round(float(p[a]), 4), round(float(p[b]), 4)],
                "base": round(float(found.base), 4),
                "values": [round(float(v), 4) for v in found.values],
            }
        )
    return items


# --- the class ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClassResult:
    """What a class of n students shows.

    groups: students in group 1 and in group 2. difference: the mean over the students of right
    answers with the waterfall minus without, in items of 10, with its 95 % interval; None below 10
    students or if it does not vary. text: the result in words, with what it does not show.
    """

    n: int
    groups: tuple[int, int]
    difference: Interval | None
    text: str

    def __str__(self) -> str:
        return self.text


def class_result(lines: str) -> ClassResult:
    """The lines of a class, one per student, as the experiment gives them at its end.

    A line ends with ``group: with without``, such as ``1: 7 6``; what stands before it (a name, a
    time) is not read. The interval is the paired t interval, mean(d) +- t s / sqrt(n) with d = with -
    without, s its standard deviation and t the 97.5 % point of Student's t with n - 1 degrees of
    freedom. It needs 10 students; below that students are only counted. There is no verdict either
    if one group is more than 1.5 times as large as the other. Student 1908.
    """
    if not isinstance(lines, str):
        raise TypeError(f"lines must be text, one line per student, not {type(lines).__name__}.")
    students = _read(lines)
    in_first = sum(group == 1 for group, _, _ in students)
    groups = (in_first, len(students) - in_first)
    d = np.array([w - without for _, w, without in students])
    n = len(d)
    mean_with = sum(w for _, w, _ in students) / n
    said = [
        f"n = {n} students ({groups[0]} in group 1, {groups[1]} in group 2).",
        f"Right of 10 items: {_two_digits(mean_with)} with the waterfall, "
        f"{_two_digits(sum(w for _, _, w in students) / n)} without it.",
    ]
    if n < FEW or d.std() == 0:
        more, fewer = int((d > 0).sum()), int((d < 0).sum())
        why = (
            f"Below {FEW} students"
            if n < FEW
            else "Because the difference is the same for all students"
        )
        said.append(
            f"With the waterfall {more} had more right than without it, {fewer} fewer, "
            f"{n - more - fewer} as many. {why} there is no interval and no verdict."
        )
        return ClassResult(n, groups, None, " ".join(said))
    # scipy.stats takes half a second to load
    from scipy.stats import t

    half = float(t.ppf(0.975, n - 1) * d.std(ddof=1) / sqrt(n))
    mean = float(d.mean())
    difference = Interval(mean, mean - half, mean + half, n)
    said += [
        f"Mean paired difference, with - without: {_two_digits(mean)} items of 10, "
        f"95 % interval [{_two_digits(mean - half)}, {_two_digits(mean + half)}] (paired t).",
        _verdict(difference, groups),
        "Not shown: anything about other items (these twenty are fixed), other models, explanations "
        "or tasks than forward simulation from one example, or the time needed, which was not measured.",
    ]
    return ClassResult(n, groups, difference, " ".join(said))


def _read(lines: str) -> list[tuple[int, int, int]]:
    students = []
    for line in filter(None, (line.strip() for line in lines.split("\n"))):
        found = LINE.search(line)
        group, right, without = map(int, found.groups()) if found else (0, 99, 99)
        if max(right, without) > 10:
            raise ValueError(
                f'"{line}" does not end like "1: 7 6": the group (1 or 2), then how many of 10 '
                "were right with the waterfall and without it."
            )
        students.append((group, right, without))
    if not students:
        raise ValueError('Paste the lines of the class first, such as "1: 7 6", one per student.')
    return students


def _verdict(difference: Interval, groups: tuple[int, int]) -> str:
    if max(groups) > UNEQUAL * min(groups):
        return (
            "No verdict: the groups are too unequal. The two sets of items need not be equally hard, "
            "and only groups of similar size cancel that."
        )
    if difference.low > 0:
        return (
            "This class predicted this model's answers better with the waterfall than without it."
        )
    if difference.high < 0:
        return "This class predicted this model's answers worse with the waterfall than without it."
    return (
        "The interval holds 0: this class does not show whether the waterfall helps, harms or does "
        "neither."
    )


def _two_digits(value: float) -> str:
    """Rounded as in JavaScript: a half goes up."""
    return f"{floor(100 * value + 0.5) / 100:.2f}"


# --- the widget --------------------------------------------------------------------------------


class ClassExperiment(anywidget.AnyWidget):
    """The experiment on the page of a notebook; its state lives in the kernel, so a reload keeps it.

    group: 1 or 2, 0 before it is chosen. In group 1 the items at even places (counted from 0) come
    with the waterfall, in group 2 the others. answers: 1 for "more than 50K", 0 for not, one per item
    answered. counts: right answers so far, with and without the waterfall. text: the progress.
    """

    _esm = (
        "\n".join(map(static, ("dom.js", *SCRIPTS))) + "\nexport default { render: experiment };\n"
    )
    _css = "\n".join(map(static, STYLES))
    features = traitlets.List().tag(sync=True)
    items = traitlets.List().tag(sync=True)
    group = traitlets.Int(0, min=0, max=2).tag(sync=True)
    answers = traitlets.List(traitlets.Int(min=0, max=1)).tag(sync=True)

    @property
    def counts(self) -> tuple[int, int]:
        """How many answers are right, with the waterfall and without it."""
        right = [0, 0]
        for place, (answer, item) in enumerate(zip(self.answers, self.items, strict=False)):
            without = int(place % 2 != self.group - 1)
            right[without] += answer == (item["p"][1] >= 0.5)
        return right[0], right[1]

    @property
    def text(self) -> str:
        """The progress in words; after the last item the line for the teacher."""
        done = f"{len(self.answers)} of {len(self.items)} items answered"
        if not self.items or len(self.answers) < len(self.items):
            return f"{done}."
        return f"{done}. Line for the teacher: {self.group}: {self.counts[0]} {self.counts[1]}"

    def __repr__(self) -> str:
        return f"The class experiment, shown where the notebook is open. {self.text}"


def class_experiment(seed: int = 0) -> ClassExperiment:
    """The experiment with the course's income model and twenty pairs of people it was not trained on.

    All students need the same seed. The model is trained on the spot, in a few seconds.
    """
    features, items = course_items(seed)
    return ClassExperiment(features=features, items=items)


@lru_cache(1)
def course_items(seed: int = 0) -> tuple[list[dict], list[dict]]:
    """What the page needs to know of the features of Adult, and the twenty items of this seed."""
    # torch takes seconds to load; importing widgets shall not
    from .. import data, models

    table = data.adult()
    X_train, X_test, y_train, _ = table.split()
    net = models.train_income_net(X_train, y_train)
    # the background of notebook 3
    background = X_train.sample(100, random_state=0)
    items = make_items(lambda X: net.predict_proba(X)[:, 1], X_test, background, seed)
    return [feature_words(name, table.categories) for name in X_train], items
