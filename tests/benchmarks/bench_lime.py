"""LIME for images: xailab beside the lime package, at equal error of the coefficients. Prints a table.

    python tests/benchmarks/bench_lime.py [rounds]

Twelve superpixels have 4,096 masks, so the coefficients that endless sampling would give are known: the
network answers all masks once, and the truth is the weighted fit over all of them. Both packages then
explain with many seeds, through their own code, a picture of twelve times two pixels, for which those
answers are looked up; that gives their error at any number of samples. The time is taken with the real
network and photograph, both packages asking in batches of 32 images: lime with its 1,000 samples, xailab
with the fewest fold-over draws (in steps of 25) whose error is not larger.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import sys

import numpy as np
import torch
from lime.lime_image import LimeImageExplainer
from measure import HEAD, Table, compare, show

from xailab import data, lime_image, local_fit, models

SAMPLES, BATCH, SEEDS = 1000, 32, range(100)
PHOTO, PIECES = "koala", 20  # of which slic makes twelve


class Answers:
    """The network's answers to every mask of one picture, and a tiny picture to ask for them by.

    The tiny picture has two pixels a superpixel, 0 and 200: hidden, both are their mean.
    """

    def __init__(self, cnn, view, segments):
        m = segments.max() + 1
        self.Z = (np.arange(2**m)[:, None] >> np.arange(m)) & 1
        self.p = lime_image.ask(cnn.predict_proba, view, segments, self.Z, batch_size=64)
        self.segments = np.arange(m).repeat(2)[None].repeat(2, 0)
        self.view = (
            np.tile(np.array([0, 200], np.uint8), m)[None, :, None].repeat(2, 0).repeat(3, 2)
        )

    def predict_proba(self, images):
        shown = np.stack([image[0, ::2, 0] == 0 for image in images])
        return self.p[shown @ (1 << np.arange(shown.shape[1]))]

    def truth(self, target: int, width: float = 0.25) -> np.ndarray:
        """The coefficients of endlessly many samples: every mask once, no ridge."""
        pi = local_fit.exponential_kernel(1 - np.sqrt(self.Z.mean(1)), width)
        return local_fit.fit(self.Z.astype(float), self.p[:, target], pi, alpha=0.0).weights


def limes(view, segments, target, predict_proba, seed, n=SAMPLES) -> np.ndarray:
    found = LimeImageExplainer(random_state=seed).explain_instance(
        view, predict_proba, labels=(target,), top_labels=None, num_samples=n,
        batch_size=BATCH, segmentation_fn=lambda _: segments,
    )  # fmt: skip
    weights = dict(found.local_exp[target])
    return np.array([weights[s] for s in range(segments.max() + 1)])


def ours(view, segments, target, predict_proba, seed, n, draws="fold_over") -> np.ndarray:
    return lime_image.explain(
        predict_proba, view, segments=segments, target=target, n_samples=n, draws=draws,
        batch_size=BATCH, seed=seed,
    ).weights  # fmt: skip


def error(estimate, truth) -> float:
    """Root mean square distance from the truth over all seeds and superpixels."""
    return float(np.sqrt(np.mean([(estimate(seed) - truth) ** 2 for seed in SEEDS])))


def tables(rounds: int = 3) -> list[Table]:
    torch.set_num_threads(1)
    cnn = models.load_cnn()
    photo = data.photo(PHOTO)
    view, target = cnn.view(photo.image), photo.target
    segments = lime_image.superpixels(view, n=PIECES)
    m = segments.max() + 1
    answers = Answers(cnn, view, segments)
    truth = answers.truth(target)
    known = (answers.view, answers.segments, target, answers.predict_proba)
    theirs = error(lambda seed: limes(*known, seed), truth)
    errors = {n: error(lambda seed, n=n: ours(*known, seed, n), truth) for n in range(75, 1001, 25)}
    fewest = min((n for n, found in errors.items() if found <= theirs), default=SAMPLES)
    same = error(lambda seed: ours(*known, seed, SAMPLES, "independent"), truth)
    rows, asked = [], (view, segments, target, cnn.predict_proba)
    for draws, n, found in (("independent", SAMPLES, same), ("fold_over", fewest, errors[fewest])):
        rows += compare(
            f"image LIME, {m} superpixels, {draws.replace('_', '-')} draws, {n:,} images",
            lambda n=n, d=draws: ours(*asked, 0, n, d),
            {f"lime, {SAMPLES:,} images": lambda: limes(*asked, 0)},
            rounds, lambda *_, found=found: found,
        )  # fmt: skip
    note = (
        "LIME's distance is not between the packages but from the coefficients of endless sampling "
        f"(root mean square, {len(SEEDS)} seeds; lime's own at {SAMPLES:,} images: {theirs:.1e}); "
        "from the same draws the packages' coefficients agree to 1e-8, which the tests assert."
    )
    return [Table("LIME for images at equal error, one thread", HEAD, rows, note)]


if __name__ == "__main__":
    show(tables(*map(int, sys.argv[1:])))
