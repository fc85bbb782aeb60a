"""HTML pages open from the disk, ask nothing of the network and are whole without scripts."""

import base64
import io
import re

import nbformat
import pandas as pd
from bs4 import BeautifulSoup
from PIL import Image

from xailab.course import pages


def _small(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def test_pages_ask_nothing_of_the_network_and_draw_formulas_without_scripts():
    note = nbformat.v4.new_markdown_cell(
        "# T\n\nThe sum $a_1 + b$ and\n\n$$\\frac{1}{2}$$\n\n`$code$`"
    )
    slider = nbformat.v4.new_code_cell("panel", execution_count=1)
    data = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "Row 3. <b>says</b>"}
    slider.outputs = [nbformat.v4.new_output("display_data", data=data)]
    page = pages.to_page(_small(note, slider), "T")
    assert "<script" not in page
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
    assert page.count("<math") == 2 and "<mfrac>" in page
    assert "$code$" in page
    assert "Row 3. &lt;b&gt;says&lt;/b&gt;" in page


def test_a_panel_leaves_its_picture_and_its_text_on_the_page():
    written = io.BytesIO()
    Image.new("RGB", (4, 4)).save(written, "PNG")
    png = base64.b64encode(written.getvalue()).decode("ascii")
    panel = nbformat.v4.new_code_cell("panel", execution_count=1)
    data = {
        "application/vnd.jupyter.widget-view+json": {},
        "text/plain": "Row 3.",
        "image/png": png,
    }
    said = {"image/png": {"alt": "Row 3."}}
    panel.outputs = [nbformat.v4.new_output("display_data", data=data, metadata=said)]
    page = pages.to_page(_small(nbformat.v4.new_markdown_cell("# T"), panel), "T")
    (shown,) = re.findall(r"<img[^>]*>", page)
    assert 'alt="Row 3."' in shown and png in shown
    assert "live control: Row 3. Open it" in page


def test_only_a_header_with_a_name_is_a_header():
    table = nbformat.v4.new_code_cell("table", execution_count=1)
    drawn = pd.DataFrame({"a": [1]}, index=["row"]).to_html()
    data = {"text/html": drawn, "text/plain": "table"}
    table.outputs = [nbformat.v4.new_output("display_data", data=data)]
    assert "<th></th>" in drawn
    page = pages.to_page(_small(table), "T")
    headers = [cell.get_text() for cell in BeautifulSoup(page, "html.parser").select("table th")]
    assert headers == ["a", "row"]


def test_a_page_folds_its_solutions():
    solved = nbformat.v4.new_code_cell("y = 41 + 1\ny", metadata={"tags": ["solution"]})
    solved.outputs = [nbformat.v4.new_output("execute_result", data={"text/plain": "forty-two"})]
    page = pages.to_page(_small(nbformat.v4.new_markdown_cell("# T"), solved), "T")
    inside = page.split("<details><summary>A solution</summary>")[1].split("</details>")[0]
    assert "41" in inside and "forty-two" in inside
    assert page.count("forty-two") == 1


def test_pages_of_notebooks_as_they_are_need_no_run(tmp_path, capsys):
    paths = []
    for number, name in (("07", "Later"), ("02", "Before & after")):
        title = nbformat.v4.new_markdown_cell(f"# {number}. {name}")
        paths.append(tmp_path / f"{number}_made.ipynb")
        nbformat.write(_small(title, nbformat.v4.new_code_cell("1 / 0")), paths[-1])
    made = pages.build(tmp_path / "out", sorted(paths), execute=False)
    assert [page.name for page in made] == ["02_made.html", "07_made.html"]
    index = (tmp_path / "out" / "index.html").read_text()
    assert index.index("Before &amp; after") < index.index("Later")
    assert "Reading 2 notebooks" in capsys.readouterr().out
