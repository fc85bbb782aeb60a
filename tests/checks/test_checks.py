"""Every exercise recognises its reference solution, a blank and the typical mistakes."""

import random
import re
import subprocess
import sys

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xailab import checks
from xailab.checks.exercise import LEVELS, Exercise, _numbers, judge, same
from xailab.course import editions, notebooks

KEYS = list(checks.EXERCISES)
CELLS = [
    cell
    for path in notebooks.notebook_paths()
    for cell in nbformat.read(path, as_version=4).cells
    if "solution" in cell.metadata.get("tags", ())
]


@pytest.mark.parametrize("key", KEYS)
def test_the_reference_is_correct(key):
    assert checks.check(key, checks.EXERCISES[key].reference).status == "correct"


@pytest.mark.parametrize("key", KEYS)
def test_a_blank_is_not_attempted_and_the_reference_goes_on(key, capsys):
    def blank(*_):
        raise NotImplementedError

    exercise = checks.EXERCISES[key]
    for answer in (None, blank)[: 1 if exercise.cases is None else 2]:
        verdict = checks.check(key, answer)
        assert (verdict.status, verdict.message) == ("not attempted", exercise.task)
        used = verdict.use
        assert getattr(used, "func", used) is exercise.reference
        assert "GOES ON WITH THE REFERENCE SOLUTION" in capsys.readouterr().out


@pytest.mark.parametrize("key", [k for k in KEYS if checks.EXERCISES[k].cases])
def test_the_reference_solution_handed_back_is_not_an_answer(key):
    exercise = checks.EXERCISES[key]
    used = checks.check(key, None).use
    for case in exercise.cases():
        assert same(used(*case), exercise.reference(*case), 0)
    assert checks.check(key, used).status == "not attempted"
    assert checks.check(key, checks.check(key, used).use).status == "not attempted"
    assert checks.check(key, checks.check(key, exercise.reference).use).status == "correct"


def test_notebooks_go_on_with_functions_only():
    """A reference solution that is a value could not be distinguished from an answer."""
    used = [
        key
        for path in notebooks.notebook_paths()
        for cell in nbformat.read(path, as_version=4).cells
        for key in re.findall(r'checks\.check\("([\w.]+)".*\)\.use', cell.source)
    ]
    assert used and all(checks.EXERCISES[key].cases for key in used)


@pytest.mark.parametrize("key", KEYS)
def test_every_typical_mistake_gets_its_own_hint(key):
    mistakes = checks.EXERCISES[key].mistakes
    assert len(mistakes) >= 3
    for wrong, hint in mistakes:
        verdict = checks.check(key, wrong)
        assert (verdict.status, verdict.message) == ("almost", hint)
    assert len({hint for _, hint in mistakes}) == len(mistakes)


@pytest.mark.parametrize("key", KEYS)
def test_an_exercise_has_what_the_editions_print(key):
    exercise = checks.EXERCISES[key]
    assert exercise.level in LEVELS and 2 <= exercise.minutes <= 40
    assert exercise.task.endswith((".", "?")) and exercise.hint.endswith((".", "?"))
    assert exercise.hint != exercise.task


@pytest.mark.parametrize("key", [k for k in KEYS if checks.EXERCISES[k].cases])
def test_cases_are_several_and_the_same_every_time(key):
    exercise = checks.EXERCISES[key]
    first, again = exercise.cases(), exercise.cases()
    assert len(first) >= 3
    assert all(same(a, b, 0) for a, b in zip(first, again, strict=True))
    # the properties hold for the reference on every hidden case
    for case in first:
        result = exercise.reference(*case)
        assert all(holds(np.asarray(result), *case) for holds, _ in exercise.properties)


def test_checking_leaves_the_global_random_numbers_alone():
    state, before = np.random.get_state()[1].copy(), random.getstate()
    seed = torch.get_rng_state()
    for key in KEYS:
        checks.check(key, checks.EXERCISES[key].reference)
    assert (np.random.get_state()[1] == state).all() and random.getstate() == before
    assert torch.equal(torch.get_rng_state(), seed)


@pytest.mark.parametrize("cell", CELLS, ids=[" ".join(editions.keys(c)) for c in CELLS])
def test_the_notebooks_solution_says_correct(cell):
    said = "".join(
        o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in cell.outputs
    )
    for key in editions.keys(cell):
        assert f"Exercise {key}: correct." in said


# --- any answer, by hypothesis -----------------------------------------------------------------

