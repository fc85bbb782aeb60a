"""How long each notebook takes from the first cell to the last, kernel start included. Prints a table.

    python tests/benchmarks/bench_notebooks.py [notebook ...]

One after the other, one numerical thread, as `make course` runs them two at a time. The budget is 60
seconds, 120 for the two notebooks that evaluate many photographs.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from pathlib import Path

from measure import Table, show, timed

from xailab.course import notebooks

LONGER = {"06": 120, "07": 120}


def tables(paths: list[Path] | None = None) -> list[Table]:
    rows = []
    for path in paths or notebooks.notebook_paths():
        taken, notebook = timed(lambda path=path: notebooks.run(path))
        title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
        budget = LONGER.get(path.stem[:2], 60)
        rows.append((path.stem[:2], title, f"{taken:.0f} s", f"{budget} s"))
        print(f"  notebook {path.stem}: {taken:.0f} s", file=sys.stderr, flush=True)
    return [Table("The notebooks, one thread", ("", "notebook", "runs in", "budget"), rows)]


if __name__ == "__main__":
    show(tables([Path(a) for a in sys.argv[1:]]))
