"""Sliders in a real JupyterLab: a small notebook with every kind, then the course's own notebooks."""

import re

import nbformat
import numpy as np
import pytest
from browser.axe import violations
from browser.moves import move_each_kind, rests, state

from xailab import metrics
from xailab.course import editions, notebooks
from xailab.widgets import overlay

SMALL = [
    """import ipywidgets as ipw
import numpy as np
import time
from xailab import plots, widgets
rng = np.random.default_rng(0)
h = rng.random((24, 32))
mask = np.zeros((24, 32), bool)
mask[6:15, 8:20] = True
black = np.zeros((24, 32, 3), np.uint8)""",
    """def draw(n, kind, flag, wait):
    time.sleep(wait)
    if kind == "bad":
        raise ValueError("This kind is not to be had; take another.")
    return plots.heatmap(h * n / 100, f"{kind} {flag}"), f"n {n}, kind {kind}, flag {flag}."
made = widgets.panel(
    draw, n=ipw.IntSlider(50, max=100, continuous_update=False),
    kind=ipw.Dropdown(options=["a", "b", "bad"]), flag=ipw.Checkbox(),
    wait=ipw.Dropdown(options=[0, 1.5]),
)
made""",
    """def tell(whole, real, log, pick):
    return plots.heatmap(h * whole / 9), f"{whole} {real:.1f} {log:.3f} {pick}."
one = {"continuous_update": False}
widgets.panel(
    tell,
    whole=ipw.IntSlider(3, max=9, description="whole", **one),
    real=ipw.FloatSlider(2, min=1, max=3, step=0.5, description="real", **one),
    log=ipw.FloatLogSlider(1, min=-1, max=1, step=1, description="log", **one),
    pick=ipw.SelectionSlider(
        options=["few", "some", "many"], value="some", description="pick", **one
    ),
)""",
    'over = widgets.threshold_overlay(black, {"one": h, "two": 1 - h}, mask)\nover',
    "picked = widgets.picker(made, kind=('a', 'b'), n=(0, 50, 100))\npicked",
    "print(picked.text)",
    "print(over.text)",
]
WIDGETS = ".xailab-panel, .xailab-overlay, .xailab-picker, .xailab-quiz"
RNG = np.random.default_rng(0)
HEAT = RNG.random((24, 32))
MASK = np.zeros((24, 32), bool)
MASK[6:15, 8:20] = True


@pytest.fixture
def small(tmp_path, open_notebook):
    cells = [nbformat.v4.new_code_cell(source) for source in SMALL]
    path = tmp_path / "small.ipynb"
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": notebooks.KERNEL}), path
    )
    notebook = open_notebook(path)
    notebook.run_all()
    return notebook


def expected(name: str, step: int) -> str:
    h = {"one": HEAT, "two": 1 - HEAT}[name]
    scores = metrics.localisation(h, MASK, step / 100)
    numbers = ", ".join(f"{key} {value:.2f}" for key, value in scores.items())
    share = metrics.region(h, step / 100).mean()
    return f"{name}: threshold {step / 100:.2f} marks {share:.0%} of the picture; {numbers}."


def walk_the_picker(picker) -> None:
    """All six combinations by keyboard: the sentence and another picture for each."""
    readout, image = picker.locator(".xailab-readout"), picker.locator(".xailab-picture img")
    slider, choice = picker.get_by_role("slider"), picker.get_by_label("kind")
    assert slider.get_attribute("type") == "range" and readout.get_attribute("role") == "status"
    views = set()
    for kind in ("a", "b"):
        choice.select_option(kind)
        slider.focus()
        slider.press("Home")
        for n in (0, 50, 100):
            assert readout.inner_text() == f"n {n}, kind {kind}, flag False."
            assert image.get_attribute("alt") == f"kind {kind}, n {n}"
            assert slider.get_attribute("aria-valuetext") == str(n)
            views.add(image.get_attribute("src"))
            assert image.evaluate("async i => { await i.decode(); return i.naturalWidth; }") > 50
            slider.press("ArrowRight")
    assert len(views) == 6
    slider.press("Home")


COLOURED = """c => {
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
    const on = [];
    for (let i = 0; i < d.length; i += 4) on.push(d[i] + d[i + 1] + d[i + 2] > 0 ? 1 : 0);
    return on;
}"""


