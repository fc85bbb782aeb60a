"""JupyterLab on a copy of the course, in which a student can work without touching the source."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from . import ROOT, editions

# git ignores it
WORK = ROOT / "work"
SETTINGS = Path(__file__).parent / "lab_settings"


def copies(edition: str = "student", work: Path = WORK) -> Path:
    """The folder with a working copy of every notebook; nothing is run, and no work is overwritten."""
    editions.build(work, names=[edition], run=False)
    return work / edition


def command(folder: Path, *more: str) -> list[str]:
    """JupyterLab on this computer only, with the first notebook open and no question about news."""
    first = min(path.name for path in folder.glob("[0-9]*.ipynb"))
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ip=127.0.0.1",
        f"--LabApp.app_settings_dir={SETTINGS}",
        f"--LabApp.default_url=/lab/tree/{first}",
        *more,
        str(folder),
    ]


def start(edition: str = "student", more: Sequence[str] = ()) -> int:
    """Make the copies, open JupyterLab, wait until it is closed. more: its own options."""
    return subprocess.run(command(copies(edition), *more), check=False).returncode
