"""Keys are the same in every process, and whatever decides a result changes them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.tiny import Tiny, made
from torch import nn

from xailab import models
from xailab.evaluate.keys import item_key, network_key

TESTS = Path(__file__).parents[1]


def test_keys_are_the_same_in_another_process():
    program = (
        "from support.tiny import Tiny, made; from xailab.evaluate.keys import *;"
        "print(network_key(Tiny()), item_key(made()[0]))"
    )
    command = [sys.executable, "-c", program]
    path = f"{TESTS}:{TESTS.parent}".replace(":", ";" if sys.platform == "win32" else ":")
    ran = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": path}
    )
    assert ran.stdout.split() == [network_key(Tiny()), item_key(made()[0])]


def _weight(cnn):
    cnn.model[3].bias[0] += 1e-6


def _order(cnn):
    cnn.model[0][0].weight.copy_(cnn.model[0][0].weight.flip(0))


def _dtype(cnn):
    cnn.model.double()


def _activation(cnn):
    cnn.model[0][1] = nn.GELU()


def _stride(cnn):
    cnn.model[0][0].stride = (2, 2)


def _buffer(cnn):
    cnn.model.register_buffer("scale", torch.ones(()), persistent=False)


def _preprocessing(cnn):
    cnn.resize = 20


@pytest.mark.parametrize(
    "change", [_weight, _order, _dtype, _activation, _stride, _buffer, _preprocessing]
)
def test_what_a_network_computes_with_is_in_its_key(change):
    cnn = Tiny()
    change(cnn)
    assert network_key(cnn) != network_key(Tiny())


def test_a_class_of_the_same_name_with_the_same_weights_is_another_network():
    class ReLU(nn.ReLU):
        pass

    cnn = Tiny()
    cnn.model[0][1] = ReLU(inplace=False)
    assert repr(cnn.model) == repr(Tiny().model)
    assert network_key(cnn) != network_key(Tiny())


def test_means_of_the_channels_are_in_the_key():
    net = Tiny().model
    keys = {
        network_key(models.own_cnn(net, "abc", input_size=16, mean=mean))
        for mean in ((0.5, 0.5, 0.5), (0.5, 0.5, 0.4))
    }
    assert len(keys) == 2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.complex64])
def test_any_kind_of_number_has_a_key(dtype):
    cnn = Tiny()
    cnn.model.register_buffer("more", torch.zeros((2, 3), dtype=dtype).T)
    before = network_key(cnn)
    cnn.model.more[0, 1] = 1
    assert network_key(cnn) != before


def test_a_network_keeps_its_key_whatever_its_layout_in_memory():
    cnn = Tiny()
    cnn.model.to(memory_format=torch.channels_last)
    assert network_key(cnn) == network_key(Tiny())


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("name", "other"),
        ("target", 2),
        ("image", made(2)[1].image),
        ("image", made(1, 17)[0].image),
        ("mask", ~made(1)[0].mask),
    ],
)
def test_all_of_an_item_is_in_its_key(part, value):
    item, other = made(1)[0], made(1)[0]
    assert item_key(item) == item_key(other)
    setattr(other, part, value)
    if np.shape(other.image)[:2] != other.mask.shape:
        other.mask = np.pad(other.mask, (0, 1))
    assert item_key(item) != item_key(other)


def test_pictures_with_a_palette_count_by_their_colours():
    keys = set()
    for colours in ([255, 0, 0], [0, 0, 255]):
        item = made(1)[0]
        item.image = Image.fromarray(np.zeros((16, 16), np.uint8)).convert("P")
        item.image.putpalette(colours)
        keys.add(item_key(item))
    assert len(keys) == 2
