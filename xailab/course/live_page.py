"""One page with the course's models inside: an image classifier and a table model, explained live.

``build`` writes a self-contained HTML file that opens from the disk. The network's weights are put
into it as whole numbers (``pack_cnn``), the table model's as text. Plain JavaScript in the folder
``live`` does the rest: nothing is installed, and no request leaves the page.
"""

from pathlib import Path

import numpy as np
from torch import nn

from ..models import CNN

LIVE = Path(__file__).parent / "live"
# layers with more weights than this are stored with 8 bits per weight, smaller ones with 16
MANY_WEIGHTS = 200_000


# --- the convolutional network -----------------------------------------------------------------


def quantise(weights: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers (C, n) and float32 scales (C,) with weights = numbers * scales, for C channels.

    The largest weight of each output channel becomes 2^(bits - 1) - 1.
    """
    largest = 2 ** (bits - 1) - 1
    scales = (np.abs(weights).max(axis=1) / largest).astype(np.float32)
    # some channels of the network hold zeros only
    scales[scales == 0] = 1
    numbers = np.rint(weights / scales[:, None]).astype({8: np.int8, 16: np.int16}[bits])
    return numbers, scales


def _convolution(block: nn.Sequential, **more) -> tuple[dict, nn.Module]:
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
    return described | more, conv


def _layers(model) -> list[tuple[dict, nn.Module]]:
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
    model = cnn.model
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
