"""The pages of the site that are gathered from the course: ledger, checklist, teaching, package.

Each function returns Markdown or writes files; ``write`` brings them into a Sphinx source folder and
lists them on the first page.
"""

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from . import NOTEBOOKS, ROOT, checklist, uses
from .notebooks import title

VERDICTS = ("holds with limits", "does not hold", "holds")
EDITIONS = {
    "student": "blanks to fill in, with folded hints",
    "solutions": "every exercise solved, with all outputs",
    "teacher": "everything, with plans and the mistakes to expect",
}


def _title(path: Path) -> str:
    return title(nbformat.read(path, as_version=4))


def claims(notebook: nbformat.NotebookNode) -> list[tuple[str, str, str]]:
    """The rows of a notebook's "What we measured" table: statement, verdict, measured on.

    Raises ValueError for a row whose verdict does not begin with one of VERDICTS.
    """
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    text = text.split("## What we measured", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip() for line in text.splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("| statement"))
    rows: list[Any] = []
    # below the head and its rule, to the table's end
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        statement, verdict, measured = re.split(r"(?<!\\)\|", line.strip("|"))
        rows.append((statement.strip(), verdict.strip(), measured.strip()))
    for statement, verdict, _ in rows:
        if not verdict.startswith(VERDICTS):
            raise ValueError(f"The verdict of {statement!r} must begin with {', '.join(VERDICTS)}.")
    return rows


def ledger(paths: list[Path]) -> str:
    """The claims ledger as a Markdown page: every claim that a notebook measured, with its verdict."""
    count, body = dict.fromkeys(VERDICTS, 0), []
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        body += [f"\n## {_title(path)}\n", f"[The notebook]({path.stem}.ipynb)\n"]
        body += ["| statement | verdict | measured on |", "|---|---|---|"]
        for row in claims(notebook):
            count[next(v for v in VERDICTS if row[1].startswith(v))] += 1
            body.append(f"| {' | '.join(row)} |")
    said = ", ".join(f"**{n}** {verdict}" for verdict, n in count.items())
    return (
        "# Claims ledger\n\nEvery statement that the notebooks put to the test, in their own words. "
        f"Of {sum(count.values())}: {said}.\n" + "\n".join(body) + "\n"
    )


def modules() -> list[str]:
    """The package's modules by their dotted names, those of a folder after the folder's own."""
    names = []
    for path in sorted((ROOT / "xailab").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in parts):
            names.append(".".join(parts))
    return sorted(names)


def api_pages(folder: Path) -> None:
    """One page for each module, from its docstrings; a folder's page leads to those of its files."""
    folder.mkdir(parents=True, exist_ok=True)
    names = modules()
    for name in names:
        below = [other for other in names if other.rpartition(".")[0] == name]
        listed = "".join(f"   {other}\n" for other in below)
        text = f"{name}\n{'=' * len(name)}\n\n.. automodule:: {name}\n   :members:\n"
        if below:
            text += f"\n.. toctree::\n   :maxdepth: 1\n\n{listed}"
        (folder / f"{name}.rst").write_text(text, encoding="utf-8")


def teaching(folder: Path, to: Path) -> list[str]:
    """Copy the teacher's guide (Markdown) and see that every page has a title; returns their names.

    The page called index comes first. A plan for one notebook is called by its number, 05.md, and gets
    the notebook's title.
    """
    names = []
    for page in sorted(folder.glob("*.md"), key=lambda page: (page.stem != "index", page.stem)):
        text = page.read_text(encoding="utf-8")
        if not text.lstrip().startswith("# "):
            plans = list(NOTEBOOKS.glob(f"{page.stem}_*.ipynb"))
            title = f"Plan for notebook {_title(plans[0])}" if plans else page.stem.capitalize()
            text = f"# {title}\n\n{text}"
        to.mkdir(parents=True, exist_ok=True)
        (to / page.name).write_text(text, encoding="utf-8")
        names.append(page.stem)
    return names


def downloads(editions: Path, to: Path, names: Sequence[str] = tuple(EDITIONS)) -> str:
    """A zip for each of these editions that was made, and the page that offers them; else empty.

    Notebooks of one's own beside them (``.new-1`` and the like) are packed too. The zips hold no times,
    so the same notebooks give the same file.
    """
    rows = []
    for name in names:
        notebooks = sorted((editions / name).glob("*.ipynb"))
        if not notebooks:
            continue
        to.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(to / f"xailab-{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in notebooks:
                entry = zipfile.ZipInfo(f"xailab-{name}/{path.name}", (1980, 1, 1, 0, 0, 0))
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
        rows.append(
            f"- {{download}}`{name} edition <downloads/xailab-{name}.zip>`: {len(notebooks)} "
            f"notebooks, {EDITIONS[name]}"
        )
    if not rows:
        return ""
    return (
        "# Editions\n\nThe notebooks as files, from one source. They need the installed course "
        "around them.\n\n" + "\n".join(rows) + "\n"
    )


def shelf(caption: str, pages: list[str]) -> str:
    """A table of contents for the first page; empty without pages."""
    if not pages:
        return ""
    listed = "\n".join(pages)
    return f"\n```{{toctree}}\n:caption: {caption}\n:maxdepth: 1\n\n{listed}\n```\n"


def write(source: Path, paths: list[Path], editions: Path, for_students: bool = False) -> None:
    """All gathered pages into the Sphinx folder ``source``, and their shelves onto its first page.

    for_students: without the teacher's guide and without the editions that have answers.
    """
    (source / "claims.md").write_text(ledger(paths), encoding="utf-8")
    (source / "checklist.md").write_text(checklist.page(checklist.gather(paths)), encoding="utf-8")
    (source / "functions.md").write_text(uses.page(paths), encoding="utf-8")
    api_pages(source / "api")
    names = ["student"] if for_students else list(EDITIONS)
    offered = downloads(editions, source / "downloads", names)
    if offered:
        (source / "editions.md").write_text(offered, encoding="utf-8")
    plans = []
    if not for_students:
        plans = teaching(NOTEBOOKS / "teaching", source / "teaching")
    gallery = ["gallery"] if (source / "gallery.ipynb").exists() else []
    look_up = [*gallery, "claims", "checklist", "glossary", "notation", "bibliography"]
    look_up += ["functions", "api/xailab"]
    shelves = [
        shelf("Notebooks", [path.stem for path in paths]),
        shelf("Look up", look_up),
        shelf("Teach", [f"teaching/{name}" for name in plans]),
        shelf("Download", ["editions"] if offered else []),
    ]
    first = source / "index.md"
    text = first.read_text(encoding="utf-8")
    first.write_text(text.replace("<!-- shelves -->", "".join(shelves)), encoding="utf-8")
