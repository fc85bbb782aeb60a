"""Other people's files and names: they are read, never run, and stay where they belong."""

import ast
import html
import io
import json
import pickle
import re
import subprocess
import sys
import textwrap
import tomllib
import zipfile
from pathlib import Path

import ipywidgets as ipw
import numpy as np
import pandas as pd
import pytest
import torch
from packaging.requirements import Requirement
from packaging.version import Version
from PIL import Image

from xailab import checks, evaluate, lime_tabular, models, plots, shapley, stability, widgets
from xailab.checks import quiz
from xailab.course import notebooks, pages
from xailab.data import images, own_pictures, own_table
from xailab.evaluate import batch, report
from xailab.plots import alt_text, embed
from xailab.shapley import attribution
from xailab.widgets import images as image_widgets
from xailab.widgets import overlay, prerendered

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "xailab").glob("*.py"))

# --- pickles -----------------------------------------------------------------------------------


class Evil:
    """Unpickled, it runs a program: here it makes a file."""

    def __init__(self, mark: Path):
        self.mark = str(mark)

    def __reduce__(self):
        return (open, (self.mark, "w"))


def _as_torch_saves(evil):
    buffer = io.BytesIO()
    torch.save({"weight": torch.zeros(2), "evil": evil}, buffer)
    return buffer.getvalue()


def _as_torch_once_saved(evil):
    buffer = io.BytesIO()
    torch.save([evil], buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def _as_a_program(evil):
    """A zip like a TorchScript archive, with the pickle where torch would look for constants."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/constants.pkl", pickle.dumps((evil,), 2))
        archive.writestr("m/data.pkl", pickle.dumps(evil, 2))
        archive.writestr("m/version", "3\n")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "pack", [pickle.dumps, _as_torch_saves, _as_torch_once_saved, _as_a_program]
)
def test_a_pickle_with_a_program_in_it_is_refused_and_does_not_run(tmp_path, pack):
    mark, file = tmp_path / "it ran", tmp_path / "weights.pth"
    file.write_bytes(pack(Evil(mark)))
    if pack is not _as_a_program:  # the trap is set: a reader that trusts falls into it
        pickle.loads(file.read_bytes()) if pack is pickle.dumps else torch.load(
            file, weights_only=False
        )
        assert mark.exists()
        mark.unlink()
    readers = {
        "weights": lambda: models.load_cnn(weights=file),
        "other network": lambda: models.load_cnn("resnet50", weights=str(file)),
        "picture": lambda: images.as_rgb(file),
        "table": lambda: own_table.read(file),
    }
    for reader, call in readers.items():
        with pytest.raises(ValueError):
            call()
        assert not mark.exists(), f"the reader {reader} ran a program"


# --- what the package's code may not contain ---------------------------------------------------

TRUSTING = {  # call -> why not
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "pickle.load",
    "pickle.loads",
    "marshal.loads",
    "joblib.load",
    "dill.load",
    "yaml.load",
    "pd.read_pickle",
    "shelve.open",
    "torch.jit.load",
    "torch.hub.load",
    "torch.hub.load_state_dict_from_url",
    "tempfile.mktemp",
    "subprocess.getoutput",
    "urllib.request.urlopen",
    "requests.get",
}


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def _faults(source: str) -> list[str]:
    """Calls that would trust what they are given, with their lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = _dotted(node.func)
        keywords = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
        bad = name in TRUSTING or keywords.get("shell") or keywords.get("allow_pickle")
        bad = bad or (name == "torch.load" and keywords.get("weights_only") is not True)
        if bad:
            found.append(f"line {node.lineno}: {name}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_the_package_never_trusts_what_it_is_given(path):
    assert _faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "np.load(f, allow_pickle=True)",
        "subprocess.run(c, shell=True)",
        "eval(text)",
        "pickle.load(f)",
        "os.system(c)",
    ],
)
def test_the_search_for_trusting_calls_finds_them(source):
    assert _faults(source)
    assert not _faults("torch.load(f, weights_only=True); model.eval(); np.load(f)")


# --- names stay in their folder ----------------------------------------------------------------

OUTSIDE = ["../secret.png", "/etc/passwd", "a/../../secret.png", "..\\..\\secret.png"]


@pytest.fixture
def pictures(tmp_path):
    root = tmp_path / "own"
    root.mkdir()
    for path in (tmp_path / "secret.png", root / "fine.png"):
        Image.new("RGB", (8, 8), "white").save(path)
    return root


def _annotated(root, entries):
    (root / "annotations.json").write_text(json.dumps(entries))
    return list(own_pictures.folder(root))


