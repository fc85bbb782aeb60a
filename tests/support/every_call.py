"""One small call of every public function: what reproducibility is measured on.

``python tests/every_call.py`` writes all their numbers to stdout (as an .npz), so that two
processes, or one and two threads, can be compared.
"""

import dataclasses
import importlib
import inspect
import io
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from xailab import (
    cam,
    checks,
    counterfactual,
    data,
    evaluate,
    integrated_gradients,
    lime_image,
    lime_tabular,
    lime_text,
    local_fit,
    metrics,
    models,
    planted,
    plots,
    shapley,
    stability,
    widgets,
)
from xailab._utils import cards, validation
from xailab.cam import ablation, reshape
from xailab.checks import quiz
from xailab.data import compositions, images, own_pictures, own_table
from xailab.evaluate import baselines, batch, report, results
from xailab.lime_image import chosen_masks
from xailab.lime_text import addresses, marked
from xailab.metrics import faithfulness, intervals, tables
from xailab.models import weights
from xailab.plots import embed
from xailab.widgets import images as image_widgets
from xailab.widgets import overlay

os.environ["XAILAB_PROGRESS"] = "off"  # a try that nobody made is kept nowhere
from xailab.hooks import find_layer, record, spatial_layers

# Commands, pages and the course's own furniture: nothing of theirs is a result.
NOT_MEASURED = {
    "checklist",
    "course",
    "drawing",
    "editions",
    "exercises",
    "exercises_beyond",
    "exercises_images",
    "exercises_measures",
    "exercises_shapley",
    "exercises_tables",
    "exercises_texts",
    "figure_text",
    "figures",
    "handin",
    "interrupts",
    "offline",
    "panels",
    "picker",
    "progress",
    "site_pages",
    "table_plots",
    "tape",
    "tensor_inputs",
    "website",
}


class Room:
    """Small good inputs, the same in every process; seed: what is handed to what draws."""

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
        generator = torch.Generator().manual_seed(1)
        self.A, self.g = (torch.randn(2, 3, 4, 5, generator=generator) for _ in range(2))
        self.heat, self.mask = rng.random((224, 224)), self.cnn.view_mask(self.photo.mask)
        self.values = rng.random(12)
        self.views = evaluate.views(self.cnn, [self.photo])
        self.maps = evaluate.maps(self.cnn, self.views, ["grad_cam"])
        self.segments = lime_image.superpixels(self.view, "grid", 16)
        self.lime = lime_tabular.explain(self.proba, self.row, self.X, n_samples=60)
        self.exact = shapley.exact(self.one, self.row, self.background)
        self.text = "the cat sat on the mat and the dog sat by the door"
        self.talks = pd.DataFrame(
            {
                "year": [1, 1, 2, 2] * 4,
                "president": list("aaaabbbbccccdddd"),
                "party": np.repeat(addresses.PARTIES, [4, 4]).tolist() * 2,
                "text": [f"{w} {v}" for w in ("one", "two", "one two", "six") for v in "pqrs"],
            }
        )
        self.words_line = make_pipeline(CountVectorizer(), LogisticRegression())

    def proba(self, X):
        return self.table_net.predict_proba(X)

    def one(self, X):
        return self.proba(X)[:, 1]

    def of_text(self, given):
        p = np.array([0.2 + 0.6 * ("cat" in text) for text in given])
        return np.column_stack([1 - p, p])

    def score(self, x):
        return self.cnn.model(x)[:, 105]

    def draw(self, net):
        heat = cam.heatmaps(net, self.x, "head", 105, ["grad_cam"])
        return {"grad_cam": heat["grad_cam"]}

    def recorded(self, do=None, layer="blocks.15", tape=True):
        with record(self.cnn.model, layer, tape=tape) as rec:
            logits = self.cnn.model(self.x)
            rec.backward(logits[:, 105])
            return (rec.activations.clone(), rec.gradients) if do is None else do(rec, logits)

    def file(self, name: str, content: bytes) -> Path:
        path = Path(tempfile.mkdtemp()) / name
        path.write_bytes(content)
        return path

    def png(self) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(self.view).save(buffer, "PNG")
        return buffer.getvalue()

    def own_folder(self) -> Path:
        root = self.file("a.png", self.png()).parent
        (root / "annotations.json").write_text('{"a.png": {"target": 1, "box": [1, 2, 30, 40]}}')
        return root

    def results(self) -> Path:
        path = Path(tempfile.mkdtemp()) / "r.csv"
        batch.run(self.cnn, [self.photo], ["grad_cam"], baselines=(), results=path)
        return path

    def runs(self):
        return stability.repeat(
            lambda s: lime_tabular.explain(self.proba, self.row, self.X, n_samples=60, seed=s),
            (self.seed, self.seed + 1),
            3,
        )


