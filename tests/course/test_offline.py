"""The zip for machines without network holds the course and nothing that was built."""

import zipfile

from xailab.course import offline


def test_the_zip_holds_the_course_the_wheels_and_the_command(tmp_path):
    wheel = tmp_path / "some-1.0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    done = offline.pack(tmp_path / "out" / "course.zip", [wheel])
    with zipfile.ZipFile(done) as archive:
        names = set(archive.namelist())
        said = archive.read("xailab/INSTALL.txt").decode()
        assert archive.read("xailab/wheels/some-1.0-py3-none-any.whl") == b"wheel"
        assert archive.testzip() is None
    wanted = {"Makefile", "pyproject.toml", "README.md", "notebooks/01_introduction.ipynb"}
    wanted |= {"xailab/widgets/static/overlay.js", "data/adult.csv.gz", "data/photos.json"}
    assert {f"xailab/{name}" for name in wanted} <= names
    assert "PIP_NO_INDEX=1 PIP_FIND_LINKS=" in said and "make course" in said


def test_what_was_built_or_installed_stays_out(tmp_path):
    for name in (
        "a.py",
        ".venv/x.py",
        "build/b.html",
        "a/__pycache__/a.pyc",
        "x.egg-info/PKG-INFO",
        ".pytest_cache/v",
        ".git/HEAD",
        "notebooks/n.draft",
        ".ci/run",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    found = {path.relative_to(tmp_path).as_posix() for path in offline.files(tmp_path)}
    assert found == {"a.py", ".ci/run"}
