"""Which exercises a student has solved, in one small file that survives crashes and damage.

The file is ``~/.xailab/progress.json``, one for all copies and editions of the course. The environment
variable XAILAB_PROGRESS names another file, or is ``off`` to keep nothing (tests and page builders
set it so).
"""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from IPython import get_ipython

from .._utils.files import atomic_write

VERSION = 1
BETTER = {"almost": 1, "correct": 2}


def location() -> Path | None:
    """The progress file, or None when nothing is to be kept."""
    said = os.environ.get("XAILAB_PROGRESS", "").strip()
    if said.lower() == "off":
        return None
    try:
        return Path(said or "~/.xailab/progress.json").expanduser()
    except RuntimeError:
        # this user has no home folder
        return None


def read(path: Path | None = None) -> dict[str, dict]:
    """Entries by key: status, first (date of that status), last (date of the last try), tries.

    Empty if there is no file, or none that this version can read.
    """
    path = path or location()
    try:
        return _entries(json.loads(path.read_text(encoding="utf-8"))) if path else {}
    except (OSError, ValueError, RecursionError):
        return {}


def record(key: str, status: str) -> str:
    """Add one try to the file; returns a sentence for the student if something went wrong, else "".

    status: "almost" or "correct". What was correct stays correct. Two notebooks may write at once:
    they wait for each other at a lock, and each reads the file again before it writes. Never raises
    OSError.
    """
    path = location()
    if path is None or _in_solution_cell():
        return ""
    try:
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=5):
            return _add(path, key, status)
    except (OSError, Timeout) as error:
        return f"(Your progress could not be kept in {path}: {error})"


def _add(path: Path, key: str, status: str) -> str:
    said, content = "", {}
    if path.exists():
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["version"] > VERSION:
                return f"(Your progress was not kept: {path} is from a newer version of xailab.)"
            _entries(content)
        except (ValueError, KeyError, TypeError, RecursionError):
            beside = _free_name(path)
            # a copy, so that the file keeps its mode
            shutil.copy2(path, beside)
            said, content = f"(The progress file was damaged; it is now {beside}.)", {}
    entries = content.setdefault("exercises", {})
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = entries.setdefault(key, {"status": "", "first": now, "last": now, "tries": 0})
    if BETTER[status] > BETTER.get(entry["status"], 0):
        entry.update(status=status, first=now)
    entry.update(last=now, tries=entry["tries"] + 1)
    atomic_write(path, json.dumps({**content, "version": VERSION}, indent=1))
    return said


def _entries(content: Any) -> dict[str, dict]:
    """The exercises in a file's content; raises ValueError if it has another form."""
    entries: Any = content.get("exercises") if isinstance(content, dict) else None
    fine = isinstance(entries, dict) and all(
        isinstance(entry, dict)
        and entry.get("status") in BETTER
        and isinstance(entry.get("tries"), int)
        and all(isinstance(entry.get(date), str) for date in ("first", "last"))
        for entry in entries.values()
    )
    if not fine:
        raise ValueError("not a progress file")
    return entries


def _free_name(path: Path) -> Path:
    n = 1
    while (beside := path.with_name(f"{path.stem}.damaged-{n}{path.suffix}")).exists():
        n += 1
    return beside


def _in_solution_cell() -> bool:
    """Does the running cell carry the tag ``solution``? JupyterLab tells the kernel."""
    kernel = getattr(get_ipython(), "kernel", None)
    parent = kernel.get_parent() if kernel else {}
    return "solution" in parent.get("metadata", {}).get("tags", ())
