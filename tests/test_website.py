"""The site's generated pages: ledger, package pages, bibliography; no browser and no Sphinx needed."""

import re

import nbformat
import pytest

from xailab import course, website

PATHS = course.notebook_paths()


def _notebook(*rows):
    table = "\n".join(["| statement | verdict | measured on |", "|---|---|---|", *rows])
    text = f"## What we measured\n\n{table}\n\n## Exercises\n\n| a | b | c |"
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])


def test_the_rows_of_the_table_are_read_and_nothing_after_it():
    found = website.claims(
        _notebook("| a | holds: yes | 3 |", r"| \|S\| | does not hold | n = 2 |")
    )
    assert found == [("a", "holds: yes", "3"), (r"\|S\|", "does not hold", "n = 2")]


def test_a_verdict_of_another_word_is_refused():
    with pytest.raises(ValueError, match="verdict of 'a' must begin with holds with limits"):
        website.claims(_notebook("| a | probably | 3 |"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_notebook_has_claims_with_verdicts(path):
    assert len(website.claims(nbformat.read(path, as_version=4))) >= 3


def test_the_ledger_counts_what_it_lists():
    text = website.ledger(PATHS)
    said = {v: int(n) for n, v in re.findall(r"\*\*(\d+)\*\* ([a-z ]+?)[,.]", text)}
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert sum(said.values()) == len(rows) - len(PATHS) == int(re.search(r"Of (\d+):", text)[1])
    assert set(said) == set(website.VERDICTS)


def _works() -> list[tuple[str, str]]:
    """(first family name without accents, year) of every entry of the bibliography."""
    text = (website.PAGES / "references.bib").read_text()
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


def test_every_module_has_a_page(tmp_path):
    website.api_pages(tmp_path)
    pages = {path.stem for path in tmp_path.glob("*.rst")} - {"index"}
    modules = {path.stem for path in (website.ROOT / "xailab").glob("*.py")} - {"__init__"}
    assert pages == modules
    listed = (tmp_path / "index.rst").read_text()
    assert all(f"   {name}\n" in listed for name in modules)


def test_a_page_without_npm_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(website.shutil, "which", lambda name: None)
    with pytest.raises(FileNotFoundError, match="npm is missing"):
        website.scripts(tmp_path / "cache", tmp_path / "static")
