"""Three editions from one source: right cells in each, nothing of a student's ever overwritten."""

import ast
import builtins
import json

import nbformat
import pytest

from xailab import checks
from xailab._utils import files
from xailab.course import editions, notebooks

PATHS = notebooks.notebook_paths()
TEACHING = notebooks.NOTEBOOKS / "teaching"


def _tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def source(request):
    return nbformat.read(request.param, as_version=4)


def test_the_student_edition_has_blanks_and_folded_hints_and_no_solution(source):
    made = editions.student(source)
    nbformat.validate(made)
    assert not _tagged(made, "solution")
    blanks = _tagged(made, "exercise")
    assert len(blanks) == len(_tagged(source, "exercise"))
    for place, cell in enumerate(made.cells):
        if "exercise" in cell.metadata.get("tags", ()):
            for after, key in enumerate(editions.keys(cell), place + 1):
                hint = made.cells[after].source
                assert hint.startswith("<details>") and key in hint
                assert checks.EXERCISES[key].hint in hint
    assert all(
        not c.outputs and c.execution_count is None for c in made.cells if c.cell_type == "code"
    )


def test_the_solutions_edition_has_no_blank_and_keeps_outputs(source):
    made = editions.solutions(source)
    nbformat.validate(made)
    assert not _tagged(made, "exercise")
    kept = [c for c in source.cells if "exercise" not in c.metadata.get("tags", ())]
    assert [c.source for c in made.cells] == [c.source for c in kept]
    assert [c.get("outputs") for c in made.cells] == [c.get("outputs") for c in kept]
    assert not any("jupyter" in c.metadata for c in made.cells)


def test_the_teachers_edition_has_everything_and_expects_every_wrong_answer(source):
    made = editions.teacher(source, "Board plan: three columns.")
    nbformat.validate(made)
    assert made.cells[1].source == "Board plan: three columns."
    notes = [c.source for c in _tagged(made, "edition-note")][1:]
    solutions = _tagged(made, "solution")
    assert [c.source for c in solutions] == [c.source for c in _tagged(source, "solution")]
    wanted = [key for cell in solutions for key in editions.keys(cell)]
    for key, note in zip(wanted, notes, strict=True):
        exercise = checks.EXERCISES[key]
        assert f"{key}** ({exercise.level}, {exercise.minutes} minutes)" in note
        assert all(hint in note for _, hint in exercise.mistakes)


def test_a_wrong_answer_is_shown_by_its_formula():
    shown = {hint: editions._shown(wrong) for wrong, hint in checks.EXERCISES["02.kernel"].mistakes}
    assert shown["The distance is squared, too."] == "`np.exp(-d / (2 * w ** 2))`"
    assert editions._shown((0.3, 0.7)) == "`(0.3, 0.7)`"
    assert editions._shown(lambda a, b: a | b) == "`a \\| b`"  # a bar would end the table's cell


def test_making_an_edition_leaves_the_source_alone(source):
    before = nbformat.writes(source)
    editions.student(source), editions.solutions(source), editions.teacher(source)
    assert nbformat.writes(source) == before


