"""What is no layer is refused in one sentence at every entry that takes one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.networks import SmallVGG

from xailab import cam, evaluate, hooks, models
from xailab.widgets import images

NO_LAYER = [
    ["features.3"],
    ("features.3", "features.4"),
    {"features.3"},
    3,
    None,
    Path("features.3"),
]
NO_LAYER += [np.array(["features.3"]), {"features.3": (8, 16, 16)}]


@pytest.mark.parametrize("layer", NO_LAYER, ids=repr)
def test_a_list_of_layers_is_no_layer(layer):
    model, x = SmallVGG().eval(), torch.randn(1, 3, 32, 32)
    cnn = models.own_cnn(model, "abcde", input_size=32)
    image = np.zeros((32, 32, 3), np.uint8)
    view = evaluate.View("a", image, np.ones((32, 32), bool), 0, 1.0)
    calls = {
        "find_layer": lambda: hooks.find_layer(model, layer),
        "record": lambda: hooks.record(model, layer).__enter__(),
    }
    if layer is not None:
        # None is the default layer
        calls |= {
            "heatmaps": lambda: cam.heatmaps(model, x, layer),
            "methods_for": lambda: cam.methods_for(cnn, layer),
            "maps": lambda: evaluate.maps(cnn, [view], layer=layer),
            "own_cnn": lambda: models.own_cnn(model, "abcde", input_size=32, default_layer=layer),
            "cam_explorer": lambda: images.cam_explorer(cnn, image, layer=layer),
        }
    for name, call in calls.items():
        with pytest.raises((TypeError, ValueError), match=r"layer must be one") as caught:
            call()
        assert "\n" not in str(caught.value), name
    assert not any(m._forward_hooks for m in model.modules())


def test_a_list_of_modules_is_no_layer():
    model = SmallVGG().eval()
    with pytest.raises(TypeError, match="for several layers call once per layer"):
        cam.heatmaps(model, torch.randn(1, 3, 32, 32), [model.features[3], model.features[4]])


def test_numpys_text_is_a_name():
    model = SmallVGG().eval()
    assert hooks.find_layer(model, np.str_("features.3")) is model.features[3]
