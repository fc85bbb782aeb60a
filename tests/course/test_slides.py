"""The figures for class: every committed picture once, in order, with heading and text."""

import base64
import io

import nbformat
import pytest
from PIL import Image

from xailab.course import slides


def _cell(color, alt, tags=()):
    written = io.BytesIO()
    Image.new("RGB", (4, 4), color).save(written, "PNG")
    cell = nbformat.v4.new_code_cell("plot", metadata={"tags": list(tags)})
    data = {"image/png": base64.b64encode(written.getvalue()).decode("ascii"), "text/plain": alt}
    said = {"image/png": {"alt": alt}}
    cell.outputs = [nbformat.v4.new_output("display_data", data=data, metadata=said)]
    return cell


@pytest.fixture
def path(tmp_path):
    text = nbformat.v4.new_markdown_cell
    cells = [text("# 99. Small"), _cell("red", "first & best"), text("words\n\n## A heading")]
    cells += [_cell("blue", "second"), _cell("green", "an answer", ["solution"])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "99_small.ipynb")
    return tmp_path / "99_small.ipynb"


def test_every_figure_but_those_of_solutions_is_there_once_and_in_order(path):
    found = list(slides.figures(nbformat.read(path, as_version=4)))
    assert [(h, alt) for h, alt, _ in found] == [
        ("99. Small", "first & best"),
        ("A heading", "second"),
    ]
    colors = [Image.open(io.BytesIO(picture)).getpixel((0, 0)) for *_, picture in found]
    assert colors == [(255, 0, 0), (0, 0, 255)]


def test_the_page_shows_the_files_beside_it(path, tmp_path):
    (page,) = slides.write(tmp_path / "out", [path])
    assert sorted(p.name for p in page.parent.iterdir()) == ["01.png", "02.png", "index.html"]
    text = page.read_text(encoding="utf-8")
    assert 'src="01.png" alt="first &amp; best"' in text and "A heading" in text
