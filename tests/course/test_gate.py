"""The notebook gate can fail: a changed number and a raising slider are caught."""

import subprocess
import sys

import nbformat
import pytest

from xailab.course import notebooks

RAISING_SLIDER = """import ipywidgets
slider = ipywidgets.IntSlider()
slider.observe(lambda change: 1 / 0, names="value")
slider.value = 3"""


def _gate(folder, *cells):
    notebook = nbformat.v4.new_notebook(
        cells=list(cells), metadata={"kernelspec": notebooks.KERNEL}
    )
    nbformat.write(notebook, folder / "n.ipynb")
    flags = ["--nbval-lax", "--nbval-current-env", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *flags, "n.ipynb"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def _cell(source, printed=None):
    cell = nbformat.v4.new_code_cell(source, execution_count=1)
    if printed is not None:
        cell.metadata["tags"] = ["nbval-check-output"]
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=printed)]
    return cell


@pytest.mark.parametrize(
    ("cell", "passes"),
    [
        (_cell("print(2 + 2)", "4\n"), True),
        (_cell("print(2 + 2)", "5\n"), False),
        (_cell(RAISING_SLIDER), False),
    ],
    ids=["the number holds", "the number changed", "a slider raised"],
)
def test_the_gate_passes_what_holds_and_stops_what_does_not(tmp_path, cell, passes):
    code, said = _gate(tmp_path, cell)
    assert (code == 0) is passes, said
