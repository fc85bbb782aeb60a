"""One small call of everything that computes: what reproducibility is measured on.

``python tests/support/every_call.py`` writes all numbers to stdout (as an .npz), so that two
processes, or one thread and two, can be compared.
"""

import dataclasses
import os
import sys
from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

os.environ["XAILAB_PROGRESS"] = "off"
from xailab import (
    cam,
    counterfactual,
    data,
    evaluate,
    integrated_gradients,
    lime_image,
    lime_tabular,
    lime_text,
    metrics,
    models,
    shapley,
    stability,
)
from xailab.evaluate import baselines
from xailab.lime_text import addresses


class Room:
    """Small good inputs, the same in every process. seed: what the seeded calls are given."""

    def __init__(self, seed: int = 0):
        rng, self.seed = np.random.default_rng(1), seed
        self.adult = data.adult()
        self.X, self.y = self.adult.X[:400], self.adult.y[:400]
        self.table_net = models.train_income_net(self.X, self.y, seed=0, epochs=1)
        self.row, self.background = self.X.iloc[3], self.X[10:14]
        self.cnn = models.load_cnn()
        self.photo = data.photo("koala")
        self.view = self.cnn.view(self.photo.image)
        self.x = self.cnn.preprocess(self.photo.image)
        self.heat, self.mask = rng.random((224, 224)), self.cnn.view_mask(self.photo.mask)
        self.values, self.others = rng.random(20), rng.random(20)
        self.views = evaluate.views(self.cnn, [self.photo])
        self.maps = evaluate.maps(self.cnn, self.views, ["grad_cam"])
        self.talks = pd.DataFrame(
            {
                "year": [1, 1, 2, 2] * 4,
                "president": list("aaaabbbbccccdddd"),
                "party": np.repeat(addresses.PARTIES, [4, 4]).tolist() * 2,
                "text": [f"{w} {v}" for w in ("one", "two", "one two", "six") for v in "pqrs"],
            }
        )

    def proba(self, X):
        return self.table_net.predict_proba(X)

    def one(self, X):
        return self.proba(X)[:, 1]

    def of_text(self, given):
        p = np.array([0.2 + 0.6 * ("cat" in text) for text in given])
        return np.column_stack([1 - p, p])

    def of_image(self, images):
        p = np.array([image.mean() / 255 for image in images])
        return np.column_stack([1 - p, p])

    def draw(self, net):
        return cam.heatmaps(net, self.x, "head", 105, ["grad_cam"])

    def lime(self, seed):
        return lime_tabular.explain(self.proba, self.row, self.X, n_samples=60, seed=seed)


# Calls with a seed: another seed has to give other numbers.
SEEDED = {
    "data.scenes": lambda r: [s.image for s in data.scenes(2, seed=r.seed)],
    "models.train_income_net": lambda r: models.train_income_net(
        r.X, r.y, seed=r.seed, epochs=1
    ).predict_proba(r.X[:5]),
    "lime_tabular.explain": lambda r: r.lime(r.seed).weights,
    "lime_image.explain": lambda r: (
        lime_image.explain(r.of_image, r.view, n_samples=60, target=1, seed=r.seed).weights
    ),
    "lime_text.explain": lambda r: (
        lime_text.explain(r.of_text, "the cat sat on the mat", n_samples=40, seed=r.seed).weights
    ),
    "lime_text.addresses.label_permutation": lambda r: addresses.label_permutation(r.talks, r.seed),
    "shapley.kernel": lambda r: (
        shapley.kernel(r.one, r.row, r.background, n_samples=40, seed=r.seed).values
    ),
    "shapley.sampling": lambda r: (
        shapley.sampling(r.one, r.row, r.background, n_permutations=3, seed=r.seed).values
    ),
    "stability.repeat": lambda r: stability.repeat(r.lime, range(r.seed, r.seed + 2), 3).weights,
    "metrics.bootstrap_interval": lambda r: metrics.bootstrap_interval(r.values, seed=r.seed),
    "metrics.paired_bootstrap": lambda r: metrics.paired_bootstrap(r.values, r.others, seed=r.seed),
    "metrics.compare": lambda r: metrics.compare({"a": r.values, "b": r.others}, seed=r.seed),
    "metrics.insertion": lambda r: (
        metrics.insertion(r.cnn.model, r.x, np.zeros((224, 224)), 105, 3, seed=r.seed).scores
    ),
    "metrics.cascading_randomisation": lambda r: (
        metrics.cascading_randomisation(r.cnn.model, r.draw, ["classifier"], seed=r.seed).similarity
    ),
    "metrics.stability": lambda r: metrics.stability(
        lambda x: cam.heatmaps(r.cnn, x, "head", 105, ["grad_cam"]), r.x, repeats=1, seed=r.seed
    ),
    "baselines.random_map": lambda r: baselines.random_map((8, 9), seed=r.seed),
}
# Calls without one.
FIXED = {
    "data.photo": lambda r: r.photo.image,
    "models.predict_proba": lambda r: r.cnn.predict_proba([r.photo.image]),
    "cam.heatmaps": lambda r: cam.heatmaps(r.cnn, r.x, "blocks.15", 105, ["grad_cam", "layer_cam"]),
    "cam.ablation_cam": lambda r: cam.heatmaps(r.cnn, r.x, target=105, methods=["ablation_cam"]),
    "shapley.exact": lambda r: shapley.exact(r.one, r.row, r.background).values,
    "integrated_gradients.explain": lambda r: (
        integrated_gradients.explain(
            r.table_net.log_odds,
            r.row.to_numpy("float32"),
            r.background.iloc[0].to_numpy("float32"),
            n_steps=8,
        ).values
    ),
    "counterfactual.closest_linear": lambda r: counterfactual.closest_linear(
        np.array([1.0, 2]), -1.0, np.zeros(2), 0.0, np.ones(2)
    ),
    "metrics.localisation": lambda r: metrics.localisation(r.heat, r.mask),
    "metrics.deletion": lambda r: metrics.deletion(r.cnn.model, r.x, r.heat, 105, 3).scores,
    "evaluate.table": lambda r: evaluate.table(r.maps, r.views),
    "baselines.input_gradient": lambda r: baselines.input_gradient(
        r.cnn.model, r.x, torch.tensor([105])
    ),
}
CALLS = SEEDED | FIXED


def flat(value: object, at: str = "") -> dict[str, np.ndarray]:
    """All numbers and words of a result, by their place in it."""
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    if isinstance(value, pd.DataFrame | pd.Series):
        value = value.reset_index().to_dict("list")
    if dataclasses.is_dataclass(value):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, tuple | list):
        parts = enumerate(value)
    else:
        return {at: np.asarray(value)}
    found = {}
    for key, part in parts:
        found |= flat(part, f"{at}/{key}")
    return found


def all_numbers(room: Room) -> dict[str, np.ndarray]:
    found = {}
    for name, call in CALLS.items():
        found |= flat(call(room), name)
    return found


if __name__ == "__main__":
    np.savez(sys.stdout.buffer, **all_numbers(Room()))