def _small_net():
    return planted.planted_network()


CALLS = {
    "ablation.ablated_scores": lambda r: r.recorded(
        lambda rec, logits: ablation.ablated_scores(rec, torch.tensor([105]), batch_size=320)
    ),
    "ablation.gap_linear_head": lambda r: r.recorded(
        lambda rec, logits: ablation.gap_linear_head(r.cnn.model, rec.activations, logits.detach()),
        layer="head",
    ),
    "ablation.linear_entry": lambda r: r.recorded(lambda rec, _: ablation.linear_entry(rec)),
    "ablation.precise": lambda r: ablation.precise(r.A),
    "cam.ablation_cam": lambda r: cam.ablation_cam(r.A, r.g.mean((2, 3))),
    "cam.ablation_weights": lambda r: cam.ablation_weights(torch.ones(2), r.g.mean((2, 3))),
    "cam.cam": lambda r: cam.cam(r.A, torch.ones(3)),
    "cam.grad_cam": lambda r: cam.grad_cam(r.A, r.g),
    "cam.grad_cam_pp": lambda r: cam.grad_cam_pp(r.A, r.g),
    "cam.heatmaps": lambda r: cam.heatmaps(r.cnn, r.x, target=105, methods=list(cam.METHODS)),
    "cam.hires_cam": lambda r: cam.hires_cam(r.A, r.g),
    "cam.layer_cam": lambda r: cam.layer_cam(r.A, r.g),
    "cam.normalise": lambda r: cam.normalise(r.A[0]),
    "cam.upsample": lambda r: cam.upsample(r.A[0], 9),
    "capstone.agreement": lambda r: tables.agreement(np.eye(4), np.eye(4)[::-1] + 0.5, k=2),
    "capstone.deletion": lambda r: tables.deletion(r.one, r.row, r.background, range(12)),
    "capstone.faithfulness": lambda r: tables.faithfulness(
        r.one, r.X[:2], r.background, {"m": np.outer([1, 2], r.values)}, seed=r.seed
    ),
    "capstone.loudest_first": lambda r: tables.strongest_first(r.values, True),
    "capstone.planted_rule": lambda r: tables.planted_rule(r.X, {"Age": 1.0}, seed=r.seed),
    "cards.card": lambda r: cards.card("a", b=1),
    "cards.name_of": lambda r: cards.name_of(r.proba),
    "checks.check": lambda r: checks.check("02.kernel", local_fit.exponential_kernel).status,
    "checks.progress": lambda r: len(checks.progress().table),
    "chosen_masks.choose_masks": lambda r: chosen_masks.choose_masks(
        9, 4, np.random.default_rng(r.seed)
    ),
    "chosen_masks.smooth_fit": lambda r: chosen_masks.smooth_fit(
        np.tri(4, 3, dtype=int), np.arange(4.0)
    ),
    "chosen_masks.told": lambda r: chosen_masks.told(np.eye(4, dtype=int)),
    "controls.centre_blob": lambda r: baselines.centre_blob((9, 9)),
    "controls.edge_map": lambda r: baselines.edge_map(r.view),
    "controls.input_gradient": lambda r: baselines.input_gradient(r.cnn, r.x, torch.tensor([105])),
    "controls.random_map": lambda r: baselines.random_map((9, 9), r.seed),
    "counterfactual.candidates": lambda r: counterfactual.candidates(
        r.row, r.X, counterfactual.Rules()
    ),
    "counterfactual.closest_linear": lambda r: counterfactual.closest_linear(
        np.ones(3), 0, np.zeros(3), 1, np.ones(3)
    ),
    "counterfactual.distance": lambda r: counterfactual.distance(
        np.ones((2, 3)), np.zeros(3), np.ones(3), np.zeros(3, bool)
    ),
    "counterfactual.nearest": lambda r: counterfactual.nearest(r.row, r.X, counterfactual.Rules()),
    "counterfactual.random_search": lambda r: counterfactual.random_search(
        r.one, r.row, r.X, n_samples=300, seed=r.seed, threshold=r.exact.prediction + 1e-3
    ),
    "counterfactual.search": lambda r: counterfactual.search(
        r.one, r.row, r.X, max_changes=1, threshold=r.exact.prediction + 1e-3
    ),
    "counterfactual.summary": lambda r: counterfactual.summary(
        [
            counterfactual.search(
                r.one, r.row, r.X, max_changes=1, threshold=r.exact.prediction + 1e-3
            )
        ]
    ),
    "data.adult": lambda r: data.adult().X.to_numpy().sum(),
    "data.data_dir": lambda r: str(data.data_dir().name),
    "data.photo": lambda r: data.photo("koala").image,
    "data.photos": lambda r: len(data.photos()),
    "data.scenes": lambda r: data.scenes(1, 2, seed=r.seed)[0].image,
    "datasets.folder": lambda r: own_pictures.folder(r.own_folder())[0].box,
    "duel.derivatives_of_exp": lambda r: planted.derivatives_of_exp(
        planted.relu_and_gelu()["GELU"][4:],
        torch.ones(1, 8, 7, 7, dtype=torch.float64),
        0,
        range(2),
    ),
    "duel.networks": lambda r: [n.state_dict() for n in planted.relu_and_gelu(r.seed).values()],
    "embed.frame": lambda r: embed.frame("<p>a</p>").data,
    "batch.item_name": lambda r: batch.item_name([r.photo], 0),
    "batch.progress_line": lambda r: batch.progress_line(1, 1),
    "batch.run": lambda r: batch.run(r.cnn, [r.photo], ["layer_cam"]),
    "faithfulness.average_drop": lambda r: faithfulness.average_drop(
        r.cnn, r.x, r.heat[None], [105]
    ),
    "faithfulness.baseline": lambda r: faithfulness.baseline(r.x),
    "faithfulness.deletion": lambda r: faithfulness.deletion(r.cnn, r.x, r.heat, 105, seed=r.seed),
    "faithfulness.insertion": lambda r: faithfulness.insertion(
        r.cnn, r.x, np.zeros((224, 224)), 105, steps=3, seed=r.seed
    ),
    "faithfulness.map_similarity": lambda r: faithfulness.map_similarity(r.heat, r.heat[::-1]),
    "faithfulness.perturbation_curves": lambda r: faithfulness.perturbation_curves(
        r.cnn, r.x, {"a": r.heat}, 105, steps=3, seed=r.seed
    ),
    "faithfulness.cascading_randomisation": lambda r: faithfulness.cascading_randomisation(
        r.cnn, r.draw, ["classifier", "head"], r.seed
    ),
    "faithfulness.stability": lambda r: faithfulness.stability(
        lambda x: {"a": cam.heatmaps(r.cnn, x, "head", 105, ["grad_cam"])["grad_cam"]},
        r.x,
        repeats=1,
        seed=r.seed,
    ),
    "hooks.find_layer": lambda r: type(find_layer(r.cnn, "head")).__name__,
    "hooks.record": lambda r: r.recorded(),
    "hooks.spatial_layers": lambda r: spatial_layers(r.cnn.model, r.x),
    "image_widgets.cam_explorer": lambda r: image_widgets.cam_explorer(r.cnn, r.view),
    "image_widgets.layer_choices": lambda r: image_widgets.layer_choices({"a": (1, 2, 3)}),
    "image_widgets.lime_explorer": lambda r: image_widgets.lime_explorer(
        r.cnn.predict_proba, r.view, n=5, n_samples=50, seed=r.seed
    ),
    "image_widgets.network_explorer": lambda r: (
        image_widgets.network_explorer(r.view, {"lite": lambda: r.cnn}).readout.value
    ),
    "image_widgets.superpixel_explorer": lambda r: image_widgets.superpixel_explorer(r.view),
    "image_widgets.upload": lambda r: image_widgets.upload(lambda image: image).readout.value,
    "images.as_rgb": lambda r: images.as_rgb(r.view),
    "images.from_bytes": lambda r: images.from_bytes(r.png()),
    "images.read_image": lambda r: images.read_image(r.file("a.png", r.png())),
    "images.read_labels": lambda r: images.read_labels(r.file("a.png", r.png())),
    "income_net.train_income_net": lambda r: models.train_income_net(
        r.X, r.y, r.seed, epochs=1
    ).state_dict(),
    "income_net.one_thread": lambda r: r.proba(r.X),
    "inputs.count": lambda r: validation.count("n", 1),
    "inputs.floats": lambda r: validation.floats("x", [1]),
    "inputs.function": lambda r: validation.function("f", len, "len").__name__,
    "inputs.generator": lambda r: validation.generator(r.seed).random(3),
    "inputs.object_mask": lambda r: validation.object_mask([0, 1]),
    "inputs.short": lambda r: validation.short("a"),
    "integrated_gradients.explain": lambda r: integrated_gradients.explain(
        r.score, r.x[0], torch.zeros_like(r.x[0]), n_steps=4
    ),
    "integrated_gradients.path_average": lambda r: integrated_gradients.path_average(
        r.score, r.x[0], torch.zeros_like(r.x[0]), *integrated_gradients.quadrature(2)
    ),
    "integrated_gradients.quadrature": lambda r: integrated_gradients.quadrature(5),
    "intervals.bootstrap_interval": lambda r: intervals.bootstrap_interval(r.values, seed=r.seed),
    "intervals.compare": lambda r: intervals.compare(
        {"a": r.values, "b": r.values**2}, seed=r.seed
    ),
    "intervals.holm": lambda r: intervals.holm(r.values),
    "intervals.paired_bootstrap": lambda r: intervals.paired_bootstrap(
        r.values, r.values**2, seed=r.seed
    ),
    "intervals.sign_flip_test": lambda r: intervals.sign_flip_test(
        r.heat[0], r.heat[1], seed=r.seed
    ),
    "lime_image.apply_mask": lambda r: lime_image.apply_mask(
        r.view, r.view // 2, r.segments, np.arange(16) % 2
    ),
    "lime_image.ask": lambda r: lime_image.ask(
        r.cnn.predict_proba, r.view, r.segments, np.eye(16, dtype=int)[:3]
    ),
    "lime_image.draw_masks": lambda r: lime_image.draw_masks(9, 4, np.random.default_rng(r.seed)),
    "lime_image.explain": lambda r: lime_image.explain(
        r.cnn.predict_proba, r.view, segments=r.segments, n_samples=24, seed=r.seed
    ),
    "lime_image.hidden": lambda r: lime_image.hidden(r.view, r.segments, "blur"),
    "lime_image.superpixels": lambda r: [
        lime_image.superpixels(r.view, m, seed=r.seed) for m in lime_image.SEGMENTATIONS
    ],
    "lime_tabular.encode": lambda r: lime_tabular.encode(r.X[:9].to_numpy(), r.row, r.X).Z,
    "lime_tabular.explain": lambda r: lime_tabular.explain(
        r.proba, r.row, r.X, n_samples=99, seed=r.seed
    ),
    "lime_tabular.perturb": lambda r: (
        lime_tabular.perturb(r.row, r.X, 9, np.random.default_rng(r.seed)).samples
    ),
    "lime_tabular.quartiles": lambda r: lime_tabular.quartiles(r.X),
    "marked_text.marked": lambda r: marked.marked(r.text, lime_text.explain(r.of_text, r.text)),
    "texts.addresses": lambda r: len(addresses.addresses()),
    "texts.by_lot": lambda r: addresses.label_permutation(r.talks, r.seed),
    "texts.carried_over": lambda r: addresses.carried_over(r.words_line, r.talks, 3),
    "texts.held_out": lambda r: addresses.held_out(r.words_line, r.talks, "passages", 4, r.seed),
    "texts.inside": lambda r: addresses.inside(
        r.words_line.fit(r.talks["text"], r.talks["party"]), "one two", ["one", "x"]
    ),
    "texts.recognised": lambda r: addresses.recognised(r.words_line, r.talks),
    "texts.shuffled": lambda r: addresses.shuffled(r.talks, r.seed),
    "texts.tested": lambda r: addresses.tested(
        r.words_line.fit(r.talks["text"], r.talks["party"]),
        "one p q r s two",
        lime_text.explain(r.words_line.predict_proba, "one p q r s two", n_samples=60),
        r.seed,
        2,
    ),
    "texts.with_marks": lambda r: addresses.with_marks(r.talks),
    "lime_text.distance": lambda r: lime_text.distance(np.eye(3)),
    "lime_text.draw": lambda r: lime_text.draw(3, 9, np.random.default_rng(r.seed)),
    "lime_text.explain": lambda r: lime_text.explain(r.of_text, r.text, n_samples=60, seed=r.seed),
    "lime_text.presence": lambda r: lime_text.presence(["cat"], [r.text]),
    "lime_text.tokens": lambda r: lime_text.tokens(r.text).units,
    "lime_text.without": lambda r: lime_text.without(r.text, ["cat"]),
    "lime_text.write": lambda r: lime_text.write(lime_text.tokens("a b"), np.eye(2)),
    "local_fit.exponential_kernel": lambda r: local_fit.exponential_kernel(r.values, 1.0),
    "local_fit.fit": lambda r: local_fit.fit(r.heat[:9, :3], r.values[:9], np.ones(9)),
    "maps.as_maps": lambda r: reshape.as_maps(r.A, None, r.x),
    "maps.from_channels_last": lambda r: reshape.from_channels_last(r.A),
    "maps.from_tokens": lambda r: reshape.from_tokens()(torch.arange(30.0).reshape(1, 10, 3)),
    "measure.by_method": lambda r: evaluate.by_method(evaluate.table(r.maps, r.views), "iou"),
    "measure.conditions": lambda r: list(
        evaluate.conditions({"a": np.stack([r.heat] * 2)}, [*r.views, *r.views])
    ),
    "measure.curves": lambda r: evaluate.curves(r.maps, r.views, [0.2, 0.5]),
    "measure.grid_game": lambda r: evaluate.grid_game(
        r.cnn, evaluate.views(r.cnn, data.photos()[:9]), ["grad_cam"], 1, r.seed
    ),
    "measure.in_boxes": lambda r: evaluate.in_boxes(r.views)[0].mask,
    "measure.maps": lambda r: evaluate.maps(
        r.cnn, r.views, ["layer_cam"], baselines=evaluate.BASELINES
    ),
    "measure.means": lambda r: evaluate.means({"a": r.values}, r.seed),
    "measure.over": lambda r: evaluate.over(r.maps, r.views, lambda h, v: h.mean()),
    "measure.perturbation": lambda r: evaluate.perturbation(r.cnn, r.views, r.maps, steps=2),
    "measure.recognised": lambda r: len(evaluate.recognised(r.cnn, data.scenes(2, seed=r.seed))),
    "measure.see": lambda r: evaluate.views(r.cnn, [r.photo])[0].kept,
    "measure.summary": lambda r: evaluate.summary(
        pd.DataFrame({"method": "a", "iou": r.values}), ["iou"], seed=r.seed
    ),
    "measure.table": lambda r: evaluate.table(r.maps, r.views),
    "metrics.best_threshold": lambda r: metrics.best_threshold(np.eye(3), [0.1, 0.2, 0.3]),
    "metrics.box_mask": lambda r: metrics.box_mask(r.mask),
    "metrics.f1": lambda r: metrics.f1(r.heat, r.mask),
    "metrics.grid_pointing_game": lambda r: metrics.grid_pointing_game(r.heat, 1),
    "cross_validated_threshold": lambda r: metrics.cross_validated_threshold(
        np.eye(4), [0.1, 0.2, 0.3, 0.4]
    ),
    "metrics.iou": lambda r: metrics.iou(r.heat, r.mask),
    "metrics.localisation": lambda r: metrics.localisation(r.heat, r.mask),
    "metrics.parts_found": lambda r: metrics.parts_found(r.heat, [r.mask]),
    "metrics.pointing_game": lambda r: metrics.pointing_game(r.heat, r.mask),
    "metrics.precision": lambda r: metrics.precision(r.heat, r.mask),
    "metrics.recall": lambda r: metrics.recall(r.heat, r.mask),
    "metrics.region": lambda r: metrics.region(r.heat),
    "metrics.saliency_score": lambda r: metrics.saliency_score(r.heat, r.mask),
    "metrics.threshold_curve": lambda r: metrics.threshold_curve(r.heat, r.mask, [0.1, 0.9]),
    "models.load_cnn": lambda r: models.load_cnn().predict_proba([r.view] * 9),
    "models.own_cnn": lambda r: models.own_cnn(
        _small_net(), ["disc", "square"], input_size=96
    ).predict_proba([r.view]),
    "overlay.levels": lambda r: overlay.levels(r.heat),
    "own_table.encode": lambda r: own_table.encode(pd.DataFrame({"a": ["x", "y"]}))[0],
    "own_table.question": lambda r: own_table.question(
        pd.DataFrame({"a": [1, 2], "b": ["n", "y"]}), "b", "y"
    )[1],
    "own_table.read": lambda r: own_table.read(r.file("a.csv", b"a,b\n1,2\n")),
    "planted.picture": lambda r: planted.picture().image,
    "planted.planted_network": lambda r: _small_net().state_dict(),
    "planted.suspects": lambda r: [net.state_dict() for net in planted.suspects().values()],
    "plots.boxed": lambda r: plots.boxed(r.view, r.heat, r.mask),
    "plots.grid": lambda r: plots.grid({"a": [r.view]}, ["b"]),
    "plots.heatmap": lambda r: plots.heatmap(r.heat),
    "plots.overlay": lambda r: plots.overlay(r.view, r.heat),
    "plots.overlays": lambda r: plots.overlays(r.view, {"a": r.heat}),
    "plots.photo": lambda r: plots.photo(r.view),
    "plots.superpixel_heatmap": lambda r: plots.superpixel_heatmap(r.heat),
    "plots.superpixel_mask": lambda r: plots.superpixel_mask(r.view, r.segments % 3 - 1),
    "plots.superpixel_outlines": lambda r: plots.superpixel_outlines(r.view, r.segments),
    "quiz.load": lambda r: len(quiz.load("05")),
    "quiz.numbers": lambda r: quiz.numbers(),
    "quiz.parse": lambda r: len(
        quiz.parse(json.loads((quiz.QUIZZES / "05.json").read_text(encoding="utf-8")))
    ),
    "quiz.quiz": lambda r: quiz.quiz("05").text,
    "report.build": lambda r: report.build(
        evaluate.table(
            {"a": np.stack([r.heat] * 2)},
            [r.views[0], SimpleNamespace(name="b", mask=r.mask, target=1, size=0.5, kept=1.0)],
        ),
        title="t",
        model="m",
        layer="l",
        threshold=0.5,
        threshold_from="f",
        pictures="p",
        selection="s",
        limits="x",
        seed=r.seed,
    ).markdown(),
    "report.lint": lambda r: report.lint("n = 3"),
    "results.so_far": lambda r: results.so_far(r.results()),
    "scenes.compose": lambda r: compositions.compose(data.photos()[:9], 1, seed=r.seed)[0].image,
    "scenes.grid_quartets": lambda r: compositions.grid_quartets(range(9), 2, r.seed),
    "scenes.tile": lambda r: compositions.tile(r.x.repeat(4, 1, 1, 1))[..., ::50, ::50],
    "shapley.coalition_values": lambda r: shapley.coalition_values(
        r.one, r.row.to_numpy(), r.background.to_numpy(), np.eye(12, dtype=bool)
    ),
    "shapley.exact": lambda r: shapley.exact(r.one, r.row, r.background),
    "shapley.exact_rows": lambda r: shapley.exact_rows(r.one, r.X[:2], r.background[:1]),
    "shapley.kernel": lambda r: shapley.kernel(
        r.one, r.row, r.background, n_samples=60, seed=r.seed
    ),
    "shapley.sampling": lambda r: shapley.sampling(
        r.one, r.row, r.background, n_permutations=2, seed=r.seed
    ),
    "shapley.shapley_from_values": lambda r: shapley.shapley_from_values(r.values[:8]),
    "stability.errors": lambda r: stability.errors(
        "kernel",
        lambda n, s: shapley.kernel(r.one, r.row, r.background, n_samples=n, seed=s),
        r.exact,
        [60],
        [r.seed],
    ),
    "stability.jaccard": lambda r: stability.jaccard(np.eye(3), 2),
    "stability.repeat": lambda r: r.runs().weights,
    "stability.top_k": lambda r: stability.top_k(r.values, 3),
    "weights.cached_file": lambda r: weights.cached_file("vgg16").name,
    "weights.cnn_names": lambda r: list(weights.cnn_names()),
    "weights.lite_file": lambda r: weights.lite_file("efficientnet_lite0").name,
    "weights.read_weights": lambda r: len(
        weights.read_weights(weights.lite_file("efficientnet_lite0"))
    ),
    "weights.torchvision_weights": lambda r: weights.torchvision_weights("vgg16").name,
    "widgets.background_slider": lambda r: widgets.background_slider(r.one, r.row, r.X, largest=4),
    "widgets.instance_explorer": lambda r: widgets.instance_explorer(
        r.one, r.X[:9], r.background[:2]
    ),
    "widgets.randomisation_explorer": lambda r: widgets.randomisation_explorer(
        [r.view], faithfulness.cascading_randomisation(r.cnn, r.draw, ["classifier"], r.seed)
    ),
    "widgets.lime_dial": lambda r: widgets.lime_dial(r.proba, r.row, r.X),
    "widgets.localisation_explorer": lambda r: widgets.localisation_explorer(r.views, r.maps),
    "widgets.panel": lambda r: widgets.panel(lambda: (plots.photo(r.view), "a")),
    "widgets.picker": lambda r: (
        widgets.picker(
            widgets.panel(lambda kind: (plots.photo(r.view), kind), kind=_choice()), kind=["a", "b"]
        ).says
    ),
    "widgets.threshold_explorer": lambda r: widgets.threshold_explorer(r.view, r.heat, r.mask),
    "widgets.threshold_overlay": lambda r: widgets.threshold_overlay(r.view, r.heat, r.mask).text,
    "widgets.what_if": lambda r: widgets.what_if(r.one, r.row, r.background[:2]),
}
# Too slow for here, or in need of a folder of their own; their parts are called above.
ELSEWHERE = {
    "datasets.oxford_pets",
    "datasets.voc",
}
# What a seed decides: another seed has to give other numbers.
SEEDED = {
    "capstone.faithfulness",
    "capstone.planted_rule",
    "chosen_masks.choose_masks",
    "controls.random_map",
    "data.scenes",
    "faithfulness.insertion",
    "faithfulness.cascading_randomisation",
    "faithfulness.stability",
    "image_widgets.lime_explorer",
    "income_net.train_income_net",
    "inputs.generator",
    "intervals.bootstrap_interval",
    "intervals.compare",
    "intervals.paired_bootstrap",
    "intervals.sign_flip_test",
    "lime_image.draw_masks",
    "lime_image.explain",
    "lime_tabular.explain",
    "lime_tabular.perturb",
    "lime_text.draw",
    "lime_text.explain",
    "measure.means",
    "measure.summary",
    "scenes.compose",
    "scenes.grid_quartets",
    "shapley.kernel",
    "shapley.sampling",
    "stability.errors",
    "stability.repeat",
    "texts.by_lot",
    "texts.shuffled",
    "texts.tested",
}


