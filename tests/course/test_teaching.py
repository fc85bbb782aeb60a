"""The teacher's guide keeps its promises: its minutes add up, its answers are the notebooks' own."""

import re

import nbformat
import pytest

from xailab import widgets
from xailab.course import notebooks
from xailab.evaluate import report
from xailab.widgets import experiment

GUIDE = notebooks.NOTEBOOKS / "teaching"
INDEX = (GUIDE / "index.md").read_text(encoding="utf-8")
PLANS = sorted(GUIDE.glob("[0-9]*.md"))


def _section(title: str) -> str:
    return INDEX.split(f"\n## {title}\n")[1].split("\n## ")[0]


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("plan", PLANS, ids=lambda path: path.stem)
def test_a_plan_has_its_parts_and_its_minutes_add_up_and_fit_the_notebook(plan):
    text = plan.read_text(encoding="utf-8")
    parts = ["Timings", "Board plan", "Expected wrong answers", "Discussion"]
    assert re.findall(r"^## (.*)$", text, flags=re.M) == parts
    timings = text.split("## Timings")[1].split("## ")[0]
    whole = int(re.search(r"(\d+) minutes in class: ", timings)[1])
    said = timings.split(":", 1)[1].split(".")[0]
    assert sum(int(n) for n in re.findall(r"(?:^|,)\s+(\d+) [\w*]", said)) == whole
    (notebook,) = notebooks.NOTEBOOKS.glob(f"{plan.stem}_*.ipynb")
    head = nbformat.read(notebook, as_version=4).cells[0].source
    assert whole <= int(re.search(r"\*\*Time:\*\* (\d+) minutes", head)[1])
    assert len(re.findall(r"^- ", text, flags=re.M)) >= 6


def test_every_notebook_has_a_plan():
    assert {p.stem for p in PLANS} == {path.stem[:2] for path in notebooks.notebook_paths()}


def test_six_lessons_of_ninety_minutes():
    lessons = _rows(_section("Six lessons of 90 minutes"))
    assert len(lessons) == 6
    for *_, minutes in lessons:
        assert sum(int(n) for n in re.findall(r"(?:^|, )(\d+) ", minutes)) == 90


def test_the_day_has_no_holes():
    rows = _rows(_section("One day"))
    begins = [int(t[:2]) * 60 + int(t[3:]) for t, *_ in rows]
    for begin, (_, minutes, _), following in zip(begins, rows, begins[1:], strict=False):
        assert begin + int(minutes) == following
    assert begins[-1] + int(rows[-1][1]) == 17 * 60


def test_the_class_experiment_takes_ten_minutes_and_its_figures_are_those_of_the_items():
    section = _section("A ten-minute class experiment")
    assert sum(int(minutes) for minutes, _ in _rows(section)) == 10
    features, items = experiment.course_items()
    gain = [feature["name"] for feature in features].index("Capital Gain")
    (place,) = [int(n) - 1 for n in re.findall(r"in item (\d+)", section)]
    item = items[place]
    assert item["a"][gain] == 0 and f"{item['b'][gain]:,.0f} dollars" in section
    assert -0.05 < item["values"][gain] < 0 and item["p"][0] < 0.5 < item["p"][1]
    code = re.search(r"```python\n(.*?)```", section, flags=re.S)[1]
    shown = eval(code.splitlines()[-1], {"widgets": widgets})
    assert shown.items == items


def test_the_rubric_adds_up_and_the_test_has_an_answer_to_each_question():
    assert sum(int(points) for points, *_ in _rows(_section("Rubric for a final project"))) == 100
    test = _section("Prerequisites test")
    asked = re.findall(r"^(\d)\. ", test, flags=re.M)
    assert re.findall(r"\b(\d): ", test.split("**Answers.**")[1]) == asked


def test_the_model_answer_passes_the_linter_and_quotes_the_capstones_own_figures():
    answer = _section("A model answer")
    assert report.lint(answer, about="table") == []
    (path,) = notebooks.NOTEBOOKS.glob("13_*.ipynb")
    outputs = "\n".join(
        output.get("text", "")
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
    )
    quoted = re.findall(r"\d\.\d+ \[[^]]+\]|\d+ of \d+|\d\.\d+", answer.split("Why it is good")[0])
    quoted = [q for q in quoted if q != "4.0"]  # the licence's version
    assert len(quoted) >= 10
    assert [q for q in quoted if q not in outputs] == []
