"""Every benchmark, one after the other, and RESULTS.md from what they print: make bench.

    python tests/benchmarks/run.py [--quick] [--out FILE] [name ...]    names: cam lime shapley evaluate ...

Each script runs in a process of its own and prints markdown tables; nothing else of what it prints counts.
All tables go to build/benchmarks.md and, in the same form, to RESULTS.md beside this file: those of
comparisons first. A script that fails is named, the others still count, and the exit code is 1; then, or
where only some were asked for or one round only (--quick), RESULTS.md stays as it is.
"""

import argparse
import datetime
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from measure import machine

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULTS = HERE / "RESULTS.md"
NAMES = ("cam", "lime", "shapley", "evaluate", "widgets", "notebooks")
TITLES = {"widgets": "How long a slider keeps you waiting, from the key press to the picture"}
TAKE_ROUNDS = NAMES[:4]
COMPARISONS = ("| beside it |", "| pytorch-grad-cam |")
TABLE = re.compile(
    r"(?:^\*\*(?P<title>[^\n]+)\*\*\n\n)?(?P<rows>(?:^\|.*\|\n)+)(?P<note>\n(?![|*#\s]).+\n)?",
    re.MULTILINE,
)


def run(name: str, quick: bool = False) -> tuple[int, str]:
    """Run one script, show what it says as it says it; its exit code and output."""
    rounds, said = ["1"] if quick and name in TAKE_ROUNDS else [], []
    command = [sys.executable, "-u", str(HERE / f"bench_{name}.py"), *rounds]
    own = os.environ | {"OMP_NUM_THREADS": "2" if name == "cam" else "1"}
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=own)
    for line in process.stdout:
        print(line, end="", flush=True)
        said.append(line)
    return process.wait(), "".join(said)


def tables(said: str, title: str = "") -> list[str]:
    """The markdown tables in an output, each with its title above and its note below."""
    found = []
    for m in TABLE.finditer(said if said.endswith("\n") else said + "\n"):
        head = m["title"] or title
        found.append((f"**{head}**\n\n" if head else "") + m["rows"] + (m["note"] or ""))
    return [t.strip("\n") for t in found]


def results(found: list[str], about: str) -> str:
    """The text of RESULTS.md: the comparisons, then the other tables."""
    first = [t for t in found if any(mark in t for mark in COMPARISONS)]
    rest = [t for t in found if t not in first]
    more = ["## More tables", *rest] if rest else []
    return "\n\n".join(["# Benchmarks", about, *first, *more]) + "\n"


def write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".tmp")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "benchmarks.md")
    parser.add_argument(
        "--quick", action="store_true", help="one round only, RESULTS.md left alone"
    )
    parser.add_argument("names", nargs="*", help=" ".join(NAMES))
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}.")
    names, start = options.names or NAMES, time.perf_counter()
    found, failed = [], []
    for name in names:
        before = time.perf_counter()
        print(f"\n=== bench_{name}.py", flush=True)
        code, said = run(name, options.quick)
        here = tables(said, TITLES.get(name, ""))
        found += here
        if code != 0 or not here:
            failed.append(name)
        print(f"=== {len(here)} tables, {time.perf_counter() - before:.0f} s", flush=True)
    minutes = (time.perf_counter() - start) / 60
    about = (
        f"Measured by `make bench` on {datetime.date.today():%d %B %Y} in one run of {minutes:.0f} minutes: "
        f"{machine()}. The candidates took turns; given are medians, and ratios are medians of the "
        "ratios within a round. Memory is what the process grew by at most during the call."
    )
    text = results(found, about)
    write(options.out, text)
    print(f"\nAll tables: {options.out} ({minutes:.1f} minutes)")
    if failed:
        print(f"Failed or without a table: {', '.join(failed)}; RESULTS.md stays as it is.")
        return 1
    if not (options.names or options.quick):
        write(RESULTS, text)
        print(f"Written: {RESULTS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