FUNCTIONS = [key for key in KEYS if checks.EXERCISES[key].cases]
NUMBERS = st.floats(width=32) | st.integers(-(10**6), 10**6) | st.booleans() | st.complex_numbers()
THINGS = st.recursive(
    st.none() | st.text(max_size=5) | NUMBERS | st.binary(max_size=3) | st.just(object()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
@given(thing=THINGS)
@settings(max_examples=25)
def test_whatever_an_answer_is_the_notebook_goes_on(key, thing):
    for answer in (thing, lambda *_: thing):
        status, message = judge(checks.EXERCISES[key], answer)
        assert status in {"not attempted", "almost", "correct"} and message


@pytest.mark.parametrize("key", FUNCTIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(factor=st.floats(-3, 3), shift=st.floats(-3, 3))
@settings(max_examples=25)
def test_the_reference_as_a_list_is_correct_and_anything_off_it_is_not(key, factor, shift):
    exercise = checks.EXERCISES[key]
    results = [exercise.reference(*case) for case in exercise.cases()]
    if any(_numbers(result) is None for result in results):
        # words cannot be shifted
        return
    moved = lambda *case: factor * _numbers(exercise.reference(*case)) + shift
    off = max(
        np.abs(moved(*case) - _numbers(r)).max()
        for case, r in zip(exercise.cases(), results, strict=True)
    )
    largest = max(np.abs(_numbers(r)).max() for r in results)
    status, message = judge(exercise, moved)
    if off > exercise.tolerance + 2e-4 * largest:
        assert status == "almost", message
    listed = lambda *case: _numbers(exercise.reference(*case)).tolist()
    assert judge(exercise, listed)[0] == "correct"


# --- answers of every kind ---------------------------------------------------------------------

DOUBLE = Exercise(
    "Write double(x): twice x.",
    lambda x: 2 * x,
    lambda: [(np.array([1.0, 2.0]),), (np.array([3.0, -1.0]),)],
    [(lambda x: x**2, "That is the square.")],
    hint="Multiply.",
    properties=[(lambda y, x: (np.sign(y) == np.sign(x)).all(), "Twice x has the sign of x.")],
)


def _in_place(x):
    x *= 2
    return x


def _quits(x):
    raise SystemExit


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (lambda x: torch.tensor(2 * x, requires_grad=True), "correct", "2 cases"),
        (lambda x: pd.Series(2 * x, index=["a", "b"]), "correct", "2 cases"),
        (lambda x: list(2 * x), "correct", "2 cases"),
        (lambda x: tuple(torch.tensor(v) for v in 2 * x), "correct", "2 cases"),
        (lambda x: x**2, "almost", "That is the square."),
        (_in_place, "almost", "changes the arrays it is given"),
        (_quits, "almost", "stopped with SystemExit"),
        (lambda x: x @ "x", "almost", "stopped with "),
        (lambda x, y: x, "almost", "missing 1 required positional argument"),
        (lambda x: None, "almost", "is the return missing?"),
        (lambda x: "high", "almost", "should be numbers, not str"),
        (lambda x: 2 * x[None], "almost", "should be (2,), not (1, 2)"),
        (lambda x: x / 0 * 0, "almost", "not finite"),
        (lambda x: 6 * x, "almost", "everything is 3 times too large"),
        (lambda x: np.abs(x), "almost", "has the sign of x"),
        (lambda x: list(np.abs(x)), "almost", "has the sign of x"),
        (lambda x: x + np.sign(x), "almost", "2 of 2 cases differ. Multiply."),
        (3, "almost", "Pass the function itself, not a int"),
        (np.array([2, 4]), "almost", "Pass the function itself"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_answer_gets_the_sentence_for_what_is_wrong_with_it(answer, status, message):
    said, sentence = judge(DOUBLE, answer)
    assert said == status and message in sentence


def test_an_interrupt_is_not_swallowed():
    def stopped(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(DOUBLE, stopped)


@pytest.mark.parametrize(
    ("reference", "right", "wrong", "message"),
    [
        (0.2, np.float32(0.2), 0.3, "Not yet. Look again."),
        (0.2, pd.Series([0.2]), -0.2, "the sign is not"),
        (0.2, 0.2, 20.1, "as a percentage"),
        (3, torch.tensor(3), [3, 3], "shape should be ()"),
        ("falls", " Falls ", "climbs", "Answer with one of these: 'falls', 'rises'."),
        ("falls", "falls", 3, "Answer with one of these"),
        (("a", 2), ["A", 2.0], ("b", 2), "Not yet."),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1}, "Not yet."),
        ([1.0, 2.0], (1, 2), [1, 3], "Not yet."),
        ([1.0, 2.0], (1, 2), 1, "should hold 2 numbers"),
        (True, np.bool_(True), False, "Not yet."),
    ],
)
def test_questions_about_a_value(reference, right, wrong, message):
    exercise = Exercise("Say.", reference, mistakes=[("rises", "It falls.")], hint="Look again.")
    assert judge(exercise, right)[0] == "correct"
    assert judge(exercise, wrong)[0] == "almost" and message in judge(exercise, wrong)[1]
    assert judge(exercise, "RISES") == ("almost", "It falls.")
    assert "asks for a value" in judge(exercise, lambda: reference)[1]


def test_a_tolerance_is_that_of_the_exercise():
    exercise = Exercise("About?", 0.41, tolerance=0.01)
    assert judge(exercise, 0.405)[0] == "correct" and judge(exercise, 0.43)[0] == "almost"


def test_the_answer_goes_on_when_it_is_correct(capsys):
    mine = checks.EXERCISES["02.kernel"].reference
    other = lambda d, w: mine(d, w)
    assert checks.check("02.kernel", other).use is other
    assert (
        capsys.readouterr().out
        == "Exercise 02.kernel: correct. It agrees with the reference on 6 cases.\n"
    )


def test_an_exercise_with_a_wrong_level_or_without_cases_is_refused():
    with pytest.raises(ValueError, match="level must be one of predict"):
        Exercise("?", 1, level="easy")
    with pytest.raises(ValueError, match="A function needs cases"):
        Exercise("?", lambda x: x)


def test_an_unknown_key_offers_near_ones():
    with pytest.raises(ValueError, match=r"no exercise '05.gradcam'; near keys: 05.grad_cam"):
        checks.check("05.gradcam", None)


def test_a_check_imports_the_exercises_of_its_own_notebook_only():
    code = """
import sys
from xailab import checks
checks.check("02.kernel", lambda d, width: d)
print(*sorted(name for name in sys.modules if name.startswith("xailab.checks.nb")))
print("torch" in sys.modules)
print(list(checks.EXERCISES) == sorted(checks.EXERCISES, key=lambda key: key[:2]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["xailab.checks.nb02", "False", "True"]
