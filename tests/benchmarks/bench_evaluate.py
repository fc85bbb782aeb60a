"""Evaluating explanations: what a photograph costs, and the measures that Quantus has too. Prints tables.

    python tests/benchmarks/bench_evaluate.py [rounds]

EfficientNet-Lite0 on photographs of the course, one thread. Quantus gets the same maps and masks and
settings that make its measure the same number; its pixel flipping is our deletion curve.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import sys
import warnings

import numpy as np
import quantus
import torch
from measure import HEAD, Table, compare, in_turns, seconds, show

from xailab import cam, data, evaluate, metrics, models
from xailab.evaluate import batch

PHOTOS, STEPS = 8, 21
REPORT = ("grad_cam", "grad_cam_pp", "ablation_cam", "layer_cam")


def beside_quantus(cnn, views, maps, rounds: int) -> list[tuple[str, ...]]:
    heat, masks = maps["grad_cam"], np.stack([s.mask for s in views])
    x = torch.cat([cnn.preprocess(s.image) for s in views])
    targets = np.array([s.target for s in views])
    no_ties = np.random.default_rng(0).random(heat.shape)  # quantus and we order ties differently
    quiet = {
        "abs": False,
        "normalise": False,
        "disable_warnings": True,
        "display_progressbar": False,
    }

    def ask(measure, a, **more):
        return np.array(
            measure(
                model=cnn.model,
                x_batch=x.numpy(),
                y_batch=targets,
                a_batch=a[:, None],
                s_batch=masks[:, None],
                device="cpu",
                **more,
            )
        )

    mass, point = quantus.RelevanceMassAccuracy(**quiet), quantus.PointingGame(**quiet)
    # Quantus counts the three channels of a pixel as three features: every third step is one of pixels
    flip = quantus.PixelFlipping(features_in_step=224**2 // 7, perturb_baseline=0.0, **quiet)

    def over(score):
        return lambda: np.array([float(score(h, m)) for h, m in zip(heat, masks, strict=True)])

    def deletion():
        return np.stack(
            [
                metrics.deletion(cnn, x[[i]], h, int(targets[i]), STEPS, "zero").scores[3::3]
                for i, h in enumerate(no_ties)
            ]
        )

    n = len(views)
    few = max(2, rounds // 2)
    return [
        *compare(
            f"saliency score of {n} maps",
            over(metrics.saliency_score),
            {"Quantus, RelevanceMassAccuracy": lambda: ask(mass, heat)},
            rounds,
        ),
        *compare(
            f"pointing game on {n} maps",
            over(metrics.pointing_game),
            {"Quantus, PointingGame": lambda: ask(point, heat)},
            rounds,
        ),
        *compare(
            f"deletion curves of {n} maps in {STEPS} steps",
            deletion,
            {"Quantus, PixelFlipping": lambda: ask(flip, no_ties, softmax=True)[:, 2::3]},
            few,
        ),
    ]


def throughput(cnn, photos, views, maps, rounds: int) -> list[tuple[str, ...]]:
    x = torch.cat([cnn.preprocess(s.image) for s in views])

    def forward():
        with torch.inference_mode():
            return [cnn.model(part) for part in x.split(4)]

    calls = {
        "one forward pass": forward,
        "maps of the report's four methods": lambda: evaluate.maps(cnn, views, REPORT),
        "maps of all six methods and the four controls": lambda: evaluate.maps(
            cnn, views, baselines=evaluate.BASELINES
        ),
        "six scores of each of these ten maps": lambda: evaluate.table(maps, views),
        "evaluate.batch.run: from the file to the table": lambda: batch.run(
            cnn, photos, progress=False
        ),
        "deletion curves of the ten maps, six steps": lambda: evaluate.perturbation(
            cnn, views, maps
        ),
    }
    times = in_turns(calls, rounds)
    return [(name, seconds(t.median / len(views))) for name, t in times.items()]


def tables(rounds: int = 5) -> list[Table]:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    cnn = models.load_cnn()
    photos = [p for p in data.photos() if len(evaluate.views(cnn, [p]))][:PHOTOS]
    views = evaluate.views(cnn, photos)
    maps = evaluate.maps(cnn, views, tuple(cam.METHODS), baselines=evaluate.BASELINES)
    return [
        Table(
            "Measures that Quantus has too, EfficientNet-Lite0, one thread",
            HEAD,
            beside_quantus(cnn, views, maps, rounds),
        ),
        Table(
            f"What evaluating costs a photograph, mean over {len(views)}, one thread",
            ("", "a photograph"),
            throughput(cnn, photos, views, maps, max(3, rounds // 2)),
        ),
    ]


if __name__ == "__main__":
    show(tables(*map(int, sys.argv[1:])))
