"""A look inside a network: the output of one layer, its gradient, and the tail behind it."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import nn
from torch.utils._pytree import tree_map

from .._utils.tensors import check_differentiable, evaluation_mode, gradient, network
from .._utils.threads import alone, in_this_thread
from .._utils.validation import truncated
from .tape import Tape


def find_layer(model: nn.Module, layer: nn.Module | str) -> nn.Module:
    """The layer as a module; ``layer`` is that module or its dotted name ("layer4.2.conv3").

    A name or module that is not in the model is a ValueError that offers similar names.
    """
    return _find(network(model), layer)[1]


def _find(model: nn.Module, layer: nn.Module | str) -> tuple[list[str], nn.Module, set[nn.Module]]:
    """Every dotted name of the layer (a shared module has several), the layer, and all modules."""
    modules = dict(model.named_modules(remove_duplicate=False))
    if not isinstance(layer, nn.Module | str):
        raise TypeError(
            "layer must be one module of the model or its dotted name, such as 'layer4', not "
            f"{truncated(layer)}; for several layers call once per layer."
        )
    if not isinstance(layer, nn.Module):
        # A compiled network or part of one stands in front of what it was made from.
        plain = {name.replace("_orig_mod.", ""): name for name in modules}
        layer = plain.get(layer.replace("_orig_mod.", ""), layer)
        if layer not in modules or layer == "":
            near = difflib.get_close_matches(str(layer), [n for n in modules if n], n=3, cutoff=0.0)
            raise ValueError(f"There is no layer {layer!r} in this model; near: {', '.join(near)}.")
        layer = modules[layer]
    if isinstance(layer, torch.jit.ScriptModule):
        raise TypeError(NO_HOOKS)
    names = [name for name, module in modules.items() if module is layer]
    if not names:
        raise ValueError(
            f"The layer {type(layer).__name__} is no part of this {type(model).__name__}; "
            "pass one of model.named_modules() or its dotted name."
        )
    return names, layer, set(modules.values())


NO_HOOKS = (
    "A TorchScript module cannot be looked into; pass the Python module that it was scripted or "
    "traced from."
)


class Record:
    """What ``record`` saw of one layer of ``model``.

    activations: the layer's output, detached, for a convolution (B, K, h, w).
    gradients: d(score) / d(activations), of the same shape.
    output, tail(edited): what the model returned, and what it would have returned had the layer's
    output been ``edited``; both need ``record(..., tape=True)``.
    """

    def __init__(self, model: nn.Module, name: str):
        self.model = model
        self._name = name
        self._tape: Tape | None = None
        self._leaf: torch.Tensor | None = None
        self._gradients: torch.Tensor | None = None

    @property
    def activations(self) -> torch.Tensor:
        """The layer's output, detached. Raises RuntimeError when the layer did not run."""
        if self._leaf is None:
            raise RuntimeError(
                f"The layer {self._name!r} did not run; call the model inside `with record(...)`, "
                "and choose a layer that its forward pass uses."
            )
        return self._leaf.detach()

    @property
    def gradients(self) -> torch.Tensor:
        """d(score) / d(activations). Raises RuntimeError before a backward pass."""
        gradients = self._gradients
        if gradients is None:
            gradients = self.activations.grad if self._leaf is None else self._leaf.grad
        if gradients is None:
            raise RuntimeError(
                f"There are no gradients for the layer {self._name!r} yet; call "
                "rec.backward(score) or score.backward() on a score that the model returned."
            )
        return gradients

    def backward(self, score: torch.Tensor) -> torch.Tensor:
        """The gradients of a score (summed over the batch) at the layer.

        The backward pass stops at the layer and touches no parameter's ``.grad``. Raises
        RuntimeError when the score does not depend on the layer.
        """
        leaf = self._leaf if self._leaf is not None else self.activations
        instead = ", or use 'ablation_cam', which needs no gradient"
        self._gradients = gradient(score, leaf, f"the layer {self._name!r}", instead)
        return self._gradients

    @property
    def output(self) -> torch.Tensor:
        """What the model returned, detached."""
        return self._taped().output

    def _taped(self) -> Tape:
        if self._tape is None:
            raise RuntimeError("There is no tape to replay; use record(model, layer, tape=True).")
        return self._tape

    def tail(
        self,
        edited: torch.Tensor,
        row: int = 0,
        *,
        answers: Mapping[nn.Module, torch.Tensor] | None = None,
        copy: bool = True,
    ) -> torch.Tensor:
        """The model's output for edited activations of one input, without gradients.

        Only the part of the network behind the layer runs: the outputs of the modules that had
        finished before the layer come from the tape. Raises RuntimeError when a replay of the
        recorded activations does not give the recorded output.

        Parameters
        ----------
        edited : tensor (n, K, h, w)
            What the layer is to return instead, n variants.
        row : int
            The input of the recorded batch that they belong to.
        answers : mapping of nn.Module to tensor, optional
            What modules behind the layer are to return at their first call instead of running.
        copy : bool
            False passes on these tensors themselves; a ReLU in place may then write into them.
        """
        tape = self._taped()
        given = {tape.layer: edited, **(answers or {})}
        if copy:
            given = {module: value.clone() for module, value in given.items()}
        return tape.replay(self.activations, given, row)


