"""Three editions of every notebook from one source.

student     without solutions and outputs, hints folded
solutions   without the blanks, with all outputs
teacher     everything, with outputs and a note after each exercise

Notebooks tag the blank of an exercise ``exercise`` and its answer ``solution``; the teacher's notes
come from the registry of exercises and from notebooks/teaching/NN.md. A file that somebody has
worked in since it was made is never overwritten: the new one goes beside it.
"""

import ast
import copy
import hashlib
import inspect
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor

from .. import checks
from .._utils.files import atomic_write
from . import notebooks

EDITIONS = ("student", "solutions", "teacher")
# what this command wrote into a folder: name -> hash of the file's bytes, or hashes while it writes
MADE = ".made.json"
KEY = re.compile(r"""checks\.check\(\s*["']([\w.]+)["']""")


# --- the three editions of one notebook --------------------------------------------------------


def student(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Solution cells and outputs removed; below each blank its hint, folded."""
    notebook = _without(notebook, "solution")
    notebook, _ = ClearOutputPreprocessor().preprocess(notebook, {})
    return _with_notes(notebook, "exercise", _hint)


def solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Blanks removed, solutions unfolded, outputs kept."""
    return _unfold(_without(notebook, "exercise"))


def teacher(notebook: nbformat.NotebookNode, plan: str = "") -> nbformat.NotebookNode:
    """Everything, and after each solution what to expect; ``plan`` (Markdown) follows the title."""
    notebook = _with_notes(_unfold(notebook), "solution", _teaching_note)
    if plan:
        notebook.cells.insert(1, _note("teaching-plan", plan.strip()))
    return notebook


def keys(cell: nbformat.NotebookNode) -> list[str]:
    """The keys of the exercises that a code cell checks, in order."""
    return KEY.findall(cell.source) if cell.cell_type == "code" else []


def _copy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    copied = copy.deepcopy(notebook)
    copied.metadata.pop("xailab", None)
    return copied


def _without(notebook: nbformat.NotebookNode, tag: str) -> nbformat.NotebookNode:
    remover = TagRemovePreprocessor(remove_cell_tags={tag})
    return remover.preprocess(_copy(notebook), {})[0]


def _unfold(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    notebook = _copy(notebook)
    for cell in notebook.cells:
        cell.metadata.pop("jupyter", None)
    return notebook


def _with_notes(notebook: nbformat.NotebookNode, tag: str, text) -> nbformat.NotebookNode:
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if tag in cell.metadata.get("tags", ()):
            cells += [_note(f"note-{key}".replace(".", "-"), text(key)) for key in keys(cell)]
    notebook.cells = cells
    return notebook


def _note(name: str, text: str) -> nbformat.NotebookNode:
    """A Markdown cell with an id that is the same every time, so that a rebuilt file is the same."""
    return nbformat.v4.new_markdown_cell(text, id=name[:64], metadata={"tags": ["edition-note"]})


def _hint(key: str) -> str:
    exercise = checks.EXERCISES[key]
    return (
        f"<details><summary>A hint for {key} ({exercise.level}, {exercise.minutes} minutes)"
        f"</summary>\n\n{exercise.hint or exercise.task}\n\n</details>"
    )


def _teaching_note(key: str) -> str:
    exercise = checks.EXERCISES[key]
    wrong = "\n".join(f"| {_shown(answer)} | {hint} |" for answer, hint in exercise.mistakes)
    return (
        f"> **For the teacher: {key}** ({exercise.level}, {exercise.minutes} minutes)\n>\n"
        f"> {exercise.task}\n>\n> Hint that students can unfold: {exercise.hint or '(the task)'}\n\n"
        f"| expected wrong answer | what the check says |\n|---|---|\n{wrong}\n"
    )


def _shown(answer: Any) -> str:
    """A wrong answer for a table's cell: a value as it is, a lambda by its formula."""
    text = repr(answer)
    if callable(answer):
        tree = ast.parse(inspect.getsource(sys.modules[answer.__module__]))
        line = answer.__code__.co_firstlineno
        bodies = [
            node.body
            for node in ast.walk(tree)
            if isinstance(node, ast.Lambda) and node.lineno == line
        ]
        if len(bodies) != 1:  # a function with a name
            return f"a function that makes this slip (`{answer.__name__}`)"
        text = ast.unparse(bodies[0])
    return f"`{text}`".replace("|", "\\|")


# --- files -------------------------------------------------------------------------------------


def build(
    out: Path,
    paths: list[Path] | None = None,
    names: Sequence[str] = EDITIONS,
    work: Path | None = None,
    run: bool = True,
) -> list[Path]:
    """Write the editions called ``names`` into ``out``; returns the files, in reading order.

    Parameters
    ----------
    out : folder with one folder per edition
    paths : the notebooks; None is all
    names : out of ``EDITIONS``
    work : folder that keeps executed copies for the next time
    run : run each notebook once for the editions with outputs. Without it they have the outputs that
        are committed. The student edition has no outputs and never needs a run.
    """
    paths = paths or notebooks.notebook_paths()
    copies = paths
    if run and set(names) - {"student"}:
        copies = notebooks.execute(paths, work or out.parent / "site-work" / "executed")
    written = []
    for path, copied in zip(paths, copies, strict=True):
        executed = nbformat.read(copied, as_version=4)
        plan = path.parent / "teaching" / f"{path.stem[:2]}.md"
        for name in names:
            if name == "student":
                made = student(nbformat.read(path, as_version=4))
            elif name == "solutions":
                made = solutions(executed)
            else:
                made = teacher(executed, plan.read_text("utf-8") if plan.exists() else "")
            written.append(_keep(made, out / name / path.name))
    return written


def _keep(notebook: nbformat.NotebookNode, path: Path) -> Path:
    """Write the notebook, or beside it where somebody has worked in the file that was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    record = path.parent / MADE
    made = json.loads(record.read_text("utf-8")) if record.exists() else {}
    new = _sum((nbformat.writes(notebook) + "\n").encode())
    if path.exists() and made.get(path.name) == new:
        # nothing is new since this file was made, whatever was done in it
        return path
    wanted, target, n = path, path, 1
    while target.exists() and _sum(target.read_bytes()) not in {*_ours(made, target.name), new}:
        target = path.with_name(f"{path.stem}.new-{n}.ipynb")
        n += 1
    if target != wanted:
        print(f"  {wanted} has been worked in and stays as it is; the new one: {target.name}")
    # a run that is killed here leaves the old file or the new one, and both are ours
    atomic_write(
        record, json.dumps(made | {target.name: [*_ours(made, target.name), new]}, indent=1)
    )
    notebooks.write(notebook, target)
    atomic_write(record, json.dumps(made | {target.name: new}, indent=1))
    return target


def _ours(made: dict, name: str) -> list[str]:
    """The hashes of what this command wrote, or was about to write, under this name."""
    found = made.get(name, [])
    return [found] if isinstance(found, str) else found


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
