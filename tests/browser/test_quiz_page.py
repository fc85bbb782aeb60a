"""The quiz in a real browser, by keyboard alone: without a kernel, and in JupyterLab."""

import base64
import json
from dataclasses import asdict

import nbformat
import pytest

from xailab.checks import quiz
from xailab.course import notebooks
from xailab.widgets.panels import static

EVIL = {
    "key": "evil",
    "text": "<img src=x onerror='window.ran = true'> and `<b>code</b>`?",
    "options": [
        {"text": "<script>window.ran = true</script>", "reason": "It is only text."},
        {"text": "plain", "reason": "<b onclick=1>Yes</b>, `x < y`.", "right": True},
        {"text": "neither", "reason": "One of them is."},
    ],
}
# what anywidget gives a widget, and nothing more
ALONE = """
<!doctype html><meta charset="utf-8"><style>%s</style><button id="before">before</button><div id="quiz"></div>
<script type="module">
  const { default: widget } = await import("data:text/javascript;base64,%s");
  const state = %s, heard = {};
  window.model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; (heard["change:" + name] || []).forEach((f) => f()); },
    on: (name, f) => (heard[name] ||= []).push(f), off: () => {}, save_changes: () => {},
  };
  widget.render({ model: window.model, el: document.getElementById("quiz") });
</script>
"""


@pytest.fixture
def alone(page, tmp_path):
    """Opens a quiz in a bare page, with the focus on a button before it."""

    def open_one(questions):
        made = quiz.Quiz(questions, "A quiz")
        script = base64.b64encode(static("quiz.js").encode()).decode()
        state = json.dumps(
            {"title": made.title, "answers": made.answers, "items": [asdict(q) for q in questions]}
        )
        state = state.replace("<", "\\u003c")
        styles = static("panels.css")
        path = tmp_path / "quiz.html"
        path.write_text(ALONE % (styles, script, state), encoding="utf-8")
        page.goto(path.as_uri())
        page.locator(".xailab-quiz[data-ready]").wait_for(timeout=20_000)
        page.locator("#before").focus()
        return made

    return open_one


def answer_by_keyboard(page, question, option: int) -> None:
    """From the control before the question: Tab into it, arrows to the option, Enter to check."""
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(option):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # on its Check button, the last control of the question


@pytest.mark.parametrize("number", ["05", "07"])
def test_the_keyboard_alone_answers_every_question(alone, page, number):
    questions = quiz.load(number)
    made = alone(questions)
    for place, question in enumerate(questions):
        option = (question.answer + place) % len(question.options)
        answer_by_keyboard(page, question, option)
        said = page.locator("form").nth(place).locator(".xailab-said")
        assert said.inner_text() == made.choose(place, option).replace("`", "")
        assert page.locator(".xailab-readout").inner_text() == made.text
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # Start again
    assert (
        page.locator(".xailab-readout").inner_text() == f"0 of {len(questions)} answered, 0 right."
    )
    assert page.locator("input:checked").count() == 0
    assert page.evaluate("window.model.get('answers')") == [-1] * len(questions)


def test_groups_buttons_and_answers_have_names_for_a_screen_reader(alone, page):
    questions = quiz.load("05")
    alone(questions)
    for place, question in enumerate(questions, 1):
        group = page.get_by_role(
            "group", name=f"{place}. {question.text}".replace("`", ""), exact=True
        )
        assert group.get_by_role("radio").count() == len(question.options)
        for option in question.options:
            assert group.get_by_role("radio", name=option.text.replace("`", ""), exact=True).count()
        assert group.get_by_role("button", name=f"Check question {place}", exact=True).count() == 1
        assert group.get_by_role("status").get_attribute("aria-live") == "polite"


def test_a_choice_that_is_not_checked_yet_survives_and_an_empty_check_says_so(alone, page):
    alone(quiz.parse([EVIL, EVIL | {"key": "two"}]))
    forms = page.locator("form")
    forms.nth(1).get_by_role("radio").nth(2).check()
    forms.nth(0).get_by_role("button").press("Enter")
    assert forms.nth(0).locator(".xailab-said").inner_text() == "Choose an answer first."
    forms.nth(0).get_by_role("radio").nth(1).check()
    assert forms.nth(0).locator(".xailab-said").inner_text() == ""
    forms.nth(0).get_by_role("button").press("Enter")
    assert forms.nth(1).get_by_role("radio").nth(2).is_checked()
    # the same answer again says the same again
    forms.nth(0).get_by_role("radio").nth(0).check()
    forms.nth(0).get_by_role("radio").nth(1).check()
    forms.nth(0).get_by_role("button").press("Enter")
    assert (
        forms.nth(0).locator(".xailab-said").inner_text() == "Right. <b onclick=1>Yes</b>, x < y."
    )


def test_markup_in_a_question_does_nothing(alone, page):
    alone(quiz.parse([EVIL]))
    box = page.locator(".xailab-quiz")
    assert "<img src=x onerror='window.ran = true'>" in box.inner_text()
    assert "<script>window.ran = true</script>" in box.inner_text()
    assert box.locator("img, script, b").count() == 0
    assert box.locator("code").all_inner_texts() == ["<b>code</b>"]
    assert page.evaluate("window.ran") is None


def test_in_jupyterlab_python_hears_the_answers_and_the_page_hears_python(
    page, open_notebook, tmp_path
):
    code = nbformat.v4.new_code_cell
    sources = [
        "from xailab.checks import quiz\nmade = quiz.quiz('05')\nmade",
        "print(made.answers, made.text)",
    ]
    path = tmp_path / "quiz.ipynb"
    cells = [code(source) for source in sources]
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": notebooks.KERNEL}), path
    )
    notebook = open_notebook(path)
    notebook.run_all()
    page.locator(".xailab-quiz[data-ready]").wait_for(timeout=20_000)
    forms, asked = page.locator(".xailab-quiz form"), quiz.load("05")
    radios = forms.nth(0).get_by_role("radio")
    radios.first.press("Space")
    for option in range(asked[0].answer):
        radios.nth(option).press("ArrowDown")
    radios.nth(asked[0].answer).press("Enter")
    right = asked[0].options[asked[0].answer].reason
    assert forms.nth(0).locator(".xailab-said").inner_text() == f"Right. {right}"
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Control+Enter")
    answers = [asked[0].answer] + [-1] * (len(asked) - 1)
    heard = f"{answers} 1 of {len(asked)} answered, 1 right."
    page.locator(".jp-OutputArea-output pre", has_text=heard).wait_for(timeout=20_000)
    # the other way
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("_ = made.choose(1, 0)")
    page.keyboard.press("Control+Enter")
    first = asked[1].options[0]
    said = f"{'Right.' if first.right else 'Not right.'} {first.reason}"
    forms.nth(1).locator(".xailab-said", has_text=said).wait_for(timeout=20_000)
    assert forms.nth(1).get_by_role("radio").first.is_checked()
