"""Every exercise knows its reference, its blank and its typical mistakes."""

import pytest

from xailab import checks

KEYS = list(checks.EXERCISES)


@pytest.mark.parametrize("key", KEYS)
def test_the_reference_is_correct(key):
    assert checks.check(key, checks.EXERCISES[key].reference).status == "correct"


@pytest.mark.parametrize("key", KEYS)
def test_a_blank_is_not_attempted_and_repeats_the_task(key):
    def blank(*_):
        raise NotImplementedError

    for answer in (None, blank):
        verdict = checks.check(key, answer)
        assert verdict.status == "not attempted"
        assert verdict.message == checks.EXERCISES[key].task


@pytest.mark.parametrize("key", KEYS)
def test_every_typical_mistake_gets_its_own_hint(key):
    mistakes = checks.EXERCISES[key].mistakes
    assert len(mistakes) >= 3
    for wrong, hint in mistakes:
        verdict = checks.check(key, wrong)
        assert (verdict.status, verdict.message) == ("almost", hint)
    assert len({hint for _, hint in mistakes}) == len(mistakes)


def test_a_crash_in_the_answer_is_reported_and_not_raised():
    verdict = checks.check("05.grad_cam", lambda A, g: A @ "x")
    assert verdict.status == "almost" and "stopped with TypeError" in verdict.message


def test_a_wrong_shape_is_named():
    verdict = checks.check("05.grad_cam", lambda A, g: A)
    assert "(1, 2, 2)" in verdict.message and "(1, 3, 2, 2)" in verdict.message


def test_something_that_is_no_function_or_no_number_is_almost():
    assert checks.check("02.kernel", 3).status == "almost"
    assert checks.check("02.kernel", lambda d, w: "high").status == "almost"


def test_an_unknown_key_offers_near_ones():
    with pytest.raises(ValueError, match=r"no exercise '05.gradcam'; near keys: 05.grad_cam"):
        checks.check("05.gradcam", None)