def _choice():
    import ipywidgets

    return ipywidgets.Dropdown(options=["a", "b"])


def public() -> set[str]:
    """module.function of everything public that is measured."""
    found = set()
    for path in (Path(__file__).parents[2] / "xailab").glob("*.py"):
        if path.stem in NOT_MEASURED | {"__init__"}:
            continue
        module = importlib.import_module(f"xailab.{path.stem}")
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isfunction(thing) and thing.__module__ == module.__name__:
                found.add(f"{path.stem}.{name}")
    return found


def flat(value: object, at: str = "") -> dict[str, np.ndarray]:
    """All numbers and words of a result, by their place in it."""
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    if isinstance(value, pd.DataFrame | pd.Series):
        value = value.reset_index().to_dict("list")
    if hasattr(value, "picture") and hasattr(value, "readout"):
        value = {"picture": np.frombuffer(value.picture.value, np.uint8), "text": value.text}
    if isinstance(value, plt.Axes):
        value = value.figure
    if isinstance(value, plt.Figure):
        value.canvas.draw()
        value = np.asarray(value.canvas.buffer_rgba()).sum((0, 1))
    if dataclasses.is_dataclass(value):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, tuple | list) or (
        isinstance(value, np.ndarray) and value.dtype == object
    ):
        parts = enumerate(value)
    elif callable(value) or value is None:
        return {at: np.array(str(type(value)))}
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
        plt.close("all")
    return found


if __name__ == "__main__":
    buffer = io.BytesIO()
    np.savez(buffer, **{k.replace("/", "|"): v for k, v in all_numbers(Room()).items()})
    sys.stdout.buffer.write(buffer.getvalue())
