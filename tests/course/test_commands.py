"""The commands and the set-up files agree with each other and with what the README promises."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from xailab.course import ROOT, __main__, gate, notebooks

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
needs_make = pytest.mark.skipif(
    shutil.which("make") is None, reason="make is missing, as usual on Windows"
)
CONDA_NAMES = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}


def _parts(requirement: str) -> tuple[str, str]:
    name, pins = re.fullmatch(r"([A-Za-z0-9_.-]+?)((?:[<>=!~].*)?)", requirement).groups()
    return name.lower(), pins.replace(" ", "")


def test_environment_yml_has_the_names_and_pins_of_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    flat, by_pip = {}, []
    for entry in environment["dependencies"]:
        if isinstance(entry, dict):
            by_pip = entry["pip"]
        else:
            flat.update([_parts(entry)])
    flat.update(_parts(entry) for entry in by_pip if not entry.startswith("--"))
    version = re.fullmatch(r"=(3\.\d+)", flat.pop("python"))[1]  # repo2docker overlooks >=
    assert int(version[2:]) >= int(PROJECT["requires-python"].removeprefix(">=3."))
    assert flat.pop("pip") == ""
    wanted = dict(_parts(entry) for entry in [*PROJECT["dependencies"], *EXTRAS["course"]])
    tests = ("nbval>", "pytest>")
    wanted |= dict(_parts(entry) for entry in EXTRAS["test"] if entry.startswith(tests))
    assert flat == {CONDA_NAMES.get(name, name): pins for name, pins in wanted.items()}
    assert "--editable ." in by_pip
    assert environment["channels"] == ["conda-forge"]


def _imported(source: str, everywhere: bool) -> set[str]:
    """Top names of the modules that ``source`` imports; inside functions too if ``everywhere``."""
    tree = ast.parse(source)
    found = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def _names(requirements: list[str]) -> set[str]:
    return {_parts(entry)[0].replace("_", "-") for entry in requirements}


def _check_imports(sources: dict[str, set[str]], allowed: set[str]) -> None:
    homes = packages_distributions()
    for name, modules in sources.items():
        for module in modules - set(sys.stdlib_module_names) - {"xailab"}:
            found = {home.lower().replace("_", "-") for home in homes[module]}
            assert found & allowed, f"{name} imports {module}, of {found}"


def test_the_library_imports_its_own_dependencies_and_the_commands_the_courses_too():
    # traitlets comes with ipywidgets; two more networks are imported if they are installed
    library = _names(PROJECT["dependencies"]) | _names(EXTRAS["lite"]) | {"traitlets"}
    sources = {
        path: _imported(path.read_text(), everywhere=False)
        for path in (ROOT / "xailab").rglob("*.py")
    }
    commands = {path: found for path, found in sources.items() if path.parent.name == "course"}
    assert len(commands) > 8
    _check_imports(commands, library | _names(EXTRAS["course"]))
    _check_imports({path: sources[path] for path in sources.keys() - commands.keys()}, library)


def test_whatever_notebooks_import_comes_with_the_library_or_the_course():
    sources = {}
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        sources[path] = _imported(code, everywhere=True)
    allowed = _names(PROJECT["dependencies"]) | _names(EXTRAS["course"]) | {"traitlets"}
    _check_imports(sources, allowed)


# --- python -m xailab.course -------------------------------------------------------------------


def _command(*arguments):
    command = [sys.executable, "-m", "xailab.course", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_redirected_output_holds_every_character(tmp_path):
    """Also where the system's encoding has no box to tick, as on Windows."""
    own = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "xailab.course", "checklist"]
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "☐" in done.stdout.decode("utf-8")


def test_help_lists_every_command_with_one_line():
    said = _command("--help").stdout
    for name, (_, line, *_) in __main__.COMMANDS.items():
        assert re.search(rf"^    {name}\s+{re.escape(line)}$", said, flags=re.M), said


def test_asking_for_help_loads_no_library():
    code = "import sys; from xailab.course import __main__; __main__.parser(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert not {"nbformat", "nbconvert", "torch", "numpy"} & set(loaded.stdout.split())


def test_make_and_python_offer_the_same_commands():
    offered = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M)
    ours = set(__main__.COMMANDS) - {"build"} | {"course"}
    # the checklist is a page of the site; graders' notebooks need a grader's name
    assert ours - set(offered) == {"checklist", "handin"}