@pytest.mark.parametrize("name", OUTSIDE)
def test_an_annotated_picture_or_mask_cannot_lie_outside_of_its_folder(pictures, name):
    with pytest.raises((ValueError, FileNotFoundError), match=r"lies outside of|There is no image"):
        _annotated(pictures, {name: {"target": 3, "box": [0, 0, 4, 4]}})
    with pytest.raises((ValueError, FileNotFoundError), match=r"lies outside of|is missing"):
        _annotated(pictures, {"fine.png": {"target": 3, "mask": name}})
    assert _annotated(pictures, {"fine.png": {"target": 3, "mask": "./fine.png"}})[0].mask.all()


class _Net:
    """As much of a CNN as an evaluation needs."""

    def __new__(cls):
        net = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            torch.nn.Linear(4, 3),
        )
        return models.own_cnn(net, "abc", input_size=8)


def test_names_of_items_and_methods_are_no_file_names(tmp_path):
    cnn, mask = _Net(), np.ones((8, 8), bool)
    names = ["../../escaped", "/tmp/escaped", "con", "a\x00b", "x" * 400]
    items = [
        type(
            "Item",
            (),
            {"name": n, "image": np.zeros((8, 8, 3), np.uint8), "mask": mask, "target": 0},
        )
        for n in names
    ]
    home = tmp_path / "home"
    table = batch.run(cnn, items, ["grad_cam"], baselines=(), cache=home, progress=False)
    assert list(table["name"]) == names
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert all(p.is_relative_to(home) for p in files)
    joblib_files = {".gitignore", "func_code.py", "metadata.json", "output.pkl"}
    assert {p.name for p in files} <= joblib_files


def test_a_quiz_exercise_or_network_is_no_path():
    for call in (quiz.load, checks.check, models.load_cnn):
        with pytest.raises(ValueError, match="There is no"):
            call("../data/photos.json")


# --- names are words ---------------------------------------------------------------------------

EVIL = "<img src=x onerror=alert(1)><script>alert('$x$')</script>"


def _markup(widget) -> list[str]:
    """The HTML of a widget and all in it that a browser would take as HTML."""
    found = [widget.value] if isinstance(widget, ipw.HTML | ipw.HTMLMath) else []
    if getattr(widget, "description_allow_html", False):
        found.append(widget.description)
    for child in getattr(widget, "children", ()):
        found += _markup(child)
    return found


def _predict(X):
    return np.column_stack([np.asarray(X)[:, 0] < 0, np.asarray(X)[:, 0] >= 0]).astype(float)


def _one(X):
    return _predict(X)[:, 1]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 3)), columns=[EVIL, "b", "c"])
    X["c"] = (X["c"] > 0).astype(float)
    X.index = [EVIL, *map(str, range(59))]
    return X


HEAT, PHOTO = np.linspace(0, 1, 64).reshape(8, 8), np.zeros((8, 8, 3), np.uint8)


def _views():
    return [evaluate.View(EVIL, PHOTO, HEAT > 0.5, 0, 1.0)]


def _uploaded():
    box = image_widgets.upload(lambda image: ipw.Label("shown"))
    file = {"name": EVIL, "content": b"no picture", "type": "image/png", "size": 10}
    try:
        box.controls["file"].value = ({**file, "last_modified": pd.Timestamp(0).to_pydatetime()},)
    except ValueError:
        return box
    raise AssertionError("the upload was taken")


def _failed(X):
    def draw(kind):
        raise ValueError(EVIL)

    try:
        return widgets.panel(draw, kind=ipw.Dropdown(options=["a"]))
    except ValueError:
        pass
    allowed = [True]

    def later(kind):
        if kind == "b":
            raise ValueError(EVIL)
        return plots.overlay(PHOTO, HEAT), EVIL

    box = widgets.panel(later, kind=ipw.Dropdown(options=["a", "b"]))
    try:
        box.controls["kind"].value = "b"
    except ValueError:
        allowed.clear()
    assert not allowed
    return box


WIDGETS = {
    "instance_explorer": lambda X: widgets.instance_explorer(_one, X, X[:10], output=EVIL),
    "what_if": lambda X: widgets.what_if(_one, X.iloc[0], X[:10], {"c": (EVIL, "no")}, EVIL),
    "background_slider": lambda X: widgets.background_slider(_one, X.iloc[0], X, EVIL, 10),
    "lime_dial": lambda X: widgets.lime_dial(
        _predict, X.iloc[0], X, {"c": (EVIL, "no")}, output=EVIL
    ),
    "localisation_explorer": lambda X: widgets.localisation_explorer(_views(), {EVIL: HEAT[None]}),
    "upload": lambda X: _uploaded(),
    "a panel that failed": _failed,
}


