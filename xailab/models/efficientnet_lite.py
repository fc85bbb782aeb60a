"""EfficientNet-Lite in plain torch, the CNN that comes with the course."""

from collections import OrderedDict
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class _Conv(nn.Conv2d):
    """A convolution with TensorFlow's 'SAME' padding: the odd pixel goes right and below."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        k, s = self.kernel_size[0], self.stride[0]
        down, across = (max((-(-n // s) - 1) * s + k - n, 0) for n in x.shape[2:])
        weight = self.weight
        if down % 2 or across % 2:
            # zeros before the kernel move it by a pixel, which costs less than padding one side of x
            weight = F.pad(weight, (across % 2, 0, down % 2, 0))
        sides = ((down + 1) // 2, (across + 1) // 2)
        return F.conv2d(x, weight, self.bias, self.stride, sides, groups=self.groups)


def _block(c_in: int, c_out: int, k: int = 1, s: int = 1, groups: int = 1, act: bool = True):
    parts = [
        ("conv", _Conv(c_in, c_out, k, s, groups=groups, bias=False)),
        ("norm", nn.BatchNorm2d(c_out, eps=1e-3)),
    ]
    return nn.Sequential(OrderedDict(parts + [("act", nn.ReLU6())] * act))


class _MBConv(nn.Module):
    """An inverted residual block: widen (1x1), filter each channel (k x k), narrow (1x1)."""

    def __init__(self, c_in: int, c_out: int, k: int, s: int, expand: int):
        super().__init__()
        wide = c_in * expand
        self.expand = _block(c_in, wide) if expand > 1 else nn.Identity()
        self.depthwise = _block(wide, wide, k, s, groups=wide)
        self.project = _block(wide, c_out, act=False)
        self.residual = s == 1 and c_in == c_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.project(self.depthwise(self.expand(x)))
        return x + out if self.residual else out


class EfficientNetLite(nn.Module):
    """EfficientNet without squeeze-and-excitation (Tan & Le 2019).

    It ends in global average pooling and one linear layer, the head that the original CAM needs.
    """

    # kernel, stride, expansion, channels, repeats
    STAGES = (
        (3, 1, 1, 16, 1),
        (3, 2, 6, 24, 2),
        (5, 2, 6, 40, 2),
        (3, 2, 6, 80, 3),
        (5, 1, 6, 112, 3),
        (5, 2, 6, 192, 4),
        (3, 1, 6, 320, 1),
    )

    def __init__(self, width: float = 1.0, depth: float = 1.0, n_classes: int = 1000):
        super().__init__()
        self.stem = _block(3, 32, 3, 2)
        blocks, c_in = [], 32
        for i, (k, s, expand, channels, repeats) in enumerate(self.STAGES):
            c_out = _round_to_8(channels * width)
            inner = 0 < i < len(self.STAGES) - 1
            for repeat in range(int(np.ceil(repeats * depth)) if inner else repeats):
                blocks.append(_MBConv(c_in, c_out, k, s if repeat == 0 else 1, expand))
                c_in = c_out
        self.blocks = nn.Sequential(*blocks)
        self.head = _block(c_in, 1280)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(1280, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, n_classes) logits."""
        return self.classifier(self.pool(self.head(self.blocks(self.stem(x)))).flatten(1))

    def fused(self) -> "EfficientNetLite":
        """A copy with each normalisation folded into the convolution before it.

        gamma (W x - mean) / sd + beta = (gamma / sd) W x + (beta - gamma mean / sd). The same
        function up to rounding, in about half the time.
        """
        copy = deepcopy(self).to(memory_format=torch.channels_last)
        blocks: list[Any] = [m for m in copy.modules() if hasattr(m, "conv") and hasattr(m, "norm")]
        for block in blocks:
            conv, norm = block.conv, block.norm
            factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            conv.weight.data = conv.weight * factor[:, None, None, None]
            conv.bias = nn.Parameter(norm.bias - norm.running_mean * factor, requires_grad=False)
            block.norm = nn.Identity()
            if hasattr(block, "act"):
                block.act = nn.ReLU6(inplace=True)
        return copy


def _round_to_8(channels: float) -> int:
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