def test_without_notebooks_a_command_says_so_in_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(__main__, "NOTEBOOKS", tmp_path / "none")
    for arguments in (["build"], ["editions", "--only", "student"], ["clean"]):
        assert __main__.main(arguments) == 1
        said = capsys.readouterr().err
        assert (
            said.startswith("The notebooks are not beside this package") and said.count("\n") == 1
        )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError(name="nbclient"), "nbclient is not installed: pip install"),
        (FileNotFoundError("npm is missing."), "npm is missing."),
    ],
)
def test_what_is_missing_is_named_in_one_sentence(error, words, monkeypatch, capsys):
    def fail(chosen):
        raise error

    monkeypatch.setitem(__main__.COMMANDS, "clean", (fail, "Fails", None, False))
    assert __main__.main(["clean"]) == 1
    assert capsys.readouterr().err.startswith(words)


def test_notebooks_may_be_named_before_and_after_the_options(monkeypatch):
    chosen = []

    def keep(options):
        chosen.append(options)
        return 0

    monkeypatch.setitem(__main__.COMMANDS, "handin", (keep, "Keeps", "build/handin", True))
    __main__.main("handin nbgrader --out x a.ipynb b.ipynb".split())
    __main__.main("handin nbgrader a.ipynb b.ipynb --out x".split())
    for options in chosen:
        assert [str(path) for path in options.notebooks] == ["a.ipynb", "b.ipynb"]
        assert (str(options.out), options.grader) == ("x", "nbgrader")
    with pytest.raises(SystemExit):
        __main__.main(["clean", "a.ipynb"])
    with pytest.raises(SystemExit):
        __main__.main(["handin", "otter", "--unknown"])


