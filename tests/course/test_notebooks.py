"""The notebooks keep the course's form, and the page maker keeps its promises."""

import copy
import re

import nbformat
import pytest

from xailab import checks
from xailab.course import editions, notebooks, pages

PATHS = notebooks.notebook_paths()
FIRST_SIX = [
    "01_introduction",
    "02_lime_tabular",
    "03_shap",
    "04_lime_image",
    "05_cam_family",
    "06_quantitative_evaluation",
]


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def _code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _prose(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def test_the_six_notebooks_of_the_course_are_there():
    assert [path.stem for path in PATHS][:6] == FIRST_SIX


def test_notebook_is_as_long_as_a_lesson(notebook):
    words = sum(len(text.split()) for text in _prose(notebook))
    assert 25 <= len(notebook.cells) <= 45
    assert 900 <= words <= 1800


def test_code_cells_are_short_enough_to_retype(notebook):
    lines = sorted(
        sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in _code(notebook)
    )
    assert lines[len(lines) // 2] <= 4
    assert lines[int(0.9 * len(lines))] <= 10
    assert lines[-1] <= 20


def test_notebook_has_the_skeleton(notebook):
    head = notebook.cells[0].source
    assert re.match(r"# \d+\. \S", head)
    verbs = re.findall(r"^- .*?\*\w+\*", head, flags=re.M)
    assert "After this notebook you can" in head and 3 <= len(verbs) <= 5
    assert "**You need**" in head and re.search(r"\*\*Time:\*\* \d+ minutes", head)
    first_code = _code(notebook)[0]
    assert notebook.cells[1] is first_code and "SEED = " in first_code.source
    tail = "\n".join(_prose(notebook))
    for heading in ("## What we measured", "## Exercises", "## References"):
        assert heading in tail
    assert "**Next:**" in _prose(notebook)[-1]
    assert re.search(r"holds|does not hold", tail.split("## What we measured")[1])


def test_the_readme_gives_the_minutes_of_the_head():
    readme = (notebooks.NOTEBOOKS.parent / "README.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"\]\(notebooks/(\S+)\.ipynb\)[^|]*\| (\d+) \|", readme))
    heads = {p.stem: nbformat.read(p, as_version=4).cells[0].source for p in PATHS}
    assert said == {stem: re.search(r"Time:\*\* (\d+)", head)[1] for stem, head in heads.items()}


def test_every_code_cell_was_run_and_none_failed(notebook):
    for cell in _code(notebook):
        assert cell.execution_count is not None, cell.source[:60]
        assert all(output.output_type != "error" for output in cell.outputs)
    counts = [cell.execution_count for cell in _code(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_only_text_is_kept(notebook):
    cleaned = notebooks.clean(copy.deepcopy(notebook))
    assert nbformat.writes(cleaned) == nbformat.writes(notebook)


def test_checked_cells_have_an_output_to_compare_with(notebook):
    checked = [c for c in _code(notebook) if "nbval-check-output" in c.metadata.get("tags", [])]
    assert len(checked) >= 3
    assert all(cell.outputs for cell in checked)


def test_nothing_is_skipped_and_no_cell_uses_what_breaks_the_gate(notebook):
    for cell in _code(notebook):
        assert not set(cell.metadata.get("tags", [])) & {"nbval-skip", "raises-exception"}
        assert not re.search(r"NBVAL_SKIP|interact\(|Output\(|;\s*$|jet|\.show\(\)", cell.source)


def test_exercises_are_three_with_a_blank_a_solution_and_a_text(notebook):
    number = re.match(r"# (\d+)", notebook.cells[0].source)[1].zfill(2)
    of_tag = lambda tag: [c for c in notebook.cells if tag in c.metadata.get("tags", ())]
    keys = [key for cell in of_tag("exercise") for key in editions.keys(cell)]
    assert len(keys) >= 3 and len(set(keys)) == len(keys)
    assert set(keys) == {key for key in checks.EXERCISES if key.startswith(f"{number}.")}
    after = {id(a): b for a, b in zip(notebook.cells, notebook.cells[1:], strict=False)}
    for cell in of_tag("exercise"):
        assert re.search(r"NotImplementedError|None", cell.source)
        assert after[id(cell)] in of_tag("solution")
        assert editions.keys(after[id(cell)]) == editions.keys(cell)
    assert len(of_tag("solution")) == len(of_tag("exercise"))
    text = "\n".join(_prose(notebook)).split("## Exercises")[1].split("## References")[0]
    for key in keys:
        exercise = checks.EXERCISES[key]
        assert f"*({exercise.level}, {exercise.minutes} minutes)*" in text, key


def test_images_in_prose_carry_a_text(notebook):
    for text in _prose(notebook):
        assert not re.search(r"!\[\]\(", text)


# --- the page maker ----------------------------------------------------------------------------


def _small(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def test_cleaning_drops_pictures_and_widgets_and_keeps_text():
    code = nbformat.v4.new_code_cell("1 + 1", execution_count=1)
    out = nbformat.v4.new_output
    code.outputs = [
        out("stream", name="stdout", text="kept\n"),
        out("stream", name="stderr", text="a warning"),
        out("display_data", data={"image/png": "xx", "text/plain": "<Figure>"}),
        out("execute_result", data={"text/html": "<b>2</b>", "text/plain": "2"}, execution_count=1),
        out("display_data", data={"application/vnd.jupyter.widget-view+json": {}}),
    ]
    code.metadata["tags"] = ["nbval-check-output"]
    code.metadata["scrolled"] = True
    kept = notebooks.clean(_small(code)).cells[0]
    assert [o.output_type for o in kept.outputs] == ["stream", "execute_result"]
    assert kept.outputs[1].data == {"text/plain": "2"}
    assert kept.metadata == {"tags": ["nbval-check-output"]}
    assert kept.execution_count == 1


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


def test_a_page_folds_its_solutions():
    solved = nbformat.v4.new_code_cell("y = 41 + 1\ny", metadata={"tags": ["solution"]})
    solved.outputs = [nbformat.v4.new_output("execute_result", data={"text/plain": "forty-two"})]
    page = pages.to_page(_small(nbformat.v4.new_markdown_cell("# T"), solved), "T")
    inside = page.split("<details><summary>A solution</summary>")[1].split("</details>")[0]
    assert "41" in inside and "forty-two" in inside
    assert page.count("forty-two") == 1


def test_a_failed_write_leaves_the_old_notebook(tmp_path, monkeypatch):
    path = tmp_path / "01.ipynb"
    notebooks.write(_small(nbformat.v4.new_markdown_cell("old")), path)

    def fail(*_args, **_kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(notebooks.nbformat, "write", fail)
    with pytest.raises(OSError, match="no space left"):
        notebooks.write(_small(nbformat.v4.new_markdown_cell("new")), path)
    assert nbformat.read(path, as_version=4).cells[0].source == "old"
