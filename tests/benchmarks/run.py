"""Every benchmark, one after the other, and the README's block from what they print: make bench.

    python tests/benchmarks/run.py [--quick] [--out FILE] [name ...]    names: cam lime shapley evaluate ...

Each script runs in a process of its own and prints markdown tables; nothing else of what it prints counts.
All tables go to build/benchmarks.md and, in the same form, between the two comments in the README: those
of comparisons first, the others folded up. A script that fails is named, the others still count, and the end
is 1; then, or where only some were asked for or one round only (--quick), the README stays as it is.
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
README = ROOT / "README.md"
NAMES = ("cam", "lime", "shapley", "evaluate", "widgets", "notebooks")
TITLES = {"widgets": "How long a slider keeps you waiting, from the key press to the picture"}
TAKE_ROUNDS = NAMES[:4]
COMPARISONS = ("| beside it |", "| pytorch-grad-cam |")
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
TABLE = re.compile(
    r"(?:^\*\*(?P<title>[^\n]+)\*\*\n\n)?(?P<rows>(?:^\|.*\|\n)+)(?P<note>\n(?![|*<\s]).+\n)?",
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


def block(found: list[str], about: str) -> str:
    """What stands in the README: the comparisons, and the other tables folded up."""
    first = [t for t in found if any(mark in t for mark in COMPARISONS)]
    rest = [t for t in found if t not in first]
    if rest:
        rest = ["<details><summary>More tables</summary>", *rest, "</details>"]
    return "\n\n".join([BEGIN, about, *first, *rest, END])


def replace_block(readme: str, new: str) -> str:
    """The text with what stands between the two comments replaced. ValueError where they are not."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        raise ValueError(f"README.md must have {BEGIN} and {END} once each.")
    before, rest = readme.split(BEGIN)
    return before + new + rest.split(END)[1]


def write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".tmp")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "benchmarks.md")
    parser.add_argument("--quick", action="store_true", help="one round only, README left alone")
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
    text = block(found, about)
    write(options.out, text + "\n")
    print(f"\nAll tables: {options.out} ({minutes:.1f} minutes)")
    if failed:
        print(f"Failed or without a table: {', '.join(failed)}; the README stays as it is.")
        return 1
    if not (options.names or options.quick):
        write(README, replace_block(README.read_text(encoding="utf-8"), text))
        print("The README's block is new.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
