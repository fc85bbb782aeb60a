"""The shape of the package: a subject is a room, and imports run one way."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import xailab

PACKAGE = Path(xailab.__file__).parent
# A room may import from the rooms before it in this list, and from no other.
ORDER = (
    "_utils data hooks models "
    "local_fit cam lime_tabular lime_image shapley integrated_gradients counterfactual stability "
    "planted metrics lime_text evaluate plots widgets checks course"
).split()


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(source: str, package: list[str]) -> set[str]:
    """Rooms that ``source`` imports; package: the names of the folders it lies in, below xailab."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            folders = package[: len(package) - node.level + 1]
            module = [*folders, *(node.module or "").split(".")] if node.module else folders
            found |= {module[0]} if module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "xailab":
            module = node.module.split(".")[1:]
            found |= {module[0]} if module else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            parts = [alias.name.split(".") for alias in node.names]
            found |= {names[1] for names in parts if names[0] == "xailab" and len(names) > 1}
    return found


def arrows() -> set[tuple[str, str]]:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        folders = list(path.relative_to(PACKAGE).parts[:-1])
        if path.name == "__init__.py" and not folders:
            continue
        for target in imported(path.read_text(encoding="utf-8"), folders):
            found.add((room(path), target))
    return {(start, end) for start, end in found if start != end and end in ORDER}


def test_every_room_has_its_place():
    rooms = {room(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert rooms == set(ORDER)


def test_imports_run_one_way():
    back = {(a, b) for a, b in arrows() if ORDER.index(a) <= ORDER.index(b)}
    assert back == set()
    assert len(arrows()) > 30


def test_an_arrow_that_runs_back_is_seen():
    assert imported("from ..plots import tables", ["cam"]) == {"plots"}
    assert imported("def f():\n    from ... import widgets", ["cam", "deep"]) == {"widgets"}
    assert imported("from . import formulas", ["cam"]) == {"cam"}
    assert imported("from .metrics import overlap", []) == {"metrics"}
    assert imported("import xailab.course.pages", ["cam"]) == {"course"}


def test_metrics_and_formulas_know_no_model():
    assert not {end for start, end in arrows() if start == "metrics"} & {"models", "cam", "hooks"}
    source = (PACKAGE / "cam" / "formulas.py").read_text(encoding="utf-8")
    assert imported(source, ["cam"]) == set()


def test_no_file_hides_a_function_of_its_folder():
    """A file cam/heatmaps.py would hide the function cam.heatmaps as soon as somebody imports it."""
    for folder in [p for p in PACKAGE.rglob("*") if (p / "__init__.py").exists()]:
        name = ".".join(folder.relative_to(PACKAGE.parent).parts)
        files = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
        for info in pkgutil.iter_modules([str(folder)]):
            importlib.import_module(f"{name}.{info.name}") if info.name != "__main__" else None
        offered = vars(importlib.import_module(name))
        assert [f for f in files if not inspect.ismodule(offered.get(f))] == [], name


def test_public_names_are_what_a_module_defines():
    """No lists of names to keep in step: what begins with an underscore is private."""
    for path in PACKAGE.rglob("*.py"):
        assert "__all__" not in path.read_text(encoding="utf-8"), path


def _without_encoding(source: str) -> list[int]:
    """Lines that read or write text in whatever encoding the system has."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    found = []
    for call in calls:
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        words = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
        named = "utf-8" in words or "encoding" in {keyword.arg for keyword in call.keywords}
        is_open = name == "open" and isinstance(call.func, ast.Name)
        binary = {"rb", "wb", "xb"} & set(map(str, words))
        if not named and (name in {"read_text", "write_text"} or (is_open and not binary)):
            found.append(call.lineno)
    return found


def test_text_is_read_and_written_in_a_named_encoding():
    """On Windows the default is not UTF-8."""
    lines = "p.read_text()", "open('a', 'rb')", "open('a')", "p.read_text('utf-8')"
    assert _without_encoding("\n".join(lines)) == [1, 3]
    for path in PACKAGE.rglob("*.py"):
        assert _without_encoding(path.read_text(encoding="utf-8")) == [], path
