"""Can the tests fail? Breaks one formula at a time in a copy of the package: make mutation.

    python tests/mutations.py [--jobs 2] [--out FILE] [word ...]

Each mutation is one text of the package and what takes its place: a sign, a transpose, a missing ReLU,
a wrong axis, power, weight or order. The tests named beside it run against the broken copy, and the
table says which of them noticed first. Words choose the mutations whose line in the table contains
one of them. Ends with 1 when a mutation survives. The work tree is only read.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
LINKED = ("data", "notebooks", "README.md")


class Mutation(NamedTuple):
    """``old`` stands once in the module; ``tests`` must fail when ``new`` stands there instead."""

    module: str
    tests: str
    kind: str
    what: str
    old: str
    new: str


_M = {
    ("cam", "test_cam"): (
        (
            "missing ReLU",
            "Grad-CAM keeps negative evidence",
            "return _weighted_sum(g.mean((2, 3)), A).relu()",
            "return _weighted_sum(g.mean((2, 3)), A)",
        ),
        (
            "missing normalisation",
            "Grad-CAM sums the gradients over the places",
            "return _weighted_sum(g.mean((2, 3)), A)",
            "return _weighted_sum(g.sum((2, 3)), A)",
        ),
        (
            "wrong power",
            "Grad-CAM++ with g^4 for g^3 in alpha",
            "denominator = 2 + g * A",
            "denominator = 2 + g**2 * A",
        ),
        (
            "missing ReLU",
            "Grad-CAM++ weighs negative gradients too",
            "(alpha * g.relu()).sum",
            "(alpha * g).sum",
        ),
        (
            "wrong axis",
            "Grad-CAM++ sums A over rows only",
            "A.sum((2, 3), keepdim=True)",
            "A.sum(2, keepdim=True)",
        ),
        (
            "wrong order",
            "Layer-CAM takes the ReLU of the products",
            "return (g.relu() * A).sum(1).relu()",
            "return (g * A).relu().sum(1)",
        ),
        (
            "missing ReLU",
            "HiResCAM keeps negative evidence",
            "return (g * A).sum(1).relu()",
            "return (g * A).sum(1)",
        ),
        ("sign", "Ablation-CAM with S_k - S", "(S - ablated_scores) /", "(ablated_scores - S) /"),
        (
            "sign",
            "Ablation-CAM divides by the size of S",
            "/ torch.where(S == 0, 1, S))",
            "/ torch.where(S == 0, 1, S.abs()))",
        ),
        ("transpose", "the weighted map comes out mirrored", '"bk,bkhw->bhw"', '"bk,bkhw->bwh"'),
        (
            "missing normalisation",
            "maps are stretched from minimum to maximum",
            "positive = map.relu()",
            "positive = map - map.amin((-2, -1), keepdim=True)",
        ),
        (
            "off by one",
            "upsampling aligns corners instead of pixel areas",
            'mode="bilinear", align_corners=False)[:, 0]',
            'mode="bilinear", align_corners=True)[:, 0]',
        ),
    ),
    ("hooks", "test_hooks"): (
        (
            "missing copy",
            "the record hands on the tensor itself",
            "return rec._leaf.clone()",
            "return rec._leaf",
        ),
        (
            "missing normalisation",
            "gradients of the batch's mean, not its sum",
            "torch.autograd.grad(score.sum(), leaf",
            "torch.autograd.grad(score.mean(), leaf",
        ),
    ),
    ("tape", "test_hooks"): (
        (
            "wrong row",
            "the tail replays input 0 for every input",
            "kept.value[row : row + 1]",
            "kept.value[:1]",
        ),
    ),
    ("ablation", "test_ablation"): (
        (
            "wrong axis",
            "every copy loses all channels of its turn",
            "maps[torch.arange(len(channels)), channels] = 0",
            "maps[:, channels] = 0",
        ),
        (
            "missing term",
            "a channel of zeros is taken to leave nothing behind",
            "a[k] - c[k]",
            "a[k]",
        ),
        (
            "missing check",
            "the short cut is believed without looking for a second way",
            "if not _close(rec.tail(A, row, answers={linear: z}), scores):",
            "if False:",
        ),
    ),
    ("maps", "test_cam_networks"): (
        (
            "transpose",
            "the map of a transformer comes out mirrored",
            "unflatten(1, (n, n)).permute(0, 3, 1, 2)",
            "unflatten(1, (n, n)).permute(0, 3, 2, 1)",
        ),
    ),
    ("local_fit", "test_local_fit"): (
        (
            "wrong power",
            "kernel exp(-d / 2 w^2)",
            "(distance / width) ** 2)",
            "(distance / width))",
        ),
        ("wrong weight", "kernel exp(-d^2 / w^2)", "** 2) / 2)", "** 2))"),
        (
            "sign",
            "the ridge rewards large weights",
            "ZtP @ Zc + alpha * np.eye",
            "ZtP @ Zc - alpha * np.eye",
        ),
        (
            "sign",
            "intercept b = y + z w",
            "float(y_mean - z_mean @ weights)",
            "float(y_mean + z_mean @ weights)",
        ),
        (
            "missing weight",
            "R^2 ignores the sample weights of the residuals",
            "residual = sample_weights @ (yc - Zc @ weights) ** 2",
            "residual = sample_weights.mean() * ((yc - Zc @ weights) ** 2).sum()",
        ),
        (
            "missing factor",
            "the strongest columns ignore the explained row",
            "alpha=0.01).weights * Z[0])",
            "alpha=0.01).weights)",
        ),
    ),
    ("lime_tabular", "test_lime_tabular"): (
        (
            "off by one",
            "a value on a bin's edge falls into the next bin",
            "bin = np.searchsorted(edges[feature], value)",
            'bin = np.searchsorted(edges[feature], value, side="right")',
        ),
        (
            "wrong centre",
            "distances from the mean sample, not from the row",
            "near.Z - near.Z[0], axis=1",
            "near.Z - near.Z.mean(0), axis=1",
        ),
        (
            "wrong power",
            "draws spread by the variance",
            "centre + column.std() * rng",
            "centre + column.var() * rng",
        ),
        ("missing row", "row 0 is a draw, not the explained row", "    samples[0] = rows\n", ""),
        ("wrong weight", "default kernel width 0.75 d", "0.75 * np.sqrt(d) if", "0.75 * d if"),
    ),
    ("chosen_masks", "test_chosen_masks"): (
        (
            "off by one",
            "two masks differ in one superpixel more than they do",
            "(a + s - 2 * t) / m)",
            "(a + s - 2 * t + 1) / m)",
        ),
        (
            "missing term",
            "the line is not corrected for what is bent",
            "covariance @ line[1:] + (kz - k[:, None] * mean).T @ bent",
            "covariance @ line[1:]",
        ),
        (
            "wrong axis",
            "masks are worth what single weights tell, not all",
            "(with_weights**2).sum(1) / variance",
            "with_weights[:, 0] ** 2 / variance",
        ),
    ),
    ("lime_image", "test_lime_image"): (
        (
            "wrong power",
            "cosine distance without its root",
            "1 - np.sqrt(Z.mean(1))",
            "1 - Z.mean(1)",
        ),
        (
            "transpose",
            "mean colours in the order blue, green, red",
            "image[..., c].ravel())",
            "image[..., 2 - c].ravel())",
        ),
        (
            "swapped arguments",
            "a mask hides what it should show",
            "row[segments][..., None] == 1, image,",
            "row[segments][..., None] == 0, image,",
        ),
        (
            "sign",
            "the mask forgets what speaks against the class",
            "= np.sign(self.weights[strongest])",
            "= 1",
        ),
        (
            "wrong axis",
            "fold-over pairs are torn apart",
            "np.stack([half, 1 - half], axis=1)",
            "np.stack([half, 1 - half], axis=0)",
        ),
        (
            "sign",
            "fold-over repeats a row instead of its complement",
            "np.stack([half, 1 - half]",
            "np.stack([half, half]",
        ),
    ),
    ("shapley", "test_shapley"): (
        (
            "wrong weight",
            "a joined player's weight one size off",
            "1 / (d * comb(d - 1, k - 1))",
            "1 / (d * comb(d, k))",
        ),
        (
            "sign",
            "absence counts like presence",
            "np.where(members.T, joined, -absent)",
            "np.where(members.T, joined, absent)",
        ),
        (
            "swapped arguments",
            "coalitions take the background's values",
            "np.where(members, x, background)",
            "np.where(members, background, x)",
        ),
        (
            "off by one",
            "the neighbour joins the coalition",
            "rows[each, with_j, who[:, j]]",
            "rows[each, with_j, who[:, j - 1]]",
        ),
        (
            "missing term",
            "features that agree with the row are players too",
            "differs = background != x",
            "differs = background == background",
        ),
        (
            "wrong weight",
            "the Shapley kernel with s^2 for s (d - s)",
            "(choose * s * (d - s))",
            "(choose * s * s)",
        ),
        (
            "sign",
            "the additivity constraint pulls the wrong way",
            "return free - step *",
            "return free + step *",
        ),
        (
            "wrong weight",
            "kernel coalitions of all sizes equally often",
            "share = 1 / (sizes * (d - sizes))",
            "share = 1.0 + 0 * sizes",
        ),
        (
            "missing term",
            "orders are not walked backwards",
            "np.stack([orders, orders[:, ::-1]], axis=1)",
            "np.stack([orders, orders], axis=1)",
        ),
        (
            "missing normalisation",
            "values of all orders are added up",
            "        phi /= 2 * len(v)\n",
            "",
        ),
    ),
    ("metrics", "test_metrics"): (
        (
            "off by one",
            "the region leaves out what is just at the threshold",
            "return h >= threshold * h.max()",
            "return h > threshold * h.max()",
        ),
        (
            "missing term",
            "the union counts the overlap twice",
            "return both / (marked + on_object - both)",
            "return both / (marked + on_object)",
        ),
        (
            "swapped arguments",
            "recall divides by what is marked",
            "return both / on_object",
            "return both / marked if marked else 0.0",
        ),
        (
            "missing factor",
            "F1 without its 2",
            "return 2 * both / (marked + on_object)",
            "return both / (marked + on_object)",
        ),
        (
            "missing normalisation",
            "saliency score by means instead of sums",
            "float(h[mask].sum() / h.sum())",
            "float(h[mask].mean() / h.sum())",
        ),
        (
            "off by one",
            "the curve's region leaves out its threshold",
            "np.searchsorted(np.sort(h, axis=None), thresholds * h.max())",
            'np.searchsorted(np.sort(h, axis=None), thresholds * h.max(), "right")',
        ),
        (
            "swapped arguments",
            "the threshold is chosen on the items it is reported on",
            "best_threshold(curves[others], thresholds)",
            "best_threshold(curves[mine], thresholds)",
        ),
        (
            "wrong axis",
            "the grid's cells are cut across",
            "h.shape[1] // side).sum((1, 3))",
            "h.shape[1] // side).sum((0, 2))",
        ),
        (
            "off by one",
            "the box ends one row early",
            "ys.min() : ys.max() + 1",
            "ys.min() : ys.max()",
        ),
    ),
    ("intervals", "test_metrics"): (
        (
            "wrong weight",
            "a 95 % interval with 5 % on each side",
            "[(1 - level) / 2, (1 + level) / 2]",
            "[1 - level, level]",
        ),
        (
            "swapped arguments",
            "paired differences b - a",
            "return first - second",
            "return second - first",
        ),
        (
            "wrong weight",
            "Bonferroni's factor for every test instead of Holm's",
            "np.arange(len(given), 0, -1)",
            "len(given)",
        ),
        (
            "off by one",
            "the observed pattern is not counted among the drawn ones",
            "float((found.sum() + 1) / (n_resamples + 1))",
            "float(found.mean())",
        ),
        (
            "missing absolute value",
            "the sign-flip test is one-sided",
            "found = np.abs(signs @ d) >= abs(d.sum()) - 1e-12\n        return",
            "found = signs @ d >= d.sum() - 1e-12\n        return",
        ),
    ),
    ("faithfulness", "test_faithfulness"): (
        (
            "swapped arguments",
            "deletion inserts and insertion deletes",
            "if insert else (other, x))))",
            "if not insert else (other, x))))",
        ),
        ("sign", "the least marked pixels go first", "(lot, -h.ravel())", "(lot, h.ravel())"),
        (
            "missing weight",
            "the area is the plain mean of the scores",
            "float(np.trapezoid(self.scores, self.fractions))",
            "float(self.scores.mean())",
        ),
        (
            "missing ReLU",
            "a gain counts as a drop",
            "(whole - part).clamp(min=0)",
            "(whole - part).abs()",
        ),
        (
            "missing normalisation",
            "average drop in probability, not in its share",
            ".clamp(min=0) / whole)",
            ".clamp(min=0))",
        ),
        (
            "missing ranks",
            "map similarity on values, not on ranks",
            "rankdata(m, axis=None) - (m.size + 1) / 2",
            "m.ravel() - m.mean()",
        ),
        (
            "missing scale",
            "stability's noise ignores the spread of x",
            "noise * x.std() * torch.randn",
            "noise * torch.randn",
        ),
        (
            "wrong row",
            "the cascade compares with the layer before, not with the trained network",
            "_alike(m[0], step) for step in m",
            "_alike(m[i - 1], step) for i, step in enumerate(m)",
        ),
    ),
    ("models", "test_models"): (
        (
            "swapped arguments",
            "pixels divided by the mean",
            "return ((x - mean) / std).contiguous()",
            "return ((x - std) / mean).contiguous()",
        ),
        (
            "transpose",
            "pictures enter the network mirrored",
            ".permute(0, 3, 1, 2).float() / 255",
            ".permute(0, 3, 2, 1).float() / 255",
        ),
        (
            "missing normalisation",
            "pixels from 0 to 255",
            ".permute(0, 3, 1, 2).float() / 255",
            ".permute(0, 3, 1, 2).float()",
        ),
        (
            "swapped arguments",
            "the crop's corner with its axes exchanged",
            "left, top = (w - size) // 2, (h - size) // 2",
            "top, left = (w - size) // 2, (h - size) // 2",
        ),
    ),
    ("efficientnet_lite", "test_models"): (
        (
            "off by one",
            "'SAME' padding puts the odd pixel left and on top",
            "(across // 2, across - across // 2, down // 2, down - down // 2)",
            "(across - across // 2, across // 2, down - down // 2, down // 2)",
        ),
        (
            "missing term",
            "the fused network forgets epsilon",
            "torch.sqrt(norm.running_var + norm.eps)",
            "torch.sqrt(norm.running_var)",
        ),
    ),
    ("lime_text", "test_lime_text"): (
        (
            "off by one",
            "up to all but one of the words are left out",
            "rng.integers(1, m + 1, n_samples - 1)",
            "rng.integers(1, m, n_samples - 1)",
        ),
        (
            "off by one",
            "one more word is left out than was drawn",
            "rank >= sizes[:, None]",
            "rank > sizes[:, None]",
        ),
        (
            "wrong power",
            "the cosine without its root",
            "1 - np.sqrt(np.mean(Z, axis=1))",
            "1 - np.mean(Z, axis=1)",
        ),
        (
            "swapped values",
            "0 keeps a word and 1 leaves it out",
            "for j in np.flatnonzero(row == 0):",
            "for j in np.flatnonzero(row):",
        ),
        (
            "sign",
            "the strongest words for the other side",
            "side = 1 if self.model_prediction > 0.5 else -1",
            "side = -1 if self.model_prediction > 0.5 else 1",
        ),
    ),
    ("texts", "test_texts"): (
        (
            "leak",
            "whole presidents are not held out together",
            'groups = cut["president"]\n',
            'groups = cut["text"]\n',
        ),
        (
            "missing step",
            "the lot leaves the parties where they were",
            "generator(seed).permutation(party.to_numpy())",
            "party.to_numpy()",
        ),
        (
            "sign",
            "the words that speak strongest against the party",
            "np.argsort(-side * fitted",
            "np.argsort(side * fitted",
        ),
        (
            "leak",
            "the new man is read in training",
            'fit(cut["text"][~his], cut["party"][~his])',
            'fit(cut["text"], cut["party"])',
        ),
        (
            "wrong mean",
            "passages are counted and not men",
            'right.groupby(cut["president"], sort=False).mean().to_numpy()',
            "right.to_numpy()",
        ),
    ),
    ("income_net", "test_models"): (
        (
            "wrong operation",
            "the income network multiplies by the spread",
            "(x - self.mean) / self.scale",
            "(x - self.mean) * self.scale",
        ),
    ),
}
MUTATIONS = [Mutation(*where, *what) for where, found in _M.items() for what in found]


def broken(mutation: Mutation, package: Path = ROOT / "xailab") -> str:
    """The module's text with the mutation in it. Raises ValueError unless ``old`` stands there once."""
    text = (package / f"{mutation.module}.py").read_text(encoding="utf-8")
    if (n := text.count(mutation.old)) != 1:
        raise ValueError(
            f"{mutation.old!r} should stand in {mutation.module}.py once, but stands there {n} times; "
            f"say anew in tests/mutations.py where to break: {mutation.what}."
        )
    return text.replace(mutation.old, mutation.new)


