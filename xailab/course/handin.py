"""Notebooks for a grader.

nbgrader   student editions with answer cells and locked test cells, for nbgrader's source folder
otter      masters with questions, prompts, solutions and tests, for ``otter assign``

A question is worth its minutes in points, and its test is ``checks.check``. What to do with them
stands in the teacher's guide under "Handing in".
"""

import ast
from pathlib import Path

import nbformat

from .. import checks
from . import editions, notebooks

# nbgrader leaves this out of what it releases, so a blank notebook runs to its end
HIDDEN = ("# The test stands here.\n### BEGIN HIDDEN TESTS\n", "\n### END HIDDEN TESTS")


def nbgrader(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The student edition; each blank is an answer cell, and below it stand its locked tests."""
    made = editions.student(notebook)
    cells = []
    for cell in made.cells:
        cells.append(cell)
        asked = _answers(cell, "exercise")
        if asked:
            cell.metadata.nbgrader = _marks(f"answer-{_name(*asked)}", solution=True)
        for key, answer in asked.items():
            test, points = _test(key, answer, *HIDDEN), checks.EXERCISES[key].minutes
            test.metadata.nbgrader = _marks(test.id, grade=True, locked=True, points=points)
            cells.append(test)
    made.cells = cells
    return made


def _marks(name: str, **said) -> dict:
    marks = {"grade": False, "solution": False, "locked": False, "task": False}
    return {"grade_id": name, "schema_version": 3, "cell_type": "code", **marks, **said}


def otter(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A master: each blank is the prompt of its solution, in one cell, and the tests are hidden.

    Students check themselves with ``checks.check`` as ever, so they need no Otter.
    """
    made = editions.student(notebook)
    solved = [cell for cell in notebook.cells if _answers(cell, "solution")]
    cells = [_raw("# ASSIGNMENT CONFIG\ninit_cell: false\nexport_cell: false", "otter-config")]
    for cell in made.cells:
        asked = _answers(cell, "exercise")
        cells += _question(asked, cell, solved.pop(0)) if asked else [cell]
    made.cells = cells
    return made


def _question(asked: dict[str, str], blank, solution) -> list[nbformat.NotebookNode]:
    name, points = _name(*asked), [checks.EXERCISES[key].minutes for key in asked]
    given = _answers(solution, "solution")
    named = [f"{asked[key]} = {given[key]}" for key in asked if asked[key] != given[key]]
    blank.source = "\n".join(
        [
            "# BEGIN SOLUTION NO PROMPT",
            solution.source,
            *named,
            "# END SOLUTION",
            '""" # BEGIN PROMPT',
            blank.source,
            '""" # END PROMPT',
        ]
    )
    tests = [_test(key, by, "# HIDDEN\n") for key, by in asked.items()]
    cells = [_raw(f"# BEGIN QUESTION\nname: {name}\npoints: {points}\ncheck_cell: false", name)]
    for part, inside in (("SOLUTION", [blank]), ("TESTS", tests)):
        begin, end = (_raw(f"# {w} {part}", f"{w}-{part}-{name}") for w in ("BEGIN", "END"))
        cells += [begin, *inside, end]
    return [*cells, _raw("# END QUESTION", f"END-{name}")]


def _raw(text: str, name: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_raw_cell(text, id=name[:64])


def _test(key: str, answer: str, before: str, after: str = "") -> nbformat.NotebookNode:
    test = (
        # the name may mean something else by now
        "from xailab import checks\n"
        f'verdict = checks.check("{key}", {answer})\n'
        'assert verdict.status == "correct", verdict.message'
    )
    return nbformat.v4.new_code_cell(before + test + after, id=f"test-{_name(key)}")


def _name(*keys: str) -> str:
    # both graders allow hyphens in a name, and no dots
    return "-".join(keys).replace(".", "-")


def _answers(cell: nbformat.NotebookNode, tag: str) -> dict[str, str]:
    """Of a cell with this tag: key -> the expression that it hands to ``checks.check``."""
    if tag not in cell.metadata.get("tags", ()):
        return {}
    calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
    asked = [c.args for c in calls if ast.unparse(c.func) == "checks.check"]
    found = {ast.literal_eval(key): ast.unparse(answer) for key, answer in asked}
    return {key: found[key] for key in editions.keys(cell)}


MAKERS = {"nbgrader": nbgrader, "otter": otter}


def write(grader: str, out: Path, paths: list[Path] | None = None) -> None:
    """Write the notebooks for ``grader`` into ``out``; a file that is there already stays."""
    for path in paths or notebooks.notebook_paths():
        # nbgrader wants a folder for each assignment
        folder = out / path.stem if grader == "nbgrader" else out
        target = folder / path.name
        if target.exists():
            print(f"{target} is there already and stays; delete it to have it made anew.")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        notebooks.write(MAKERS[grader](nbformat.read(path, as_version=4)), target)
        print(target)
