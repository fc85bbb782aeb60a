"""Exercises that check themselves: not attempted, almost (with a hint), or correct.

``exercise`` says what an exercise is and compares answers; ``nb01`` to ``nb13`` hold the exercises, one
file per notebook, imported when first needed. Answers and progress stay on this computer.
"""

import difflib
import html
import textwrap
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

import pandas as pd

from . import progress_file
from .exercise import Exercise, judge

NOTEBOOKS = tuple(f"{number:02}" for number in range(1, 14))


def _exercises(notebook: str) -> dict[str, Exercise]:
    """The exercises of one notebook, "05": key -> Exercise; empty for a notebook that is not there."""
    if notebook not in NOTEBOOKS:
        return {}
    return import_module(f".nb{notebook}", __name__).EXERCISES


def _all_exercises() -> dict[str, Exercise]:
    return {key: one for notebook in NOTEBOOKS for key, one in _exercises(notebook).items()}


def _exercise(key: str) -> Exercise:
    found = _exercises(str(key)[:2])
    if key not in found:
        near = difflib.get_close_matches(str(key), _all_exercises(), n=2, cutoff=0.0)
        raise ValueError(f"There is no exercise {key!r}; near keys: {', '.join(near)}.")
    return found[key]


def __getattr__(name: str) -> Any:
    """``checks.EXERCISES``: all exercises by key, in the order of the notebooks."""
    if name == "EXERCISES":
        return _all_exercises()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "EXERCISES"])


class _Reference(partial):
    """The reference solution with which a notebook goes on; ``check`` does not count it as an answer."""


@dataclass(frozen=True)
class Verdict:
    """The result of ``check``: status is "not attempted", "almost" or "correct"."""

    key: str
    status: str
    message: str
    _answer: object = field(default=None, repr=False, compare=False)

    @property
    def use(self) -> object:
        """The answer if it is correct, else the reference solution; prints the verdict and which it is."""
        print(self)
        if self.status == "correct":
            return self._answer
        print(">>> THE NOTEBOOK GOES ON WITH THE REFERENCE SOLUTION, NOT WITH YOURS. <<<")
        reference = _exercise(self.key).reference
        return _Reference(reference) if callable(reference) else reference

    def __repr__(self) -> str:
        return textwrap.fill(f"Exercise {self.key}: {self.status}. {self.message}", 88)


def check(key: str, answer: object = None) -> Verdict:
    """Try a student's answer on hidden cases; never raises because of the answer.

    answer: the function or value that the exercise asks for; None, or a function that raises
    NotImplementedError, is "not attempted". ``check(...).use`` is the function to continue with. A try
    is recorded in the progress file. An unknown key raises ValueError.
    """
    status, message = judge(_exercise(key), None if isinstance(answer, _Reference) else answer)
    if status != "not attempted":
        message = f"{message} {progress_file.record(key, status)}".rstrip()
    return Verdict(key, status, message, answer)


@dataclass(frozen=True)
class Overview:
    """All exercises with level, minutes and status; prints as text and as a table."""

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

    Reads the progress file and writes nothing.
    """
    known, path = progress_file.read(), progress_file.location()
    rows = []
    for key, exercise in sorted(_all_exercises().items()):
        entry = known.get(key, {})
        rows.append(
            {
                "notebook": key.split(".")[0],
                "exercise": key,
                "level": exercise.level,
                "minutes": exercise.minutes,
                "status": entry.get("status", "open"),
                "since": entry.get("first", "")[:10],
                "tries": entry.get("tries", 0),
            }
        )
    table = pd.DataFrame(rows).set_index(["notebook", "exercise"])
    return Overview(table, "nothing (XAILAB_PROGRESS is off)" if path is None else str(path))
