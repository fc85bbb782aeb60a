"""S_k, the score without channel k, against the whole network run with a hook."""

from functools import partial

import pytest
import torch
from support.networks import MAP_LAYERS, SmallVGG, network
from torch import nn

from xailab import cam
from xailab.cam import ablation
from xailab.hooks import find_layer, record

PAIRS = [(name, layer) for name, layers in MAP_LAYERS.items() for layer in layers]


def brute_force(model, x, layer, target, reshape=None, most=12):
    """Some channels, and (B, those) by the definition: a hook zeroes one, and the whole network runs."""
    module, maps = find_layer(model, layer), reshape or (lambda output: output)

    def run(hook):
        handle = module.register_forward_hook(hook)
        try:
            with torch.no_grad():
                pairs = zip(x, target, strict=True)
                return torch.stack([model(one[None])[0, c] for one, c in pairs])
        finally:
            handle.remove()

    def without(k, _module, _inputs, output):
        edited = output.clone()
        maps(edited)[:, k] = 0
        return edited

    shapes = []
    run(lambda _module, _inputs, output: shapes.append(maps(output).shape))
    channels = torch.linspace(0, shapes[0][1] - 1, min(most, shapes[0][1])).round().int().tolist()
    return channels, torch.stack([run(partial(without, k)) for k in channels], 1)


def recorded(model, x, layer):
    with record(model, layer, tape=True) as rec:
        model(x)
    return rec


@pytest.mark.parametrize(("name", "layer"), PAIRS)
def test_the_scores_are_those_of_the_whole_network_run_once_per_channel(name, layer, monkeypatch):
    # data_dependent decides by the mean over its batch: one input and one channel at a time
    alone = name == "data_dependent"
    monkeypatch.setattr(ablation, "BUFFER", 1 if alone else ablation.BUFFER)
    model, target = network(name).double(), [1] if alone else [1, 3]
    x = torch.randn(len(target), 3, 32, 32, dtype=torch.float64)
    some, expected = brute_force(model, x, layer, target)
    rec = recorded(model, x, layer)
    got = (
        ablation.tail_logits(rec, 0)[None, :, 1] if alone else ablation.ablated_scores(rec, target)
    )
    torch.testing.assert_close(got[:, some], expected, rtol=0, atol=1e-11)
    assert expected.std(1).min() > 1e-4, "no channel matters: nothing is tested"


TOKENS = [
    ("vit", "encoder.layers.encoder_layer_0", cam.from_tokens()),
    ("vit", "encoder.layers.encoder_layer_1.ln_1", cam.from_tokens()),
    ("swin", "features.1.1", cam.from_channels_last),
    ("swin", "features.3.0.norm1", cam.from_channels_last),
]


@pytest.mark.parametrize(("name", "layer", "reshape"), TOKENS)
def test_channels_of_tokens_are_zeroed_at_the_places_of_the_map_only(name, layer, reshape):
    model, target = network(name).double(), [1, 3]
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    some, expected = brute_force(model, x, layer, target, reshape)
    got = ablation.ablated_scores(recorded(model, x, layer), target, reshape=reshape)
    torch.testing.assert_close(got[:, some], expected, rtol=0, atol=1e-11)
    assert expected.std(1).min() > 1e-4


# --- the shortcut of flatten + linear ----------------------------------------------------------


def heads():
    """name -> (what stands behind a convolution with 4 channels, whether the shortcut holds)."""
    end = [nn.Flatten(), nn.Linear(16, 7), nn.ReLU(True), nn.Linear(7, 5)]
    return {
        "vgg": ([nn.ReLU(True), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(2), *end], True),
        "batch norm": ([nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveMaxPool2d(2), *end], True),
        "one linear layer": ([nn.Flatten(), nn.Linear(64, 5)], True),
        "gap": ([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)], True),
        "softmax over channels": ([nn.Softmax(1), nn.AdaptiveAvgPool2d(2), *end], False),
        "norm over channels": ([nn.GroupNorm(1, 4), nn.AdaptiveAvgPool2d(2), *end], False),
        "another convolution": ([nn.Conv2d(4, 4, 1), nn.AdaptiveAvgPool2d(2), *end], False),
        "no linear layer": ([nn.Conv2d(4, 5, 4), nn.Flatten()], False),
    }


@pytest.mark.parametrize("name", heads())
def test_the_shortcut_is_taken_where_it_holds_and_is_exact_for_every_class(name):
    layers, holds = heads()[name]
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *layers).double().eval()
    for norm in (m for m in model if isinstance(m, nn.BatchNorm2d)):
        # With a bias, a channel of zeros does not stay zero.
        nn.init.normal_(norm.bias)
    x = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    short = ablation.linear_entry(recorded(model, x, "0"))
    assert (short is not None) == holds
    for target in range(5):
        some, expected = brute_force(model, x, "0", [target])
        scores = ablation.ablated_scores(recorded(model, x, "0"), [target])
        torch.testing.assert_close(scores[:, some], expected, rtol=0, atol=1e-12)
        if holds:
            torch.testing.assert_close(short[None, some, target], expected, rtol=0, atol=1e-12)