def test_panels_and_overlay_follow_the_hand(small, page):
    panel = page.locator(".xailab-panel").first
    assert move_each_kind(panel) == ["slider", "choice", "box"]

    # the four kinds of sliders, to both ends and one step back
    sliders = page.locator(".xailab-panel").nth(1)
    said = ["3", "2.0", "1.000", "some"]
    stops = [
        ("0", "9", "8"),
        ("1.0", "3.0", "2.5"),
        ("0.100", "10.000", "1.000"),
        ("few", "many", "some"),
    ]
    for place, texts in enumerate(stops):
        handle = sliders.locator(".noUi-handle").nth(place)
        for key, text in zip(("Home", "End", "ArrowLeft"), texts, strict=True):
            handle.press(key)
            said[place] = text
            sliders.get_by_text(" ".join(said) + ".", exact=True).wait_for(timeout=20_000)

    # what a screen reader says: the slider's name and value, and the picture's text
    for handle in sliders.locator(".noUi-handle").all():
        row = handle.locator("xpath=ancestor::*[contains(@class, 'widget-slider')]")
        assert handle.get_attribute("aria-label") == row.locator(".widget-label").inner_text()
        assert handle.get_attribute("aria-valuetext") == row.locator(".widget-readout").inner_text()
    # Notebook 7, unlike Lab, would take their arrow keys
    for one in page.locator(".xailab-panel").locator(".noUi-handle, select, input").all():
        assert one.get_attribute("data-lm-suppress-shortcuts") == "true"
    picture, readout = sliders.locator("img.widget-image"), sliders.locator(".xailab-readout")
    assert picture.get_attribute("alt") == readout.inner_text()

    # many keys at once: the last one wins
    handle = panel.locator(".noUi-handle").first
    for _ in range(15):
        handle.press("ArrowRight", no_wait_after=True)
    page.get_by_text("n 66, kind b, flag True.").wait_for(timeout=20_000)

    # an error is one sentence, and the next choice clears it
    kind = panel.locator("select").first
    kind.select_option("bad")
    panel.locator(".xailab-error").wait_for(timeout=20_000)
    assert panel.locator("[role=alert]").inner_text() == "This kind is not to be had; take another."
    kind.select_option("a")
    page.get_by_text("n 66, kind a, flag True.").wait_for(timeout=20_000)
    assert not panel.locator(".xailab-error").count()

    # something slow shows that it works on it, and then the result
    panel.locator("select").nth(1).select_option("1.5")
    page.wait_for_function(
        """() => {
            const img = document.querySelector('.xailab-busy img');
            return img && Number(getComputedStyle(img).opacity) < 0.6;
        }""",
        timeout=5_000,
    )
    rests(panel)
    page.get_by_text("n 66, kind a, flag True.").wait_for(timeout=20_000)

    # the overlay: every step by the keyboard says and draws what metrics says
    over = page.locator(".xailab-overlay[data-ready]")
    over.wait_for(timeout=20_000)
    slider, readout = over.get_by_role("slider"), over.locator(".xailab-readout")
    assert (
        slider.get_attribute("type") == "range" and readout.get_attribute("aria-live") == "polite"
    )
    canvas = over.locator("canvas").first
    for name in ("one", "two"):
        over.get_by_label("method").select_option(name)
        slider.focus()
        slider.press("Home")
        for step in range(1, 101):
            assert readout.inner_text() == expected(name, step)
            if step in (1, 37, 50, 99, 100):
                h = {"one": HEAT, "two": 1 - HEAT}[name]
                drawn = np.reshape(canvas.evaluate(COLOURED), h.shape) > 0
                np.testing.assert_array_equal(drawn, metrics.region(h, step / 100))
                assert canvas.get_attribute("aria-label") == expected(name, step)
            slider.press("ArrowRight")

    # the picker: every combination, and Python hears of the last one
    picker = page.locator(".xailab-picker[data-ready]")
    picker.wait_for(timeout=20_000)
    walk_the_picker(picker)
    page.locator(".jp-CodeCell .cm-content", has_text="print(picked.text)").click()
    page.keyboard.press("Control+Enter")
    said = page.locator(".jp-OutputArea-output pre", has_text="n 0, kind b, flag False.")
    said.wait_for(timeout=20_000)

    # Python has heard of the overlay
    slider.press("Home")
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Control+Enter")
    page.locator(".jp-OutputArea-output pre", has_text=expected("two", 1)).wait_for(timeout=20_000)

    # colours: another table, the same words
    said, looked = readout.inner_text(), canvas.evaluate("c => c.toDataURL()")
    over.get_by_label("colours").select_option("blue to yellow")
    assert readout.inner_text() == said and canvas.evaluate("c => c.toDataURL()") != looked
    assert set(over.get_by_label("colours").locator("option").all_inner_texts()) == set(
        overlay.PALETTES
    )


def _panels(notebook) -> int:
    """How many lines of a notebook show a panel, by their source."""
    source = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    shown = r"^(?:display\()?(?:image_)?widgets\.(?!upload|threshold_overlay|picker)[a-z_]+\("
    return len(re.findall(shown, source, flags=re.M))


@pytest.mark.course
@pytest.mark.parametrize("path", notebooks.notebook_paths(), ids=lambda path: path.stem)
def test_the_course_runs_and_its_sliders_move(path, page, open_notebook, tmp_path):
    """As a student opens it, blank; in CI this is the student edition's one run.

    On a small laptop: each panel fits the window, and axe-core finds no serious fault in it.
    """
    page.set_viewport_size({"width": 1366, "height": 768})
    student = editions.student(nbformat.read(path, as_version=4))
    nbformat.write(student, tmp_path / path.name)
    notebook = open_notebook(tmp_path / path.name)
    notebook.run_all()
    panels = page.locator(".xailab-panel")
    assert panels.count() >= _panels(student)
    room = page.locator(".jp-WindowedPanel-outer").bounding_box()["height"]
    for place in range(panels.count()):
        panel = panels.nth(place)
        panel.scroll_into_view_if_needed()
        picture, text = state(panel)
        assert picture and text
        assert panel.bounding_box()["height"] <= room
        assert move_each_kind(panel), f"nothing to move in panel {place}"
    for over in page.locator(".xailab-overlay").all():
        slider, readout = over.get_by_role("slider"), over.locator(".xailab-readout")
        said, looked = (
            readout.inner_text(),
            over.locator("canvas").first.evaluate("c => c.toDataURL()"),
        )
        slider.press("ArrowRight")
        assert readout.inner_text() != said
        assert over.locator("canvas").first.evaluate("c => c.toDataURL()") != looked
    for picker in page.locator(".xailab-picker").all():
        picker.scroll_into_view_if_needed()
        image, readout = picker.locator(".xailab-picture img"), picker.locator(".xailab-readout")
        said, looked = readout.inner_text(), image.get_attribute("src")
        select = picker.locator("select").first
        select.select_option(index=select.locator("option").count() - 1)
        assert readout.inner_text() != said and image.get_attribute("src") != looked
    if page.locator(WIDGETS).count():
        assert violations(page, WIDGETS) == []
