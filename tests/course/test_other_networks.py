"""Notebooks 04 to 07 and 09 with another network: one line at the top is changed, and every cell runs.

The networks have random weights, from a file as a reader would have one, and few channels and
blocks, so that a run takes seconds. Such a network recognises nothing, so the notebooks' claims about
content must stand under ``if NETWORK == ...``. Not part of the unit tests: ``make test-networks``.
"""

import os
import re
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from support import slim

from xailab.course.notebooks import NOTEBOOKS, notebook_paths

PATHS = [p for p in notebook_paths(NOTEBOOKS) if p.stem[:2] in ("04", "05", "06", "07", "09")]
# The photos that the notebooks choose by name, and as many more as a report needs: ten.
FEW = "gibbon pig anemone_fish hammer_red hammer_claw koala chickens jaguar polar_bear volleyball"

SETUP = """
from support import slim
slim.install({photos!r})
"""


@pytest.fixture(scope="module", params=["resnet50", "vgg16"])
def weights(request, tmp_path_factory) -> tuple[str, Path]:
    """The network's name and a file with its state dict."""
    path = tmp_path_factory.mktemp("weights") / f"{request.param}.pth"
    torch.save(slim.made(request.param).state_dict(), path)
    return request.param, path


def errors(path: Path, network: str, weights: Path) -> list[str]:
    """The cells that fail, each with its number, its first line and the error."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for name, value in (("NETWORK", network), ("WEIGHTS", str(weights))):
        lines = re.compile(rf"^{name} = .*$", re.M)
        found = [cell for cell in code if lines.search(cell.source)]
        if len(found) != 1:
            return [f"{path.stem}: {len(found)} cells have a line '{name} = ...', not one"]
        found[0].source = lines.sub(f"{name} = {value!r}", found[0].source)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SETUP.format(photos=FEW.split())))
    client = NotebookClient(
        notebook,
        timeout=300,
        allow_errors=True,
        resources={"metadata": {"path": path.parent}},
        extra_arguments=["--log-level=ERROR"],
    )
    tests = str(Path(__file__).parents[1])
    client.execute(
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "XAILAB_PROGRESS": "off",
            "PYTHONPATH": os.pathsep.join([str(path.parents[1]), tests]),
        }
    )
    return [
        f"{path.stem}[{i - 1}] {output.ename}: {output.evalue[:300]}\n{cell.source[:300]}"
        for i, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", ())
        if output.output_type == "error"
    ]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem[:2])
def test_a_notebook_runs_with_another_network(path, weights):
    failed = errors(path, *weights)
    assert not failed, "\n\n".join(failed)
