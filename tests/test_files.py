"""A file is written whole or not at all, with its mode, through a link, and nothing is left beside it."""

import os
import stat
import subprocess
import sys
import textwrap

import pytest

from xailab._utils import files
from xailab._utils.files import atomic_file, atomic_write
from xailab.course import offline, slides

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_text_and_bytes_arrive_and_nothing_is_left_beside_them(tmp_path):
    for content, kept in ("Grüße\n", "Grüße\n".encode()), (b"\x00\xff", b"\x00\xff"), ("", b""):
        atomic_write(tmp_path / "a.txt", content)
        assert (tmp_path / "a.txt").read_bytes() == kept
    assert list(tmp_path.iterdir()) == [tmp_path / "a.txt"]


def test_the_longest_file_name_works(tmp_path):
    path = tmp_path / ("x" * 255)
    atomic_write(path, "a")
    assert path.read_text() == "a"


@posix
@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path, umask, expected):
    before = os.umask(umask)
    try:
        atomic_write(tmp_path / "new", "a")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == expected


@posix
@pytest.mark.parametrize("given", [0o600, 0o664, 0o755])
def test_an_existing_file_keeps_its_mode(tmp_path, given):
    path = tmp_path / "old"
    path.write_text("old")
    path.chmod(given)
    atomic_write(path, "new")
    assert (path.read_text(), mode(path)) == ("new", given)


@posix
def test_a_link_stays_and_its_file_is_written(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "file", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    atomic_write(link, "new")
    assert link.is_symlink() and target.read_text() == "new"
    target.unlink()
    atomic_write(link, "again")
    assert link.is_symlink() and target.read_text() == "again"
    assert len(list((tmp_path / "real").iterdir())) == 1 and len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_or_an_interrupt_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, step, error
):
    def fail(*_):
        raise error

    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(error):
        atomic_write(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_while_a_file_is_being_written_leaves_the_old_one(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(error), atomic_file(path) as file:
        file.write(b"half of the new")
        file.flush()
        assert path.read_text() == "old"
        raise error
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_zip_that_is_not_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "course.zip"
    path.write_bytes(b"old")
    with pytest.raises(FileNotFoundError, match="no-such"):
        offline.pack(path, [tmp_path / "no-such.whl"], root=tmp_path / "empty")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["01.png", "index.html"])
def test_pictures_for_class_that_are_not_written_leave_the_old_ones(tmp_path, monkeypatch, name):
    notebook = next(iter(slides.notebooks.notebook_paths()))
    (page,) = slides.write(tmp_path, [notebook])
    old = (page.parent / name).read_bytes()
    before = sorted(page.parent.iterdir())

    def fail(_, to):
        if to.name == name:
            raise KeyboardInterrupt
        return os_replace(_, to)

    os_replace = os.replace
    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        slides.write(tmp_path, [notebook])
    assert (page.parent / name).read_bytes() == old and sorted(page.parent.iterdir()) == before


def test_a_missing_folder_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        atomic_write(tmp_path / "nowhere" / "file", "a")


KILLED = textwrap.dedent("""
    import os, signal, sys
    from xailab._utils.files import atomic_write
    setattr(os, sys.argv[2], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    atomic_write(sys.argv[1], "new" * 9999)
""")


@posix
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_killed_process_leaves_the_old_file(tmp_path, step):
    path = tmp_path / "file"
    path.write_text("old")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), step])
    assert killed.returncode == -9 and path.read_text() == "old"
