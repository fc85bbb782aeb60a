"""The notebooks as documents: where they lie, how they are run, cleaned and written."""

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from .._utils.files import atomic_write

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
KEPT_OUTPUTS = ("text/plain",)  # a picture makes a notebook a hundred times as large
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}


def notebook_paths(folder: Path = NOTEBOOKS) -> list[Path]:
    """The course's notebooks in reading order."""
    return sorted(path for path in folder.glob("[0-9]*.ipynb"))


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook at ``path``, executed from top to bottom in a fresh kernel."""
    notebook = nbformat.read(path, as_version=4)
    here = {"metadata": {"path": path.parent}}
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources=here)
    client.execute(env={"OMP_NUM_THREADS": "1", **os.environ, "XAILAB_PROGRESS": "off"})
    return notebook


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with text outputs and execution counts only: no pictures, HTML or widgets.

    Tags stay; cells tagged ``solution`` open folded in JupyterLab.
    """
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if "solution" in (tags or ()):
            cell.metadata["jupyter"] = {"source_hidden": True}
        if cell.cell_type == "code":
            cell.outputs = [kept for output in cell.outputs if (kept := _clean_output(output))]
    return notebook


def _clean_output(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    if output.output_type == "error":
        return output
    rich = set(output.data) - set(KEPT_OUTPUTS)
    if rich & {"image/png", "image/svg+xml", "application/vnd.jupyter.widget-view+json"}:
        return None
    output.data = {mime: output.data[mime] for mime in KEPT_OUTPUTS if mime in output.data}
    output.metadata = {}
    return output


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook in one step: a crash leaves the old file."""
    atomic_write(path, nbformat.writes(notebook) + "\n")
