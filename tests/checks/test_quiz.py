"""The quizzes: complete and fair as data, and marked in Python as on the page."""

import copy
import re

import nbformat
import pytest
import traitlets

from xailab.checks import quiz
from xailab.course import notebooks

SMALL = [
    {
        "key": "sum",
        "text": "What is `1 + 1`?",
        "options": [
            {"text": "1", "reason": "That is one of them."},
            {"text": "2", "reason": "One and one more.", "right": True},
        ],
    },
    {
        "key": "<b>bold</b>",
        "text": "<script>alert(1)</script> & co?",
        "options": [
            {"text": "<i>yes</i>", "reason": "As `<text>`.", "right": True},
            {"text": "no", "reason": "Try <u>again</u>."},
            {"text": "perhaps", "reason": "Decide."},
        ],
    },
]


@pytest.fixture
def small():
    return quiz.Quiz(quiz.parse(SMALL), "A small quiz")


@pytest.mark.parametrize("number", quiz.numbers())
def test_a_notebooks_quiz_is_complete(number):
    questions = quiz.load(number)
    assert len(questions) >= 5
    for question in questions:
        assert 3 <= len(question.options) <= 4, question.key
        reasons = [option.reason for option in question.options]
        assert len(set(reasons)) == len(reasons), question.key
        for option in question.options:
            assert option.reason.endswith("."), (question.key, option.reason)
            assert "$" not in option.reason + option.text + question.text
            assert (option.reason + option.text + question.text).count("`") % 2 == 0


@pytest.mark.parametrize("number", quiz.numbers())
def test_the_right_answer_cannot_be_guessed_from_its_place_or_length(number):
    questions = quiz.load(number)
    places = [question.answer for question in questions]
    assert max(places.count(place) for place in set(places)) <= 0.6 * len(places)
    longest = [max(q.options, key=lambda o: len(o.text)).right for q in questions]
    assert sum(longest) <= 0.75 * len(longest)


@pytest.mark.parametrize("path", notebooks.notebook_paths(), ids=lambda path: path.stem)
def test_every_notebook_shows_its_quiz(path):
    cells = nbformat.read(path, as_version=4).cells
    shown = re.findall(
        r'quiz\("(\d\d)"\)', "\n".join(c.source for c in cells if c.cell_type == "code")
    )
    assert shown == [path.stem[:2]] and shown[0] in quiz.numbers()


def test_quizzes_are_named_like_notebooks():
    assert {"04", "05", "06", "07", "09"} <= set(quiz.numbers())
    assert repr(quiz.quiz("05")).startswith("Quiz for notebook 5. 0 of ")
    with pytest.raises(ValueError, match=r"no quiz '99'; there are 0"):
        quiz.quiz("99")
    with pytest.raises(ValueError, match="no quiz"):
        quiz.load("../quizzes/05")


def test_every_option_of_every_question_gets_its_own_reason(small):
    for place, question in enumerate(small.questions):
        for chosen, option in enumerate(question.options):
            said = small.choose(question.key, chosen)
            assert said == f"{'Right.' if option.right else 'Not right.'} {option.reason}"
            assert said == small.feedback(place)
            assert small.controls[question.key].value == option.text


def test_score_and_text_follow_the_answers(small):
    assert (small.score, small.text) == (0, "0 of 2 answered, 0 right.")
    small.choose(0, 1)
    small.choose(1, 2)
    assert (small.score, small.readout.value) == (1, "2 of 2 answered, 1 right.")
    small.controls["<b>bold</b>"].value = "<i>yes</i>"
    assert (small.score, small.answers) == (2, [1, 0])
    small.controls["sum"].value = None
    assert (small.text, small.feedback(0)) == ("1 of 2 answered, 1 right.", "")
    # as "Start again" on the page does
    small.answers = [-1, -1]
    assert small.score == 0


@pytest.mark.parametrize("bad", [[0], [2, 0], [0, -2], [0, 3]])
def test_positions_without_an_option_are_refused(small, bad):
    with pytest.raises(traitlets.TraitError, match="answers must hold 2 numbers"):
        small.answers = bad
    assert small.answers == [-1, -1]


def test_an_unknown_question_is_refused_by_name(small):
    with pytest.raises(KeyError, match="The questions are sum"):
        small.choose("product", 0)


def test_the_repr_lists_questions_and_options_without_the_answers(small):
    assert repr(small).splitlines() == [
        "A small quiz. 0 of 2 answered, 0 right.",
        "",
        "1. What is `1 + 1`?",
        "   a) 1",
        "   b) 2",
        "",
        "2. <script>alert(1)</script> & co?",
        "   a) <i>yes</i>",
        "   b) no",
        "   c) perhaps",
    ]


def test_a_page_without_scripts_has_all_text_and_escapes_markup(small):
    data, _ = small._repr_mimebundle_()
    page = data["text/html"]
    assert data["text/plain"] == repr(small)
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "<script" not in page and "<i>" not in page and "<u>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co?" in page
    assert "<code>1 + 1</code>" in page and "<code>&lt;text&gt;</code>" in page
    assert page.count("<details>") == 2
    for question in small.questions:
        for option in question.options:
            assert quiz._rich(option.reason) in page


def _broken(change):
    questions = copy.deepcopy(SMALL)
    change(questions)
    return questions


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda q: q[0]["options"][0].update(right=True),
            "'sum' needs two options or more, exactly",
        ),
        (lambda q: q[0]["options"][1].pop("right"), "exactly one of them right"),
        (lambda q: q[0]["options"].pop(0), "needs two options"),
        (lambda q: q[0]["options"][0].update(reason=" "), "'sum' has an option without"),
        (lambda q: q[0]["options"][0].pop("reason"), "'sum' needs key, text and options"),
        (lambda q: q[0]["options"][0].update(text="2 "), "'sum' has the same option twice"),
        (lambda q: q[1].update(key="sum"), "different keys; twice: sum"),
        (lambda q: q[0]["options"][0].update(points=3), "points"),
        (lambda q: q[1].pop("key"), "Question 1 needs key"),
        (lambda q: q.clear(), "A quiz needs questions"),
    ],
)
def test_an_incomplete_question_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        quiz.parse(_broken(change))
