"""The site's generated pages: ledger, package pages, bibliography; no browser and no Sphinx needed."""

import json
import re
import zipfile
from contextlib import nullcontext
from pathlib import Path

import nbformat
import pytest

from xailab.course import ROOT, notebooks, site, site_pages, uses

PATHS = notebooks.notebook_paths()


def _notebook(*rows):
    table = "\n".join(["| statement | verdict | measured on |", "|---|---|---|", *rows])
    text = f"## What we measured\n\n{table}\n\n## Exercises\n\n| a | b | c |"
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])


def test_the_rows_of_the_table_are_read_and_nothing_after_it():
    found = site_pages.claims(
        _notebook("| a | holds: yes | 3 |", r"| \|S\| | does not hold | n = 2 |")
    )
    assert found == [("a", "holds: yes", "3"), (r"\|S\|", "does not hold", "n = 2")]


def test_a_verdict_of_another_word_is_refused():
    with pytest.raises(ValueError, match="verdict of 'a' must begin with holds with limits"):
        site_pages.claims(_notebook("| a | probably | 3 |"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_notebook_has_claims_with_verdicts(path):
    assert len(site_pages.claims(nbformat.read(path, as_version=4))) >= 3


def test_the_ledger_counts_what_it_lists():
    text = site_pages.ledger(PATHS)
    said = {v: int(n) for n, v in re.findall(r"\*\*(\d+)\*\* ([a-z ]+?)[,.]", text)}
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert sum(said.values()) == len(rows) - len(PATHS) == int(re.search(r"Of (\d+):", text)[1])
    assert set(said) == set(site_pages.VERDICTS)


def _works() -> list[tuple[str, str]]:
    """(first family name without accents, year) of every entry of the bibliography."""
    text = (site.PAGES / "references.bib").read_text()
    plain = re.sub(r"\{?\\[\"'v`^]\{?(\w)\}*", r"\1", text)
    return [
        (name.strip("{} ").lower(), year)
        for name, year in re.findall(
            r"author\s*=\s*\{([^,]+),.*?year\s*=\s*\{(\d{4})\}", plain, flags=re.S
        )
    ]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_reference_of_a_notebook_is_in_the_bibliography(path):
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(c.source for c in cells if c.cell_type == "markdown").split("## References")[1]
    cited = re.findall(r"^- ([^,]+),.*?\((\d{4})\)", text, flags=re.M)
    accents = str.maketrans("öüéŠš", "oueSs")
    assert cited
    for name, year in cited:
        assert (name.translate(accents).lower(), year) in _works(), f"{name} {year}"


def test_every_module_has_a_page_that_its_folder_leads_to(tmp_path):
    site_pages.api_pages(tmp_path)
    pages = {path.stem: path.read_text() for path in tmp_path.glob("*.rst")}
    files = [path.relative_to(ROOT) for path in (ROOT / "xailab").rglob("*.py")]
    public = [
        file for file in files if not file.name.startswith("_") and "_utils" not in file.parts
    ]
    folders = {file.parent for file in public}
    wanted = {".".join(file.with_suffix("").parts) for file in [*public, *folders]}
    assert pages.keys() == wanted
    for name in wanted - {"xailab"}:
        assert f"   {name}\n" in pages[name.rpartition(".")[0]]


USING = """import numpy as np
from xailab import cam, data as d, models
from xailab.checks.quiz import quiz
from xailab.lime_text import addresses
cnn = models.load_cnn()
d.photo("koala").image, cam.METHODS, np.mean([1])
def late():
    return addresses.tested, models.IncomeNet.predict_proba, quiz("05")"""


def test_what_a_notebook_uses_is_read_from_its_code():
    prose = nbformat.v4.new_markdown_cell("# T: `cam.heatmaps`")
    notebook = nbformat.v4.new_notebook(cells=[prose, nbformat.v4.new_code_cell(USING)])
    found = uses.used(notebook)
    assert list(found) == [
        "checks.quiz.quiz",
        "data.photo",
        "lime_text.addresses.tested",
        "models.IncomeNet",
        "models.load_cnn",
    ]
    assert found["models.IncomeNet"] == "xailab.models.income_net.IncomeNet"


def test_the_index_links_functions_and_notebooks():
    text = uses.page(PATHS[:3])
    (row,) = re.findall(r"^\| \{py:obj\}`shapley\.exact <xailab\.shapley.*", text, flags=re.M)
    assert "[02](02_lime_tabular.ipynb), [03](03_shap.ipynb)" in row and "[01]" not in row
    assert f"**[{notebooks.title(nbformat.read(PATHS[1], as_version=4))}](" in text


def test_a_page_without_npm_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(site.shutil, "which", lambda name: None)
    with pytest.raises(FileNotFoundError, match="npm is missing"):
        site.scripts(tmp_path / "cache", tmp_path / "static")


def test_a_plan_without_a_title_gets_the_notebooks(tmp_path):
    guide, to = tmp_path / "guide", tmp_path / "to"
    guide.mkdir()
    (guide / "05.md").write_text("Ten minutes: the board.")
    (guide / "days.md").write_text("# Six double lessons\n\nFirst ...")
    (guide / "index.md").write_text("# Guide")
    assert site_pages.teaching(guide, to) == ["index", "05", "days"]
    title = nbformat.read(PATHS[4], as_version=4).cells[0].source.splitlines()[0].lstrip("# ")
    assert (to / "05.md").read_text() == (f"# Plan for notebook {title}\n\nTen minutes: the board.")
    assert (to / "days.md").read_text() == "# Six double lessons\n\nFirst ..."
    assert site_pages.teaching(tmp_path / "nowhere", to) == []


def test_editions_that_exist_are_offered_and_the_same_ones_give_the_same_zip(tmp_path):
    assert site_pages.downloads(tmp_path / "none", tmp_path / "to") == ""
    (tmp_path / "editions/student").mkdir(parents=True)
    (tmp_path / "editions/student/05_x.ipynb").write_text("{}")
    text = site_pages.downloads(tmp_path / "editions", tmp_path / "to")
    assert "{download}`student edition <downloads/xailab-student.zip>`: 1 notebooks" in text
    assert "solutions" not in text
    made = tmp_path / "to/xailab-student.zip"
    assert zipfile.ZipFile(made).read("xailab-student/05_x.ipynb") == b"{}"
    before = made.read_bytes()
    site_pages.downloads(tmp_path / "editions", tmp_path / "to")
    assert made.read_bytes() == before


def test_the_first_page_lists_what_there_is(tmp_path):
    (tmp_path / "index.md").write_text("# Course\n\n<!-- shelves -->\n")
    site_pages.write(tmp_path, PATHS[:2], tmp_path / "none")
    text = (tmp_path / "index.md").read_text()
    assert "01_introduction\n02_lime_tabular\n" in text
    assert "gallery" not in text and "editions" not in text and "<!--" not in text
    for name in ("claims", "checklist", "functions"):
        assert (tmp_path / f"{name}.md").exists() and f"\n{name}\n" in text
    (tmp_path / "gallery.ipynb").write_text("{}")
    (tmp_path / "index.md").write_text("<!-- shelves -->")
    site_pages.write(tmp_path, PATHS[:2], tmp_path / "none")
    assert "\ngallery\n" in (tmp_path / "index.md").read_text()
    for name in ("glossary", "notation", "bibliography"):
        assert (site.PAGES / f"{name}.md").exists()


def test_a_site_for_students_has_no_teaching_page_and_no_edition_with_answers(tmp_path):
    for name in site_pages.EDITIONS:
        (tmp_path / "editions" / name).mkdir(parents=True)
        (tmp_path / "editions" / name / "01_x.ipynb").write_text("{}")
    for for_students in (False, True):
        source = tmp_path / f"source-{for_students}"
        source.mkdir()
        (source / "index.md").write_text("<!-- shelves -->")
        site_pages.write(source, PATHS[:2], tmp_path / "editions", for_students)
        text = (source / "index.md").read_text()
        assert (source / "teaching").exists() == ("Teach" in text) == (not for_students)
        zips = {path.stem for path in (source / "downloads").iterdir()}
        wanted = {"student"} if for_students else set(site_pages.EDITIONS)
        assert zips == {f"xailab-{name}" for name in wanted}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_no_notebook_leads_into_the_teachers_guide(path):
    """Neither a site for students nor a student's working copy has it beside the notebook."""
    assert "](teaching/" not in path.read_text(encoding="utf-8")


def _notebook_with(model_module: str, tags=()):
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": "said"}
    cell = nbformat.v4.new_code_cell("x", metadata={"tags": list(tags)})
    cell.outputs = [nbformat.v4.new_output("display_data", data=view)]
    models = {
        "m": {"model_module": model_module, "state": {"layout": "IPY_MODEL_n"}},
        "n": {"model_module": "x", "state": {"style": ["IPY_MODEL_o"]}},
        "o": {"model_module": "x", "state": {}},
        "unused": {"model_module": "x", "state": {"layout": "IPY_MODEL_n"}},
    }
    state = {"application/vnd.jupyter.widget-state+json": {"state": models}}
    link = nbformat.v4.new_markdown_cell("[five](../05_cam_family.ipynb), [data](../data/x.md)")
    return nbformat.v4.new_notebook(cells=[cell, link], metadata={"widgets": state})


def test_only_sliders_that_need_a_kernel_stand_still_and_solutions_fold():
    panel = site.still(_notebook_with("@jupyter-widgets/controls", ["solution"]))
    assert panel.cells[0].metadata.tags == ["solution", "hide-cell", "still-panel"]
    alive = site.still(_notebook_with("anywidget"))
    assert alive.cells[0].metadata.tags == []
    kept = alive.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert kept.keys() == {"m", "n", "o"}
    assert alive.cells[1].source == "[five](05_cam_family.ipynb), [data](../data/x.md)"


def test_a_picker_takes_the_place_of_the_panel_beside_it():
    notebook = _notebook_with("@jupyter-widgets/controls")
    state = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    state |= {name: {"model_module": "anywidget", "state": {}} for name in ("overlay", "picker")}
    state["picker"]["state"]["says"] = ["a"]
    views = [
        {"application/vnd.jupyter.widget-view+json": {"model_id": name}}
        for name in ("overlay", "m", "picker")
    ]
    cell = notebook.cells[0]
    cell.outputs = [nbformat.v4.new_output("display_data", data=view) for view in views]
    cell.outputs.append(nbformat.v4.new_output("stream", text="said"))
    page = site.still(notebook)
    kept = [
        o.get("data", {}).get("application/vnd.jupyter.widget-view+json", {}).get("model_id")
        for o in page.cells[0].outputs
    ]
    assert kept == ["overlay", "picker", None]
    assert "still-panel" not in page.cells[0].metadata.tags


def test_the_gallery_runs_and_fits_a_page():
    page = site.still(notebooks.run(site.PAGES / "gallery.ipynb"))
    widgets = page.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    pickers = [m["state"] for m in widgets.values() if m["model_module"] == "anywidget"]
    # each with its layout, and nothing else
    assert len(pickers) == 4 and len(widgets) == 8
    assert all(len(p["says"]) == len(set(p["says"])) >= 12 for p in pickers)
    assert len(json.dumps(widgets)) < 950_000


@pytest.mark.parametrize("fails", [True, False])
def test_a_site_is_replaced_only_by_a_whole_one(tmp_path, monkeypatch, fails):
    old, work = tmp_path / "site", tmp_path / "work"
    old.mkdir()
    (old / "index.html").write_text("old")
    (old / "gone.html").write_text("a page that the new site has not")

    def sphinx(command, check):
        assert (old / "index.html").read_text() == "old"
        made = Path(command[-1])
        made.mkdir()
        (made / "index.html").write_text("new")
        if fails:
            raise KeyboardInterrupt

    monkeypatch.setattr(site.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(site.notebooks, "execute", lambda paths, folder: [])
    monkeypatch.setattr(site, "scripts", lambda cache, static: static.mkdir())
    monkeypatch.setattr(site.site_pages, "write", lambda *settings: None)
    monkeypatch.setattr(site.subprocess, "run", sphinx)
    with pytest.raises(KeyboardInterrupt) if fails else nullcontext():
        site.build(old, work, PATHS[:1])
    names = {path.name: path.read_text() for path in old.iterdir()}
    kept = {"index.html": "old", "gone.html": "a page that the new site has not"}
    assert names == (kept if fails else {"index.html": "new"})
