"""What must hold before a change lands, as commands; the Makefile's target test says the same."""

import os
import shutil
import subprocess
import sys

from . import ROOT
from .notebooks import longest_first, notebook_paths

STUDENT = "build/gate/student"
NBVAL = (
    "--nbval-lax --nbval-current-env --nbval-cell-timeout=300 --nbval-kernel-startup-timeout=120 "
    "--nbval-sanitize-with tests/nbval.cfg -n 2 --dist loadscope --no-loadscope-reorder"
).split()


def commands() -> list[list[str]]:
    """Arguments for Python, in order: style, unit tests, the notebooks as committed and blank."""
    names = [path.name for path in longest_first(notebook_paths())]
    left = "--ignore tests/course/test_other_networks.py --ignore tests/browser"
    unit = f"tests {left} -n 2 --dist loadscope --no-loadscope-reorder -rs".split()
    pytest = ["-m", "pytest", "-q"]
    return [
        ["-m", "ruff", "check", "."],
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "mypy"],
        [*pytest, *unit],
        [*pytest, *(f"notebooks/{name}" for name in names), *NBVAL],
        ["-m", "xailab.course", "editions", "--only", "student", "--out", "build/gate"],
        [*pytest, *(f"{STUDENT}/{name}" for name in names), *NBVAL],
    ]


def run() -> int:
    """Run the commands up to the first that fails; its exit code, or 0."""
    shutil.rmtree(ROOT / "build" / "gate", ignore_errors=True)
    # the tests read files in UTF-8, also where the system has another encoding
    own = os.environ | {"OMP_NUM_THREADS": "1", "XAILAB_PROGRESS": "off", "PYTHONUTF8": "1"}
    for arguments in commands():
        print("python", *arguments, flush=True)
        code = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=own, check=False)
        if code.returncode:
            return code.returncode
    return 0
