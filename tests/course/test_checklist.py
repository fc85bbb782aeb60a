"""The misconception cards: every number has one, each refuted by the next cell; the checklist."""

import re

import nbformat
import pytest

from xailab.course import checklist, notebooks

PATHS = notebooks.notebook_paths()
NUMBERS = set(range(1, 24))
CARD = '> **Often written, check it ({n}).** "{claim}"'


def _notebook(*cells):
    made = {"m": nbformat.v4.new_markdown_cell, "c": nbformat.v4.new_code_cell}
    return nbformat.v4.new_notebook(cells=[made[kind](source) for kind, source in cells])


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_card_of_a_notebook_is_refuted_by_the_next_cell(path):
    notebook = nbformat.read(path, as_version=4)
    for card in checklist.cards(notebook, path.stem):
        assert "assert" in card.code and card.section
        cell = next(c for c in notebook.cells if c.source == card.code)
        assert cell.execution_count and all(o.output_type != "error" for o in cell.outputs)


def test_every_misconception_has_a_card_somewhere():
    covered = {card.number for card in checklist.gather()}
    assert set(checklist.CORRECTIONS) == NUMBERS
    assert covered == NUMBERS


def test_corrections_are_one_sentence_each():
    for text in checklist.CORRECTIONS.values():
        assert text.endswith(".") and len(text.split()) <= 22
        assert not re.search(r"[.!?] [A-Z]", text)


def test_a_card_is_read_with_its_section_and_its_code():
    long = CARD.format(n=16, claim="Brighter is\n> more important.") + "\n\nCheck it:"
    found = checklist.cards(
        _notebook(
            ("m", "# 1. Title"),
            ("m", "## Colours\n\n" + long + "\n\n## Later"),
            ("c", "assert 1 < 2"),
            ("m", CARD.format(n=3, claim="The kernel is local.")),
            ("c", "x = 1\nassert x"),
        ),
        "05_cam",
    )
    assert found == [
        checklist.Card(16, "Brighter is more important.", "05_cam", "Colours", "assert 1 < 2"),
        checklist.Card(3, "The kernel is local.", "05_cam", "Later", "x = 1\nassert x"),
    ]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            [("m", CARD.format(n=16, claim="a")), ("c", "x = 'assert'")],
            "Card 16 of 05 needs a code cell",
        ),
        ([("m", CARD.format(n=16, claim="a")), ("m", "b"), ("c", "assert 1")], "needs a code cell"),
        ([("m", CARD.format(n=16, claim="a"))], "needs a code cell"),
        (
            [("m", CARD.format(n=24, claim="a")), ("c", "assert 1")],
            "Card 24 of 05 has no correction",
        ),
        ([("m", "> **Often written:** *a*"), ("c", "assert 1")], "A card in 05 must read"),
    ],
)
def test_a_card_that_is_not_refuted_is_named(cells, message):
    with pytest.raises(ValueError, match=message):
        checklist.cards(_notebook(*cells), "05")


def test_the_checklist_has_a_row_a_number_and_a_link_a_notebook():
    made = [
        checklist.Card(n, f"Claim {n}.", name, "S", "assert 1")
        for n, name in ((23, "03_shap"), (2, "02_lime"), (23, "07_trust"), (23, "07_trust"))
    ]
    text = checklist.page(made)
    rows = [line for line in text.splitlines() if line.startswith("| ☐\u00a0")]
    assert rows[0] == f"| ☐\u00a02 | Claim 2. | {checklist.CORRECTIONS[2]} | [02](02_lime.ipynb) |"
    assert rows[1].endswith("| [03](03_shap.ipynb), [07](07_trust.ipynb) |") and len(rows) == 2
