"""What record() sees and leaves behind; the tail against a forward pass with the layer replaced."""

from collections import namedtuple

import pytest
import torch
from support.networks import MAP_LAYERS, UNet, network
from torch import nn
from torch.nn import functional as F

from xailab.hooks import find_layer, record, spatial_layers


def small_net(inplace=True):
    """Two convolutions with ReLU, as VGG has them; the head is no linear function of the pool."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(inplace),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3, padding=1),
        nn.ReLU(inplace),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(20, 8),
        nn.ReLU(inplace),
        nn.Linear(8, 6),
    ).eval()


def hook_count(model):
    return sum(
        len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks)
        for m in model.modules()
    )


def shadowed(model):
    return [name for name, m in model.named_modules() if "forward" in vars(m)]


# --- activations and gradients -----------------------------------------------------------------


@pytest.mark.parametrize("layer", range(6))
def test_activations_and_gradients_are_those_of_the_network_cut_in_two(layer):
    model, x = small_net(inplace=False), torch.randn(2, 3, 8, 8)
    A = model[: layer + 1](x).detach().requires_grad_()
    score = model[layer + 1 :](A)[:, 2].sum()
    (g,) = torch.autograd.grad(score, A)
    with record(model, str(layer)) as rec:
        output = model(x)
        output[:, 2].sum().backward()
    torch.testing.assert_close(output, model(x))
    torch.testing.assert_close(rec.activations, A.detach(), rtol=0, atol=0)
    torch.testing.assert_close(rec.gradients, g)
    assert g.abs().max() > 0


def test_a_relu_in_place_behind_the_layer_does_not_change_the_record():
    model, x = small_net(), torch.randn(2, 3, 8, 8)
    before = F.conv2d(x, model[0].weight, model[0].bias, padding=1)
    with record(model, "0", tape=True) as rec:
        rec.backward(model(x)[:, 0])
    assert (before < 0).any()
    torch.testing.assert_close(rec.activations, before)
    rec.tail(rec.activations)
    torch.testing.assert_close(rec.activations, before)
    plain = small_net(inplace=False)
    plain.load_state_dict(model.state_dict())
    with record(plain, "0") as expected:
        expected.backward(plain(x)[:, 0])
    torch.testing.assert_close(rec.gradients, expected.gradients)


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("frozen", [True, False])
def test_gradients_flow_in_every_grad_mode(around, frozen):
    model, x = small_net(), torch.randn(2, 3, 8, 8)
    with record(model, "3") as expected:
        expected.backward(model(x)[:, 1])
    model.requires_grad_(not frozen)
    with around():
        with record(model, "3") as rec:
            model(x)[:, 1].sum().backward()
        assert torch.is_inference_mode_enabled() == (around is torch.inference_mode)
        assert torch.is_grad_enabled() == (around is torch.enable_grad)
    assert torch.equal(rec.activations, expected.activations)
    assert torch.equal(rec.gradients, expected.gradients)


def test_an_input_made_in_inference_mode_is_fine():
    model = small_net()
    with torch.inference_mode():
        x = torch.randn(1, 3, 8, 8)
    with record(model, model[3], tape=True) as rec:
        output = model(x)
        rec.backward(output[:, 0])
        assert torch.equal(rec.output, output)
        torch.testing.assert_close(rec.tail(rec.activations), output.detach())
    assert rec.gradients.shape == rec.activations.shape == (1, 5, 4, 4)


def test_gradients_and_flags_of_the_user_are_left_as_they_were():
    model, x = small_net(), torch.randn(2, 3, 8, 8, requires_grad=True)
    model[3].weight.requires_grad_(False)
    flags = [p.requires_grad for p in model.parameters()]
    model[0].weight.grad = torch.full_like(model[0].weight, 7)
    with record(model, "3", tape=True) as rec:
        model(x)[:, 0].sum().backward()
        rec.tail(rec.activations)
    assert [p.requires_grad for p in model.parameters()] == flags
    assert (model[0].weight.grad == 7).all()
    assert all(p.grad is None for p in list(model.parameters())[1:])
    assert x.grad is None
    assert not model.training
    model.train()
    with record(model, "3"):
        model(x)
    assert model.training


def test_backward_gives_the_gradients_and_can_be_asked_again():
    model, x = small_net(), torch.randn(2, 3, 8, 8)
    with record(model, "3") as rec:
        logits = model(x)
        first = rec.backward(logits[:, 0])
        assert torch.equal(rec.gradients, first)
        second = rec.backward(logits[:, 1])
        assert torch.equal(rec.gradients, second)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", [n for n in MAP_LAYERS if n != "data_dependent"])
def test_gradients_are_those_of_the_whole_network_for_every_architecture(name):
    model, x = network(name).double(), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    for layer in MAP_LAYERS[name]:
        if (name, layer) in (("unet", "down"), ("unet", "side")):
            # In-place sums in front of these layers break the backward pass of the whole network.
            continue
        views = []
        handle = find_layer(model, layer).register_forward_hook(
            lambda m, i, o, views=views: views.append(o) or o.clone()
        )
        logits = model(x)
        handle.remove()
        (g,) = torch.autograd.grad(logits[:, 1].sum(), views[0])
        with record(model, layer) as rec:
            rec.backward(model(x)[:, 1])
        assert torch.equal(rec.activations, views[0].detach())
        torch.testing.assert_close(rec.gradients, g, rtol=0, atol=1e-12)
        assert g.abs().max() > 1e-4


# --- nothing stays behind ----------------------------------------------------------------------


@pytest.mark.parametrize("tape", [True, False])
def test_no_hook_is_left_after_success_or_after_an_error_in_the_body(tape):
    model, x = small_net(), torch.randn(1, 3, 8, 8)
    with record(model, "3", tape=tape) as rec:
        model(x)
        assert hook_count(model) > 0
    assert hook_count(model) == 0
    with pytest.raises(ZeroDivisionError), record(model, "3", tape=tape):
        1 / 0  # noqa: B018
    assert hook_count(model) == 0
    assert all(p.requires_grad for p in model.parameters())
    if tape:
        rec.tail(rec.activations)
        assert not shadowed(model)


@pytest.mark.parametrize("tape", [True, False])
def test_no_hook_is_left_when_the_model_raises(tape):
    model = small_net()
    with pytest.raises(RuntimeError), record(model, "3", tape=tape):
        model(torch.randn(1, 5, 8, 8))
    assert hook_count(model) == 0
    assert all(p.requires_grad for p in model.parameters())


def test_nothing_is_left_shadowed_when_the_tail_raises():
    model = small_net()
    with record(model, "3", tape=True) as rec:
        output = model(torch.randn(1, 3, 8, 8))
        with pytest.raises(RuntimeError):
            rec.tail(torch.zeros(1, 4, 4, 4, 4))
        torch.testing.assert_close(rec.tail(rec.activations), output.detach())
    assert not shadowed(model)


# --- layers that cannot be recorded ------------------------------------------------------------


class Odd(nn.Module):
    """A layer that returns a tuple, one that never runs, one that runs twice."""

    def __init__(self):
        super().__init__()
        self.pair = nn.LSTM(4, 3, batch_first=True)
        self.twice = nn.Linear(3, 3)
        self.never = nn.Linear(3, 3)

    def forward(self, x):
        return self.twice(self.twice(self.pair(x)[0]).relu())


@pytest.mark.parametrize("tape", [True, False])
def test_a_layer_that_returns_a_tuple_is_refused(tape):
    model = Odd()
    with pytest.raises(TypeError, match="The layer 'pair' returns a tuple, not a tensor"):
        with record(model, "pair", tape=tape):
            model(torch.zeros(1, 5, 4))
    assert hook_count(model) == 0


@pytest.mark.parametrize("tape", [True, False])
def test_a_layer_that_runs_twice_is_refused(tape):
    model = Odd()
    with pytest.raises(ValueError, match="The layer 'twice' ran twice: either the model uses"):
        with record(model, "twice", tape=tape):
            model(torch.zeros(1, 5, 4))
    assert hook_count(model) == 0


def test_two_calls_in_one_record_are_refused():
    model, x = small_net(), torch.randn(1, 3, 8, 8)
    with record(model, "3") as rec:
        model(x)
        with pytest.raises(ValueError, match="one `with record"):
            model(x)
    assert rec.activations.shape == (1, 5, 4, 4)


@pytest.mark.parametrize("tape", [True, False])
def test_a_layer_that_did_not_run_has_no_record(tape):
    model = Odd()
    with record(model, "never", tape=tape) as rec:
        model(torch.zeros(1, 5, 4))
    for look in (lambda: rec.activations, lambda: rec.gradients):
        with pytest.raises(RuntimeError, match="The layer 'never' did not run; call the model"):
            look()
    if tape:
        with pytest.raises(RuntimeError, match="The layer 'never' did not run; call the model"):
            rec.tail(torch.zeros(1, 3))


def test_gradients_before_backward_and_a_tail_without_a_tape_are_refused():
    model = small_net()
    with record(model, "3") as rec:
        model(torch.randn(1, 3, 8, 8))
    with pytest.raises(RuntimeError, match="no gradients for the layer '3' yet; call"):
        _ = rec.gradients
    with pytest.raises(RuntimeError, match="no tape to replay; use record"):
        rec.tail(rec.activations)
    with pytest.raises(RuntimeError, match="no tape to replay; use record"):
        _ = rec.output


def test_a_score_without_a_graph_is_refused():
    model, x = small_net(), torch.randn(1, 3, 8, 8)
    with record(model, "3") as rec:
        with torch.no_grad():
            score = model(x)[:, 0]
        with pytest.raises(RuntimeError, match="The score does not depend on the layer '3'"):
            rec.backward(score)


def test_a_layer_is_found_by_module_or_name():
    model = nn.Sequential(small_net(), nn.Linear(6, 2))
    assert find_layer(model, "0.3") is model[0][3]
    assert find_layer(model, model[0][3]) is model[0][3]


def test_an_unknown_layer_is_an_error_with_similar_names():
    model = nn.ModuleDict({"layer1": nn.ReLU(), "layer2": nn.ReLU(), "classifier": nn.ReLU()})
    with pytest.raises(
        ValueError, match=r"no layer 'layer3' in this model; near: layer[12], layer"
    ):
        find_layer(model, "layer3")
    with pytest.raises(ValueError, match="There is no layer ''"):
        find_layer(model, "")
    with pytest.raises(ValueError, match="The layer ReLU is no part of this ModuleDict"):
        find_layer(model, nn.ReLU())


# --- the tail ----------------------------------------------------------------------------------


def replaced(model, layer, x, edited):
    """The model's output for copies of x, run from the start, the layer returning ``edited``."""
    handle = find_layer(model, layer).register_forward_hook(lambda m, i, o: edited.clone())
    try:
        with torch.no_grad():
            return model(x.repeat(len(edited), *[1] * (x.ndim - 1)))
    finally:
        handle.remove()


