"""The progress file: no result is lost, whatever happens to the file."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from filelock import FileLock

from xailab import checks
from xailab.checks import progress_file

WRITER = """
import sys
from xailab.checks import progress_file
print("ready", flush=True)
for i in range(int(sys.argv[1]), int(sys.argv[2])):
    progress_file.record(f"99.task{i}", "correct")
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "progress.json"
    monkeypatch.setenv("XAILAB_PROGRESS", str(path))
    return path


def _content(file):
    return json.loads(file.read_text())


def test_tests_and_page_builders_keep_nothing():
    assert progress_file.location() is None
    assert progress_file.record("02.kernel", "correct") == ""
    assert "XAILAB_PROGRESS is off" in repr(checks.progress())


def test_the_default_is_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("XAILAB_PROGRESS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert progress_file.location() == tmp_path / ".xailab" / "progress.json"


def test_a_correct_exercise_stays_correct_with_its_date(file):
    progress_file.record("02.kernel", "almost")
    progress_file.record("02.kernel", "correct")
    content = _content(file)
    content["exercises"]["02.kernel"]["first"] = "2026-01-31T10:00:00+00:00"
    file.write_text(json.dumps(content))
    assert progress_file.record("02.kernel", "almost") == ""
    entry = progress_file.read()["02.kernel"]
    assert (entry["status"], entry["first"][:10], entry["tries"]) == ("correct", "2026-01-31", 3)


def test_check_records_tries_but_not_blanks(file):
    assert checks.check("02.kernel").status == "not attempted"
    assert not file.exists()
    checks.check("02.kernel", lambda d, w: d)
    checks.check("02.kernel", checks.EXERCISES["02.kernel"].reference)
    shown = checks.progress()
    row = shown.table.loc[("02", "02.kernel")]
    assert (row["status"], row["tries"], len(row["since"])) == ("correct", 2, 10)
    assert shown.table["status"].value_counts()["open"] == len(checks.EXERCISES) - 1
    assert re.match(
        rf"1 of {len(checks.EXERCISES)} exercises correct, 5 of \d+ minutes", repr(shown)
    )
    assert "<table" in shown._repr_html_() and "02.kernel" in shown._repr_html_()


def test_a_damaged_file_is_kept_under_another_name_and_reported(file):
    file.parent.mkdir()
    for n, damage in enumerate(
        ('{"version": 1, "exer', "[]", '{"version": 1, "exercises": {"a": 3}}')
    ):
        file.write_text(damage)
        verdict = checks.check("02.kernel", checks.EXERCISES["02.kernel"].reference)
        beside = file.with_name(f"progress.damaged-{n + 1}.json")
        assert verdict.status == "correct" and str(beside) in verdict.message
        assert beside.read_text() == damage
        assert list(progress_file.read()) == ["02.kernel"]


def test_a_file_of_a_newer_version_is_left_alone_and_reported(file):
    file.parent.mkdir()
    newer = '{"version": 2, "exercises": {}, "medals": 3}'
    file.write_text(newer)
    assert "newer version" in progress_file.record("02.kernel", "correct")
    assert file.read_text() == newer


def test_unknown_fields_are_kept(file):
    progress_file.record("02.kernel", "correct")
    content = _content(file)
    content["exercises"]["77.gone"] = {**content["exercises"]["02.kernel"], "mark": "gold"}
    content["name"] = "Ada"
    file.write_text(json.dumps(content))
    progress_file.record("03.shapley", "almost")
    assert _content(file)["name"] == "Ada"
    assert _content(file)["exercises"]["77.gone"]["mark"] == "gold"


def test_a_folder_that_cannot_be_written_is_reported_and_the_notebook_goes_on(
    tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XAILAB_PROGRESS", str(tmp_path / "file" / "progress.json"))
    verdict = checks.check("02.kernel", checks.EXERCISES["02.kernel"].reference)
    assert verdict.status == "correct" and "could not be kept" in verdict.message


def test_a_failed_write_leaves_the_old_file_and_nothing_else(file, monkeypatch):
    progress_file.record("02.kernel", "correct")
    old = file.read_bytes()

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(progress_file.os, "replace", fail)
    assert "no space left" in progress_file.record("03.shapley", "correct")
    assert file.read_bytes() == old
    assert {p.name for p in file.parent.iterdir()} == {"progress.json", "progress.lock"}


def _start(first, last):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(first), str(last)], stdout=subprocess.PIPE, text=True
    )


def test_notebooks_that_write_at_once_lose_nothing(file):
    writers = [_start(0, 40), _start(40, 80)]
    for i in range(80, 100):
        progress_file.record(f"99.task{i}", "correct")
    assert all(writer.wait(timeout=60) == 0 for writer in writers)
    assert set(progress_file.read()) == {f"99.task{i}" for i in range(100)}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_notebook_leaves_a_whole_file_and_no_lock(file):
    progress_file.record("02.kernel", "correct")
    for pause in (0.001, 0.02, 0.07):
        writer = _start(0, 10**6)
        assert writer.stdout.readline() == "ready\n"
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        assert progress_file.read()["02.kernel"]["status"] == "correct"
        assert progress_file.record("03.shapley", "correct") == ""
    assert not list(file.parent.glob("*damaged*"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_damaged_private_file_stays_private(file):
    file.parent.mkdir(exist_ok=True)
    file.write_text("{damaged")
    file.chmod(0o600)
    assert "damaged" in progress_file.record("02.kernel", "correct")
    (beside,) = file.parent.glob("*damaged*")
    assert [path.stat().st_mode & 0o777 for path in (file, beside)] == [0o600, 0o600]
    assert beside.read_text() == "{damaged"
    assert progress_file.read()["02.kernel"]["status"] == "correct"


@pytest.mark.skipif(os.name == "nt", reason="Windows makes no links for everybody")
def test_the_lock_lies_beside_the_file_that_is_written_also_through_a_link(tmp_path, monkeypatch):
    real, link = tmp_path / "mine" / "progress.json", tmp_path / "link.json"
    real.parent.mkdir()
    link.symlink_to(real)
    monkeypatch.setenv("XAILAB_PROGRESS", str(link))
    before = set(Path(tempfile.gettempdir()).glob("*.lock"))
    assert progress_file.record("02.kernel", "correct") == ""
    assert link.is_symlink() and "02.kernel" in json.loads(real.read_text())["exercises"]
    assert {p.name for p in real.parent.iterdir()} == {"progress.json", "progress.lock"}
    assert set(Path(tempfile.gettempdir()).glob("*.lock")) == before


def test_a_notebook_waits_while_another_one_writes(file):
    """Reading, adding and writing is one step for all notebooks."""
    progress_file.record("02.kernel", "correct")
    with FileLock(file.with_suffix(".lock")):
        writer = _start(0, 1)
        assert writer.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(timeout=1)
        assert set(progress_file.read()) == {"02.kernel"}
    assert writer.wait(timeout=60) == 0
    assert set(progress_file.read()) == {"02.kernel", "99.task0"}