SAY_NO_NAMES = ("background_slider", "lime_dial")  # in their readout, that is


@pytest.mark.parametrize("name", WIDGETS)
def test_markup_in_names_is_text_in_every_widget(table, name):
    box = WIDGETS[name](table)
    parts = [part for part in _markup(box) if not part.startswith("<style>")]
    assert parts and not re.search(r"<(img|script)", "".join(parts))
    assert EVIL in html.unescape("".join(parts)) or name in SAY_NO_NAMES


def test_markup_in_names_is_text_wherever_the_package_writes_html(table, tmp_path):
    row = shapley.exact(_one, table.iloc[0], table[:10], output=EVIL)
    assert not hasattr(attribution.Attribution, "_repr_html_") and EVIL in row.card()
    lime = lime_tabular.explain(_predict, table.iloc[0], table)
    assert EVIL in lime.card(model=EVIL)
    runs = stability.repeat(
        lambda seed: lime_tabular.explain(_predict, table.iloc[0], table, n_samples=99, seed=seed),
        range(2),
        2,
    )
    score = {"name": [EVIL, "b"], "method": [EVIL, EVIL], "iou": [0.1, 0.2]}
    card = report.build(
        pd.DataFrame(score),
        title=EVIL,
        model=EVIL,
        layer=EVIL,
        threshold=0.5,
        threshold_from=EVIL,
        pictures=EVIL,
        selection=EVIL,
        limits=EVIL,
        columns=["iou"],
    )
    question = {
        "key": "a",
        "text": EVIL,
        "options": [{"text": EVIL, "reason": EVIL, "right": True}, {"text": "b", "reason": EVIL}],
    }
    page = quiz.as_html(quiz.Quiz(quiz.parse([question]), EVIL))
    done = pd.DataFrame({"status": [EVIL], "minutes": [1]}, index=[EVIL])
    overview = checks.Overview(done, EVIL)._repr_html_()
    for written in (runs.table().to_html(), card.html(), page, overview):
        assert not re.search(r"<(img|script)", written)
    notebook = notebooks.nbformat.v4.new_notebook(
        cells=[
            notebooks.nbformat.v4.new_code_cell(
                "1",
                outputs=[
                    notebooks.nbformat.v4.new_output(
                        "display_data",
                        {"text/plain": EVIL, "application/vnd.jupyter.widget-view+json": {}},
                    )
                ],
            )
        ]
    )
    assert not re.search(r"<(img|script)", pages.to_page(notebook, "a title"))


def test_names_of_the_data_are_no_formulas(table):
    for name in ("$\\frac$", "Income ($) over cost ($)", EVIL):
        X = table.rename(columns={EVIL: name})
        box = widgets.background_slider(_one, X.iloc[0], X, f"price of {name}", 10)
        ax = plots.contributions(pd.Series([1.0, 2], [name, "b"]), name)
        ax.figure.canvas.draw()
        # what is drawn, and whether as a formula
        drawn = [t._preprocess_math(t.get_text()) for t in ax.get_yticklabels()]
        assert (name, False) in drawn
        assert not any(math is True for _, math in drawn) and box.picture.value
        assert name in alt_text.describe(ax.figure)


def test_what_the_browser_builds_it_builds_of_text_nodes():
    scripts = list((ROOT / "xailab").rglob("*.js"))
    assert len(scripts) > 10
    for script in scripts:
        code = script.read_text(encoding="utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", code
        )
    box = overlay.ThresholdOverlay(PHOTO, {EVIL: HEAT}, HEAT > 0.5)
    assert set(box.maps) == {EVIL}
    chosen = prerendered.Picker([EVIL], {(EVIL,): _png()}, {(EVIL,): EVIL})
    assert chosen.labels == [[EVIL]]


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_framed_page_has_no_way_to_the_notebook_around_it():
    shown = embed.frame(f"<p>{EVIL}</p>", title=EVIL).data
    assert re.search(r"<iframe [^>]*sandbox=\"allow-scripts\"", shown)
    assert not re.search(r"<(img|script)", shown)


# --- nothing is fetched, nothing is written, nothing is started --------------------------------

