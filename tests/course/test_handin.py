"""What graders get: blanks to fill in, tests out of reach, and names that the tests can find."""

import ast
import re

import nbformat
import pytest

from xailab import checks
from xailab.course import editions, handin, notebooks


@pytest.fixture(params=notebooks.notebook_paths(), ids=lambda path: path.stem)
def source(request):
    return nbformat.read(request.param, as_version=4)


def _blanks(notebook):
    return [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", ())]


def _test_of(key):
    """The test of a key, whatever expression it asks about."""
    return re.compile(
        r"from xailab import checks\n"
        rf'verdict = checks\.check\("{re.escape(key)}", (\w+)\)\n'
        r'assert verdict\.status == "correct", verdict\.message'
    )


def test_nbgrader_gets_the_student_edition_with_a_locked_test_below_each_blank(source):
    made = handin.nbgrader(source)
    nbformat.validate(made)
    marked = [cell for cell in made.cells if "nbgrader" in cell.metadata]
    ids = [cell.metadata.nbgrader.grade_id for cell in marked]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[\w-]+", name) for name in ids)
    tests = [cell for cell in marked if cell.metadata.nbgrader.grade]
    rest = [cell for cell in made.cells if cell not in tests]
    assert [(c.id, c.source) for c in rest] == [
        (c.id, c.source) for c in editions.student(source).cells
    ]
    for blank in _blanks(made):
        marks, place = blank.metadata.nbgrader, made.cells.index(blank)
        assert (marks.solution, marks.grade, marks.locked) == (True, False, False)
        for test, key in zip(made.cells[place + 1 :], editions.keys(blank), strict=False):
            marks = test.metadata.nbgrader
            assert (marks.solution, marks.grade, marks.locked) == (False, True, True)
            assert marks.points == checks.EXERCISES[key].minutes
            first, hidden = test.source.split("### BEGIN HIDDEN TESTS\n")
            assert first.startswith("#") and hidden.endswith("\n### END HIDDEN TESTS")
            assert _test_of(key).match(hidden)
    assert len(tests) == sum(len(editions.keys(blank)) for blank in _blanks(source))


def _halves(text):
    """What Otter makes of an answer cell: the teacher's and the students'."""
    solved, prompt = text.split('\n# END SOLUTION\n""" # BEGIN PROMPT\n')
    first, last = "# BEGIN SOLUTION NO PROMPT\n", '\n""" # END PROMPT'
    assert solved.startswith(first) and prompt.endswith(last) and '"""' not in prompt[: -len(last)]
    return solved.removeprefix(first), prompt.removesuffix(last)


def test_otter_gets_every_blank_with_its_solution_and_a_hidden_test(source):
    made = handin.otter(source)
    nbformat.validate(made)
    assert made.cells[0].source.startswith("# ASSIGNMENT CONFIG")
    blanks = iter(_blanks(source))
    kept, cells = [], iter(made.cells[1:])
    for cell in cells:
        if cell.cell_type != "raw":
            kept.append(cell.source)
            continue
        blank = next(blanks)
        keys = editions.keys(blank)
        head = dict(line.split(": ") for line in cell.source.split("\n")[1:])
        assert re.fullmatch(r"[\w-]+", head["name"])
        assert head["points"] == str([checks.EXERCISES[key].minutes for key in keys])
        assert next(cells).source == "# BEGIN SOLUTION"
        solved, prompt = _halves(next(cells).source)
        assert prompt == blank.source
        kept.append(prompt)
        assert [next(cells).source, next(cells).source] == ["# END SOLUTION", "# BEGIN TESTS"]
        stored = {
            node.id if isinstance(node, ast.Name) else node.name
            for node in ast.walk(ast.parse(solved))
            if isinstance(node, ast.FunctionDef)
            or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
        }
        for key in keys:
            hidden, test = next(cells).source.split("\n", 1)
            assert hidden == "# HIDDEN"
            assert _test_of(key).fullmatch(test)[1] in stored  # the solution answers the question
        assert [next(cells).source, next(cells).source] == ["# END TESTS", "# END QUESTION"]
    assert next(blanks, None) is None
    assert kept == [cell.source for cell in editions.student(source).cells]


@pytest.mark.parametrize("maker", handin.MAKERS.values())
def test_making_them_leaves_the_source_alone(source, maker):
    before = nbformat.writes(source)
    maker(source)
    assert nbformat.writes(source) == before


def test_each_assignment_has_a_folder_and_nothing_is_overwritten(tmp_path, capsys):
    path = notebooks.notebook_paths()[2]
    handin.write("nbgrader", tmp_path / "source", [path])
    file = tmp_path / "source" / path.stem / path.name
    file.write_text(file.read_text() + "\n")
    before = file.read_text()
    handin.write("nbgrader", tmp_path / "source", [path])
    assert "stays" in capsys.readouterr().out and file.read_text() == before
    handin.write("otter", tmp_path, [path])
    assert "# ASSIGNMENT CONFIG" in (tmp_path / path.name).read_text()
