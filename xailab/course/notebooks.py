"""The notebooks as documents: where they lie, how they are run, cleaned and written."""

import difflib
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from .._utils.files import atomic_write
from . import NOTEBOOKS, ROOT, figures

PICTURES = {"image/png", "image/jpeg"}
KEPT_OUTPUTS = ("text/plain", *sorted(PICTURES))
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
# the notebooks that take longest, longest first, as in the Makefile
LONGEST = ("07", "06", "04", "03", "08", "11", "10")


def notebook_paths(folder: Path = NOTEBOOKS) -> list[Path]:
    """The course's notebooks in reading order."""
    return sorted(path for path in folder.glob("[0-9]*.ipynb"))


def named(name: str | Path, folder: Path = NOTEBOOKS) -> Path:
    """A notebook by its path, or one of the course by its name, with or without .ipynb."""
    path = Path(name)
    for one in (path, folder / path.name, folder / f"{path.name}.ipynb"):
        if one.suffix == ".ipynb" and one.is_file():
            return one
    stems = [one.stem for one in notebook_paths(folder)]
    near = difflib.get_close_matches(path.stem, stems, n=1, cutoff=0.0)
    raise FileNotFoundError(f"There is no notebook {name}; the nearest name is {' '.join(near)}.")


def longest_first(paths: list[Path]) -> list[Path]:
    """The notebooks in the order in which two workers that share them end together."""

    def place(path: Path) -> int:
        number = path.stem[:2]
        return LONGEST.index(number) if number in LONGEST else len(LONGEST)

    return sorted(paths, key=place)


def title(notebook: nbformat.NotebookNode) -> str:
    """The first line of a notebook, without the mark of a heading."""
    return notebook.cells[0].source.splitlines()[0].lstrip("# ")


# --- running -----------------------------------------------------------------------------------


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook at ``path``, executed from top to bottom in a fresh kernel."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": path.parent}},
        extra_arguments=["--log-level=ERROR"],
        coalesce_streams=True,
    )
    client.execute(env={"OMP_NUM_THREADS": "1", **os.environ, "XAILAB_PROGRESS": "off"})
    return notebook


def in_parallel(
    work: Callable[[Path], Any], paths: list[Path]
) -> Iterator[tuple[Path, Any, float]]:
    """(path, result, seconds) of ``work`` on each path, as they are done, two at a time."""
    with ProcessPoolExecutor(2) as pool:
        jobs = {pool.submit(_timed, work, path): path for path in longest_first(paths)}
        for job in as_completed(jobs):
            yield jobs[job], *job.result()


def _timed(work: Callable[[Path], Any], path: Path) -> tuple[Any, float]:
    start = time.perf_counter()
    return work(path), time.perf_counter() - start


def mark(path: Path) -> str:
    """A hash of the notebook and of everything it may import: another mark, another run."""
    package = ROOT / "xailab"
    files = [f for f in package.rglob("*") if f.suffix in {".py", ".js", ".css", ".json"}]
    # no notebook imports a command; how notebooks are run stands in this file
    files = [f for f in files if f.parent != Path(__file__).parent] + [Path(__file__)]
    digest = hashlib.sha256(path.read_bytes())
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def execute(paths: list[Path], out: Path) -> list[Path]:
    """Executed copies of the notebooks in ``out``, pictures and widget states included.

    A copy whose notebook and package have not changed since is not run again.
    """
    out.mkdir(parents=True, exist_ok=True)
    copies = [out / path.name for path in paths]
    stale = [
        path
        for path, copy in zip(paths, copies, strict=True)
        if not copy.exists() or _mark_of(copy) != mark(path)
    ]
    for path, _, seconds in in_parallel(partial(_execute, out=out), stale):
        print(f"  ran {path.name} ({seconds:.0f} s)", flush=True)
    return copies


def _mark_of(copy: Path) -> str | None:
    return nbformat.read(copy, as_version=4).metadata.get("xailab", {}).get("mark")


def _execute(path: Path, out: Path) -> None:
    before = mark(path)
    notebook = run(path)
    notebook.metadata["xailab"] = {"mark": before}
    write(notebook, out / path.name)


def refresh(paths: list[Path] | None = None, execute: bool = True) -> None:
    """Run the notebooks in place and keep what is committed; without ``execute`` only clean them."""
    for path, _, seconds in in_parallel(
        partial(_refresh, execute=execute), paths or notebook_paths()
    ):
        print(f"  {path.name} ({seconds:.0f} s)", flush=True)


def _refresh(path: Path, execute: bool) -> None:
    write(clean(run(path) if execute else nbformat.read(path, as_version=4)), path)


# --- what is committed -------------------------------------------------------------------------


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with texts, small pictures and execution counts: no HTML, no widgets.

    A panel leaves its still picture. Tags stay; cells tagged ``solution`` open in JupyterLab with
    source and outputs hidden.
    """
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if "solution" in (tags or ()):
            cell.metadata["jupyter"] = {"source_hidden": True, "outputs_hidden": True}
        if cell.cell_type == "code":
            cell.outputs = [kept for output in cell.outputs if (kept := _clean_output(output))]
    return notebook


def _clean_output(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    if output.output_type == "error":
        return output
    rich = set(output.data) - set(KEPT_OUTPUTS)
    pictured = bool(PICTURES & set(output.data))
    if not pictured and rich & {"image/svg+xml", "application/vnd.jupyter.widget-view+json"}:
        return None
    output.data = {mime: output.data[mime] for mime in KEPT_OUTPUTS if mime in output.data}
    if pictured:
        figures.keep_small(output)
    else:
        output.metadata = {}
    return output


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook in one step: a crash leaves the old file."""
    atomic_write(path, nbformat.writes(notebook) + "\n")
