"""How long a slider keeps you waiting, measured in Chromium on a real JupyterLab: make bench-widgets.

From the key press to the new picture on the page, network stack, kernel and debouncing included. Every
move goes to a value that was not drawn before, so that nothing kept from an earlier move helps.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))
from conftest import FLAGS, Lab, Notebook, chromium
from playwright.sync_api import sync_playwright

from xailab.course import notebooks

MOVES = 12
CELLS = [
    """import ipywidgets as ipw
import numpy as np
from xailab import cam, data, models, plots, widgets
from xailab.widgets import images as image_widgets
cnn = models.load_cnn()
photos = data.photos()[:8]
views = [cnn.view(p.image) for p in photos]
h = cam.heatmaps(cnn, cnn.preprocess(photos[0].image), target=photos[0].target)
mask = cnn.view_mask(photos[0].mask)
table = data.adult()
X_train, X_test, y_train, y_test = table.split()
network = models.train_income_net(X_train, y_train)
predict = lambda X: network.predict_proba(X)[:, 1]
background = X_train.sample(100, random_state=0)""",
    "over = widgets.threshold_overlay(views[0], {m: v[0] for m, v in h.items()}, mask)\nover",
    "box = image_widgets.cam_explorer(cnn, photos[0].image)\nwidgets.picker(box, method=None)",
    "widgets.instance_explorer(predict, X_test.iloc[:500], background)",
    "widgets.what_if(predict, X_test.iloc[0], background, table.categories)",
    "widgets.background_slider(predict, X_test.iloc[0], X_train)",
    "widgets.lime_dial(network.predict_proba, X_test.iloc[0], X_train)",
    "image_widgets.superpixel_explorer(views[0])",
    "image_widgets.lime_explorer(cnn.predict_proba, views[0], n=20, n_samples=50)",
    """def new_photo(place):
    photo = photos[place]
    h = cam.heatmaps(cnn, cnn.preprocess(photo.image), target=photo.target, methods=["grad_cam"])
    return plots.overlay(views[place], h["grad_cam"][0]), f"Photo {place}, {photo.name}."
widgets.panel(new_photo, place=ipw.IntSlider(max=7, continuous_update=False))""",
]
# the panels in order, the slider that is moved (its place in the panel) and the key that is pressed
# first (at the very left of lime_dial all weights are zero and all pictures the same)
PANELS = [
    ("instance_explorer, another row", 0, "Home"),
    ("what_if, another age", 0, "Home"),
    ("background_slider, from 1 row up", 0, "Home"),
    ("lime_dial, 10 runs of 5,000 rows", 1, ""),
    ("superpixel_explorer", 0, "Home"),
    ("lime_explorer, 50 questions to the network", 0, "Home"),
    ("Grad-CAM of a new photo", 0, ""),
]
OVERLAY = """async () => {
    const root = document.querySelector('.xailab-overlay');
    const range = root.querySelector('input[type=range]'), canvas = root.querySelector('canvas');
    const taken = [];
    for (let step = 1; step <= 100; step++) {
        const start = performance.now();
        range.value = step;
        range.dispatchEvent(new Event('input'));
        canvas.getContext('2d').getImageData(0, 0, 1, 1);  // the drawing is done when this is known
        taken.push(performance.now() - start);
        await new Promise(requestAnimationFrame);
    }
    return taken;
}"""
PICKER = """async () => {
    const select = document.querySelector('.xailab-picker select');
    const image = document.querySelector('.xailab-picker img');
    const taken = [];
    for (let move = 0; move < 60; move++) {
        const start = performance.now();
        select.selectedIndex = move % select.options.length;
        select.dispatchEvent(new Event('change'));
        await image.decode();
        taken.push(performance.now() - start);
        await new Promise(requestAnimationFrame);
    }
    return taken;
}"""
PANEL = """async ([panel, slider, key]) => {
    const image = panel.querySelector('img.widget-image');
    const handle = panel.querySelectorAll('.noUi-handle')[slider];
    const start = performance.now();
    const drawn = new Promise((done) => {
        const watch = new MutationObserver(() => { watch.disconnect(); done(); });
        watch.observe(image, { attributes: true, attributeFilter: ['src'] });
        setTimeout(done, 20000);
    });
    handle.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    await drawn;
    return performance.now() - start;
}"""


def row(name: str, taken: list[float]) -> str:
    ordered = sorted(taken)
    return (
        f"| {name} | {len(taken)} | {statistics.median(taken):.1f} "
        f"| {ordered[int(0.95 * (len(ordered) - 1))]:.1f} | {ordered[-1]:.1f} |"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder))
        try:
            lab.wait()
            browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
            path = Path(folder) / "bench.ipynb"
            nbformat.write(
                nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": notebooks.KERNEL}),
                path,
            )
            Notebook(page, lab, path).run_all()
            page.locator(".xailab-overlay[data-ready]").wait_for()
            page.wait_for_timeout(1000)
            print("| a move of | n | median ms | 95 % | slowest |\n|---|---|---|---|---|")
            print(row("threshold_overlay, 224 x 224", page.evaluate(OVERLAY)), flush=True)
            if page.locator(".xailab-picker").count():
                page.locator(".xailab-picker[data-ready]").wait_for()
                print(row("picker, 288 x 288", page.evaluate(PICKER)), flush=True)
            panels = page.locator(".xailab-panel")
            for place, (name, slider, first) in enumerate(PANELS):
                panel, taken = panels.nth(place).element_handle(), []
                if first:
                    page.evaluate(PANEL, [panel, slider, first])
                for _ in range(7 if "photo" in name else MOVES):
                    page.wait_for_timeout(100)
                    taken.append(page.evaluate(PANEL, [panel, slider, "ArrowRight"]))
                print(row(name, taken), flush=True)
            browser.close()
        finally:
            lab.stop()


if __name__ == "__main__":
    main()
