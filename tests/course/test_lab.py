"""The working copies that JupyterLab opens, and the server itself."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

import nbformat
import pytest

from xailab.course import lab, notebooks

STEMS = [path.stem for path in notebooks.notebook_paths()]


@pytest.fixture
def no_run(monkeypatch):
    monkeypatch.setattr(notebooks, "run", lambda path: pytest.fail("a notebook was run"))
    monkeypatch.setattr(notebooks, "execute", lambda *a: pytest.fail("a notebook was run"))


def test_the_student_copy_has_every_notebook_and_no_answer(tmp_path, no_run):
    folder = lab.copies(work=tmp_path)
    assert sorted(path.stem for path in folder.glob("*.ipynb")) == STEMS
    for path in folder.glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        assert not any("solution" in cell.metadata.get("tags", ()) for cell in cells)
        assert not any(cell.get("outputs") for cell in cells)


def test_copies_with_answers_have_the_committed_outputs(tmp_path, no_run):
    folder = lab.copies("solutions", tmp_path)
    made = nbformat.read(folder / f"{STEMS[0]}.ipynb", as_version=4)
    assert any("solution" in cell.metadata.get("tags", ()) for cell in made.cells)
    assert any(cell.get("outputs") for cell in made.cells)


def test_opening_the_course_again_leaves_work_alone_and_adds_nothing(tmp_path, no_run, capsys):
    folder = lab.copies(work=tmp_path)
    mine = folder / f"{STEMS[1]}.ipynb"
    mine.write_text(mine.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    lab.copies(work=tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not capsys.readouterr().out


def test_git_ignores_the_working_copies():
    lines = (notebooks.NOTEBOOKS.parent / ".gitignore").read_text().splitlines()
    assert f"{lab.WORK.name}/" in lines


def test_lab_opens_the_first_notebook_and_asks_nothing_about_news(tmp_path):
    for stem in STEMS:
        (tmp_path / f"{stem}.ipynb").touch()
    assert f"--LabApp.default_url=/lab/tree/{STEMS[0]}.ipynb" in lab.command(tmp_path)
    asked = json.loads((lab.SETTINGS / "overrides.json").read_text())
    assert asked["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_lab_answers_this_computer_only_and_only_with_its_token(tmp_path):
    """Runs the command without opening a browser, and asks the server with and without the token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    more = ["--no-browser", f"--port={port}", "--ServerApp.port_retries=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        more.append("--allow-root")
    (tmp_path / "01_first.ipynb").touch()
    command = lab.command(tmp_path, *more)
    assert "token" not in "".join(command)
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
