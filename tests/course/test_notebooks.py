"""The notebooks keep the course's form; they are run, cleaned and written as promised."""

import base64
import copy
import io
import itertools
import re

import nbformat
import numpy as np
import pytest
from PIL import Image

from xailab import checks
from xailab.course import editions, figures, notebooks

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


def test_the_readme_gives_the_minutes_of_the_heads_and_their_sums():
    readme = (notebooks.NOTEBOOKS.parent / "README.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"\]\(notebooks/(\S+)\.ipynb\)[^|]*\| (\d+) \|", readme))
    heads = {p.stem: nbformat.read(p, as_version=4).cells[0].source for p in PATHS}
    minutes = {stem: re.search(r"Time:\*\* (\d+)", head)[1] for stem, head in heads.items()}
    assert said == minutes
    of = list(map(int, minutes.values()))
    hours = re.findall(r"^\*\*.*\*\* ([\d.]+) hours\.$", readme, flags=re.M)
    assert [float(h) for h in hours] == [sum(of[:6]) / 60, sum(of[6:]) / 60]


def test_every_code_cell_was_run_and_none_failed(notebook):
    for cell in _code(notebook):
        assert cell.execution_count is not None, cell.source[:60]
        assert all(output.output_type != "error" for output in cell.outputs)
    counts = [cell.execution_count for cell in _code(notebook)]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_is_under_one_megabyte(path):
    assert path.stat().st_size < 1_000_000


def test_only_texts_and_small_pictures_are_kept(notebook):
    cleaned = notebooks.clean(copy.deepcopy(notebook))
    assert nbformat.writes(cleaned) == nbformat.writes(notebook)


def test_checked_cells_have_an_output_to_compare_with(notebook):
    checked = [c for c in _code(notebook) if "nbval-check-output" in c.metadata.get("tags", [])]
    assert len(checked) >= 3
    assert all(cell.outputs for cell in checked)


def test_nothing_is_skipped_and_no_cell_uses_what_breaks_the_gate(notebook):
    for cell in _code(notebook):
        assert not set(cell.metadata.get("tags", [])) & {"nbval-skip", "raises-exception"}
        assert not re.search(r"NBVAL_SKIP|interact\(|Output\(|;\s*$|\.show\(\)", cell.source)


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
    text = "\n".join(_prose(notebook))
    assert "## Exercises" in text
    for key in keys:
        exercise = checks.EXERCISES[key]
        assert f"*({exercise.level}, {exercise.minutes} minutes)*" in text, key


def test_images_in_prose_carry_a_text(notebook):
    for text in _prose(notebook):
        assert not re.search(r"!\[\]\(", text)


# --- running, cleaning, writing ----------------------------------------------------------------