class Around(nn.Module):
    """A second path from the maps to the scores, around the linear layer that looks like the first."""

    def __init__(self):
        super().__init__()
        self.conv, self.a = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(64, 5)

    def forward(self, x):
        maps = self.conv(x)
        return self.a(maps.flatten(1)) + maps.amax((2, 3)).sum(1, keepdim=True)


def test_the_shortcut_is_not_taken_where_a_second_path_leads_to_the_scores():
    model, x = Around().eval(), torch.randn(1, 3, 4, 4)
    rec = recorded(model, x, "conv")
    assert ablation.linear_entry(rec) is None
    some, expected = brute_force(model, x, "conv", [2])
    got = ablation.ablated_scores(rec, [2])
    torch.testing.assert_close(got[:, some], expected)


class Gated(nn.Module):
    """The maps, a gate of linear layers on their pooled values, and a head; ``join`` is the gate's code."""

    def __init__(self, join):
        super().__init__()
        self.conv, self.join = nn.Conv2d(3, 4, 3, padding=1), join
        self.squeeze, self.excite, self.head = nn.Linear(4, 2), nn.Linear(2, 4), nn.Linear(4, 5)

    def gate(self, pooled):
        return self.excite(self.squeeze(input=pooled).relu()).sigmoid()

    def forward(self, x):
        return self.head(self.join(self, self.conv(x)).mean((2, 3)))


def viewed(net, maps):
    b, c, _, _ = maps.shape
    return maps * net.gate(maps.mean((2, 3))).view(b, c, 1, 1)


def expanded(net, maps):
    return maps * net.gate(maps.mean((2, 3)))[:, :, None, None].expand_as(maps)


def multiplied(net, maps):
    return torch.einsum("bkhw,bk->bkhw", maps, net.gate(maps.mean((2, 3))))


def of_two_poolings(net, maps):
    both = net.gate(maps.mean((2, 3))) + net.gate(maps.amax((2, 3)))
    return maps * both[:, :, None, None]


def in_groups(net, maps):
    b = len(maps)
    halves = maps.flatten(2).unflatten(2, (2, -1)).mean(3).transpose(1, 2).reshape(2 * b, 4)
    return maps * net.gate(halves).view(b, 2, 4).mean(1).view(b, 4, 1, 1)


GATES = [viewed, expanded, multiplied, of_two_poolings, in_groups]


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_of_linear_layers_before_the_head_is_run_as_it_is(gate):
    torch.manual_seed(0)
    model, x = Gated(gate).double().eval(), torch.randn(2, 3, 6, 6, dtype=torch.float64)
    some, expected = brute_force(model, x, "conv", [2, 4])
    rec = recorded(model, x, "conv")
    assert ablation.linear_entry(rec) is None
    torch.testing.assert_close(
        ablation.ablated_scores(rec, [2, 4])[:, some], expected, rtol=0, atol=1e-12
    )
    maps = cam.heatmaps(model, x, "conv", [2, 4])
    weights = cam.ablation_weights(model(x).detach()[[0, 1], [2, 4]], expected)
    by_hand = cam.normalise(cam.upsample(cam.ablation_cam(rec.activations, weights), 6))
    torch.testing.assert_close(torch.from_numpy(maps["ablation_cam"]), by_hand.float())


class Viewed(nn.Module):
    """VGG's plan, but what follows the first linear layer reads the batch's size."""

    def __init__(self):
        super().__init__()
        self.conv, self.entry = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(64, 6)
        self.head = nn.Linear(3, 5)

    def forward(self, x):
        batch = x.size(0)
        hidden = self.entry(self.conv(x).relu().view(batch, -1)).relu()
        return self.head(hidden.view(batch, 2, -1).mean(1))


def test_the_shortcut_holds_where_later_layers_read_the_size_of_the_batch():
    model, x = Viewed().double().eval(), torch.randn(2, 3, 4, 4, dtype=torch.float64)
    some, expected = brute_force(model, x, "conv", [1, 3])
    rec = recorded(model, x, "conv")
    short = torch.stack([ablation.linear_entry(rec, row)[some, c] for row, c in enumerate([1, 3])])
    torch.testing.assert_close(short, expected, rtol=0, atol=1e-12)


