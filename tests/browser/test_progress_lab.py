"""Solutions in a real JupyterLab: folded, and not counted as a student's own."""

import json

import nbformat

from xailab.course import notebooks

CELLS = [
    ("import os\nfrom xailab import checks\nos.environ['XAILAB_PROGRESS'] = {path!r}", None),
    ("checks.check('02.share', 'b')", "exercise"),
    ("checks.check('02.share', 'a')", "solution"),
    ("'done'", None),
]


def test_a_solution_is_folded_and_running_it_is_no_progress(tmp_path, open_notebook, page):
    path = tmp_path / "progress.json"
    cells = [nbformat.v4.new_code_cell(source.format(path=str(path))) for source, _ in CELLS]
    for cell, (_, tag) in zip(cells, CELLS, strict=True):
        cell.metadata["tags"] = [tag] if tag else []
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": notebooks.KERNEL})
    nbformat.write(notebooks.clean(made), tmp_path / "solved.ipynb")
    notebook = open_notebook(tmp_path / "solved.ipynb")
    assert page.locator(".jp-InputCollapser + .jp-Placeholder, .jp-InputPlaceholder").count() == 1
    notebook.run_all()
    assert "correct" in page.locator(".jp-Cell").nth(2).inner_text()
    entry = json.loads(path.read_text())["exercises"]["02.share"]
    assert (entry["status"], entry["tries"]) == ("almost", 1)
