"""What an exercise is, and how an answer is compared with its reference solution."""

import copy
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._utils.validation import truncated

LEVELS = ("predict", "change", "write", "hunt")


@dataclass(frozen=True)
class Exercise:
    """A task with its reference solution, hidden cases, known mistakes, level, minutes and hint.

    reference: the function asked for; for a question about a value, the value itself (a number, a
    word, an array, or a tuple, list or dict of them), and then cases stays None.
    cases: returns the list of argument tuples, the same list at every call.
    mistakes: pairs (a wrong answer of the same kind as the reference, the hint for it).
    properties: pairs (a test of (result, *case), the hint when it fails), tried after the mistakes.
    level: one of LEVELS; minutes: for a second-year student; hint: one sentence, shown folded.
    tolerance: how far a number may lie from the reference, in absolute terms.
    """

    task: str
    reference: Any
    cases: Callable[[], list[tuple]] | None = None
    mistakes: Sequence[tuple[Any, str]] = ()
    level: str = "write"
    minutes: int = 10
    hint: str = ""
    properties: Sequence[tuple[Callable[..., bool], str]] = ()
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}, not {self.level!r}.")
        if callable(self.reference) == (self.cases is None):
            raise ValueError("A function needs cases, a value has none.")


def judge(exercise: Exercise, answer: Any) -> tuple[str, str]:
    """Status ("not attempted", "almost" or "correct") of an answer, and what to say about it.

    The hint is that of the first known mistake that agrees with the answer on every case.
    KeyboardInterrupt passes; any other exception of the answer becomes a message.
    """
    if answer is None:
        return "not attempted", exercise.task
    if exercise.cases is None:
        return _judge_value(exercise, answer)
    if not callable(answer):
        return "almost", f"Pass the function itself, not a {type(answer).__name__}."
    cases = exercise.cases()
    given, changed = [], False
    for case in cases:
        # an answer may change its arguments; the cases must not change with them
        mine = copy.deepcopy(case)
        try:
            given.append(copy.deepcopy(answer(*mine)))
        except NotImplementedError:
            return "not attempted", exercise.task
        except (Exception, SystemExit) as error:
            # a mistake in an answer must not stop the notebook
            raised = f"{type(error).__name__}: {_said(error)}".rstrip(":. ")
            message = f"Your function stopped with {raised}. {exercise.hint}"
            return "almost", message.rstrip(". ") + "."
        changed = changed or not same(mine, case, 0)
    wanted = [exercise.reference(*copy.deepcopy(case)) for case in cases]
    if _all_same(given, wanted, exercise.tolerance):
        if changed:
            return "almost", (
                "The values are right, but the function changes the arrays it is given; "
                "work on a copy, or write x = x + 1 instead of x += 1."
            )
        return "correct", f"It agrees with the reference on {len(cases)} cases."
    for mistake, hint in exercise.mistakes:
        if _all_same(given, [mistake(*copy.deepcopy(c)) for c in cases], exercise.tolerance):
            return "almost", hint
    return "almost", _what_differs(given, wanted, cases, exercise)


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""


def _judge_value(exercise: Exercise, answer: object) -> tuple[str, str]:
    if callable(answer):
        return "almost", "This question asks for a value: call your function and pass its result."
    if same(answer, exercise.reference, exercise.tolerance):
        return "correct", "That is it."
    for mistake, hint in exercise.mistakes:
        if same(answer, mistake, exercise.tolerance):
            return "almost", hint
    if isinstance(exercise.reference, str) and exercise.level == "hunt":
        # a list of the possible answers would give it away
        return "almost", f"Not {truncated(answer)}. {exercise.hint}"
    if isinstance(exercise.reference, str):
        words = sorted({exercise.reference, *(str(wrong) for wrong, _ in exercise.mistakes)})
        return "almost", f"Answer with one of these: {', '.join(map(repr, words))}."
    return "almost", _what_differs([answer], [exercise.reference], [], exercise)


# --- comparing ---------------------------------------------------------------------------------


