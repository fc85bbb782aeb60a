"""A short quiz that marks itself and says why each answer is right or wrong.

``quiz("05")`` shows the questions of notebook 05, with or without a kernel. They are data, one file
per notebook, ``quizzes/NN.json``: a list of questions, each

    {"key": "shortcut",
     "text": "What is asked? `code` stands between back-ticks.",
     "options": [
         {"text": "A wrong answer", "reason": "What is wrong with it."},
         {"text": "The right answer", "reason": "Why it is right.", "right": true}]}

with at least two options, exactly one of them right, and a reason for each. Formulas are plain text:
no LaTeX, no HTML. Nothing is shuffled: vary the position of the right answer over the questions.
"""

import html
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import anywidget
import traitlets

from ..widgets.panels import static

QUIZZES = Path(__file__).parent / "quizzes"


@dataclass(frozen=True)
class Option:
    """One answer: its text, whether it is right, and the reason."""

    text: str
    reason: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question with its options, of which exactly one is right."""

    key: str
    text: str
    options: tuple[Option, ...]

    @property
    def answer(self) -> int:
        """The position of the right option, counted from 0."""
        return [option.right for option in self.options].index(True)


def numbers() -> tuple[str, ...]:
    """The notebooks that have a quiz, such as "04"."""
    return tuple(sorted(path.stem for path in QUIZZES.glob("*.json")))


def load(number: str) -> tuple[Question, ...]:
    """The questions of a notebook. number: two digits, such as "05"."""
    if number not in numbers():
        raise ValueError(f"There is no quiz {number!r}; there are {', '.join(numbers())}.")
    return parse(json.loads((QUIZZES / f"{number}.json").read_text(encoding="utf-8")))


def parse(questions: Sequence[dict]) -> tuple[Question, ...]:
    """Questions from plain data, checked; a ValueError names the question that is wrong.

    Wrong are: fewer than two options, none or several right options, an option without text or
    reason, an option or a key that occurs twice, an unknown field.
    """
    made = []
    for place, given in enumerate(questions):
        name = repr(given.get("key", place))
        try:
            options = tuple(Option(**option) for option in given["options"])
            question = Question(given["key"], given["text"], options)
        except (KeyError, TypeError) as error:
            raise ValueError(f"Question {name} needs key, text and options: {error}.") from None
        if len(options) < 2 or sum(option.right for option in options) != 1:
            raise ValueError(
                f"Question {name} needs two options or more, exactly one of them right."
            )
        if not all(text.strip() for o in options for text in (o.text, o.reason)):
            raise ValueError(f"Question {name} has an option without a text or a reason.")
        if max(Counter(o.text.strip().lower() for o in options).values()) > 1:
            raise ValueError(f"Question {name} has the same option twice.")
        made.append(question)
    twice = [key for key, n in Counter(q.key for q in made).items() if n > 1]
    if twice or not made:
        raise ValueError(f"A quiz needs questions with different keys; twice: {', '.join(twice)}.")
    return tuple(made)


class Choice:
    """A question as a control: value is the chosen option's text or None, options are all texts."""

    def __init__(self, owner: "Quiz", place: int):
        self._owner, self._place = owner, place
        self.options = tuple(option.text for option in owner.questions[place].options)

    @property
    def value(self) -> str | None:
        chosen = self._owner.answers[self._place]
        return None if chosen < 0 else self.options[chosen]

    @value.setter
    def value(self, new: str | None) -> None:
        self._owner.choose(self._place, -1 if new is None else self.options.index(new))


