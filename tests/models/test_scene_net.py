"""The scene network: it learns its classes, a seed is a network, and its cache holds numbers only."""

import os
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from xailab import cam, evaluate
from xailab.models import scene_net


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache folder of the test's own, and a training that is too short to learn anything."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(scene_net, "SCENES", 20)
    monkeypatch.setattr(scene_net, "EPOCHS", 1)
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The network as the course trains it, in a cache of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield scene_net.load_scene_net()


def weights(model):
    return torch.cat([p.flatten() for p in model.state_dict().values()])


def test_held_out_scenes_are_recognised(trained):
    one, two = (scene_net.small_scenes(100, k, seed=1) for k in (1, 2))
    assert scene_net.accuracy(trained.model, one) >= 0.95
    assert scene_net.accuracy(trained.model, two) >= 0.9


def test_the_network_is_vgg_style_with_a_flatten_head(trained):
    assert trained.layers[trained.default_layer] == (32, 16, 16)
    kinds = [type(m) for m in trained.model.modules()]
    assert nn.Flatten in kinds
    assert nn.AdaptiveAvgPool2d not in kinds
    assert not trained.model.training
    x = torch.zeros(2, 3, scene_net.SIZE, scene_net.SIZE)
    assert trained.model(x).shape == (2, len(scene_net.CLASSES))
    with pytest.raises(ValueError, match="global average pooling"):
        cam.heatmaps(trained, x, methods=("cam",))


def test_the_methods_differ_on_it(trained):
    """On the last layer of a network with global average pooling their correlation is .99."""
    views = evaluate.views(trained, scene_net.small_scenes(8, 2, seed=3))
    maps = evaluate.maps(trained, views, ("grad_cam", "layer_cam"))
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(*maps.values(), strict=True)]
    assert np.mean(alike) < 0.9


def test_the_inputs_of_training_are_those_of_the_cnn(trained):
    scenes = scene_net.small_scenes(2)
    expected = torch.cat([trained.preprocess(s.image) for s in scenes])
    torch.testing.assert_close(scene_net._inputs(scenes), expected)


def test_held_out_scenes_have_masks_and_classes_of_the_network():
    scenes = scene_net.small_scenes(6, 2, seed=1)
    training = scene_net.small_scenes(6, 2, seed=0)
    for scene, other in zip(scenes, training, strict=True):
        assert scene.image.shape == (64, 64, 3)
        assert len(scene.masks) == len(set(scene.targets)) == 2
        assert [scene_net.CLASSES[t] for t in scene.targets] == list(scene.names)
        assert not np.array_equal(scene.image, other.image)
    with pytest.raises(ValueError, match="objects"):
        scene_net.small_scenes(2, 3)


def test_accuracy_asks_for_every_object_of_a_scene():
    scenes = scene_net.small_scenes(4, 2, seed=1)

    class Knows(nn.Module):
        """Logits that are right for the first ``n`` of the scenes' objects."""

        def __init__(self, n):
            super().__init__()
            self.n = n

        def forward(self, x):
            logits = torch.zeros(len(x), len(scene_net.CLASSES))
            for row, scene in zip(logits, scenes, strict=True):
                row -= torch.arange(len(row)) * 0.01
                for t in range(len(row)):
                    row[t] -= 5 * (t in scene.targets)
                row[list(scene.targets[: self.n])] = 1
            return logits

    assert scene_net.accuracy(Knows(2), scenes) == 1
    assert scene_net.accuracy(Knows(1), scenes) == 0


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(own_cache):
    a, b, c = (weights(scene_net.train_scene_net(s, cache=False)) for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert not list(own_cache.iterdir())


def test_training_leaves_the_global_random_state_and_the_thread_count_alone(own_cache):
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        scene_net.train_scene_net(cache=False)
        assert torch.get_num_threads() == 2
        assert torch.equal(torch.get_rng_state(), state)
    finally:
        torch.set_num_threads(threads)


def test_the_weights_are_cached_by_seed_and_read_back_bit_for_bit(own_cache, monkeypatch):
    first = weights(scene_net.train_scene_net(5))
    file = scene_net.cached_weights(5)
    assert file.is_relative_to(own_cache)
    assert [f.name for f in file.parent.iterdir()] == [file.name]
    assert file.stat().st_size < 1_000_000
    monkeypatch.setattr(scene_net, "_train", lambda *_: pytest.fail("trained again"))
    assert torch.equal(weights(scene_net.train_scene_net(5)), first)
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        scene_net.train_scene_net(6)
    monkeypatch.setattr(scene_net, "VERSION", 0)
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        scene_net.train_scene_net(5)


def test_a_shorter_training_is_not_cached(own_cache, monkeypatch):
    monkeypatch.setattr(scene_net, "EPOCHS", 2)
    scene_net.train_scene_net(epochs=1)
    assert not scene_net.cached_weights(0).exists()


class Program:
    """A pickle that would make a folder when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_damaged_cache_or_one_with_a_program_in_it_is_made_again(own_cache):
    first = weights(scene_net.train_scene_net())
    file, trap = scene_net.cached_weights(0), own_cache / "trap"
    narrow = {"features.0.weight": torch.zeros(1)}
    for damage in (b"", file.read_bytes()[:1000], pickle.dumps(Program(trap)), narrow):
        if isinstance(damage, bytes):
            file.write_bytes(damage)
        else:
            torch.save(damage, file)
        assert torch.equal(weights(scene_net.train_scene_net()), first)
        assert not trap.exists()
        # and the file is whole again
        assert (
            torch.load(file, weights_only=True).keys() == scene_net.SceneNet().state_dict().keys()
        )


def test_a_cache_folder_that_cannot_be_written_is_no_error(own_cache):
    (own_cache / "xailab").write_text("a file in the folder's place")
    assert isinstance(scene_net.train_scene_net(), scene_net.SceneNet)
