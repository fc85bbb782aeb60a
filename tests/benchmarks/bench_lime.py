"""LIME for images: xailab beside the lime package, at equal error of the coefficients. Prints tables.

    python tests/benchmarks/bench_lime.py [rounds]

Twelve superpixels have 4,096 masks, so the coefficients that endless sampling would give are known: the
network answers all masks of four photographs once, and the truth is the weighted fit over all of them.
Both packages then explain with many seeds, through their own code, a picture of twelve times two pixels,
for which those answers are looked up; that gives their error at any number of samples. lime has its 1,000
samples, xailab the fewest (in steps of 25) whose error is not larger than lime's, in the geometric mean
over the photographs. The time is taken with the real network and one of them; lime in its own batches of 10
images and in large ones, of 64, xailab in its own of 32.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import sys

import numpy as np
import torch
from lime.lime_image import LimeImageExplainer
from measure import HEAD, Table, amount, digits, extra_memory, in_turns, mib, ratio, seconds, show

from xailab import data, lime_image, local_fit, models

SAMPLES, SEEDS, STEP = 1000, range(20), 25
PHOTOS, MOST = ("koala", "dog", "chickens", "red_panda"), 12
BATCHES = {10: "its own batches of 10", 64: "batches of 64"}
DRAWS = ("fold_over", "chosen")


class Answers:
    """The network's answers to every mask of one picture, and a tiny picture to ask for them by.

    The tiny picture has two pixels a superpixel, 0 and 200: hidden, both are their mean.
    """

    def __init__(self, cnn, name: str):
        photo = data.photo(name)
        self.real = cnn.view(photo.image)
        self.target = photo.target
        cuts = (lime_image.superpixels(self.real, n=n) for n in range(20, MOST // 2, -1))
        self.cut = next(labels for labels in cuts if labels.max() < MOST)
        m = self.cut.max() + 1
        self.Z = (np.arange(2**m)[:, None] >> np.arange(m)) & 1
        self.p = lime_image.ask(cnn.predict_proba, self.real, self.cut, self.Z, batch_size=512)
        self.segments = np.arange(m).repeat(2)[None].repeat(2, 0)
        self.view = (
            np.tile(np.array([0, 200], np.uint8), m)[None, :, None].repeat(2, 0).repeat(3, 2)
        )
        print(f"  {name}: {m} superpixels", file=sys.stderr, flush=True)

    def predict_proba(self, images):
        shown = np.stack([image[0, ::2, 0] == 0 for image in images])
        return self.p[shown @ (1 << np.arange(shown.shape[1]))]

    def truth(self, width: float = 0.25) -> np.ndarray:
        """The coefficients of endlessly many samples: every mask once, no ridge."""
        pi = local_fit.exponential_kernel(1 - np.sqrt(self.Z.mean(1)), width)
        return local_fit.fit(self.Z.astype(float), self.p[:, self.target], pi, alpha=0.0).weights

    def error(self, explain) -> float:
        """Root mean square distance from the truth over all seeds and superpixels."""
        known = (self.view, self.segments, self.target, self.predict_proba)
        apart = [explain(*known, seed) - self.truth() for seed in SEEDS]
        return float(np.sqrt(np.mean(np.square(apart))))


def limes(view, segments, target, predict_proba, seed, batch=64) -> np.ndarray:
    found = LimeImageExplainer(random_state=seed).explain_instance(
        view,
        predict_proba,
        labels=(target,),
        top_labels=None,
        num_samples=SAMPLES,
        batch_size=batch,
        segmentation_fn=lambda _: segments,
    )
    weights = dict(found.local_exp[target])
    return np.array([weights[s] for s in range(segments.max() + 1)])


def ours(view, segments, target, predict_proba, seed, n=SAMPLES, draws="independent"):
    return lime_image.explain(
        predict_proba, view, segments=segments, target=target, n_samples=n, draws=draws, seed=seed
    ).weights


def fewest(pictures: list[Answers], theirs: list[float], draws: str) -> tuple[int, list[float]]:
    """The smallest number of images whose error is lime's or less, and the error on each photograph."""
    found = []
    for n in range(4 * STEP, SAMPLES + 1, STEP):
        found = [a.error(lambda *q, n=n: ours(*q, n, draws)) for a in pictures]
        if np.mean(np.log(np.divide(found, theirs))) <= 0:
            return n, found
    return SAMPLES, found


def tables(rounds: int = 3) -> list[Table]:
    torch.set_num_threads(1)
    cnn = models.load_cnn()
    pictures = [Answers(cnn, name) for name in PHOTOS]
    theirs = [a.error(limes) for a in pictures]
    errors = {("independent", SAMPLES): [a.error(ours) for a in pictures]}
    for draws in DRAWS:
        n, found = fewest(pictures, theirs, draws)
        errors[draws, n] = found
    first = pictures[0]
    asked = (first.real, first.cut, first.target, cnn.predict_proba, 0)
    jobs = {key: lambda key=key: ours(*asked, key[1], key[0]) for key in errors}
    jobs |= {batch: lambda batch=batch: limes(*asked, batch) for batch in BATCHES}
    times = in_turns(jobs, rounds)
    peaks = {job: mib(extra_memory(call)) for job, call in jobs.items()}
    rows = [
        (
            f"image LIME, {draws.replace('_', '-')} masks, {n:,} images",
            seconds(times[draws, n].median),
            f"lime, {SAMPLES:,} images, {said}",
            seconds(times[batch].median),
            digits(ratio(times[batch], times[draws, n])),
            amount(np.exp(np.mean(np.log(found)))),
            peaks[draws, n] + " / " + peaks[batch],
        )
        for (draws, n), found in errors.items()
        for batch, said in BATCHES.items()
    ]
    note = (
        "LIME's distance is not between the packages but from the coefficients of endless sampling "
        f"(root mean square over {len(SEEDS)} seeds, geometric mean over {len(PHOTOS)} photographs; "
        f"lime's own at {SAMPLES:,} images: {np.exp(np.mean(np.log(theirs))):.1e}); from the same draws the "
        "packages' coefficients agree to 1e-8, which the tests assert."
    )
    each = [
        (name, str(a.Z.shape[1]), f"{their:.1e}", *(f"{found[i]:.1e}" for found in errors.values()))
        for i, (name, a, their) in enumerate(zip(PHOTOS, pictures, theirs, strict=True))
    ]
    head = ("photograph", "superpixels", f"lime, {SAMPLES:,}")
    head += tuple(f"{draws.replace('_', '-')}, {n:,}" for draws, n in errors)
    return [
        Table("LIME for images at equal error, one thread", HEAD, rows, note),
        Table("LIME for images: distance from the coefficients of endless sampling", head, each),
    ]


if __name__ == "__main__":
    show(tables(*map(int, sys.argv[1:])))