@contextmanager
def record(model: nn.Module, layer: nn.Module | str, *, tape: bool = False) -> Iterator[Record]:
    """Record one layer's activations and gradients while the model runs.

    with record(model, "layer4") as rec:
        score = model(x)[:, target]
        score.sum().backward()
    rec.activations, rec.gradients

    The layer's output is detached and made the start of the graph, and a copy goes on through the
    network: the backward pass costs only the part behind the layer, and an in-place ReLU that
    follows cannot change the record. Gradients flow also under no_grad and inference_mode.
    Inside, parameters do not require gradients; hooks and flags are restored on leaving, also
    after an error. Another thread that wants a record of the same network waits. tape=True: the
    record can also run the tail alone (``rec.tail``).
    Raises ValueError for an unknown layer or one that runs twice, TypeError when the layer
    returns something other than one tensor.
    """
    model = network(model)
    names, module, parts = _find(model, layer)
    name = names[0]
    rec = Record(model, name)

    def keep(_module: nn.Module, _inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        if rec._tape is not None and rec._tape.replaying:
            return output
        if not torch.is_tensor(output):
            raise TypeError(
                f"The layer {name!r} returns a {type(output).__name__}, not a tensor; "
                "choose a layer inside it that returns one tensor."
            )
        if not output.is_floating_point():
            raise TypeError(
                f"The layer {name!r} returns {output.dtype} numbers, which have no gradients; "
                "explain the network of floats that a quantised one was made from."
            )
        if rec._leaf is not None:
            raise ValueError(
                f"The layer {name!r} ran twice: either the model uses it in several places (choose "
                "another layer), or it was called twice (use one `with record(...)` per call)."
            )
        rec._leaf = output.detach().requires_grad_()
        return rec._leaf.clone()

    def cut_off(_module: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        # Inputs made in inference mode may not enter a graph; those that require a gradient
        # would get one built for the front of the network.
        return tree_map(
            lambda v: (v.clone() if v.is_inference() else v.detach()) if torch.is_tensor(v) else v,
            (args, kwargs),
        )

    check_differentiable(model)
    with ExitStack() as stack:
        stack.enter_context(alone(model))
        stack.enter_context(_eager(parts))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        # The modules are known already: model.parameters() would walk the network again.
        own = (p for part in parts for p in part._parameters.values())
        for parameter in [p for p in own if p is not None and p.requires_grad]:
            parameter.requires_grad_(False)
            stack.callback(parameter.requires_grad_, True)
        stack.callback(module.register_forward_hook(in_this_thread(keep), prepend=True).remove)
        before = in_this_thread(cut_off)
        stack.callback(model.register_forward_pre_hook(before, with_kwargs=True).remove)
        if tape:
            rec._tape = Tape(model, module)
            rec._tape.watch(names, stack)
        yield rec


@contextmanager
def _eager(parts: Iterable[nn.Module]) -> Iterator[None]:
    """Compiled modules among ``parts`` run as they were written: hooks would be compiled with them."""
    with ExitStack() as stack:
        for part in parts:
            own = vars(part).get("forward")
            original = getattr(part, "_orig_mod", getattr(own, "_torchdynamo_orig_callable", None))
            if original is not None:
                restore = partial(vars(part).pop, "forward")
                if own is not None:
                    restore = partial(vars(part).__setitem__, "forward", own)
                stack.callback(restore)
                vars(part)["forward"] = original
            if getattr(part, "_compiled_call_impl", None) is not None:
                stack.callback(setattr, part, "_compiled_call_impl", part._compiled_call_impl)
                part._compiled_call_impl = None
        yield


def spatial_layers(model: nn.Module, x: torch.Tensor) -> dict[str, tuple[int, int, int]]:
    """Layers that return (B, K, h, w) maps with h, w > 1, in the order they run: name -> (K, h, w).

    x: an input of the model. Names have at most one dot ("layer4.2"). Not among them: outputs
    (B, h, w, K), known by the picture's proportions.
    """
    return _walk(model, x)[0]


def last_layer(model: nn.Module, x: torch.Tensor) -> str:
    """The last of ``spatial_layers``; a ValueError where the network goes on with tokens after it."""
    layers, tokens = _walk(model, x)
    if not layers:
        raise ValueError(
            f"No part of this {type(model).__name__} returns maps (B, K, h, w) with h, w > 1; "
            "pass layer and, for tokens, reshape=cam.from_tokens()."
        )
    last = list(layers)[-1]
    if tokens:
        raise ValueError(
            f"The last maps of this {type(model).__name__}, those of {last!r}, come before its tokens "
            f"(those of {tokens!r} among them); name a layer, with reshape=cam.from_tokens() or "
            f"cam.from_channels_last in heatmaps, or name {last!r} if you want its maps."
        )
    return last


def fits(x: torch.Tensor, height: int, width: int) -> bool:
    """Whether a grid of this size has the proportions of the pictures x, up to one cell."""
    H, W = x.shape[2:]
    return abs(height * W - width * H) <= max(H, W)


def _walk(model: nn.Module, x: torch.Tensor) -> tuple[dict[str, tuple[int, int, int]], str]:
    """``spatial_layers``, and the last module that returned tokens after the last of them, or ""."""
    found: dict[str, tuple[int, int, int]] = {}
    tokens = ""

    def note(name: str, module: nn.Module, _inputs: tuple, output: object) -> None:
        nonlocal tokens
        if _returns_tokens(module, output):
            tokens = name
        elif torch.is_tensor(output) and output.ndim == 4 and min(output.shape[2:]) > 1:
            k, h, w = output.shape[1:]
            if name and name.count(".") < 2 and (fits(x, h, w) or not fits(x, k, h)):
                found[name], tokens = (k, h, w), ""

    model = network(model)
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(NO_HOOKS)
    with ExitStack() as stack:
        stack.enter_context(evaluation_mode(model))
        stack.enter_context(_eager(list(model.modules())))
        stack.enter_context(torch.no_grad())
        for name, module in model.named_modules():
            if not isinstance(module, torch.jit.ScriptModule):
                hook = in_this_thread(partial(note, name.replace("_orig_mod.", "")))
                stack.callback(module.register_forward_hook(hook).remove)
        model(x)
    return found, tokens


def _returns_tokens(module: nn.Module, output: object) -> bool:
    """Whether a module that works on the last axis returned vectors (B, ..., K) of several places."""
    if isinstance(module, nn.LayerNorm):
        size = module.normalized_shape[-1]
    elif isinstance(module, nn.Linear):
        size = module.out_features
    else:
        return False
    return (
        torch.is_tensor(output)
        and output.ndim > 2
        and output.shape[-1] == size
        and output[0, ..., 0].numel() > 1
    )
