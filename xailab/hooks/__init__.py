"""Looking inside a network: what one layer returned, its gradient, and the tail behind it."""

import difflib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from torch.utils._pytree import tree_map

from .._utils.tensors import evaluation_mode, network
from .tape import Tape


def find_layer(model: nn.Module, layer: nn.Module | str) -> nn.Module:
    """The layer as a module; ``layer`` is that module or its dotted name ("layer4.2.conv3").

    Raises ValueError for a name or module that is not in the model; near names are offered.
    Notebook 05.
    """
    return _find(network(model), layer)[1]


def _find(model: nn.Module, layer: nn.Module | str) -> tuple[list[str], nn.Module, set[nn.Module]]:
    """Every dotted name of the layer (a shared module has several), the layer, and all modules."""
    modules = dict(model.named_modules(remove_duplicate=False))
    if not isinstance(layer, nn.Module):
        if layer not in modules or layer == "":
            near = difflib.get_close_matches(str(layer), [n for n in modules if n], n=3, cutoff=0.0)
            raise ValueError(f"There is no layer {layer!r} in this model; near: {', '.join(near)}.")
        layer = modules[layer]
    names = [name for name, module in modules.items() if module is layer]
    if not names:
        raise ValueError(
            f"The layer {type(layer).__name__} is no part of this {type(model).__name__}; "
            "pass one of model.named_modules() or its dotted name."
        )
    return names, layer, set(modules.values())


class Record:
    """What ``record`` saw: ``activations`` and ``gradients`` of one layer, and the tail behind it.

    model: the network. activations: what the layer returned, detached, for a convolution (B, K, h, w).
    gradients: d(score) / d(activations), of the same shape.
    tail(edited): the model's output had the layer returned ``edited`` instead. Notebook 05.
    """

    def __init__(self, model: nn.Module, name: str):
        self.model = model
        self._name = name
        self._tape: Tape | None = None
        self._leaf: torch.Tensor | None = None
        self._gradients: torch.Tensor | None = None

    @property
    def activations(self) -> torch.Tensor:
        """What the layer returned, detached. Raises RuntimeError when it did not run."""
        if self._leaf is None:
            raise RuntimeError(
                f"The layer {self._name!r} did not run; call the model inside `with record(...)`, "
                "and choose a layer that its forward pass uses."
            )
        return self._leaf.detach()

    @property
    def gradients(self) -> torch.Tensor:
        """d(score) / d(activations). Raises RuntimeError when nothing was run backward."""
        gradients = self._gradients if self._gradients is not None else self._leaf_gradient()
        if gradients is None:
            raise RuntimeError(
                f"There are no gradients for the layer {self._name!r} yet; call "
                "rec.backward(score) or score.backward() on a score that the model returned."
            )
        return gradients

    def _leaf_gradient(self) -> torch.Tensor | None:
        return self.activations.grad if self._leaf is None else self._leaf.grad

    def backward(self, score: torch.Tensor) -> torch.Tensor:
        """The gradients of a score (summed over the batch) at the layer; stops there, touches no
        parameter's ``.grad``. Raises RuntimeError when the score does not depend on the layer."""
        leaf = self._leaf if self._leaf is not None else self.activations
        if not score.requires_grad:
            raise RuntimeError(
                f"The score does not depend on the layer {self._name!r} through the model's graph; "
                "run the model inside `with record(...)`, not under torch.no_grad(), and do not "
                "detach what it returns."
            )
        (gradients,) = torch.autograd.grad(score.sum(), leaf, retain_graph=True)
        self._gradients = gradients.detach()
        return self._gradients

    def tail(
        self,
        edited: torch.Tensor,
        row: int = 0,
        *,
        answers: Mapping[nn.Module, torch.Tensor] | None = None,
        copy: bool = True,
    ) -> torch.Tensor:
        """The model's output for edited activations (n, K, h, w) of input ``row``; no gradients.

        Only the part of the network behind the layer runs: every module that had finished
        before the layer is answered from the tape. answers: what modules behind the layer are to
        answer instead of running, at their first call. copy: False hands these tensors themselves
        on, and a ReLU in place may write into them. Needs record(..., tape=True).
        Raises RuntimeError when the network does not give the recorded output again.
        """
        if self._tape is None:
            raise RuntimeError("There is no tape to replay; use record(model, layer, tape=True).")
        given = {self._tape.layer: edited, **(answers or {})}
        if copy:
            given = {module: value.clone() for module, value in given.items()}
        return self._tape.replay(self.activations, given, row)


@contextmanager
def record(model: nn.Module, layer: nn.Module | str, *, tape: bool = False) -> Iterator[Record]:
    """Record one layer's activations and gradients while the model runs.

    with record(model, "layer4") as rec:
        score = model(x)[:, target]
        score.sum().backward()
    rec.activations, rec.gradients

    The layer's output is cut off from what came before and made the start of the graph, and
    a copy is handed on: backward costs only the part behind the layer, and an in-place ReLU that
    follows cannot change the record. Gradients flow also under no_grad and inference_mode.
    Parameters ask for no gradients meanwhile; hooks and flags are put back on leaving, also
    after an error. With ``tape=True`` the record can also run the tail alone (``rec.tail``).
    Raises ValueError for an unknown layer or one that runs twice, TypeError when the layer
    returns something other than one tensor.

    Introduced in notebook 05.
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
        if rec._leaf is not None:
            raise ValueError(
                f"The layer {name!r} ran twice: either the model uses it in several places (choose "
                "another layer), or it was called twice (use one `with record(...)` a call)."
            )
        rec._leaf = output.detach().requires_grad_()
        return rec._leaf.clone()

    def cut_off(_module: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        # inputs made in inference mode may not enter a graph, and those that ask for a gradient
        # would have one built for the front of the network
        return tree_map(
            lambda v: (v.clone() if v.is_inference() else v.detach()) if torch.is_tensor(v) else v,
            (args, kwargs),
        )

    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        own = (p for part in parts for p in part._parameters.values())  # no walk of its own
        for parameter in [p for p in own if p is not None and p.requires_grad]:
            parameter.requires_grad_(False)
            stack.callback(parameter.requires_grad_, True)
        stack.callback(module.register_forward_hook(keep, prepend=True).remove)
        stack.callback(model.register_forward_pre_hook(cut_off, with_kwargs=True).remove)
        if tape:
            rec._tape = Tape(model, module)
            rec._tape.watch(names, stack)
        yield rec


def spatial_layers(
    model: nn.Module, x: torch.Tensor, depth: int = 2
) -> dict[str, tuple[int, int, int]]:
    """Layers that return (B, K, h, w) maps with h, w > 1, in the order they run: name -> (K, h, w).

    x: an input of the model. depth: how many dots deep to look (layer4.2 is 2). Notebook 05.
    """
    found: dict[str, tuple[int, int, int]] = {}
    with ExitStack() as stack:
        for name, module in model.named_modules():
            if name and name.count(".") < depth:

                def note(_module, _inputs, output, name=name):
                    if torch.is_tensor(output) and output.ndim == 4 and min(output.shape[2:]) > 1:
                        k, h, w = output.shape[1:]
                        found[name] = (k, h, w)

                stack.callback(module.register_forward_hook(note).remove)
        stack.enter_context(torch.no_grad())
        stack.enter_context(evaluation_mode(model))
        model(x)
    return found
