"""Sanity checks of heat maps on toy networks: cascading randomisation and stability."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.nn import functional as F

from xailab import metrics
from xailab.metrics import sanity


def test_map_similarity_is_spearmans_rank_correlation(rng):
    # many ties
    a, b = rng.integers(0, 9, (2, 12, 14))
    assert metrics.map_similarity(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel())[0])
    assert metrics.map_similarity(a, np.exp(a)) == pytest.approx(1)
    assert metrics.map_similarity(a, -a) == pytest.approx(-1)
    assert metrics.map_similarity(a, np.ones_like(a)) == 0
    part = spearmanr(a[2::4, 2::4].ravel(), b[2::4, 2::4].ravel())[0]
    assert metrics.map_similarity(a, b, stride=4) == pytest.approx(part)
    with pytest.raises(ValueError, match="must have one shape"):
        metrics.map_similarity(a, b[1:])


def toy():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


def test_randomisation_changes_what_depends_on_the_weights_and_nothing_else():
    net, x = toy(), torch.rand(2, 1, 8, 8)
    before = {name: p.clone() for name, p in net.state_dict().items()}

    def explain(model):
        first = model[0](x)
        heat = torch.einsum("k,bkhw->bhw", model[4].weight[0], first).detach().numpy()
        return {"weights": heat, "edges": x[:, 0].numpy(), "front": first[:, 0].detach().numpy()}

    cascade = metrics.cascading_randomisation(net, explain, seed=0)
    # from the top; layers without weights are left out
    assert cascade.layers == ("as trained", "4", "0")
    assert cascade.maps["weights"].shape == (3, 2, 8, 8)
    assert cascade.similarity["weights"].shape == (3, 2)
    assert np.all(cascade.similarity["edges"] == pytest.approx(1))
    # this map does not use the top layer
    assert cascade.similarity["front"][1] == pytest.approx([1, 1])
    assert (cascade.similarity["front"][2] < 0.999).all()
    assert (cascade.similarity["weights"][1] < 0.999).all()
    trained, _, last = cascade.maps["weights"]
    expected = [metrics.map_similarity(a, b) for a, b in zip(trained, last, strict=True)]
    assert cascade.similarity["weights"][2] == pytest.approx(expected)
    for name, p in net.state_dict().items():
        assert torch.equal(p, before[name]), "the network itself must stay as it was"


def test_shuffling_keeps_the_entries_and_loses_their_places():
    net, states = toy(), []

    def keep(model):
        states.append({name: p.flatten().clone() for name, p in model.state_dict().items()})
        return {}

    metrics.cascading_randomisation(net, keep, ["4"], seed=0)
    trained, shuffled = states
    assert torch.equal(shuffled["4.weight"].sort().values, trained["4.weight"].sort().values)
    assert not torch.equal(shuffled["4.weight"], trained["4.weight"])
    assert torch.equal(shuffled["0.weight"], trained["0.weight"])


def test_randomisation_opens_nested_chains_and_names_their_layers(cnn):
    names = [name for name, _ in sanity._layers_from_the_top(cnn.model)]
    assert names[:3] == ["classifier", "head", "blocks.15"]
    assert names[-2:] == ["blocks.0", "stem"] and len(names) == 19


def test_drawing_after_every_third_layer_randomises_the_layers_between_too():
    net = nn.Sequential(*(nn.Linear(3, 3) for _ in range(6)))

    def weights(model):
        return {"weights": np.stack([m.weight.detach().numpy().copy() for m in model])}

    whole = metrics.cascading_randomisation(net, weights, seed=0)
    part = metrics.cascading_randomisation(net, weights, seed=0, every=3)
    assert whole.layers == ("as trained", "5", "4", "3", "2", "1", "0")
    # the first layer, every third one after it, and the last
    assert part.layers == ("as trained", "5", "2", "0")
    kept = [whole.layers.index(name) for name in part.layers]
    assert np.array_equal(part.maps["weights"], whole.maps["weights"][kept])
    assert np.array_equal(part.similarity["weights"], whole.similarity["weights"][kept])


def test_an_unknown_layer_is_refused():
    with pytest.raises(ValueError, match="There is no layer 'top'"):
        metrics.cascading_randomisation(toy(), lambda m: {}, ["top"])


def test_an_interrupt_passes_and_the_network_stays_as_it_was():
    net, calls = toy(), []
    before = {name: p.clone() for name, p in net.state_dict().items()}

    def stop_at_the_second_call(_):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return {"map": np.ones((1, 4, 4))}

    with pytest.raises(KeyboardInterrupt) as stopped:
        metrics.cascading_randomisation(net, stop_at_the_second_call)
    assert type(stopped.value) is KeyboardInterrupt
    assert all(torch.equal(p, before[name]) for name, p in net.state_dict().items())
    assert net.training


def test_stability_is_one_for_a_constant_map_and_less_for_one_that_jumps():
    x = torch.rand(2, 3, 8, 8)
    fixed = np.arange(64.0).reshape(8, 8)[None].repeat(2, 0)

    def explain(v):
        return {
            "fixed": fixed,
            "smooth": F.avg_pool2d(v, 3, 1, 1)[:, 0].numpy(),
            "jumpy": np.sin(1e4 * v[:, 0].numpy()),
        }

    found = metrics.stability(explain, x, noise=0.05, repeats=3)
    assert found["fixed"] == pytest.approx([1, 1])
    assert (found["smooth"] > 0.9).all() and (np.abs(found["jumpy"]) < 0.5).all()
    assert found["smooth"].tolist() == metrics.stability(explain, x, 0.05, 3)["smooth"].tolist()


def test_the_noise_is_in_units_of_the_pictures_own_standard_deviation():
    x = torch.rand(2, 3, 8, 8)
    explain = lambda v: {"": v[:, 0].numpy()}
    found = [metrics.stability(explain, factor * x, noise=0.5)[""] for factor in (1, 8)]
    assert found[0].tolist() == found[1].tolist()
    assert (found[0] < 0.95).all()