def check_tail(model, layer, x):
    """tail() of random edits, twice, equals the run with the layer replaced; and edits matter."""
    results = []
    with record(model, layer, tape=True) as rec:
        plain = model(x).detach()
        for row in range(len(x)):
            A = rec.activations[row : row + 1].clone()
            edited = torch.cat([A, torch.zeros_like(A), A + torch.randn_like(A)])
            kept = edited.clone()
            got = rec.tail(edited, row)
            results.append((row, kept, got, rec.tail(edited, row), rec.tail(edited[-1:], row)))
            assert torch.equal(edited, kept), "the tail wrote into the caller's tensor"
    assert hook_count(model) == 0
    assert not shadowed(model)
    for row, edited, got, again, one in results:
        expected = replaced(model, layer, x[row : row + 1], edited)
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(again, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(one, expected[-1:], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(got[0], plain[row], rtol=1e-4, atol=1e-5)
        assert (got[-1] - got[0]).abs().max() > 1e-3, "the edit changes nothing: no test"


@pytest.mark.parametrize("layer", ["down", "side", "middle", "middle.0", "middle.2", "up"])
def test_the_tail_is_exact_with_a_skip_around_the_layer_and_sums_in_place(layer):
    check_tail(UNet().eval(), layer, torch.randn(2, 3, 8, 8))


class Encoder(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.form = form
        self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, 2, 1)

    def forward(self, x):
        a = self.a(x)
        return self.form(a, self.b(a))


class Decoder(nn.Module):
    """Uses both outputs of its encoder, whatever holds them."""

    def __init__(self, form, read):
        super().__init__()
        self.encoder, self.read = Encoder(form), read
        self.deep, self.head = nn.Conv2d(4, 4, 3, padding=1), nn.Linear(8, 3)

    def forward(self, x):
        a, b = self.read(self.encoder(x))
        b = F.interpolate(self.deep(b), scale_factor=2.0)
        return self.head(torch.tanh(torch.cat([a, b], 1)).mean((2, 3)))


Features = namedtuple("Features", "a b")

FORMS = {
    "tuple": (lambda a, b: (a, b), lambda f: f),
    "list": (lambda a, b: [a, b], lambda f: f),
    "dict": (lambda a, b: {"a": a, "b": b}, lambda f: (f["a"], f["b"])),
    "namedtuple": (Features, lambda f: (f.a, f.b)),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_tail_replays_features_however_a_module_returns_them(form):
    check_tail(Decoder(*FORMS[form]).eval(), "deep", torch.randn(2, 3, 8, 8))


class Positions(nn.Module):
    """Adds a learned table of positions: a module whose output has no batch axis."""

    def __init__(self):
        super().__init__()
        self.patches, self.table = nn.Conv2d(3, 6, 4, 4), nn.Embedding(4, 6)
        self.scale = nn.Identity()
        self.mix, self.head = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        place = self.table(torch.arange(4)) * self.scale(torch.tensor(2.0))
        tokens = self.patches(x).flatten(2).transpose(1, 2) + place
        tokens = tokens + self.mix(tokens)
        return self.head(torch.tanh(tokens + place).mean(1))


@pytest.mark.parametrize("layer", ["patches", "mix"])
@pytest.mark.parametrize("batch", [1, 2])
def test_the_tail_leaves_outputs_without_a_batch_axis_as_they_are(layer, batch):
    check_tail(Positions().eval(), layer, torch.randn(batch, 3, 8, 8))


class Shared(nn.Module):
    """The same ReLU before and behind the layer, and an input that is used again at the end."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.relu, self.head = nn.ReLU(), nn.Linear(3, 4)

    def forward(self, x, scale=None):
        out = self.relu(self.b(self.relu(self.a(x))) + x)
        return self.head(out.mean((2, 3)) if scale is None else out.mean((2, 3)) * scale)


@pytest.mark.parametrize("layer", ["a", "b"])
def test_the_tail_is_exact_when_a_module_is_used_before_and_behind_the_layer(layer):
    check_tail(Shared().eval(), layer, torch.randn(2, 3, 6, 6))


def test_the_tail_keeps_keyword_arguments_of_the_call():
    model, x = Shared().eval(), torch.randn(1, 3, 6, 6)
    with record(model, "b", tape=True) as rec:
        output = model(x, scale=torch.tensor([[3.0]]))
        torch.testing.assert_close(rec.tail(rec.activations), output.detach())
    with record(model, "b", tape=True) as rec:
        output = model(x=x)
        torch.testing.assert_close(rec.tail(rec.activations), output.detach())


NETS = {
    "resnet18": ["layer1.0.bn1", "layer2.0.conv1", "layer2.0.downsample", "layer3.1", "layer4"],
    "densenet": ["features.denseblock1.denselayer2.conv1", "features.denseblock2.denselayer2"],
    "shufflenet_v2_x0_5": ["stage2.1.branch2.0", "stage3.0.branch1", "conv5"],
    "mobilenet_v2": ["features.4.conv.1", "features.7"],
    "inception": ["1.branch2.0.conv", "1.branch3", "2.branch4.1.bn", "2"],
    "vit": ["conv_proj", "encoder.layers.encoder_layer_1.mlp", "encoder.layers.encoder_layer_1"],
    "swin": ["features.1.0", "features.1.1.mlp", "features.3.0.norm1"],
}


@pytest.mark.parametrize("name", NETS)
def test_the_tail_is_exact_on_torchvisions_networks(name):
    model, x = network(name), torch.randn(2, 3, 32, 32)
    for layer in NETS[name]:
        check_tail(model, layer, x)


def test_only_the_part_behind_the_layer_runs_in_the_tail():
    model = small_net()
    with record(model, "3", tape=True) as rec:
        model(torch.randn(1, 3, 8, 8))
    ran = []
    for i, module in enumerate(model):
        plain = type(module).forward
        module.forward = lambda *a, i=i, plain=plain, module=module: (
            ran.append(i),
            plain(module, *a),
        )[1]
    # The first replay also finds out how to run again.
    rec.tail(rec.activations)
    assert set(ran) == {4, 5, 6, 7, 8, 9}
    ran.clear()
    rec.tail(rec.activations)
    assert ran == [4, 5, 6, 7, 8, 9]


# --- spatial layers ----------------------------------------------------------------------------


def test_spatial_layers_are_listed_as_they_run_with_their_shapes():
    model = nn.Sequential(small_net()[:6], nn.Sequential(small_net()[6:]))
    found = spatial_layers(model, torch.zeros(1, 3, 8, 8))
    assert found == {
        "0.0": (4, 8, 8),
        "0.1": (4, 8, 8),
        "0.2": (4, 4, 4),
        "0.3": (5, 4, 4),
        "0.4": (5, 4, 4),
        "0.5": (5, 2, 2),
        "0": (5, 2, 2),
    }
    assert list(found) == ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0"]
    assert hook_count(model) == 0


def test_spatial_layers_removes_its_hooks_when_the_model_raises():
    model = small_net()
    with pytest.raises(RuntimeError):
        spatial_layers(model, torch.zeros(1, 7, 8, 8))
    assert hook_count(model) == 0
