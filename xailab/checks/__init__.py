"""Exercises that check themselves: not attempted, almost (with a hint), or correct.

What an exercise is stands in ``exercises``; here are the check, its verdict and the table of what
is done. Answers and progress stay on this computer.
"""

import difflib
import html
import textwrap
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from . import (
    nb02,
    nb03,
    nb07,
    nb09,
    nb10,
    nb12,
)
from . import progress_file as _progress
from .exercise import Exercise, judge

_BY_SUBJECT: dict[str, Exercise] = {
    **nb02.EXERCISES,
    **nb03.EXERCISES,
    **nb09.EXERCISES,
    **nb07.EXERCISES,
    **nb10.EXERCISES,
    **nb12.EXERCISES,
}
EXERCISES = dict(sorted(_BY_SUBJECT.items(), key=lambda item: item[0][:2]))  # by notebook


class _Reference(partial):
    """A reference that a notebook goes on with; handed back to ``check`` it is nobody's answer."""


@dataclass(frozen=True)
class Verdict:
    """What ``check`` found: status is "not attempted", "almost" or "correct". Notebook 01."""

    key: str
    status: str
    message: str
    _answer: object = field(default=None, repr=False, compare=False)

    @property
    def use(self) -> object:
        """The answer when it is correct, else the reference; says which, and prints the verdict."""
        print(self)
        if self.status == "correct":
            return self._answer
        print(">>> THE NOTEBOOK GOES ON WITH THE REFERENCE ANSWER, NOT WITH YOURS. <<<")
        reference = EXERCISES[self.key].reference
        return _Reference(reference) if callable(reference) else reference

    def __repr__(self) -> str:
        return textwrap.fill(f"Exercise {self.key}: {self.status}. {self.message}", 88)


def check(key: str, answer: object = None) -> Verdict:
    """Try a student's answer on hidden cases; the notebook goes on whatever comes of it.

    answer: the function or value the exercise asks for; None, or a function that raises
    NotImplementedError, is "not attempted". ``check(...).use`` is the answer to go on with. A try is
    kept in the progress file. Raises ValueError for an unknown key. Introduced in notebook 01.
    """
    if key not in EXERCISES:
        near = difflib.get_close_matches(str(key), EXERCISES, n=2, cutoff=0.0)
        raise ValueError(f"There is no exercise {key!r}; near keys: {', '.join(near)}.")
    status, message = judge(EXERCISES[key], None if isinstance(answer, _Reference) else answer)
    if status != "not attempted":
        message = f"{message} {_progress.record(key, status)}".rstrip()
    return Verdict(key, status, message, answer)


@dataclass(frozen=True)
class Overview:
    """All exercises with level, minutes and what is done of them; prints as text and as a table.

    Notebook 01.
    """

    table: pd.DataFrame
    kept_in: str

    def __repr__(self) -> str:
        done = self.table["status"] == "correct"
        return (
            f"{done.sum()} of {len(done)} exercises correct, "
            f"{self.table['minutes'][done].sum()} of {self.table['minutes'].sum()} minutes. "
            f"Kept in: {self.kept_in}\n\n{self.table.to_string()}"
        )

    def _repr_html_(self) -> str:
        head = html.escape(repr(self).split("\n", 1)[0])
        return f"<p>{head}</p>{self.table.to_html()}"


def progress() -> Overview:
    """Every exercise by notebook, with level, minutes, status, date and number of tries.

    Reads the progress file named by ``xailab.progress``; nothing is written. Introduced in
    notebook 01.
    """
    known, path = _progress.read(), _progress.location()
    rows = []
    for key in sorted(EXERCISES):
        entry = known.get(key, {})
        rows.append(
            {
                "notebook": key.split(".")[0],
                "exercise": key,
                "level": EXERCISES[key].level,
                "minutes": EXERCISES[key].minutes,
                "status": entry.get("status", "open"),
                "since": entry.get("first", "")[:10],
                "tries": entry.get("tries", 0),
            }
        )
    table = pd.DataFrame(rows).set_index(["notebook", "exercise"])
    return Overview(table, "nothing (XAILAB_PROGRESS is off)" if path is None else str(path))