def same(a: Any, b: Any, tolerance: float = 1e-6) -> bool:
    """Are two answers equal? Numbers and arrays of any library: |a - b| <= tolerance + 1e-4 |b|.

    Words are compared without case and outer spaces, dicts by key, tuples and lists item by item.
    A tolerance of 0 asks for exact equality.
    """
    if isinstance(a, str) or isinstance(b, str):
        both = isinstance(a, str) and isinstance(b, str)
        return both and a.strip().casefold() == b.strip().casefold()
    if isinstance(b, dict):
        known = isinstance(a, dict) and a.keys() == b.keys()
        return known and all(same(a[key], b[key], tolerance) for key in b)
    if isinstance(b, tuple | list) and _numbers(b) is None:
        listed = isinstance(a, tuple | list) and len(a) == len(b)
        return listed and all(same(p, q, tolerance) for p, q in zip(a, b, strict=True))
    x, y = _numbers(a), _numbers(b)
    if x is None or y is None:
        try:
            return x is y and type(a) is type(b) and bool(a == b)
        except Exception:
            # an object that cannot be compared is not the answer
            return False
    if x.shape != y.shape and not (x.size == y.size == 1):
        return False
    return np.allclose(
        x, y.reshape(x.shape), rtol=1e-4 * (tolerance > 0), atol=tolerance, equal_nan=True
    )


def _numbers(value: object) -> np.ndarray | None:
    """The value as an array of floats, or None if it cannot be one."""
    if value is None or isinstance(value, str | dict | set):
        return None
    try:
        if _is_tensor(value):
            value = value.detach().cpu().double().numpy()  # type: ignore[attr-defined]
        elif isinstance(value, tuple | list) and any(_is_tensor(v) for v in value):
            value = [_numbers(v) for v in value]
        return np.asarray(value, dtype=float)
    except Exception:
        # the object may come from any library, or be 10**400
        return None


def _is_tensor(value: object) -> bool:
    """Whether this is a torch tensor; there is none as long as torch has not been imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _all_same(given: list, wanted: list, tolerance: float) -> bool:
    return all(same(a, b, tolerance) for a, b in zip(given, wanted, strict=True))


def _what_differs(given: list, wanted: list, cases: list[tuple], exercise: Exercise) -> str:
    """A sentence for an answer that is not a known mistake: the first thing that is wrong with it."""
    if all(value is None for value in given):
        return "Your function returned None: is the return missing?"
    numbers: list[Any] = [(_numbers(a), _numbers(b)) for a, b in zip(given, wanted, strict=True)]
    for (a, b), value in zip(numbers, given, strict=True):
        if b is not None and a is None:
            return f"The answer should be numbers, not {type(value).__name__}."
        if b is not None and a.shape != b.shape and not a.size == b.size == 1:
            if not cases and b.ndim == 1:
                return f"The answer should hold {b.size} numbers in one row."
            return f"The shape should be {b.shape}, not {a.shape}."
        if b is not None and not np.isfinite(a).all():
            return "Some values are not finite (nan or inf)."
    for holds, hint in exercise.properties:
        results = [
            a if number is None else number for a, (number, _) in zip(given, numbers, strict=True)
        ]
        try:
            fine = all(holds(a, *copy.deepcopy(c)) for a, c in zip(results, cases, strict=True))
        except Exception:
            fine = False
        if not fine:
            return hint
    if all(b is not None for _, b in numbers):
        mine, theirs = (np.concatenate([n[i].ravel() for n in numbers]) for i in (0, 1))
        if np.any(theirs) and (factor := mine @ theirs / (theirs @ theirs)):
            if np.allclose(mine, factor * theirs, rtol=1e-4, atol=exercise.tolerance):
                if np.isclose(factor, -1):
                    return "The sizes are right, the sign is not."
                if np.isclose(factor, 100, rtol=0.01):
                    return "Right as a percentage; give it as a share, 0.5 for 50 %."
                if len(theirs) > 1:
                    return f"Right up to a factor: everything is {factor:.3g} times too large."
    wrong = sum(not same(a, b, exercise.tolerance) for a, b in zip(given, wanted, strict=True))
    start = f"{wrong} of {len(given)} cases differ. " if cases else "Not yet. "
    return start + (exercise.hint or exercise.task)
