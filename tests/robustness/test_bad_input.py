"""The bad-input table: what each public entry answers to input it cannot use, and that it leaves nothing.

A case is a call, the kind of error, and what the one sentence must tell: what to pass instead.
``python tests/test_bad_input.py`` prints the whole table with the sentences as they are.
"""

import io
import pickle
import re
import struct
import tempfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from support.leftovers import hooks, nothing_left
from torch import nn

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
    metrics,
    models,
    planted,
    shapley,
    stability,
    widgets,
)
from xailab.checks import quiz
from xailab.data import compositions, images, own_pictures, own_table
from xailab.evaluate import baselines, batch, report
from xailab.hooks import find_layer, record
from xailab.lime_text import addresses, marked
from xailab.widgets import images as image_widgets
from xailab.widgets import overlay

NAN = float("nan")


class Room:
    """Small good inputs, which the cases spoil, and a folder."""

    def __init__(self, folder: Path):
        rng, self.folder = np.random.default_rng(0), folder
        generator = torch.Generator().manual_seed(0)
        self.net = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(4, 5, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(5, 3),
        )
        self.flat = nn.Sequential(nn.Flatten(), nn.Linear(48, 3))
        for p in self.net.parameters():
            p.data = torch.randn(p.shape, generator=generator)
        self.cnn = models.own_cnn(self.net, ["cat", "dog", "cow"], input_size=32)
        self.x = torch.rand(1, 3, 32, 32, generator=generator)
        self.image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        self.segments = (np.arange(32) // 8)[:, None] + np.zeros((32, 32), int)
        self.heat, self.mask = rng.random((32, 32)), np.zeros((32, 32), bool)
        self.mask[5:20, 5:20] = True
        self.X = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd"))
        self.row, self.y = self.X.iloc[3], self.X["a"] > 0
        self.table_net = models.train_income_net(self.X, self.y, epochs=1)
        self.proba = self.table_net.predict_proba
        self.A = torch.rand(1, 3, 2, 2, generator=generator)

        self.talks = pd.DataFrame({"year": 1, "president": ["a"], "party": "x", "text": "b c"})
        self.of_texts = lambda asked: np.full((len(asked), 2), 0.5)

    def one(self, X):
        return self.proba(X)[:, 1]

    def item(self, **changes):
        good = {"name": "tea", "image": self.image, "mask": self.mask, "target": 1}
        return SimpleNamespace(**(good | changes))

    def question(self, target="buys", yes="yes", columns=None, least=2, **changed):
        frame = self.X.assign(buys=np.where(self.y, "yes", "no")).assign(**changed)
        return own_table.question(frame, target, yes, columns, least=least)

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def jpeg(self, share: float = 1.0) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(self.image).save(buffer, "JPEG")
        return buffer.getvalue()[: int(len(buffer.getvalue()) * share)]

    def lime(self, **changes):
        settings = {"segments": self.segments, "n_samples": 40} | changes
        predict = settings.pop("predict", self.cnn.predict_proba)
        return lime_image.explain(predict, settings.pop("image", self.image), **settings)

    def table(self, **changes):
        good = {"predict_proba": self.proba, "x": self.row, "X_train": self.X, "n_samples": 100}
        return lime_tabular.explain(**(good | changes))

    def run(self, items=None, **changes):
        items = [self.item()] if items is None else items
        return batch.run(
            self.cnn,
            items,
            **({"methods": ["grad_cam"], "baselines": (), "progress": False} | changes),
        )


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has these sides: what a decompression bomb looks like."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


class Evil:
    def __reduce__(self):
        return (print, ("a pickle ran",))


V, T, F = ValueError, TypeError, FileNotFoundError
CASES = {
    # --- data ---
    "split: share 1.5": (lambda r: ADULT.split(1.5), V, "between 0 and 1, not 1.5"),
    "split: share NaN": (lambda r: ADULT.split(NAN), V, "between 0 and 1, not nan"),
    "split: share a word": (lambda r: ADULT.split("half"), V, "between 0 and 1, not 'half'"),
    "split: seed -1": (lambda r: ADULT.split(seed=-1), V, "seed must be at least 0, not -1"),
    "split: seed a word": (lambda r: ADULT.split(seed="x"), T, "seed must be a whole number"),
    "decode: unknown code": (
        lambda r: ADULT.decode(ADULT.X.iloc[0] * 99),
        V,
        "The code of .* from 0 to",
    ),
    "photo: misspelt": (lambda r: data.photo("kaola"), V, "similar names are koala"),
    "photo: a number": (lambda r: data.photo(3), V, "no photo named 3; similar names are"),
    "scenes: five objects": (lambda r: data.scenes(1, objects=5), V, "1 to 4 objects"),
    "scenes: n 1.5": (lambda r: data.scenes(1.5), T, "n must be a whole number, not 1.5"),
    "scenes: share NaN": (lambda r: data.scenes(1, share=NAN), V, r"share must be in \(0, 1\]"),
    "scenes: size 5000": (
        lambda r: compositions.compose(data.photos()[:9], 1, size=5000),
        V,
        "from 32 to 512, not 5000",
    ),
    "scenes: no photos": (lambda r: compositions.compose([], 1), V, "None of the photos shows"),
    "tile: one input": (lambda r: compositions.tile(r.x), V, "takes four inputs"),
    "quartets: three classes": (
        lambda r: compositions.grid_quartets([1, 2, 3], 1),
        V,
        "at least four classes",
    ),
    # --- images ---
    "image: no file": (lambda r: data.read_image(r.folder / "no.jpg"), F, "check the path"),
    "image: a folder": (lambda r: data.read_image(r.folder), F, "check the path"),
    "image: path None": (lambda r: data.read_image(None), T, "must be a string or Path, not None"),
    "image: truncated JPEG": (
        lambda r: data.read_image(r.file("a.jpg", r.jpeg(0.6))),
        V,
        "cannot be read as an image .*truncated",
    ),
    "image: corrupt JPEG": (
        lambda r: data.read_image(r.file("b.jpg", r.jpeg()[:40] + bytes(400))),
        V,
        "cannot be read as an image",
    ),
    "image: empty file": (
        lambda r: data.read_image(r.file("c.jpg", b"")),
        V,
        "cannot be read as an image",
    ),
    "image: text as JPEG": (
        lambda r: data.read_image(r.file("d.jpg", b"hello " * 99)),
        V,
        "cannot be read as an image",
    ),
    "image: a pickle": (
        lambda r: data.read_image(r.file("e.jpg", pickle.dumps(Evil()))),
        V,
        "cannot be read as an image",
    ),
    "image: gigantic": (
        lambda r: data.read_image(r.file("f.png", png_header(12_000, 12_000))),
        V,
        "12000 x 12000 pixels.*make it smaller first",
    ),
    "image: decompression bomb": (
        lambda r: data.read_image(r.file("g.png", png_header(100_000, 100_000))),
        V,
        "10000000000 pixels.*make it smaller first",
    ),
    "image: bomb as bytes": (
        lambda r: images.as_rgb(png_header(60_000, 60_000)),
        V,
        "make it smaller first",
    ),
    "array: gigantic": (
        lambda r: images.as_rgb(np.broadcast_to(np.uint8(7), (20_000, 20_000, 3))),
        V,
        "make it smaller first",
    ),
    "array: float": (
        lambda r: images.as_rgb(r.heat),
        V,
        r"\(255 \* image\).round\(\).astype\('uint8'\)",
    ),
    "array: NaN": (lambda r: images.as_rgb(np.full((4, 4, 3), NAN)), V, "replace them first"),
    "array: uint16": (lambda r: images.as_rgb(np.zeros((4, 4, 3), np.uint16)), V, r"image // 257"),
    "array: grey": (
        lambda r: images.as_rgb(r.image[..., 0]),
        V,
        r"np.stack\(\[image\] \* 3, axis=-1\)",
    ),
    "array: RGBA": (
        lambda r: images.as_rgb(np.zeros((4, 4, 4), np.uint8)),
        V,
        "drops the transparency",
    ),
    "array: channels first": (
        lambda r: images.as_rgb(r.image.transpose(2, 0, 1)),
        V,
        "puts the channels last",
    ),
    "array: a batch": (lambda r: images.as_rgb(r.image[None]), V, "height, width, 3"),
    "array: empty": (lambda r: images.as_rgb(r.image[:0]), V, "empty, of shape"),
    "array: ragged list": (lambda r: images.as_rgb([[1, 2], [3]]), T, "path of an image file, not"),
    "array: text": (lambda r: images.as_rgb(np.array([["a"]])), T, "path of an image file, not"),
    "array: None": (lambda r: images.as_rgb(None), T, "path of an image file, not None"),
    "array: a tensor": (lambda r: images.as_rgb(r.x[0]), T, r"permute\(1, 2, 0\).numpy\(\)"),
    # --- models ---
    "predict_proba: one array": (lambda r: r.cnn.predict_proba(r.image), T, r"pass \[image\]"),
    "predict_proba: one PIL": (
        lambda r: r.cnn.predict_proba(Image.fromarray(r.image)),
        T,
        r"pass \[image\]",
    ),
    "top: k 0": (lambda r: r.cnn.top(r.image, 0), V, "k must be at least 1"),
    "target: unknown": (lambda r: r.cnn.target("cat fish"), V, "similar ones: cat"),
    "view_mask: shares": (lambda r: r.cnn.view_mask(r.heat), V, "mask > 0.5 makes one"),
    "load_cnn: misspelt": (lambda r: models.load_cnn("resnet5"), V, "did you mean 'resnet50'"),
    "load_cnn: None": (lambda r: models.load_cnn(None), V, "did you mean"),
    "weights: no file": (
        lambda r: models.load_cnn(weights=r.folder / "w.pth"),
        F,
        "check the path",
    ),
    "weights: a number": (
        lambda r: models.load_cnn(weights=3),
        T,
        "None, 'download' or a file's path",
    ),
    "weights: a pickle": (
        lambda r: models.load_cnn(weights=r.file("w.pth", pickle.dumps(Evil()))),
        V,
        "not a plain file of weights and was not opened",
    ),
    "weights: half a file": (
        lambda r: models.load_cnn(weights=r.file("h.pth", b"PK\x03\x04" + bytes(99))),
        V,
        "not a plain file of weights",
    ),
    "own_cnn: a function": (lambda r: models.own_cnn(len, "abc"), T, "must be a torch.nn.Module"),
    "own_cnn: other categories": (
        lambda r: models.own_cnn(r.net, "ab", input_size=32),
        V,
        r"logits of shape \(1, 2\)",
    ),
    "own_cnn: no maps": (
        lambda r: models.own_cnn(r.flat, "abc", input_size=4),
        V,
        "No part of this Sequential returns maps",
    ),
    "own_cnn: unknown layer": (
        lambda r: models.own_cnn(r.net, "abc", input_size=32, default_layer="conv"),
        V,
        "There is no layer 'conv'",
    ),
    "own_cnn: std 0": (
        lambda r: models.own_cnn(r.net, "abc", input_size=32, std=(0, 0, 0)),
        V,
        "three positive numbers",
    ),
    "own_cnn: how many": (lambda r: models.own_cnn(r.net, 3), T, "a list of strings, not 3"),
    "own_cnn: softmax": (
        lambda r: models.own_cnn(nn.Sequential(r.net, nn.Softmax(1)), "abc", input_size=32),
        V,
        "leave out its last softmax",
    ),
    "own_cnn: cannot run": (
        lambda r: models.own_cnn(r.flat[1], "abc"),
        V,
        "cannot take an image of shape",
    ),
    "train: an array": (
        lambda r: models.train_income_net(r.X.to_numpy(), r.y),
        T,
        "must be a DataFrame",
    ),
    "train: text": (
        lambda r: models.train_income_net(r.X.assign(a="x"), r.y),
        V,
        "own_table.encode",
    ),
    "train: empty": (lambda r: models.train_income_net(r.X[:0], r.y[:0]), V, "at least two"),
    "train: NaN": (
        lambda r: models.train_income_net(r.X.assign(b=NAN), r.y),
        V,
        "missing or infinite value in 'b'",
    ),
    "train: labels as words": (
        lambda r: models.train_income_net(r.X, r.y.astype(str)),
        V,
        "y must be one bool per row",
    ),
    "train: labels 0 and 3": (
        lambda r: models.train_income_net(r.X, r.y * 3),
        V,
        "y must be one bool per row",
    ),
    "train: no epoch": (
        lambda r: models.train_income_net(r.X, r.y, epochs=0),
        V,
        "epochs must be at least 1",
    ),
    "IncomeNet: columns": (lambda r: r.proba(r.X[list("dcba")]), V, r"X\[list\(model.features\)\]"),
    "IncomeNet: one row": (lambda r: r.proba(r.row), V, r"X.iloc\[\[i\]\]"),
    "IncomeNet: text": (lambda r: r.proba(np.array([["a"] * 4])), V, "numbers only"),
    "IncomeNet: inf": (lambda r: r.proba(r.X.assign(c=np.inf)), V, "infinite value in 'c'"),
    # --- hooks and cam ---
    "layer: unknown": (
        lambda r: find_layer(r.net, "conv"),
        V,
        "There is no layer 'conv' in this model; near:",
    ),
    "layer: of another model": (
        lambda r: find_layer(r.net, nn.ReLU()),
        V,
        "is no part of this Sequential",
    ),
    "layer: model a word": (lambda r: find_layer("net", "0"), T, "must be a torch.nn.Module"),
    "record: no model": (lambda r: record(3, "0").__enter__(), T, "must be a torch.nn.Module"),
    "heatmaps: no batch axis": (
        lambda r: cam.heatmaps(r.cnn, r.x[0]),
        V,
        r"cnn.preprocess\(image\) makes it",
    ),
    "heatmaps: a photo": (lambda r: cam.heatmaps(r.cnn, r.image), T, r"cnn.preprocess\(image\)"),
    "heatmaps: empty batch": (lambda r: cam.heatmaps(r.cnn, r.x[:0]), V, r"\(B, 3, H, W\)"),
    "heatmaps: uint8": (
        lambda r: cam.heatmaps(r.cnn, (r.x * 255).byte()),
        T,
        "tensor of floats, not torch.uint8",
    ),
    "heatmaps: NaN": (lambda r: cam.heatmaps(r.cnn, r.x * NAN), V, "NaN or infinite"),
    "heatmaps: double": (lambda r: cam.heatmaps(r.cnn, r.x.double()), V, r"x.to\(torch.float32\)"),
    "heatmaps: wrong device": (lambda r: cam.heatmaps(r.cnn, r.x.to("meta")), V, r"x.to\('cpu'\)"),
    "heatmaps: target 3 of 3": (
        lambda r: cam.heatmaps(r.cnn, r.x, target=3),
        V,
        "between 0 and 2, not 3",
    ),
    "heatmaps: target -1": (
        lambda r: cam.heatmaps(r.cnn, r.x, target=-1),
        V,
        "between 0 and 2, not -1",
    ),
    "heatmaps: target a name": (
        lambda r: cam.heatmaps(r.cnn, r.x, target="cat"),
        V,
        r"CNN.target\(name\)",
    ),
    "heatmaps: target 0.5": (lambda r: cam.heatmaps(r.cnn, r.x, target=0.5), V, "one class index"),
    "heatmaps: two targets": (
        lambda r: cam.heatmaps(r.cnn, r.x, target=[0, 1]),
        V,
        "one class index",
    ),
    "heatmaps: method": (lambda r: cam.heatmaps(r.cnn, r.x, methods=["gradcam"]), V, "'grad_cam'"),
    "heatmaps: methods a word": (
        lambda r: cam.heatmaps(r.cnn, r.x, methods="grad_cam"),
        V,
        "must be a list",
    ),
    "heatmaps: no methods": (lambda r: cam.heatmaps(r.cnn, r.x, methods=[]), V, "must be a list"),
    "heatmaps: flat layer": (
        lambda r: cam.heatmaps(r.cnn, r.x, layer="5"),
        V,
        "choose a convolutional layer",
    ),
    "heatmaps: CAM elsewhere": (
        lambda r: cam.heatmaps(r.cnn, r.x, "1", methods=["cam"]),
        V,
        "use 'grad_cam' instead",
    ),
    "heatmaps: model a word": (
        lambda r: cam.heatmaps("lite", r.x),
        T,
        r"CNN as load_cnn\(\) makes it",
    ),
    # --- LIME ---
    "LIME: model None": (lambda r: r.table(predict_proba=None), T, "such as model.predict_proba"),
    "LIME: one column": (lambda r: r.table(predict_proba=r.one), V, r"must return \(n, classes\)"),
    "LIME: model says NaN": (
        lambda r: r.table(predict_proba=lambda X: np.full((len(X), 2), NAN)),
        V,
        "missing or infinite",
    ),
    "LIME: model says words": (
        lambda r: r.table(predict_proba=lambda X: [["a", "b"]] * len(X)),
        V,
        "numbers only",
    ),
    "LIME: short row": (lambda r: r.table(x=r.row[:3]), V, "3 values but X_train has 4"),
    "LIME: row of words": (lambda r: r.table(x=list("abcd")), V, "numbers only"),
    "LIME: row None": (lambda r: r.table(x=None), V, "numbers only|1 values but"),
    "LIME: row NaN": (lambda r: r.table(x=r.row * NAN), V, "fill them first"),
    "LIME: train array": (
        lambda r: r.table(X_train=r.X.to_numpy()),
        T,
        r"pd.DataFrame\(array, columns=names\)",
    ),
    "LIME: train text": (lambda r: r.table(X_train=r.X.assign(a="t")), V, "own_table.encode"),
    "LIME: train empty": (lambda r: r.table(X_train=r.X[:0]), V, "has no rows"),
    "LIME: constant column": (
        lambda r: r.table(X_train=r.X.assign(a=1.0)),
        V,
        "'a' is constant.*drop it",
    ),
    "LIME: n_samples 5": (lambda r: r.table(n_samples=5), V, "at least 6 to fit 4 weights"),
    "LIME: n_samples 99.5": (lambda r: r.table(n_samples=99.5), T, "whole number"),
    "LIME: kernel width 0": (lambda r: r.table(kernel_width=0), V, "positive number, not 0"),
    "LIME: kernel width inf": (
        lambda r: r.table(kernel_width=np.inf),
        V,
        "positive number, not inf",
    ),
    "LIME: kernel width a word": (
        lambda r: r.table(kernel_width="wide"),
        V,
        "positive number, not 'wide'",
    ),
    "LIME: num_features 0": (lambda r: r.table(num_features=0), V, "None for all"),
    "LIME: target 2 of 2": (lambda r: r.table(target=2), V, "from 0 to 1, not 2"),
    "LIME: target a word": (lambda r: r.table(target="yes"), T, "target must be a whole number"),
    "LIME: seed -1": (lambda r: r.table(seed=-1), V, "seed must be at least 0"),
    "LIME: unknown category": (lambda r: r.table(categorical=["z"]), V, r"the columns are \['a'"),
    "LIME: samples NaN": (
        lambda r: r.table(samples=np.vstack([r.row, np.full((9, 4), NAN)])),
        V,
        "fill them first",
    ),
    "LIME image: float": (lambda r: r.lime(image=r.heat), V, "see CNN.view"),
    "LIME image: a path": (lambda r: r.lime(image="tea.jpg"), F, "There is no image file tea.jpg"),
    "LIME image: model None": (lambda r: r.lime(predict=None), T, "such as cnn.predict_proba"),
    "LIME image: model says NaN": (
        lambda r: r.lime(predict=lambda i: np.full((len(i), 3), NAN)),
        V,
        "missing or infinite",
    ),
    "LIME image: wrong length": (
        lambda r: r.lime(predict=lambda i: np.zeros((1, 3))),
        V,
        r"\(n, classes\) for n images",
    ),
    "LIME image: segments cut": (lambda r: r.lime(segments=r.segments[:5]), V, "without gaps"),
    "LIME image: gaps": (lambda r: r.lime(segments=r.segments * 2), V, "without gaps"),
    "LIME image: float labels": (lambda r: r.lime(segments=r.segments / 1.0), V, "whole labels"),
    "LIME image: one segment": (lambda r: r.lime(segments=r.segments * 0), V, "cut finer"),
    "LIME image: fill": (lambda r: r.lime(hide="white"), V, "'mean', 'grey', 'black' or 'blur'"),
    "LIME image: draws": (lambda r: r.lime(draws="random"), V, "one of independent"),
    "LIME image: target 3 of 3": (lambda r: r.lime(target=3), V, "from 0 to 2, not 3"),
    "LIME image: batch 0": (lambda r: r.lime(batch_size=0), V, "batch_size must be at least 1"),
    "superpixels: method": (
        lambda r: lime_image.superpixels(r.image, "snic"),
        V,
        "'slic', 'quickshift'",
    ),
    "superpixels: none": (
        lambda r: lime_image.superpixels(r.image, n=0),
        V,
        "n must be at least 1",
    ),
    "texts: a list": (
        lambda r: addresses.held_out(None, ["a b"]),
        V,
        "columns year, president",
    ),
    "texts: no party": (
        lambda r: addresses.label_permutation(r.talks.drop(columns="party"), 0),
        V,
        "missing: party",
    ),
    "texts: unknown split": (
        lambda r: addresses.held_out(None, r.talks, "rows"),
        V,
        "by must be one of",
    ),
    "texts: no text": (
        lambda r: addresses.with_planted_tokens(r.talks.drop(columns="text")),
        V,
        "missing: text",
    ),
    "texts: a seed of text": (lambda r: addresses.label_permutation(r.talks, "one"), T, "seed"),
    "marked text: another text": (
        lambda r: marked.marked("b", lime_text.explain(r.of_texts, "a c")),
        V,
        "another text",
    ),
    "marked text: no words": (
        lambda r: marked.marked("a c", lime_text.explain(r.of_texts, "a c"), 0),
        V,
        "at least 1",
    ),
    "LIME text: a list": (lambda r: lime_text.explain(r.proba, ["a b c"]), T, "text"),
    "LIME text: no words": (lambda r: lime_text.explain(r.proba, "  "), V, "word"),
    "LIME text: unknown unit": (
        lambda r: lime_text.explain(r.proba, "a b c", by="line"),
        V,
        "by must be",
    ),
    # --- Shapley values and gradients ---
    "Shapley: x too long": (
        lambda r: shapley.exact(r.one, np.zeros(5), r.X),
        V,
        r"background must have shape \(n, 5\)",
    ),
    "Shapley: 17 features": (
        lambda r: shapley.exact(r.one, np.zeros(17), np.zeros((3, 17))),
        V,
        r"use kernel\(\) or sampling\(\)",
    ),
    "Shapley: two columns": (
        lambda r: shapley.exact(r.proba, r.row, r.X),
        V,
        r"predict_proba\(X\)\[:, 1\]",
    ),
    "Shapley: x NaN": (lambda r: shapley.exact(r.one, r.row * NAN, r.X), V, "fill them first"),
    "Shapley: model NaN": (
        lambda r: shapley.exact(lambda X: np.full(len(X), NAN), r.row, r.X),
        V,
        "finite output",
    ),
    "Shapley: model None": (
        lambda r: shapley.exact(None, r.row, r.X),
        T,
        "predict must be a function",
    ),
    "Shapley: background empty": (
        lambda r: shapley.exact(r.one, r.row, r.X[:0]),
        V,
        r"not \(0, 4\)",
    ),
    "Shapley: background text": (
        lambda r: shapley.exact(r.one, r.row, r.X.assign(a="t")),
        V,
        "own_table.encode",
    ),
    "Shapley: other columns": (
        lambda r: shapley.exact(r.one, r.row.rename({"a": "e"}), r.X),
        V,
        r"'a' is missing; both need \['a', 'b', 'c', 'd'\]",
    ),
    "Shapley: no feature": (
        lambda r: shapley.exact(r.one, [], np.zeros((3, 0))),
        V,
        "one feature at least",
    ),
    "Shapley: 6 values": (
        lambda r: shapley.shapley_from_values(np.zeros(6)),
        V,
        r"all 2\^d coalitions, not 6",
    ),
    "Shapley: values NaN": (
        lambda r: shapley.shapley_from_values(np.full(8, NAN)),
        V,
        "every coalition has one",
    ),
    "Shapley: one row for many": (
        lambda r: shapley.exact_rows(r.one, r.row, r.X),
        V,
        r"goes to exact\(\)",
    ),
    "Shapley: few samples": (
        lambda r: shapley.kernel(r.one, r.row, r.X, n_samples=3),
        V,
        "at least 8 for 4 features",
    ),
    "Shapley: no order": (
        lambda r: shapley.sampling(r.one, r.row, r.X, n_permutations=0),
        V,
        "n_permutations must be at least 1",
    ),
    "Shapley: seed a word": (
        lambda r: shapley.sampling(r.one, r.row, r.X, seed="s"),
        T,
        "seed must be a whole number",
    ),
    "integrated gradients: rule": (
        lambda r: integrated_gradients.quadrature(4, "simpson"),
        V,
        "rule must be one of",
    ),
    "integrated gradients: shapes": (
        lambda r: integrated_gradients.explain(r.net, r.x, r.x[0]),
        V,
        "one shape",
    ),
    "integrated gradients: NaN": (
        lambda r: integrated_gradients.explain(r.net, r.x[0] * NAN, r.x[0]),
        V,
        "missing or infinite",
    ),
    "counterfactual: rules": (
        lambda r: counterfactual.candidates(r.row, r.X, counterfactual.Rules(immutable=("z",))),
        V,
        r"the columns are \['a'",
    ),
    # --- metrics ---
    "metrics: shapes": (lambda r: metrics.iou(r.heat, r.mask[:3]), V, "must have one shape"),
    "metrics: empty mask": (
        lambda r: metrics.recall(r.heat, r.mask & False),
        V,
        "without an object",
    ),
    "metrics: mask of shares": (lambda r: metrics.iou(r.heat, r.heat), V, "mask > 0.5 makes one"),
    "metrics: mask of labels": (lambda r: metrics.f1(r.heat, r.mask * 3 + 4), V, "mask == label"),
    "metrics: mask of words": (
        lambda r: metrics.iou(r.heat, np.full((32, 32), "no")),
        V,
        "bool array",
    ),
    "metrics: map NaN": (lambda r: metrics.iou(r.heat * NAN, r.mask), V, "finite numbers >= 0"),
    "metrics: map negative": (
        lambda r: metrics.pointing_game(-r.heat, r.mask),
        V,
        "finite numbers >= 0",
    ),
    "metrics: map empty": (lambda r: metrics.region(r.heat[:0]), V, "finite numbers >= 0"),
    "metrics: map 3-d": (
        lambda r: metrics.saliency_score(r.heat[None], r.mask[None]),
        V,
        r"\(H, W\) array",
    ),
    "metrics: map on a device": (
        lambda r: metrics.iou(torch.zeros(32, 32, device="meta"), r.mask),
        V,
        r"heatmap.cpu\(\)",
    ),
    "metrics: threshold 0": (
        lambda r: metrics.iou(r.heat, r.mask, 0),
        V,
        r"\(0, 1\], a share of the maximum",
    ),
    "metrics: threshold a word": (
        lambda r: metrics.iou(r.heat, r.mask, "half"),
        V,
        r"\(0, 1\], a share of the maximum",
    ),
    "metrics: no thresholds": (
        lambda r: metrics.threshold_curve(r.heat, r.mask, []),
        V,
        "one at least",
    ),
    "metrics: grid cell": (
        lambda r: metrics.grid_pointing_game(r.heat, 4),
        V,
        "a cell from 0 to 3",
    ),
    "interval: one value": (
        lambda r: metrics.bootstrap_interval([1.0]),
        V,
        "at least 2 finite values",
    ),
    "interval: NaN": (lambda r: metrics.bootstrap_interval([1.0, NAN]), V, "must be dropped first"),
    "interval: words": (lambda r: metrics.bootstrap_interval(["a", "b"]), V, "numbers only"),
    "interval: level 95": (
        lambda r: metrics.bootstrap_interval([1, 2.0], level=95),
        V,
        "between 0 and 1, not 95",
    ),
    "pairs: lengths": (lambda r: metrics.paired_bootstrap([1, 2], [1, 2, 3]), V, "the same items"),
    "pairs: none": (lambda r: metrics.compare({"a": [], "b": []}), V, "one at least"),
    "pairs: NaN": (
        lambda r: metrics.paired_bootstrap([1, NAN], [1, 2]),
        V,
        "drop such items first",
    ),
    "Holm: p 2": (lambda r: metrics.holm([2.0]), V, "probabilities from 0 to 1"),
    "compare: one method": (lambda r: metrics.compare({"a": [1, 2]}), V, "two or more methods"),
    # --- faithfulness ---
    "deletion: shapes": (
        lambda r: metrics.deletion(r.cnn, r.x, r.heat[:3], 0),
        V,
        r"heat map \(H, W\)",
    ),
    "deletion: target -1": (
        lambda r: metrics.deletion(r.cnn, r.x, r.heat, -1),
        V,
        "from 0 to 2, not -1",
    ),
    "deletion: steps 0": (
        lambda r: metrics.deletion(r.cnn, r.x, r.heat, 0, steps=0),
        V,
        "steps must be at least 1",
    ),
    "deletion: fill": (
        lambda r: metrics.deletion(r.cnn, r.x, r.heat, 0, fill="noise"),
        V,
        "'blur', 'mean', 'zero'",
    ),
    "deletion: fill's shape": (
        lambda r: metrics.deletion(r.cnn, r.x, r.heat, 0, fill=torch.zeros(7)),
        V,
        "fill must be a tensor that fits",
    ),
    "insertion: output": (
        lambda r: metrics.insertion(r.cnn, r.x, r.heat, 0, output="odds"),
        V,
        "'probability' or 'logit'",
    ),
    "insertion: a photo": (
        lambda r: metrics.insertion(r.cnn, r.image, r.heat, 0),
        T,
        r"cnn.preprocess\(image\)",
    ),
    "insertion: wrong device": (
        lambda r: metrics.insertion(r.cnn, r.x.to("meta"), r.heat, 0),
        V,
        r"x.to\('cpu'\)",
    ),
    "average drop: target": (
        lambda r: metrics.average_drop(r.cnn, r.x, r.heat[None], [7]),
        V,
        r"between 0 and 2, not \[7\]",
    ),
    "similarity: shapes": (lambda r: metrics.map_similarity(r.heat, r.heat[:3]), V, "one shape"),
    "cascade: unknown part": (
        lambda r: metrics.cascading_randomisation(r.cnn, lambda n: {}, ["x"]),
        V,
        r"see named_modules\(\)",
    ),
    "cascade: explain": (
        lambda r: metrics.cascading_randomisation(r.cnn, lambda n: 3),
        T,
        "must return a dict",
    ),
    "stability: no noise": (
        lambda r: metrics.stability(lambda x: {}, r.x, noise=0),
        V,
        "positive number, not 0",
    ),
    "control: target": (
        lambda r: baselines.input_gradient(r.cnn, r.x[0], torch.tensor([0])),
        V,
        r"\(B, 3, H, W\)",
    ),
    # --- evaluate, own pictures, reports ---
    "views: no item": (
        lambda r: evaluate.views(r.cnn, [r.image]),
        T,
        "needs name, image, mask and target",
    ),
    "views: a bare network": (
        lambda r: evaluate.views(r.net, [r.item()]),
        T,
        r"own_cnn\(network, categories\) makes one",
    ),
    "views: mask cut": (
        lambda r: evaluate.views(r.cnn, [r.item(mask=r.mask[:5])]),
        V,
        "but its picture",
    ),
    "views: mask None": (
        lambda r: evaluate.views(r.cnn, [r.item(mask=None)]),
        V,
        "The mask of tea must be a bool array",
    ),
    "views: target a word": (
        lambda r: evaluate.views(r.cnn, [r.item(target="cat")]),
        T,
        "The target of tea must be a whole number",
    ),
    "maps: no views": (lambda r: evaluate.maps(r.cnn, [], ["grad_cam"]), V, "at least one view"),
    "maps: control": (lambda r: evaluate.maps(r.cnn, [], baselines=["blob"]), V, r"not \['blob'\]"),
    "run: no items": (lambda r: r.run([]), V, "one picture at least"),
    "run: a name twice": (lambda r: r.run([r.item(), r.item()]), V, "give each a name of its own"),
    "run: cache is a file": (
        lambda r: r.run(cache=r.file("f.csv", b"a,b\n1,2\n")),
        V,
        "cache must be a folder",
    ),
    "run: layer a module": (
        lambda r: r.run(layer=r.cnn.model),
        T,
        "layer must be a name out of cnn.layers",
    ),
    "run: items of a generator": (lambda r: r.run(i for i in ()), V, "must be a sequence"),
    "run: no CNN": (lambda r: batch.run(r.net, [r.item()]), T, "cnn must be a CNN"),
    "run: least": (lambda r: r.run(least=2), V, "a share from 0 to 1"),
    "run: target a word": (
        lambda r: r.run([r.item(target="cat")]),
        T,
        "The target of tea must be a whole number",
    ),
    "run: n_jobs 0": (lambda r: r.run(n_jobs=0), V, "-1 for all cores, not 0"),
    "perturbation: kind": (
        lambda r: evaluate.perturbation(r.cnn, [], {}, "delete"),
        V,
        "'deletion' or 'insertion'",
    ),
    "folder: empty": (lambda r: own_pictures.folder(r.folder), F, "annotations.json is missing"),
    "folder: none": (lambda r: own_pictures.folder(r.folder / "no"), F, "There is no folder"),
    "lint: a number": (lambda r: report.lint(3), T, "reads a text or a Report"),
    "planted: target": (lambda r: planted.picture(2), V, "0 .disc. or 1"),
    "repeat: one seed": (lambda r: stability.repeat(lambda s: 1, [1]), V, "Two different seeds"),
    # --- a table of one's own ---
    "CSV: no file": (lambda r: own_table.read(r.folder / "no.csv"), F, "check the path"),
    "CSV: empty": (lambda r: own_table.read(r.file("a.csv", b"")), V, "should name the columns"),
    "CSV: no rows": (lambda r: own_table.read(r.file("b.csv", b"a,b\n")), V, "no rows"),
    "CSV: semicolons": (lambda r: own_table.read(r.file("c.csv", b"a;b\n1;2\n")), V, "sep=';'"),
    "CSV: semicolons and decimal commas": (
        lambda r: own_table.read(r.file("i.csv", b"a;b\n1,5;2\n2,5;3\n")),
        V,
        "sep=';'",
    ),
    "CSV: tabs": (lambda r: own_table.read(r.file("j.csv", b"a\tb\n1\t2\n")), V, r"sep='\\t'"),
    "CSV: decimal commas": (
        lambda r: own_table.read(r.file("k.csv", b"a;b\n1,5;x\n;y\n"), sep=";"),
        V,
        "'a' holds numbers with a comma, as '1,5'; pass decimal",
    ),
    "CSV: a workbook": (
        lambda r: own_table.read(r.file("l.xlsx", b"PK")),
        V,
        "save its sheet as CSV",
    ),
    "CSV: ragged": (
        lambda r: own_table.read(r.file("d.csv", b"a,b\n1,2\n1,2,3\n")),
        V,
        "equally long lines",
    ),
    "CSV: longer lines": (
        lambda r: own_table.read(r.file("e.csv", b"a,b\n1,2,3\n4,5,6\n")),
        V,
        "equally long lines",
    ),
    "CSV: Latin-1": (
        lambda r: own_table.read(r.file("f.csv", "Größe,b\n1,2\n".encode("latin-1"))),
        V,
        "encoding='latin-1'",
    ),
    "CSV: name twice": (
        lambda r: own_table.read(r.file("g.csv", b"a,a\n1,2\n")),
        V,
        "Two columns are named 'a'",
    ),
    "CSV: a pickle": (
        lambda r: own_table.read(r.file("h.csv", pickle.dumps(Evil()))),
        V,
        "UTF-8|no table|no rows",
    ),
    "table: missing value": (
        lambda r: own_table.encode(r.X.assign(a=None)),
        V,
        "fill them or drop",
    ),
    "question: no such target": (lambda r: r.question(target="sex"), V, "no column 'sex'; it has"),
    "question: no such column": (lambda r: r.question(columns=["a", "e"]), V, "no column 'e'"),
    "question: target among columns": (
        lambda r: r.question(columns=["a", "buys"]),
        V,
        "take it out",
    ),
    "question: nobody": (
        lambda r: r.question(yes="Yes"),
        V,
        r"No row has buys = 'Yes'; the values of buys are \['no', 'yes'\]",
    ),
    "question: everybody": (lambda r: r.question(buys="yes"), V, "All rows have buys = 'yes'"),
    "question: target missing": (
        lambda r: r.question(buys=None),
        V,
        "missing values; drop those rows",
    ),
    "question: constant": (lambda r: r.question(b=1), V, "'b' is constant"),
    "question: constant text": (lambda r: r.question(b="DE"), V, "'b' is constant"),
    "question: names": (
        lambda r: r.question(b=[f"P{i}" for i in range(60)]),
        V,
        "'b' has a different text in most rows",
    ),
    "question: few rows": (
        lambda r: r.question(least=61),
        V,
        "has 60 rows; at least 61 are needed",
    ),
    "table: a path": (lambda r: own_table.encode("a.csv"), T, "as pd.read_csv makes"),
    # --- widgets, checks, quizzes ---
    "overlay: mask cut": (
        lambda r: overlay.ThresholdOverlay(r.image, r.heat, r.mask[:3]),
        V,
        "with the mask's H and W",
    ),
    "overlay: no map": (
        lambda r: overlay.ThresholdOverlay(r.image, {}, r.mask),
        V,
        "at least one map",
    ),
    "instance_explorer: no rows": (
        lambda r: widgets.instance_explorer(r.one, r.X[:0], r.X),
        V,
        "one row at least",
    ),
    "what_if: an array": (
        lambda r: widgets.what_if(r.one, r.row.to_numpy(), r.X),
        T,
        r"X.iloc\[0\]",
    ),
    "background_slider: 0": (
        lambda r: widgets.background_slider(r.one, r.row, r.X, largest=0),
        V,
        "largest must be at least 1",
    ),
    "lime_dial: one column": (lambda r: widgets.lime_dial(r.one, r.row, r.X), V, r"\(n, classes\)"),
    "localisation_explorer: none": (
        lambda r: widgets.localisation_explorer([], {}),
        V,
        "one view and one map",
    ),
    "randomisation_explorer: none": (
        lambda r: widgets.randomisation_explorer([], None),
        V,
        "metrics.cascading_randomisation",
    ),
    "cam_explorer: a heat map": (
        lambda r: image_widgets.cam_explorer(r.cnn, r.heat),
        V,
        "must be uint8",
    ),
    "cam_explorer: layer": (
        lambda r: image_widgets.cam_explorer(r.cnn, r.image, layer="x"),
        V,
        "layer must be one of 0",
    ),
    "cam_explorer: no class": (
        lambda r: image_widgets.cam_explorer(r.cnn, r.image, classes=0),
        V,
        "classes must be at least 1",
    ),
    "superpixel_explorer: float": (
        lambda r: image_widgets.superpixel_explorer(r.heat),
        V,
        "must be uint8",
    ),
    "check: unknown key": (lambda r: checks.check("05.gradcam"), V, "near keys: 05.grad_cam"),
    "check: key None": (lambda r: checks.check(None), V, "near keys"),
    "quiz: a path": (lambda r: quiz.load("../quizzes/05"), V, "there are 0"),
}


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    global ADULT
    ADULT = data.adult()
    return Room(tmp_path_factory.mktemp("room"))


def sentence_of(case, room) -> Exception:
    call, kind, says = CASES[case]
    with pytest.raises(kind) as caught:
        call(room)
    assert caught.type is kind, f"{caught.type.__name__}, not {kind.__name__}"
    assert re.search(says, str(caught.value)), str(caught.value)
    return caught.value


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gets_one_clear_sentence_and_leaves_nothing(case, room):
    for path in room.folder.iterdir():
        path.unlink()
    with nothing_left(room.net, room.table_net):
        said = str(sentence_of(case, room))
    assert "\n" not in said and "Traceback" not in said and 20 < len(said) < 330
    assert said.endswith((".", "?"))
    assert hooks(room.net) == 0
    left = {path.name for path in room.folder.iterdir()}
    assert len(left) <= 1, left  # the case's own file at most
    assert len(CASES) > 200


# --- unusual, and to be taken all the same -----------------------------------------------------


def _strided(array):
    return np.repeat(np.repeat(array, 2, 0), 2, 1)[::2, ::2]


def _reversed(array):
    return array[::-1, ::-1].copy()[::-1, ::-1]


def _read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


@pytest.mark.parametrize("lay", [_strided, _reversed, np.asfortranarray, _read_only])
def test_arrays_may_lie_in_memory_as_they_like(room, lay):
    image, heat, mask, X = (lay(v) for v in (room.image, room.heat, room.mask, room.X.to_numpy()))
    assert np.array_equal(room.cnn.predict_proba([image]), room.cnn.predict_proba([room.image]))
    assert np.array_equal(room.cnn.view_mask(mask), room.mask)
    scores = metrics.localisation(room.heat, room.mask)
    assert metrics.localisation(heat, mask) == pytest.approx(scores, rel=1e-12)
    one = metrics.deletion(room.cnn, room.x, heat, 0).scores
    assert np.array_equal(one, metrics.deletion(room.cnn, room.x, room.heat, 0).scores)
    assert np.array_equal(room.proba(X), room.proba(room.X))
    there, here = (shapley.exact(room.one, v[3], v).values for v in (X, room.X.to_numpy()))
    assert np.allclose(there, here, atol=1e-12)
    there, here = (room.lime(image=v).weights for v in (image, room.image))
    assert np.array_equal(there, here)
    assert overlay.ThresholdOverlay(image, heat, mask).text


def test_tensors_may_lie_in_memory_as_they_like(room):
    wanted = cam.heatmaps(room.cnn, room.x, target=1)
    for x in (
        room.x.contiguous(memory_format=torch.channels_last),
        room.x.flip(3).flip(3),
        torch.cat([room.x, room.x], 3)[..., :32],
        torch.from_numpy(_read_only(room.x.numpy()).copy()),
    ):
        found = cam.heatmaps(room.cnn, x, target=1)
        assert all(np.allclose(found[m], wanted[m], atol=1e-5) for m in wanted)


def test_a_csv_file_may_begin_with_a_byte_order_mark(room):
    plain = b"name,sex\nAda,f\nLi,m\n"
    files = {"plain.csv": plain, "bom.csv": b"\xef\xbb\xbf" + plain}
    frames = [own_table.read(room.file(name, content)) for name, content in files.items()]
    assert list(frames[1].columns) == ["name", "sex"] and frames[0].equals(frames[1])


def test_masks_may_be_numbers_that_mean_bools(room):
    wanted = metrics.localisation(room.heat, room.mask)
    for mask in (room.mask * 1, room.mask * 1.0, room.mask.astype(np.uint8) * 255):
        assert metrics.localisation(room.heat, mask) == wanted


def test_a_tensor_serves_as_a_map(room):
    heat = torch.from_numpy(room.heat).requires_grad_()
    assert metrics.iou(heat, room.mask) == metrics.iou(room.heat, room.mask)


def test_the_largest_picture_that_is_taken_is_taken(monkeypatch):
    monkeypatch.setattr(images, "MOST_PIXELS", 300)
    assert images.as_rgb(np.zeros((15, 20, 3), np.uint8)).shape == (15, 20, 3)
    with pytest.raises(ValueError, match="make it smaller first"):
        images.as_rgb(np.zeros((15, 21, 3), np.uint8))


if __name__ == "__main__":
    ADULT, room = data.adult(), Room(Path(tempfile.mkdtemp()))
    for case in CASES:
        error = sentence_of(case, room)
        print(
            f"| {case} | {type(error).__name__} | {str(error).replace(str(room.folder), '...')} |"
        )
