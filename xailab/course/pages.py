"""Executed notebooks as HTML pages that open from the disk and ask nothing of the network."""

import base64
import html
import io
import re
from functools import partial
from pathlib import Path

import nbformat
from latex2mathml.converter import convert as to_mathml
from nbconvert import HTMLExporter
from PIL import Image

from .._utils.files import atomic_write
from .figures import alt
from .notebooks import in_parallel, notebook_paths, run, title


def _formulas_to_mathml(text: str) -> str:
    """$...$ and $$...$$ of a Markdown cell as MathML, which browsers draw without any script."""
    fence = re.split(r"(```.*?```|`[^`]*`)", text, flags=re.S)
    for i in range(0, len(fence), 2):
        fence[i] = re.sub(
            r"\$\$(.+?)\$\$",
            lambda m: to_mathml(m[1].strip(), display="block"),
            fence[i],
            flags=re.S,
        )
        fence[i] = re.sub(r"(?<![\\$])\$([^$\n]+?)\$", lambda m: to_mathml(m[1].strip()), fence[i])
    return "".join(fence)


def smaller(output: nbformat.NotebookNode, limit: int = 40_000) -> None:
    """Turn a large picture of an output into a JPEG: photographs need a quarter of the room."""
    png = base64.b64decode(output.get("data", {}).get("image/png", ""))
    if len(png) > limit:
        jpeg = io.BytesIO()
        Image.open(io.BytesIO(png)).convert("RGB").save(jpeg, "JPEG", quality=84, subsampling=0)
        if jpeg.tell() < len(png):
            output.data["image/jpeg"] = base64.b64encode(jpeg.getvalue()).decode()
            del output.data["image/png"]


def settle(output: nbformat.NotebookNode) -> None:
    """A progress line that wrote over itself, as it looks in the end; it is no warning."""
    if output.output_type == "stream" and "\r" in output.text:
        last = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in output.text.split("\n")]
        output.text, output.name = "\n".join(last), "stdout"


def corners(output: nbformat.NotebookNode) -> None:
    """The empty corner of a pandas table as a plain cell: a screen reader looks for a header's name."""
    table = output.get("data", {}).get("text/html", "")
    if 'class="dataframe"' in table:
        output.data["text/html"] = table.replace("<th></th>", "<td></td>")


def _picture(output: nbformat.NotebookNode) -> None:
    """A figure with its text equivalent, as HTML: the exporter would drop the text."""
    for mime in ("image/png", "image/jpeg"):
        if alt(output) and mime in output.data:
            source = f"data:{mime};base64,{output.data[mime].strip()}"
            output.data = {"text/html": f'<img alt="{html.escape(alt(output))}" src="{source}">'}


def _control(text: str) -> str:
    """What stands on a page below the still picture of a panel."""
    return (
        "<p style='border-left:4px solid #2a6fb0;padding:.4em .8em'>Here the notebook has a live "
        f"control: {html.escape(text).rstrip('.')}. Open it in JupyterLab to use it.</p>"
    )


def _folded(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A solution as a Markdown cell that opens on a click, with what it printed."""
    said = "".join(o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs)
    return nbformat.v4.new_markdown_cell(
        "<details><summary>A solution</summary>\n\n"
        f"```python\n{cell.source}\n```\n\n```\n{said.rstrip()}\n```\n\n</details>"
    )


def to_page(notebook: nbformat.NotebookNode, name: str) -> str:
    """The executed notebook as one HTML page that asks nothing of the network.

    Formulas become MathML; a slider, which needs a kernel, becomes a note with its text readout;
    solutions are folded.
    """
    page = nbformat.from_dict(notebook)
    for place, cell in enumerate(page.cells):
        if "solution" in cell.metadata.get("tags", ()):
            page.cells[place] = _folded(cell)
            continue
        if cell.cell_type == "markdown":
            cell.source = _formulas_to_mathml(cell.source)
            continue
        for output in cell.get("outputs", []):
            settle(output)
            corners(output)
            smaller(output)
            live = "application/vnd.jupyter.widget-view+json" in output.get("data", {})
            text = output.get("data", {}).get("text/plain", "a slider")
            # some widgets bring their own form without scripts
            if live and "text/html" in output.data:
                output.data = {"text/html": output.data["text/html"]}
                continue
            _picture(output)
            if live:
                output.data = {"text/html": output.data.get("text/html", "") + _control(text)}
    page.metadata.pop("widgets", None)
    exporter = HTMLExporter(
        template_name="lab",
        embed_images=False,
        mathjax_url="",
        require_js_url="",
        jquery_url="",
        jupyter_widgets_base_url="",
        mermaid_js_url="",
    )
    body, _ = exporter.from_notebook_node(page, {"metadata": {"name": name}})
    # the exporter's own script tags would ask other hosts; nothing in the page needs them
    body = re.sub(r"<script\b.*?</script>", "", body, flags=re.S)
    style = Path(__file__).with_name("pages.css").read_text(encoding="utf-8")
    return body.replace("</head>", f"<style>{style}</style></head>", 1)


def _build_one(path: Path, out: Path, execute: bool) -> str:
    notebook = run(path) if execute else nbformat.read(path, as_version=4)
    name = title(notebook)
    page = out / f"{path.stem}.html"
    atomic_write(page, to_page(notebook, name))
    return name


def build(out: Path, paths: list[Path] | None = None, execute: bool = True) -> list[Path]:
    """Write a page for each notebook, and an index, to ``out``; returns the pages.

    The notebooks are run first, two at a time; without ``execute`` they are taken as they are.
    With the whole course comes the page with the live models.
    """
    whole, paths = not paths, paths or notebook_paths()
    out.mkdir(parents=True, exist_ok=True)
    print(
        f"{'Running' if execute else 'Reading'} {len(paths)} notebooks, two at a time:", flush=True
    )
    titles = {}
    work = partial(_build_one, out=out, execute=execute)
    for path, name, seconds in in_parallel(work, paths):
        titles[path] = name
        print(f"  {out / path.stem}.html   {name}   ({seconds:.0f} s)", flush=True)
    items = "\n".join(
        f'<li><a href="{path.stem}.html">{html.escape(titles[path])}</a></li>' for path in paths
    )
    live = ""
    if whole:
        # it imports torch, which single pages do not need
        from . import live_page

        page = live_page.build(out / "try.html")
        live = (
            f"<p><a href='{page.name}'>Try it now</a>: explain your own picture, or a person of the "
            "census table, in this browser.</p>"
        )
    index = (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>xailab</title>"
        "<body style='font-family:sans-serif;max-width:40em;margin:3em auto;line-height:1.6'>"
        f"<h1>xailab: a course on Explainable AI</h1>{live}<ol>{items}</ol></body></html>"
    )
    atomic_write(out / "index.html", index)
    return [out / f"{path.stem}.html" for path in paths]
