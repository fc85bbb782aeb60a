"""The course as a website that needs no server.

Runs the notebooks whose executed copies are out of date, adds the pages that stand in notebooks/site
and those that ``site_pages`` gathers, and calls Sphinx. Needs the extra ``site`` and npm; the pages
then ask nothing of any other host.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat

from ..widgets.panels import STATIC
from . import NOTEBOOKS, notebooks, pages, site_pages

PAGES = NOTEBOOKS / "site"
# npm package -> the file a page needs
SCRIPTS = {
    "@jupyter-widgets/html-manager@1.0.15": "dist/embed-amd.js",
    "requirejs@2.3.8": "require.js",
}
LIVE = """<p><a href="try.html"><strong>Try it now:</strong></a> explain your own picture, or a person of
the census table, in this browser; nothing is installed and nothing leaves the page.</p>
"""
HERE = """// tells RequireJS that anywidget lies beside these pages
require.config({ paths: { anywidget: document.documentElement.dataset.content_root + "_static/anywidget" } });
"""


# --- pages -------------------------------------------------------------------------------------


def still(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook as a page: big pictures as JPEG, solutions folded.

    Sliders that need a kernel get the tag still-panel: the style sheet hides their controls and says
    that they come to life in JupyterLab. Widgets of the browser (anywidget) stay alive, and a picker
    takes the place of the panel beside it. Figures keep their text equivalents.
    """
    widgets = notebook.metadata.get("widgets", {}).get(
        "application/vnd.jupyter.widget-state+json", {"state": {}}
    )
    state, shown = widgets["state"], set()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            # the gallery lies one folder deeper than the notebooks
            cell.source = re.sub(r"\]\(\.\./(\w+\.ipynb)", r"](\1", cell.source)
            continue
        texts = [pages.alt(output) for output in cell.get("outputs", []) if pages.alt(output)]
        if texts:
            cell.metadata["mystnb"] = {"image": {"alt": " ".join(texts)}}
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata["tags"] = [*cell.metadata["tags"], "hide-cell"]
        _picker_instead(cell, state)
        for output in cell.get("outputs", []):
            pages.settle(output)
            pages.corners(output)
            pages.smaller(output)
            view = output.get("data", {}).get("application/vnd.jupyter.widget-view+json")
            if view:
                shown.add(view["model_id"])
            if view and state.get(view["model_id"], {}).get("model_module") != "anywidget":
                cell.metadata["tags"] = [*cell.metadata.get("tags", []), "still-panel"]
    widgets["state"] = {name: state[name] for name in _needed(state, shown)}
    return notebook


def _picker_instead(cell: nbformat.NotebookNode, state: dict) -> None:
    """Where a cell shows a panel and its picker, only the picker: it is alive, and says the same."""

    def model(output) -> dict:
        view = output.get("data", {}).get("application/vnd.jupyter.widget-view+json", {})
        return state.get(view.get("model_id"), {})

    outputs = cell.get("outputs", [])
    if any("says" in model(output).get("state", {}) for output in outputs):
        cell.outputs = [
            o for o in outputs if model(o).get("model_module", "anywidget") == "anywidget"
        ]


def _needed(state: dict, shown: set[str]) -> set[str]:
    """The models that are shown and those they refer to; the others would only make the page heavy."""
    found, new = set(), shown & state.keys()
    while new:
        found |= new
        text = "".join(json.dumps(state[name]["state"]) for name in new)
        new = set(re.findall(r'"IPY_MODEL_(\w+)"', text)) & state.keys() - found
    return found


# --- building ----------------------------------------------------------------------------------


def scripts(cache: Path, static: Path) -> None:
    """The pages' JavaScript: two files by npm into ``cache``, anywidget's own from its package."""
    static.mkdir(parents=True, exist_ok=True)
    if not all(
        (cache / "node_modules" / p.rpartition("@")[0] / f).exists() for p, f in SCRIPTS.items()
    ):
        cache.mkdir(parents=True, exist_ok=True)
        npm = shutil.which("npm")
        if npm is None:
            raise FileNotFoundError("npm is missing: install Node.js, or use make course instead.")
        command = [npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*command, "--prefix", str(cache), *SCRIPTS], check=True)
    for package, file in SCRIPTS.items():
        shutil.copy(cache / "node_modules" / package.rpartition("@")[0] / file, static)
    shutil.copy(
        Path(sys.prefix) / "share/jupyter/nbextensions/anywidget/index.js", static / "anywidget.js"
    )
    (static / "anywidget-here.js").write_text(HERE, encoding="utf-8")


def build(
    out: Path, work: Path, paths: list[Path] | None = None, for_students: bool = False
) -> Path:
    """Bring the sources together in ``work``, build the site in ``out``; returns its first page.

    paths: the notebooks, None for the whole course with its gallery. Editions that lie beside ``out``
    (make editions) are offered for download. for_students: without the teacher's guide and without the
    editions that have answers.
    """
    if importlib.util.find_spec("myst_nb") is None:
        raise FileNotFoundError("Sphinx is not installed: pip install --editable '.[site]'.")
    whole, paths = not paths, paths or notebooks.notebook_paths()
    print(f"{len(paths)} notebooks:", flush=True)
    wanted = [*paths, PAGES / "gallery.ipynb"] if whole else paths
    copies = notebooks.execute(wanted, work / "executed")
    start = time.perf_counter()
    source = work / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(PAGES, source, ignore=shutil.ignore_patterns("*.ipynb", ".ipynb_checkpoints"))
    shutil.copy(NOTEBOOKS / "cover.jpg", source)
    scripts(work / "js", source / "_static")
    shutil.copy(STATIC / "panels.css", source / "_static")
    for file in ("site.css", "site.js"):
        shutil.move(source / file, source / "_static" / file)
    for copy in copies:
        nbformat.write(still(nbformat.read(copy, as_version=4)), source / copy.name)
    site_pages.write(source, paths, out.parent / "editions", for_students)
    if whole:
        first = source / "index.md"
        text = first.read_text(encoding="utf-8")
        first.write_text(text.replace("<!-- live -->", LIVE), encoding="utf-8")
    # the old site stays until the new one is whole
    new = work / "html"
    shutil.rmtree(new, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", "-d", str(work / "doctrees")]
    subprocess.run([*command, str(source), str(new)], check=True)
    if whole:
        # it imports torch, which single pages do not need
        from . import live_page

        live_page.build(new / "try.html")
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(new, out)
    print(f"built in {time.perf_counter() - start:.0f} s after the notebooks had run")
    return out / "index.html"
