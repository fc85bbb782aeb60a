"""The course's commands: python -m xailab.course build | refresh | clean."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat

from .notebooks import clean, notebook_paths, run, write
from .pages import build


def _refresh_one(path: Path) -> None:
    write(clean(run(path)), path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m xailab.course", description=__doc__)
    parser.add_argument("action", choices=["build", "refresh", "clean"])
    parser.add_argument("--out", type=Path, default=Path("build/course"))
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all")
    chosen = parser.parse_intermixed_args(arguments)
    paths = chosen.notebooks or notebook_paths()
    if chosen.action == "build":
        print(f"Running {len(paths)} notebooks, two at a time:")
        build(chosen.out, paths)
        print(f"\nThe course is at {(chosen.out / 'index.html').resolve().as_uri()}")
        print("To work in it:  make lab   (opens JupyterLab on this computer only)")
    elif chosen.action == "refresh":
        with ProcessPoolExecutor(2) as pool:
            list(pool.map(_refresh_one, paths))
    else:
        for path in paths:
            write(clean(nbformat.read(path, as_version=4)), path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