ALONE = textwrap.dedent("""
    import sys, importlib, pathlib, os
    seen = []
    def watch(event, args):
        if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
            if not (event == "socket.connect" and isinstance(args[1], (str, bytes))):
                seen.append((event, str(args)))
                raise PermissionError("no network here")
        if event in ("subprocess.Popen", "os.posix_spawn") and args[0] in LOOKS:
            return  # by subprocess, which starts them by posix_spawn from Python 3.13 on
        if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
            seen.append((event, str(args)))
        if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
            # caches of other packages apart, nothing is opened for writing
            if isinstance(args[0], str) and not any(p in args[0] for p in ALLOWED):
                seen.append((event, str(args)))
    # how ctypes looks for a library, and joblib for the cores
    LOOKS = ("/sbin/ldconfig", "gcc", "/usr/bin/gcc", "lscpu")
    # the last: older PyTorch writes a template of torch.distributed into a folder of its own in /tmp
    ALLOWED = ("__pycache__", "matplotlib", "numba", "/dev/null", "fontconfig", ".ipython",
               "_remote_module_non_scriptable.py")
    sys.addaudithook(watch)
    import warnings
    warnings.simplefilter("ignore")
    modules = [p.stem for p in sorted(pathlib.Path(sys.argv[1]).glob("*.py")) if p.stem != "website"]
    for name in modules:
        importlib.import_module(f"xailab.{name}".removesuffix(".__init__"))
    import numpy as np
    from xailab import cam, data, evaluate, lime_image, lime_tabular, metrics, models, shapley
    from xailab import checks, widgets
    from xailab.checks import quiz
    from xailab.widgets import images as image_widgets
    adult = data.adult()
    X_train, X_test, y_train, y_test = adult.split()
    net = models.train_income_net(X_train[:500], y_train[:500], epochs=1)
    lime_tabular.explain(net.predict_proba, X_test.iloc[0], X_train[:500], n_samples=200)
    one = lambda X: net.predict_proba(X)[:, 1]
    shapley.exact(one, X_test.iloc[0], X_train[:3])
    widgets.what_if(one, X_test.iloc[0], X_train[:2], adult.categories)
    cnn = models.load_cnn()
    photo = data.photo("koala")
    views = evaluate.views(cnn, [photo])
    heat = evaluate.maps(cnn, views, ["grad_cam"])
    evaluate.table(heat, views)
    widgets.threshold_overlay(views[0].image, heat["grad_cam"][0], views[0].mask)
    lime_image.explain(cnn.predict_proba, views[0].image, n_samples=60)
    image_widgets.cam_explorer(cnn, photo.image)
    checks.check("02.kernel", lambda d, w: d)
    quiz.quiz("05")
    for name in models.cnn_names():
        try:
            models.load_cnn(name)
        except FileNotFoundError:
            pass
    print("went through:", len(modules), "modules")
    if seen:
        sys.exit("asked for: " + "; ".join(f"{e} {a}" for e, a in seen))
""")


def test_nothing_is_fetched_started_or_written_without_being_asked(tmp_path):
    """Sockets are blocked, programs and files opened for writing are noted; all modules are imported."""
    run = subprocess.run(
        [sys.executable, "-c", ALONE, str(ROOT / "xailab")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-1500:]
    assert "went through:" in run.stdout and not list(tmp_path.iterdir())


def test_the_watch_over_sockets_works(tmp_path):
    program = (
        ALONE.partition("import warnings")[0]
        + "import socket; socket.create_connection(('::1', 9))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 1 and "no network here" in run.stderr


# --- what is installed -------------------------------------------------------------------------

# The first releases without a hole that the course's own use could meet.
FIXED_IN = {
    "torch": "2.6",  # CVE-2025-32434: weights_only=True ran programs of old archives
    "pillow": "10.3",  # CVE-2024-28219: a buffer overflow; CVE-2023-50447 before it
    "jupyterlab": "4.2.5",  # CVE-2024-43805: markup of a notebook could reach the server
    "scikit-learn": "1.5",  # CVE-2024-5206: TfidfVectorizer kept words it should have dropped
    "nbconvert": "7.16.6",
}


def _declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = project["dependencies"] + project["optional-dependencies"]["course"]
    return [Requirement(r) for r in listed]


def test_every_dependency_has_a_lower_bound_and_comes_from_an_index():
    for requirement in _declared():
        assert requirement.url is None
        assert {s.operator for s in requirement.specifier} & {">=", "=="}, requirement.name


@pytest.mark.parametrize("name", FIXED_IN)
def test_releases_with_known_holes_are_out_of_bounds(name):
    (requirement,) = (r for r in _declared() if r.name == name)
    (low,) = (s.version for s in requirement.specifier if s.operator == ">=")
    assert Version(low) >= Version(FIXED_IN[name])