def test_the_shortcut_and_the_tail_agree_on_a_vgg_and_leave_the_record_unchanged(monkeypatch):
    model, x = SmallVGG().eval(), torch.randn(2, 3, 32, 32)
    rec = recorded(model, x, "features.3")
    before = rec.activations.clone()
    short = ablation.ablated_scores(rec, [0, 4])
    # three channels at a time
    monkeypatch.setattr(ablation, "BUFFER", 3 * before[:1].numel() * before.element_size())
    tail = torch.stack([ablation.tail_logits(rec, row)[:, c] for row, c in enumerate([0, 4])])
    torch.testing.assert_close(short, tail, rtol=1e-5, atol=1e-6)
    assert torch.equal(rec.activations, before)
    assert torch.equal(ablation.ablated_scores(rec, [0, 4]), short), "the second call differs"
    assert not any(m._forward_hooks or "forward" in vars(m) for m in model.modules())


# --- where the tape must be careful ------------------------------------------------------------


class Table(nn.Module):
    """An embedding as long as the batch but without a batch axis: every input uses all its rows."""

    def __init__(self):
        super().__init__()
        self.table, self.conv = nn.Embedding(4, 8), nn.Conv2d(3, 6, 3, padding=1)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        rows = self.table(torch.arange(4)).repeat_interleave(2, 0)
        return self.head(torch.tanh(self.conv(x) + rows).mean((2, 3)))


def test_an_output_as_long_as_the_batch_is_not_taken_for_a_batch():
    model, x = Table().eval(), torch.randn(4, 3, 8, 8)
    rec = recorded(model, x, "conv")
    target = [0, 1, 2, 3]
    some, expected = brute_force(model, x, "conv", target)
    torch.testing.assert_close(ablation.ablated_scores(rec, target)[:, some], expected)


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x):
        maps = self.conv(x)
        return self.head((maps + torch.randn_like(maps)).relu().mean((2, 3)))


def test_a_network_with_a_random_part_is_refused():
    rec = recorded(Noisy().eval(), torch.randn(1, 3, 8, 8), "conv")
    with pytest.raises(RuntimeError, match="the network does not give the same output; the tail"):
        ablation.ablated_scores(rec, [0])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (5, "between 0 and 4, not 5"),
        ([0, 1, 2], "one class index or 2 of them"),
        (True, "not True"),
    ],
)
def test_targets_that_do_not_fit_are_refused(target, message):
    rec = recorded(SmallVGG().eval(), torch.randn(2, 3, 32, 32), "features.3")
    with pytest.raises(ValueError, match=message):
        ablation.ablated_scores(rec, target)


def test_a_record_of_a_part_of_the_network_has_no_tail():
    model = SmallVGG().eval()
    with record(model, "features.3", tape=True) as rec:
        model.features(torch.randn(1, 3, 32, 32))
    with pytest.raises(RuntimeError, match="The tape holds no call of the model; call"):
        ablation.ablated_scores(rec, [0])


def test_hooks_of_the_user_act_once_in_the_tail():
    model, x = SmallVGG().eval(), torch.randn(1, 3, 32, 32)
    model.features[1].register_forward_hook(lambda m, i, o: 2 * o)
    model.features[4].register_forward_hook(lambda m, i, o: o + 0.1)
    some, expected = brute_force(model, x, "features.3", [2])
    got = ablation.ablated_scores(recorded(model, x, "features.3"), [2])
    torch.testing.assert_close(got[:, some], expected)


# --- which head it is -----------------------------------------------------------------------------


def test_a_head_without_bias_has_bias_zero():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5, bias=False)
    )
    x = torch.randn(1, 3, 6, 6)
    weight, bias = cam.gap_linear_head(model, model[0](x), model(x))
    assert torch.equal(weight, model[3].weight)
    assert torch.equal(bias, torch.zeros(5))


@pytest.mark.parametrize("scale", [1.0, 1e-3])
@pytest.mark.parametrize("head", ["vgg", "max pool", "relu between"])
def test_any_other_head_is_refused(head, scale):
    heads = {
        "vgg": [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 4), nn.ReLU()],
        "max pool": [nn.AdaptiveMaxPool2d(1), nn.Flatten()],
        "relu between": [nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()],
    }
    model = nn.Sequential(nn.Conv2d(3, 4, 3), *heads[head], nn.Linear(4, 5)).eval()
    with torch.no_grad():
        model[-1].weight.mul_(scale)
        model[-1].bias.mul_(scale)
    x = torch.randn(2, 3, 8, 8)
    with pytest.raises(ValueError, match="CAM needs a network whose layer is followed by global"):
        cam.gap_linear_head(model, model[0](x), model(x))
    with pytest.raises(ValueError, match="'grad_cam' instead"):
        cam.heatmaps(model, x, "0", methods=["cam"])