def test_clean_removes_what_was_built_and_no_edition(tmp_path, monkeypatch):
    monkeypatch.setattr(__main__, "ROOT", tmp_path)
    for name in ("build/course/a.html", "build/editions/b.ipynb", ".ruff_cache/c", "build/d.zip"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert __main__.main(["clean"]) == 0
    left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert left == ["build/editions/b.ipynb"]


# --- make --------------------------------------------------------------------------------------


def _recipe(*words, **environment):
    return subprocess.run(
        ["make", "--dry-run", *words],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_extras_that_the_course_promises_exist():
    assert {"course", "lite", "test", "site", "bench", "browser", "classroom"} <= set(EXTRAS)


def test_ci_runs_the_readmes_test_command_and_nothing_else_as_the_test():
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert script[-1] == "make test"
    assert not any("make" in line or "pytest" in line for line in script[:-1])
    assert "make test " in (ROOT / "README.md").read_text()


def test_the_readme_is_short_and_begins_with_its_two_commands():
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) < 1500
    (first, *_) = re.findall(r"```bash\n(.*?)```", "\n".join(text.split("\n")[:25]), flags=re.S)
    assert [line.split("#")[0].strip() for line in first.splitlines()] == [
        "make course",
        "make test",
    ]


def test_only_ci_installs_system_packages():
    assert not re.search(r"\b(apt|apt-get|dnf|brew|sudo)\b", (ROOT / "Makefile").read_text())
    script = (ROOT / ".ci" / "run").read_text()
    condition = next(line for line in script.splitlines() if line.startswith("if "))
    assert '-n "${CI:-}"' in condition and '"$(id -u)" = 0' in condition


@needs_make
def test_make_test_runs_the_commands_of_the_gate_in_their_order():
    recipe = _recipe("test", CI="").splitlines()
    ours = [" ".join(arguments) for arguments in gate.commands()]
    run = [line.partition("/bin/python ")[2] for line in recipe if "/bin/python -m " in line]
    assert [line for line in run if not line.startswith(("-m venv", "-m pip"))] == ours


def test_the_gate_runs_every_notebook_once_as_committed_and_once_blank():
    words = [word for arguments in gate.commands() for word in arguments if word.endswith("ipynb")]
    names = [path.name for path in notebooks.notebook_paths()]
    assert sorted(words) == sorted(
        [f"notebooks/{name}" for name in names] + [f"{gate.STUDENT}/{name}" for name in names]
    )


@needs_make
@pytest.mark.parametrize("browser", ["", "chromium"])
def test_ci_runs_the_student_edition_once_and_the_lowest_versions(browser):
    recipe = _recipe("test", f"BROWSER={browser}", CI="true").splitlines()
    assert len([line for line in recipe if "build/venv-lowest/bin/python \\" in line]) == 1
    (unit,) = [line for line in recipe if "/bin/python -m pytest -q tests " in line]
    assert ("--ignore tests/browser" in unit) != bool(browser)
    assert any(f"-q {gate.STUDENT}/" in line for line in recipe) != bool(browser)


@needs_make
@pytest.mark.parametrize("interpreter", ["python2.7", "/bin/false"])
def test_an_interpreter_that_is_missing_or_too_old_is_named(interpreter, tmp_path):
    done = subprocess.run(
        ["make", "course", f"VENV={tmp_path / 'venv'}", f"PYTHON={interpreter}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode and not (tmp_path / "venv").exists()
    first = done.stderr.splitlines()[0]
    assert first.startswith(
        f"The course needs Python 3.11 or newer; {interpreter} is older or missing."
    )


TARGETS = """help course lab pages site slides editions apps offline test lint test-notebooks test-blank
test-browser test-versions mutation bench bench-widgets audit format refresh clean""".split()


@needs_make
@pytest.mark.parametrize("target", TARGETS)
def test_make_knows_the_target(target):
    assert _recipe(target)


@needs_make
def test_the_apps_listen_on_this_computer_only():
    recipe = _recipe("apps")
    assert "--Voila.ip=127.0.0.1" in recipe
    assert "token" not in recipe and "password" not in recipe


def test_data_checksums_name_every_shipped_file():
    listed = {line.split(maxsplit=1)[1] for line in (ROOT / "data/CHECKSUMS").open()}
    listed = {name.strip() for name in listed}
    data = ROOT / "data"
    shipped = {
        path.relative_to(data).as_posix()
        for path in data.rglob("*")
        if path.suffix in {".gz", ".json", ".jpg", ".png"}
    }
    assert listed == shipped


# --- versions ----------------------------------------------------------------------------------


def _versions(bound):
    lines = (ROOT / "tests" / f"constraints-{bound}.txt").read_text().split()
    return {Requirement(line).name: Requirement(line) for line in lines}


@pytest.mark.parametrize("bound", ["lowest", "highest"])
def test_the_versions_that_were_tested_are_written_down(bound):
    """Names and versions of all direct dependencies, within their bounds; and no addresses."""
    direct = [*PROJECT["dependencies"], *EXTRAS["course"], *EXTRAS["test"]]
    declared = [Requirement(r) for r in direct]
    tested = _versions(bound)
    assert not [r for r in tested.values() if r.url]
    for requirement in declared:
        (exact,) = tested[requirement.name].specifier
        assert exact.operator == "==" and requirement.specifier.contains(exact.version)
    # the course may ask for a newer version than the library
    lows = {}
    for requirement in declared:
        for one in requirement.specifier:
            if one.operator == ">=":
                lows.setdefault(requirement.name, []).append(Version(one.version))
    for name, versions in lows.items():
        (exact,) = tested[name].specifier
        assert bound == "highest" or Version(exact.version) == max(versions), name


@pytest.mark.parametrize("name", ["03_shap", "03_shap.ipynb", "notebooks/03_shap.ipynb"])
@pytest.mark.parametrize(
    "command", ["handin nbgrader", "handin otter", "editions --only student", "slides"]
)
def test_a_notebook_may_be_named_by_its_stem(tmp_path, monkeypatch, capsys, command, name):
    monkeypatch.chdir(tmp_path)
    assert __main__.main([*command.split(), "--out", "out", name]) == 0
    assert {path.stem for path in (tmp_path / "out").rglob("0*_*")} == {"03_shap"}


@pytest.mark.parametrize(
    "command", ["handin nbgrader", "editions", "build", "pages", "refresh", "slides"]
)
@pytest.mark.parametrize("name", ["03_shop", "README.md", ".", "nowhere/03.ipynb"])
def test_a_wrong_name_of_a_notebook_is_one_sentence(tmp_path, monkeypatch, capsys, command, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").touch()
    assert __main__.main([*command.split(), name]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"There is no notebook {name}; the nearest name is ")
    assert said.count("\n") == 1


def test_a_folder_of_somebody_elses_is_not_taken_for_the_notebooks(tmp_path, monkeypatch, capsys):
    """In site-packages there may be a package of that name."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "__init__.py").touch()
    monkeypatch.setattr(__main__, "NOTEBOOKS", tmp_path / "notebooks")
    for command in ("build", "pages", "lab", "editions", "handin nbgrader", "site", "clean"):
        assert __main__.main(command.split()) == 1
        assert "not beside this package" in capsys.readouterr().err
