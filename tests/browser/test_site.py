"""The site from file://: alive without a kernel, at home without a network, whole at every width."""

import importlib.util
import os
import re
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from browser.axe import violations
from browser.test_lab import HEAT, MASK, SMALL, expected, walk_the_picker

from xailab import metrics
from xailab.checks import quiz
from xailab.course import notebooks

BUILT = os.environ.get("XAILAB_SITE")  # a built site to look at instead of a small one
HEAD = """# 1. A small notebook

The mass is $\\sum_k w_k A_k$, and

$$\\frac{1}{2} \\le \\frac{2}{3}$$"""
TAIL = """## What we measured

| statement | verdict | measured on |
|---|---|---|
| black is white | does not hold | 1 picture |
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if BUILT:
        return Path(BUILT).resolve()
    for module in ("sphinx", "myst_nb", "sphinx_book_theme", "sphinxcontrib.bibtex"):
        if not importlib.util.find_spec(module.partition(".")[0]):
            pytest.skip(f"{module} is not installed: pip install 'xailab[site]'")
    if not shutil.which("npm"):
        pytest.skip("npm is not installed: the site's scripts come by it")
    from xailab.course import site

    folder = tmp_path_factory.mktemp("site")
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    asked = 'from xailab.checks import quiz\nquiz.quiz("05")'
    cells = [markdown(HEAD), *(code(source) for source in [*SMALL, asked]), markdown(TAIL)]
    path = folder / "01_small.ipynb"
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": notebooks.KERNEL}), path
    )
    work = notebooks.NOTEBOOKS.parent / "build" / "site-test"
    site.build(folder / "site", work, [path])
    return folder / "site"


def _pages(site: Path) -> list[Path]:
    return sorted(p for p in site.rglob("*.html") if "_static" not in p.parts)


def test_the_overlay_lives_without_a_kernel(site, page):
    """Sets every tenth threshold by keyboard in a static page."""
    if BUILT:
        pytest.skip("asked of the small site")
    page.goto((site / "01_small.html").as_uri())
    over = page.locator(".xailab-overlay[data-ready]")
    over.wait_for(timeout=30_000)
    slider, readout = over.get_by_role("slider"), over.locator(".xailab-readout")
    for name in ("two", "one"):
        over.get_by_label("method").select_option(name)
        slider.focus()
        slider.press("Home")
        for step in range(1, 101):
            assert readout.inner_text() == expected(name, step)
            slider.press("ArrowRight")
    drawn = over.locator("canvas").first.evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    on = np.reshape(drawn, (*HEAT.shape, 4))[..., :3].sum(2) > 0
    np.testing.assert_array_equal(on, metrics.region(HEAT, 1.0))
    assert MASK.any()


def test_the_quiz_lives_without_a_kernel(site, page):
    if BUILT:
        pytest.skip("asked of the small site")
    page.goto((site / "01_small.html").as_uri())
    page.locator(".xailab-quiz[data-ready]").wait_for(timeout=30_000)
    for place, question in enumerate(quiz.load("05")):
        form = page.locator(".xailab-quiz form").nth(place)
        form.get_by_role("radio").nth(question.answer).press("Space")
        page.keyboard.press("Enter")
        right = question.options[question.answer].reason
        assert form.locator(".xailab-said").inner_text() == f"Right. {right}".replace("`", "")


def test_the_picker_lives_without_a_kernel(site, page):
    if BUILT:
        pytest.skip("asked of the small site")
    page.goto((site / "01_small.html").as_uri())
    picker = page.locator(".xailab-picker[data-ready]")
    picker.wait_for(timeout=30_000)
    walk_the_picker(picker)


def test_every_page_is_at_home_and_fits_its_window(site, page):
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        for path in _pages(site):
            page.goto(path.as_uri())
            page.wait_for_load_state("load")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width + 1, (path.name, width, wide)


PAGES = ["index", "01_small", "claims", "glossary", "notation", "functions", "api/xailab.cam"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", [(1366, 768), (390, 844)])
def test_axe_finds_no_serious_fault(site, page, width, height, scheme):
    """The pages of the small site, or every first page of a whole one."""
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    names = sorted(path.stem for path in site.glob("*.html")) if BUILT else PAGES
    for name in names:
        page.goto((site / f"{name}.html").as_uri())
        if page.locator(".xailab-overlay, .xailab-picker, .widget-image").count():
            page.locator("[data-ready], img.widget-image[alt]").first.wait_for()
        assert violations(page) == [], name


def test_no_page_names_a_script_style_or_picture_of_another_host(site):
    for path in _pages(site):
        text = path.read_text(encoding="utf-8")
        found = re.findall(
            r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']((?:https?:)?//[^\"']+)"
            r"|<link\b(?![^>]*rel=[\"']canonical)[^>]*\bhref=[\"']((?:https?:)?//[^\"']+)",
            text,
        )
        assert not found, (path.name, found)


def test_formulas_are_drawn_and_search_finds(site, page):
    page.goto((site / "notation.html").as_uri())
    assert page.locator("math").count() > 10
    page.goto((site / "search.html").as_uri() + "?q=coalition")
    page.locator("#search-results li a, .search li a").first.wait_for(timeout=20_000)


def test_the_ledger_names_every_verdict(site):
    text = (site / "claims.html").read_text(encoding="utf-8")
    assert "Claims ledger" in text and "does not hold" in text
