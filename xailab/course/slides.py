"""The committed figures of the notebooks as a folder of pictures and one page to show in class."""

import base64
import html
from collections.abc import Iterator
from pathlib import Path

import nbformat

from .._utils.files import atomic_write
from . import notebooks
from .figures import alt

STYLE = """body { margin: 0; font-family: sans-serif; scroll-snap-type: y proximity; }
figure { box-sizing: border-box; min-height: 100vh; margin: 0; padding: 2vh 4vw; scroll-snap-align: start;
  display: flex; flex-direction: column; justify-content: center; }
img { max-width: 100%; max-height: 75vh; object-fit: contain; }
figcaption { font-size: 1.3rem; padding-top: 2vh; }"""


def figures(notebook: nbformat.NotebookNode) -> Iterator[tuple[str, str, bytes]]:
    """(heading above it, text equivalent, picture) of every figure of a notebook, in order."""
    heading = notebooks.title(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            lines = [line for line in cell.source.splitlines() if line.startswith("#")]
            heading = lines[-1].lstrip("# ") if lines else heading
        if "solution" in cell.metadata.get("tags", ()):
            continue
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for mime in notebooks.PICTURES & set(data):
                yield heading, alt(output), base64.b64decode(data[mime])


def write(out: Path, paths: list[Path] | None = None) -> list[Path]:
    """For each notebook a folder with its figures and a page that shows them; returns the pages."""
    made = []
    for path in paths or notebooks.notebook_paths():
        notebook = nbformat.read(path, as_version=4)
        folder = out / path.stem
        folder.mkdir(parents=True, exist_ok=True)
        shown = []
        for place, (heading, text, picture) in enumerate(figures(notebook), 1):
            kind = "png" if picture.startswith(b"\x89PNG") else "jpg"
            name = f"{place:02}.{kind}"
            atomic_write(folder / name, picture)
            shown.append(
                f'<figure><img src="{name}" alt="{html.escape(text)}">'
                f"<figcaption>{html.escape(heading)}</figcaption></figure>"
            )
        page = folder / "index.html"
        atomic_write(
            page,
            f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{path.stem}</title>"
            f"<style>{STYLE}</style><body>{''.join(shown)}</body></html>",
        )
        made.append(page)
    return made
