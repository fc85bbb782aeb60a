"""The course's commands in one place; each imports what it needs when it is called."""

import argparse
import io
import shutil
import sys
from pathlib import Path

from . import NOTEBOOKS, ROOT


def _paths(chosen: argparse.Namespace) -> list[Path]:
    """The notebooks that were named; none means all."""
    from . import notebooks

    return [notebooks.named(name) for name in chosen.notebooks]


def _build(chosen: argparse.Namespace) -> int:
    from . import pages

    pages.build(chosen.out, _paths(chosen))
    print(f"\nThe course is at {(chosen.out / 'index.html').resolve().as_uri()}")
    print("To work in it: make lab, or python -m xailab.course lab")
    return 0


def _pages(chosen: argparse.Namespace) -> int:
    from . import pages

    pages.build(chosen.out, _paths(chosen), execute=False)
    print(f"The pages are at {(chosen.out / 'index.html').resolve().as_uri()}")
    return 0


def _lab(chosen: argparse.Namespace) -> int:
    from . import lab

    return lab.start(chosen.edition, chosen.more)


def _test(chosen: argparse.Namespace) -> int:
    from . import gate

    return gate.run()


def _refresh(chosen: argparse.Namespace) -> int:
    from . import notebooks

    notebooks.refresh(_paths(chosen), execute=not chosen.no_run)
    return 0


def _editions(chosen: argparse.Namespace) -> int:
    from . import editions

    names = [chosen.only] if chosen.only else editions.EDITIONS
    written = editions.build(chosen.out, _paths(chosen), names)
    print(f"{len(written)} notebooks in {', '.join(names)} below {chosen.out.resolve()}")
    return 0


def _handin(chosen: argparse.Namespace) -> int:
    from . import handin

    handin.write(chosen.grader, chosen.out, _paths(chosen))
    return 0


def _slides(chosen: argparse.Namespace) -> int:
    from . import slides

    made = slides.write(chosen.out, _paths(chosen))
    print(f"{len(made)} folders of figures below {chosen.out.resolve()}")
    return 0


def _site(chosen: argparse.Namespace) -> int:
    from . import site

    work = chosen.out.parent / "site-work"
    first = site.build(chosen.out, work, _paths(chosen), chosen.audience == "students")
    print(f"The site is at {first.resolve().as_uri()}")
    return 0


def _offline(chosen: argparse.Namespace) -> int:
    from . import offline

    done, count = offline.build(chosen.out, with_wheels=not chosen.no_wheels)
    print(f"{done}: {done.stat().st_size / 1e6:.0f} MB, {count} wheels")
    return 0


def _checklist(chosen: argparse.Namespace) -> int:
    from . import checklist

    print(checklist.page(checklist.gather()), end="")
    return 0


def _clean(chosen: argparse.Namespace) -> int:
    # somebody may work in the editions
    kept = ROOT / "build" / "editions"
    built = [path for path in (ROOT / "build").glob("*") if path != kept]
    for path in [*built, ROOT / ".pytest_cache", ROOT / ".ruff_cache"]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return 0


# command -> function, what it does, where it writes (None: nowhere), whether notebooks can be named
COMMANDS = {
    "build": (_build, "run every notebook and write HTML pages", "build/course", True),
    "pages": (_pages, "write HTML pages of the notebooks as they are", "build/pages", True),
    "lab": (_lab, "open a working copy in JupyterLab, on this computer only", None, False),
    "test": (_test, "style, unit tests and every notebook, as make test", None, False),
    "site": (_site, "a website of the course that needs no server", "build/site", True),
    "editions": (_editions, "student, solutions and teacher notebooks", "build/editions", True),
    "handin": (_handin, "notebooks for nbgrader or Otter-Grader", "build/handin", True),
    "slides": (_slides, "the notebooks' figures, one to a screen", "build/slides", True),
    "offline": (_offline, "a zip with all wheels", "build/xailab-offline.zip", False),
    "checklist": (_checklist, "print the reviewer's checklist", None, False),
    "refresh": (_refresh, "run every notebook and keep what is committed", None, True),
    "clean": (_clean, "remove what was built, except the editions", None, False),
}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m xailab.course", description="The commands of the course."
    )
    verbs = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (call, said, out, notebooks) in COMMANDS.items():
        verb = verbs.add_parser(name, help=said, description=f"{said[0].upper()}{said[1:]}.")
        verb.set_defaults(call=call)
        if name == "handin":
            verb.add_argument("grader", choices=["nbgrader", "otter"])
        if name == "lab":
            names = ["student", "solutions", "teacher"]
            verb.add_argument("--edition", choices=names, default="student")
            verb.add_argument("more", nargs="*", help="options for JupyterLab, after --")
        if name == "site":
            verb.add_argument("--audience", choices=["all", "students"], default="all")
        if name == "editions":
            verb.add_argument("--only", choices=["student", "solutions", "teacher"])
        if name == "offline":
            verb.add_argument("--no-wheels", action="store_true", help="only the course's files")
        if name == "refresh":
            verb.add_argument("--no-run", action="store_true", help="only drop what is not kept")
        if out:
            verb.add_argument("--out", type=Path, default=Path(out), help=f"default: {out}")
        if notebooks:
            verb.add_argument("notebooks", nargs="*", type=Path, help="default: all")
    return made


def main(arguments: list[str] | None = None) -> int:
    # on Windows a redirected output would take only the characters of the system's own language
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    made = parser()
    chosen, rest = made.parse_known_args(arguments)
    if rest and ("notebooks" not in chosen or any(word.startswith("-") for word in rest)):
        made.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        # before Python 3.12 argparse overlooks notebooks that are named after an option
        chosen.notebooks += map(Path, rest)
    if not any(NOTEBOOKS.glob("[0-9]*.ipynb")):
        print(
            "The notebooks are not beside this package: clone the repository and install it from "
            "there with pip install --editable '.[course]'.",
            file=sys.stderr,
        )
        return 1
    try:
        return chosen.call(chosen)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("xailab"):
            raise
        print(
            f"{missing.name} is not installed: pip install --editable '.[course]' brings it.",
            file=sys.stderr,
        )
        return 1
    except FileNotFoundError as missing:
        print(missing, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