def _names(cells, kind):
    """The names that cells read (ast.Load) or make (ast.Store), functions and arguments included."""
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell.source))]
    found = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, kind)}
    if kind is ast.Store:
        found |= {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        found |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    return found


def test_no_cell_needs_a_name_that_only_a_solution_or_only_a_blank_makes(source):
    """So the student edition runs blank, and the solutions edition without the blanks."""
    code = [c for c in source.cells if c.cell_type == "code"]
    for tag, other in (("solution", "exercise"), ("exercise", "solution")):
        rest = [c for c in code if tag not in c.metadata.get("tags", ())]
        only_here = _names(_tagged(source, tag), ast.Store) - _names(rest, ast.Store)
        assert not (only_here - set(dir(builtins))) & _names(rest, ast.Load), other


# --- files -------------------------------------------------------------------------------------


def _small(folder):
    cell = nbformat.v4.new_code_cell
    blank = cell('from xailab import checks\nchecks.check("02.kernel", None)', id="blank")
    solved = cell('checks.check("02.kernel", checks.EXERCISES["02.kernel"].reference)', id="solved")
    printed = cell("print(1 / 3)", id="printed")
    blank.metadata["tags"], solved.metadata["tags"] = ["exercise"], ["solution"]
    printed.metadata["tags"] = ["nbval-check-output"]
    printed.outputs = [nbformat.v4.new_output("stream", text="committed\n")]
    title = nbformat.v4.new_markdown_cell("# 99. Small", id="title")
    notebook = nbformat.v4.new_notebook(cells=[title, blank, solved, printed])
    notebook.metadata["kernelspec"] = notebooks.KERNEL
    path = folder / "99_small.ipynb"
    nbformat.write(notebook, path)
    (folder / "teaching").mkdir()
    (folder / "teaching" / "99.md").write_text("Ten minutes on the board.")
    return path


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """The executed copy, made once for all tests below."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture
def built(tmp_path, work):
    path = _small(tmp_path)
    out = tmp_path / "editions"

    def again(title="# 99. Small"):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[0].source = title
        nbformat.write(notebook, path)
        return editions.build(out, [path], work=work)

    return out, again(), again


def test_build_writes_three_editions_with_outputs_where_they_belong(built):
    out, files, _ = built
    assert [f.relative_to(out).parts for f in files] == [
        (name, "99_small.ipynb") for name in editions.EDITIONS
    ]
    student, solutions, teacher = (nbformat.read(f, as_version=4) for f in files)
    assert not any(c.get("outputs") for c in student.cells)
    assert [c.id for c in solutions.cells] == ["title", "solved", "printed"]
    assert "correct" in solutions.cells[1].outputs[0].data["text/plain"]
    assert solutions.cells[2].outputs[0].text == "0.3333333333333333\n"
    assert teacher.cells[1].source == "Ten minutes on the board."
    assert "not attempted" in teacher.cells[2].outputs[0].data["text/plain"]


def test_a_rerun_never_overwrites_a_students_work_and_says_so(built, capsys):
    out, files, again = built
    work = files[0].read_text().replace("None", "my_kernel")
    files[0].write_text(work)
    again()
    assert [p.name for p in (out / "student").glob("*.ipynb")] == ["99_small.ipynb"]
    again("# 99. A newer one")
    assert files[0].read_text() == work
    assert "has been worked in" in capsys.readouterr().out
    new = out / "student" / "99_small.new-1.ipynb"
    assert "my_kernel" not in new.read_text() and "A newer one" in new.read_text()
    # worked in, too
    new.write_text(new.read_text() + "\n")
    again("# 99. The newest")
    assert (out / "student" / "99_small.new-2.ipynb").exists()
    assert files[0].read_text() == work
    assert len(list((out / "solutions").glob("*.ipynb"))) == 1


def test_an_untouched_file_is_replaced_by_the_new_edition(built):
    out, files, again = built
    (out.parent / "teaching" / "99.md").write_text("Twenty minutes.")
    again()
    assert "Twenty minutes." in files[2].read_text()
    assert [p.name for p in (out / "teacher").glob("*.ipynb")] == ["99_small.ipynb"]


def test_the_student_edition_needs_no_run(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "run", lambda path: pytest.fail("a notebook was run"))
    monkeypatch.setattr(notebooks, "execute", lambda *a: pytest.fail("a notebook was run"))
    (made,) = editions.build(tmp_path / "out", [_small(tmp_path)], ["student"])
    assert made == tmp_path / "out" / "student" / "99_small.ipynb"
    assert not (tmp_path / "out" / "solutions").exists()


def test_a_file_this_command_did_not_make_is_not_overwritten(tmp_path):
    path = _small(tmp_path)
    mine = tmp_path / "editions" / "student" / path.name
    mine.parent.mkdir(parents=True)
    mine.write_text(json.dumps({"mine": True}))
    editions.build(tmp_path / "editions", [path], ["student"])
    assert json.loads(mine.read_text()) == {"mine": True}


def test_teaching_plans_belong_to_notebooks():
    stems = {path.stem[:2] for path in PATHS}
    assert {plan.stem for plan in TEACHING.glob("[0-9]*.md")} <= stems


class Killed(BaseException):
    """Stands in for the end of the process."""


@pytest.mark.parametrize("at", range(6))
def test_a_run_that_is_killed_at_any_write_claims_nobodys_work(tmp_path, monkeypatch, capsys, at):
    """The record is written before what it describes, so a half-made folder is still the command's."""
    path, out = _small(tmp_path), tmp_path / "editions"
    editions.build(out, [path], ["student"])
    path.write_text(path.read_text().replace("# 99.", "# 99. A newer"))
    writes = []
    real = files.atomic_write

    def write(target, content):
        writes.append(target)
        if len(writes) - 1 == at // 2 and at % 2 == 0:
            raise Killed
        real(target, content)
        if len(writes) - 1 == at // 2:
            raise Killed

    for module in (editions, notebooks):
        monkeypatch.setattr(module, "atomic_write", write)
    with pytest.raises(Killed):
        editions.build(out, [path], ["student"])
    monkeypatch.undo()
    (made,) = editions.build(out, [path], ["student"])
    assert "A newer" in made.read_text() and made.name == "99_small.ipynb"
    assert "worked in" not in capsys.readouterr().out
    # and work is still seen
    made.write_text(made.read_text() + "\n")
    path.write_text(path.read_text().replace("A newer", "The newest"))
    (beside,) = editions.build(out, [path], ["student"])
    assert beside.name == "99_small.new-1.ipynb"