def copy_of_the_package(folder: Path) -> Path:
    """Package and tests copied, everything they only read linked."""
    for name in ("xailab", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    return folder


def run_tests(folder: Path, *tests: str) -> tuple[int, str]:
    """pytest in the copy, up to the first failure: its exit code and what it printed."""
    flags = ["-x", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider", "-p", "no:xdist"]
    files = [f"tests/{name}.py" for name in tests]
    # no .pyc files: two mutations of one length within a second would look alike
    own = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *flags, *files],
        cwd=folder,
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def noticed_by(code: int, said: str) -> str | None:
    """The test that failed; None when all passed. An error outside the tests is no catch."""
    if code == 0:
        return None
    failed = re.search(r"^FAILED tests/\S+?::([^\s\[]+)", said, re.MULTILINE)
    if code != 1 or failed is None:
        raise RuntimeError(f"The tests did not run to an answer:\n{said[-2000:]}")
    return failed[1]


def try_out(mutation: Mutation, folder: Path) -> str | None:
    """Break the copy in this place, ask the tests, mend it again."""
    path = folder / "xailab" / f"{mutation.module}.py"
    whole, text = path.read_bytes(), broken(mutation, folder / "xailab")
    path.write_text(text, encoding="utf-8")
    try:
        return noticed_by(*run_tests(folder, mutation.tests))
    finally:
        path.write_bytes(whole)


def row(mutation: Mutation, by: str | None) -> str:
    caught = f"`{by}`" if by else "**survived**"
    return f"| {mutation.module} | {mutation.kind} | {mutation.what} | {caught} |"


HEAD = "| module | broken | so that | caught by |\n|---|---|---|---|"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write the table to this file, too")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    chosen = [
        m for m in MUTATIONS if not options.words or any(w in row(m, "") for w in options.words)
    ]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as top, ThreadPoolExecutor(options.jobs) as pool:
        copies: Queue[Path] = Queue()
        for i in range(options.jobs):
            (folder := Path(top) / str(i)).mkdir()
            copies.put(copy_of_the_package(folder))

        def one(job):
            folder = copies.get()
            try:
                return job(folder)
            finally:
                copies.put(folder)

        files = sorted({m.tests for m in chosen})
        whole = one(lambda folder: run_tests(folder, *files))
        if whole[0] != 0:
            print(f"The tests must pass before anything is broken:\n{whole[1]}")
            return 1
        print(
            f"{len(chosen)} mutations; unbroken, all of {', '.join(files)} pass.\n\n{HEAD}",
            flush=True,
        )
        rows, survived = [HEAD], 0
        for m, by in zip(
            chosen, pool.map(lambda m: one(lambda f: try_out(m, f)), chosen), strict=True
        ):
            rows.append(row(m, by))
            survived += by is None
            print(rows[-1], flush=True)
    minutes = (time.perf_counter() - start) / 60
    print(f"\n{len(chosen) - survived} of {len(chosen)} caught, {minutes:.1f} minutes")
    if options.out:
        options.out.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
