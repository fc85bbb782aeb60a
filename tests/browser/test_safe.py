"""Names from data stay names: markup in them is shown letter by letter and runs nothing."""

import nbformat
import pytest

from xailab.course import notebooks

EVIL = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"
CELLS = [
    f"""import ipywidgets as ipw
import numpy as np
import pandas as pd
from xailab import plots, widgets
from xailab.widgets import images as image_widgets
evil = {EVIL!r}
X = pd.DataFrame({{evil: [0.0, 1.0, 2.0, 3.0], "kind": [0.0, 1.0, 0.0, 1.0]}}, index=[evil, 1, 2, 3])
predict = lambda rows: np.asarray(rows, float)[:, 0] / 3
h = np.arange(48.0).reshape(6, 8) / 48
black = np.zeros((6, 8, 3), np.uint8)""",
    'widgets.what_if(predict, X.iloc[0], X, {"kind": (evil, "other")}, output=evil)',
    "rows = widgets.instance_explorer(predict, X, X)\nrows",
    """def draw(kind):
    if kind == "b":
        raise ValueError(evil)
    return plots.heatmap(h), evil
widgets.panel(draw, kind=ipw.Dropdown(description=evil, options=["a", "b"]))""",
    "widgets.threshold_overlay(black, {evil: h, 'two': 1 - h}, h > 0.5)",
    """def tell(kind):
    return plots.heatmap(h), f"{evil} {kind}"
widgets.picker(widgets.panel(tell, kind=ipw.Dropdown(description=evil, options=[evil, "b"])), kind=None)""",
    "image_widgets.upload(lambda image: ipw.Label('used'))",
]


@pytest.fixture
def notebook(tmp_path, open_notebook):
    path = tmp_path / "names.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": notebooks.KERNEL}), path
    )
    notebook = open_notebook(path)
    notebook.run_all()
    return notebook


def test_markup_in_names_is_shown_and_does_nothing(notebook, page, tmp_path):
    panels = page.locator(".xailab-panel")
    assert panels.count() == 3
    panels.nth(2).locator("select").select_option("b")
    panels.nth(2).locator(".xailab-error").wait_for(timeout=20_000)
    assert panels.nth(2).locator("[role=alert]").inner_text() == EVIL
    panels.nth(2).locator("select").select_option("a")
    index = panels.nth(1).locator(".widget-text input")
    index.fill(f"nobody {EVIL}")
    index.press("Enter")
    page.get_by_text(f"X has no row 'nobody {EVIL[:20]}").wait_for(timeout=20_000)

    over = page.locator(".xailab-overlay[data-ready]")
    assert over.locator(".xailab-readout").inner_text().startswith(f"{EVIL}: threshold 0.50")
    picker = page.locator(".xailab-picker[data-ready]")
    assert picker.locator(".xailab-readout").inner_text() == f"{EVIL} {EVIL}"
    picker.locator("select").select_option("b")
    assert picker.locator(".xailab-readout").inner_text() == f"{EVIL} b"

    # a slash cannot be in a file's name
    name = "<img src=x onerror=document.title='broken'>.png"
    (tmp_path / name).write_text("no picture")
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="a picture of yours").click()
    chosen.value.set_files(tmp_path / name)
    page.get_by_text(f"{name} cannot be read as an image").wait_for(timeout=20_000)

    page.wait_for_timeout(300)  # a picture that fails to load tells so a moment later
    assert "broken" not in page.title()
    assert not page.locator(".jp-OutputArea-output script, img[src='x']").count()
