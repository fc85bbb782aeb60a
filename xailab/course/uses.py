"""Which notebook uses which function of the package, read from the notebooks' code."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

from .notebooks import title


def used(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """The package's functions and classes that a notebook's code names.

    Each as it is written, without "xailab.": the full name under which it is documented.
    """
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    tree = ast.parse("\n".join(code))
    imported = dict(_imported(tree))
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            root, *parts = ast.unparse(node).split(".")
            if root in imported:
                found |= _resolved(imported[root].split(".") + parts)
    return dict(sorted(found.items()))


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(name in the notebook, full name) of what is imported from the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "xailab":
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _resolved(parts: list[str]) -> dict[str, str]:
    """The function or class that a dotted name leads to first, or nothing."""
    thing: Any = importlib.import_module(parts[0])
    for place, part in enumerate(parts[1:], 1):
        if not hasattr(thing, part):
            try:
                importlib.import_module(".".join(parts[: place + 1]))
            except ImportError:
                return {}
        thing = getattr(thing, part)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            return {".".join(parts[1 : place + 1]): f"{thing.__module__}.{thing.__qualname__}"}
        if not inspect.ismodule(thing):
            return {}
    return {}


def page(paths: list[Path]) -> str:
    """The index as Markdown: the notebooks of each function, and the functions of each notebook."""
    homes: dict[str, str] = {}
    notebooks: dict[str, list[str]] = {}
    parts = []
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        names = used(notebook)
        homes |= names
        for name in names:
            notebooks.setdefault(name, []).append(f"[{path.stem[:2]}]({path.stem}.ipynb)")
        listed = ", ".join(f"`{name}`" for name in names)
        parts.append(f"**[{title(notebook)}]({path.stem}.ipynb)**: {listed}\n")
    rows = [
        f"| {{py:obj}}`{name} <{homes[name]}>` | {', '.join(notebooks[name])} |"
        for name in sorted(homes)
    ]
    return "\n".join(
        [
            "# Functions and notebooks",
            "",
            "Which notebook uses which function of the package, read from the notebooks' code.",
            "",
            "| function | notebooks |",
            "|---|---|",
            *rows,
            "",
            "## By notebook",
            "",
            *parts,
        ]
    )