class Quiz(anywidget.AnyWidget):
    """A quiz on the page: radio buttons, a button that checks, the reason below.

    answers: for every question the position of the option that was checked, -1 for none; Python and
    the page can both set it. score: how many are right. text: the progress in one sentence; ``repr``
    lists the questions. controls: a question's key -> its ``Choice``.
    """

    _esm = static("quiz.js")
    _css = static("panels.css")
    title = traitlets.Unicode().tag(sync=True)
    items = traitlets.List().tag(sync=True)
    answers = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, questions: Sequence[Question], title: str = "Quiz"):
        self.questions = tuple(questions)
        super().__init__(
            title=title, items=[asdict(q) for q in self.questions], answers=[-1] * len(questions)
        )
        self.controls = {q.key: Choice(self, place) for place, q in enumerate(self.questions)}

    @traitlets.validate("answers")
    def _fits(self, proposal) -> list[int]:
        counts = [len(q.options) for q in self.questions]
        given = proposal["value"]
        if len(given) != len(counts) or not all(
            -1 <= a < n for a, n in zip(given, counts, strict=True)
        ):
            raise traitlets.TraitError(
                f"answers must hold {len(counts)} numbers, each the place of an option of its "
                f"question (below {counts}) or -1, not {given}."
            )
        return given

    def choose(self, question: int | str, option: int) -> str:
        """Answer a question, named by its position or key; returns the page's feedback.

        option: counted from 0; -1 takes the answer back.
        """
        if isinstance(question, str):
            if question not in self.controls:
                raise KeyError(f"The questions are {', '.join(self.controls)}.")
            question = list(self.controls).index(question)
        self.answers = [*self.answers[:question], option, *self.answers[question + 1 :]]
        return self.feedback(question)

    def feedback(self, place: int) -> str:
        """The text below a question: empty, or "Right." or "Not right." with the reason."""
        if self.answers[place] < 0:
            return ""
        chosen = self.questions[place].options[self.answers[place]]
        return f"{'Right.' if chosen.right else 'Not right.'} {chosen.reason}"

    @property
    def score(self) -> int:
        """How many answers are right."""
        pairs = zip(self.answers, self.questions, strict=True)
        return sum(answer == question.answer for answer, question in pairs)

    @property
    def text(self) -> str:
        """The progress in one sentence, word for word as on the page."""
        answered = sum(answer >= 0 for answer in self.answers)
        return f"{answered} of {len(self.answers)} answered, {self.score} right."

    @property
    def readout(self) -> "Quiz":
        """``readout.value`` is the text, as in a panel."""
        return self

    @property
    def value(self) -> str:
        """The text."""
        return self.text

    def __repr__(self) -> str:
        lines = [f"{self.title}. {self.text}"]
        for number, question in enumerate(self.questions, 1):
            lines += ["", f"{number}. {question.text}"]
            lines += [f"   {'abcdefgh'[i]}) {o.text}" for i, o in enumerate(question.options)]
        return "\n".join(lines)

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return data | {"text/plain": repr(self), "text/html": as_html(self)}, metadata


def _rich(text: str) -> str:
    """Escaped, with ``code`` between back-ticks as code."""
    parts = html.escape(text).split("`")
    parts[1::2] = [f"<code>{part}</code>" for part in parts[1::2]]
    return "".join(parts)


def as_html(quiz: Quiz) -> str:
    """The quiz for a page without scripts: answers and reasons fold out below each question."""
    rows = [f"<p><strong>{_rich(quiz.title)}</strong></p>"]
    for number, question in enumerate(quiz.questions, 1):
        options = "".join(f"<li>{_rich(o.text)}</li>" for o in question.options)
        reasons = "".join(
            f"<li>{'<strong>Right.</strong>' if o.right else 'Not right.'} {_rich(o.reason)}</li>"
            for o in question.options
        )
        letters = '<ol style="list-style-type:lower-alpha">'
        rows.append(
            f'<p style="margin-top:1.2em">{number}. {_rich(question.text)}</p>{letters}{options}</ol>'
            f"<details><summary>Answer {number}</summary>{letters}{reasons}</ol></details>"
        )
    return f"<div>{''.join(rows)}</div>"


def quiz(number: str) -> Quiz:
    """The quiz of a notebook, as a widget. number: two digits, such as "05"."""
    return Quiz(load(number), title=f"Quiz for notebook {int(number)}")
