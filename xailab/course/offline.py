"""The course for machines without a network.

One zip with the course's files and every wheel that it needs on a machine of the same kind (system,
processor, Python version). On the other side one command installs and runs it; see INSTALL.txt.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from .._utils.files import atomic_file
from . import ROOT

LEFT_OUT = {".git", ".venv", "build", "__pycache__", ".ipynb_checkpoints"}
SUFFIXES_LEFT_OUT = {".pyc", ".draft", ".tmp"}
INSTALL = """Unpack, open a terminal in the folder xailab, and type

    PIP_NO_INDEX=1 PIP_FIND_LINKS="$PWD/wheels" make course

It installs from the folder wheels, runs every notebook and writes the pages; make lab then opens the
course. Without make:

    {start} -m venv .venv
    {python} -m pip install --no-index --find-links wheels --editable ".[course]"
    {python} -m xailab.course lab

The wheels fit {system} with Python {version}.
"""


def files(root: Path = ROOT) -> list[Path]:
    """The course's own files: neither what was built nor what was installed."""
    found = []
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        hidden = any(
            part in LEFT_OUT or part.endswith(("_cache", ".egg-info")) or part == ".hypothesis"
            for part in parts
        )
        if path.is_file() and not hidden and path.suffix not in SUFFIXES_LEFT_OUT:
            found.append(path)
    return found


def gather(wheels: Path, requirements: list[str]) -> list[Path]:
    """All wheels that ``requirements`` need, in ``wheels``; those that are there stay."""
    wheels.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(wheels)]
    subprocess.run([*command, "--find-links", str(wheels), *requirements], check=True)
    return sorted(wheels.glob("*.whl"))


def pack(out: Path, wheels: list[Path], root: Path = ROOT) -> Path:
    """Write the zip; returns its path."""
    out.parent.mkdir(parents=True, exist_ok=True)
    said = INSTALL.format(
        start="py" if os.name == "nt" else "python3",
        python=r".venv\Scripts\python" if os.name == "nt" else ".venv/bin/python",
        system=sys.platform,
        version=".".join(map(str, sys.version_info[:2])),
    )
    # a gigabyte takes a while: the old zip stays until the new one is whole
    with atomic_file(out) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xailab/INSTALL.txt", said)
        for path in files(root):
            archive.write(path, Path("xailab") / path.relative_to(root))
        for wheel in wheels:
            # a wheel is compressed already
            archive.write(wheel, Path("xailab/wheels") / wheel.name, zipfile.ZIP_STORED)
    return out


def build(out: Path, with_wheels: bool = True) -> tuple[Path, int]:
    """The zip at ``out``, and how many wheels lie in it."""
    wheels = []
    if with_wheels:
        needed = [f"{ROOT}[course,test]", "setuptools>=69", "wheel", "pip"]
        wheels = gather(out.parent / "wheels", needed)
        wheels = [wheel for wheel in wheels if not wheel.name.startswith("xailab-")]
    return pack(out, wheels), len(wheels)
