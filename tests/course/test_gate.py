"""The notebook gate can fail: a changed number and a raising slider are caught."""

import re
import subprocess
import sys

import nbformat
import pytest

from xailab.course import ROOT, gate, notebooks

RAISING_SLIDER = """import ipywidgets
slider = ipywidgets.IntSlider()
slider.observe(lambda change: 1 / 0, names="value")
slider.value = 3"""


def _cell(source, printed=None):
    cell = nbformat.v4.new_code_cell(source, execution_count=1)
    if printed is not None:
        cell.metadata["tags"] = ["nbval-check-output"]
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=printed)]
    return cell


CELLS = {
    "the_number_holds": (_cell("print(2 + 2)", "4\n"), "PASSED"),
    "the_seconds_differ": (_cell("print('took 3 s')", "took 14 s\n"), "PASSED"),
    "the_number_changed": (_cell("print(2 + 2)", "5\n"), "FAILED"),
    "a_slider_raised": (_cell(RAISING_SLIDER), "FAILED"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What pytest says of four notebooks of one cell, with the gate's own options."""
    folder = tmp_path_factory.mktemp("gate")
    for name, (cell, _) in CELLS.items():
        notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": notebooks.KERNEL})
        nbformat.write(notebook, folder / f"{name}.ipynb")
    options = [*gate.NBVAL, "-rA", "-q", "-n", "0", "-p", "no:cacheprovider"]
    options[options.index("tests/nbval.cfg")] = str(ROOT / "tests/nbval.cfg")
    command = [sys.executable, "-m", "pytest", *options, "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    return done.stdout


@pytest.mark.parametrize("name", CELLS)
def test_the_gate_passes_what_holds_and_stops_what_does_not(said, name):
    assert re.search(rf"^{CELLS[name][1]} \S*{name}\.ipynb::", said, flags=re.M), said