def _small(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def _png(pixels):
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode("ascii")


def test_cleaning_keeps_texts_and_pictures_and_drops_widgets():
    code = nbformat.v4.new_code_cell("1 + 1", execution_count=1)
    out = nbformat.v4.new_output
    view = {"application/vnd.jupyter.widget-view+json": {}}
    png = _png(np.zeros((4, 4, 3), np.uint8))
    code.outputs = [
        out("stream", name="stdout", text="kept\n"),
        out("stream", name="stderr", text="a warning"),
        out(
            "display_data",
            data={"image/png": png, "text/plain": "a chart"},
            metadata={"image/png": {"alt": "a chart"}},
        ),
        out("execute_result", data={"text/html": "<b>2</b>", "text/plain": "2"}, execution_count=1),
        out("display_data", data=view | {"text/plain": "a box"}),
        out("display_data", data=view | {"text/plain": "a panel", "image/png": png}),
    ]
    code.metadata["tags"] = ["nbval-check-output"]
    code.metadata["scrolled"] = True
    kept = notebooks.clean(_small(code)).cells[0]
    assert [set(o.get("data", {})) for o in kept.outputs] == [
        set(),
        {"image/png", "text/plain"},
        {"text/plain"},
        {"image/png", "text/plain"},
    ]
    assert kept.outputs[1].metadata == {"image/png": {"alt": "a chart"}}
    assert kept.metadata == {"tags": ["nbval-check-output"]}
    assert kept.execution_count == 1


def test_a_chart_stays_a_png_of_few_colours_and_a_photograph_becomes_a_small_jpeg():
    chart = np.full((300, 400, 3), 255, np.uint8)
    chart[100:200, 50:300] = (209, 96, 15)
    mime, content = figures.small(base64.b64decode(_png(chart)))
    assert mime == "image/png"
    shown = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    np.testing.assert_array_equal(shown, chart)
    # a colour bar of 2,000 pixels beside a large picture of other colours keeps its ends
    bar = np.linspace((35, 102, 171), (209, 96, 15), 200).round().astype(np.uint8)
    soft = np.linspace((180, 190, 200), (220, 200, 180), 300).round().astype(np.uint8)
    soft = np.broadcast_to(soft[:, None], (300, 600, 3)).copy()
    soft[50:250, 570:580] = bar[:, None]
    shown = Image.open(io.BytesIO(figures.small(base64.b64decode(_png(soft)))[1])).convert("RGB")
    off = np.abs(np.asarray(shown).astype(int) - soft).max()
    assert off < 25
    noise = np.random.default_rng(0).integers(0, 256, (500, 800, 3), np.uint8)
    mime, content = figures.small(base64.b64decode(_png(noise)))
    assert mime == "image/jpeg" and len(content) <= figures.LIMIT
    again = figures.small(base64.b64decode(_png(noise)))
    assert again == (mime, content)


def test_a_failed_write_leaves_the_old_notebook(tmp_path, monkeypatch):
    path = tmp_path / "01.ipynb"
    notebooks.write(_small(nbformat.v4.new_markdown_cell("old")), path)

    def fail(*_args, **_kwargs):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="no space left"):
        notebooks.write(_small(nbformat.v4.new_markdown_cell("new")), path)
    assert nbformat.read(path, as_version=4).cells[0].source == "old"


def _runnable(folder, source="print(1 + 1)"):
    notebook = _small(
        nbformat.v4.new_markdown_cell("# 99. Small", id="title"),
        nbformat.v4.new_code_cell(source, id="code"),
    )
    notebook.metadata["kernelspec"] = notebooks.KERNEL
    path = folder / "99_small.ipynb"
    nbformat.write(notebook, path)
    return path


def test_a_copy_is_run_again_only_after_a_change(tmp_path, capfd):
    path, out = _runnable(tmp_path), tmp_path / "executed"
    (copy_,) = notebooks.execute([path], out)
    assert nbformat.read(copy_, as_version=4).cells[1].outputs[0].text == "2\n"
    first = copy_.read_bytes()
    assert notebooks.execute([path], out) == [copy_] and copy_.read_bytes() == first
    _runnable(tmp_path, "import warnings; print(3)")
    notebooks.execute([path], out)
    assert nbformat.read(copy_, as_version=4).cells[1].outputs[0].text == "3\n"
    said = capfd.readouterr()
    assert said.out.count("ran 99_small.ipynb") == 2 and "encryption" not in said.err


def test_a_mark_follows_what_a_notebook_imports_and_no_command(tmp_path, monkeypatch):
    path = _runnable(tmp_path)
    course = tmp_path / "xailab/course"
    course.mkdir(parents=True)
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "__file__", str(course / "notebooks.py"))
    (course / "notebooks.py").write_text("")
    marks = [notebooks.mark(path)]
    for name in ("cam.py", "widgets.js", "course/site.py", "course/notebooks.py"):
        (tmp_path / "xailab" / name).write_text("x = 1")
        marks.append(notebooks.mark(path))
    assert [a != b for a, b in itertools.pairwise(marks)] == [True, True, False, True]


def test_the_longest_notebooks_begin():
    ordered = [path.stem[:2] for path in notebooks.longest_first(PATHS)]
    assert ordered[: len(notebooks.LONGEST)] == list(notebooks.LONGEST)
    assert sorted(ordered) == [path.stem[:2] for path in PATHS]
