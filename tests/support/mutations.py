"""Can the tests fail? Breaks one operation of a formula at a time and runs the tests beside it.

    python tests/support/mutations.py [--jobs 2] [function ...]

A mutation is named by its function and its operator, as in ``cam.formulas.grad_cam: relu dropped``.
It is made on the syntax tree, so reformatting a formula breaks nothing here. The work tree is only
read: every mutant runs in a copy. Some survivors are equivalent to the formula; read each of them.
"""

import argparse
import ast
import copy
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
# module -> the functions that are mutated, and the tests that have to notice
TARGETS = {
    "cam.formulas": (
        "cam grad_cam grad_cam_pp_weights grad_cam_pp layer_cam hires_cam ablation_weights "
        "ablation_cam upsample normalise",
        "tests/cam",
    ),
    "cam.ablation": ("tail_logits gap_linear_head", "tests/cam/test_ablation.py"),
    "local_fit": (
        "exponential_kernel cosine_distance fit r_squared sums_of r2_on fit_strongest strongest",
        "tests/lime",
    ),
    "lime_tabular": ("explain", "tests/lime"),
    "lime_tabular.neighbourhood": ("perturb quartiles _draw_in_bins encode", "tests/lime"),
    "lime_image.perturbation": ("draw_masks hidden", "tests/lime"),
    "lime_text": ("draw", "tests/lime"),
    "shapley.game": ("values", "tests/shapley"),
    "shapley.exact_values": ("shapley_weights exact", "tests/shapley"),
    "shapley.estimates": (
        "kernel _coalitions kernel_weight constrained_fit sampling",
        "tests/shapley",
    ),
    "integrated_gradients": ("quadrature explain", "tests/test_integrated_gradients.py"),
    "metrics.overlap": (
        "region iou precision recall f1 saliency_score threshold_curve best_threshold "
        "_counts pointing_game grid_pointing_game box_mask",
        "tests/metrics",
    ),
    "metrics.faithfulness": (
        "baseline perturbation_curves average_drop",
        "tests/metrics/test_faithfulness.py",
    ),
    "metrics.sanity": ("map_similarity", "tests/metrics/test_sanity.py"),
    "metrics.intervals": ("_interval _differences holm compare", "tests/metrics"),
}


class Mutant(NamedTuple):
    name: str  # module.function: operator at line
    path: str  # of the module, below the package
    source: str  # of the mutated module
    tests: str


# --- the operators -----------------------------------------------------------------------------

SWAPPED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
RENAMED = {"mean": "sum", "sum": "mean", "amax": "amin", "max": "min", "argmax": "argmin"}
DROPPED = ("relu", "abs", "sqrt")


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What can be wrong with this node: the operator's name, and the node that takes its place."""
    if isinstance(node, ast.BinOp) and type(node.op) in SWAPPED:
        new = copy.deepcopy(node)
        new.op = SWAPPED[type(node.op)]()
        yield f"{type(node.op).__name__} -> {type(new.op).__name__}", new
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        yield "power dropped", node.left
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
        new = copy.deepcopy(node)
        new.ops[0] = SWAPPED[type(node.ops[0])]()
        yield f"{type(node.ops[0]).__name__} -> {type(new.ops[0]).__name__}", new
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert):
        yield "sign dropped", node.operand
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        name = node.func.attr
        if name in DROPPED:
            yield f"{name} dropped", node.args[0] if node.args else node.func.value
        if name in RENAMED:
            new = copy.deepcopy(node)
            new.func.attr = RENAMED[name]
            yield f"{name} -> {RENAMED[name]}", new
    if isinstance(node, ast.Tuple) and len(node.elts) == 2:
        if all(isinstance(e, ast.Constant) and isinstance(e.value, int) for e in node.elts):
            yield "second axis dropped", node.elts[0]


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else super().visit(node)


def mutants_of(source: str, function: str) -> Iterator[tuple[str, str]]:
    """(operator and line, mutated source), one for each thing that can be wrong in the function."""
    count = len(list(_sites(ast.parse(source), function)))
    for place in range(count):
        tree = ast.parse(source)
        operator, old, new = list(_sites(tree, function))[place]
        mutated = ast.fix_missing_locations(_Replace(old, new).visit(tree))
        yield f"{operator}, line {old.lineno}", ast.unparse(mutated)


def _sites(tree: ast.Module, function: str) -> Iterator[tuple[str, ast.AST, ast.AST]]:
    for outer in ast.walk(tree):
        if isinstance(outer, ast.FunctionDef) and outer.name == function:
            for statement in outer.body:
                if isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Raise):
                    continue  # a check of the arguments, not the formula
                for node in ast.walk(statement):
                    for operator, new in changes(node):
                        yield operator, node, new


def mutants(words: list[str]) -> Iterator[Mutant]:
    """All mutants of the targets whose name contains one of the words, or of all targets."""
    for module, (functions, tests) in TARGETS.items():
        path = module.replace(".", "/")
        folder = (ROOT / "xailab" / path).is_dir()
        file = f"{path}/__init__.py" if folder else f"{path}.py"
        source = (ROOT / "xailab" / file).read_text(encoding="utf-8")
        for function in functions.split():
            for what, mutated in mutants_of(source, function):
                name = f"{module}.{function}: {what}"
                if not words or any(word in name for word in words):
                    yield Mutant(name, file, mutated, tests)


# --- running -----------------------------------------------------------------------------------


def copy_of_the_package(folder: Path) -> Path:
    """Package and tests copied, everything they only read linked."""
    for name in ("xailab", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in ("data", "notebooks", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def caught_by(mutant: Mutant, folder: Path) -> str | None:
    """The test that notices the mutant in this copy of the package; None when all pass.

    Raises RuntimeError when the tests do not run to an answer.
    """
    path = folder / "xailab" / mutant.path
    whole = path.read_bytes()
    path.write_text(mutant.source, encoding="utf-8")
    flags = ["-x", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider", "-p", "no:xdist"]
    own = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *flags, mutant.tests],
            cwd=folder,
            env=os.environ | own,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_bytes(whole)
    if done.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if done.returncode not in (1, 2) or failed is None:
        raise RuntimeError(f"The tests did not run to an answer:\n{done.stdout[-2000:]}")
    return failed[1]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("words", nargs="*", help="only mutants whose name contains one of them")
    chosen = parser.parse_args(arguments)
    found = list(mutants(chosen.words))
    folders: Queue[Path] = Queue()

    def try_out(mutant: Mutant) -> str | None:
        folder = folders.get()
        try:
            return caught_by(mutant, folder)
        finally:
            folders.put(folder)

    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(chosen.jobs) as pool:
        for job in range(chosen.jobs):
            folders.put(copy_of_the_package(Path(place) / str(job)))
        survived = 0
        for mutant, by in zip(found, pool.map(try_out, found), strict=True):
            survived += by is None
            print(
                f"{'SURVIVED' if by is None else 'caught'}  {mutant.name}  {by or ''}", flush=True
            )
    print(f"{len(found) - survived} of {len(found)} mutants caught, {survived} survived.")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
