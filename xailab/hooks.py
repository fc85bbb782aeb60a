"""Looking inside a network: what one layer returned, its gradient, and the tail behind it."""

import difflib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from .tensor_inputs import evaluation_mode, network

__all__ = ["Record", "find_layer", "record", "spatial_layers"]


def find_layer(model: nn.Module, layer: nn.Module | str) -> nn.Module:
    """The layer as a module; ``layer`` is that module or its dotted name ("layer4.2.conv3").

    Raises ValueError for a name or module that is not in the model; near names are offered.
    """
    model = network(model)
    modules = dict(model.named_modules())
    if isinstance(layer, nn.Module):
        if not any(module is layer for module in modules.values()):
            raise ValueError(
                f"The layer {type(layer).__name__} is no part of this {type(model).__name__}; "
                "pass one of model.named_modules() or its dotted name."
            )
        return layer
    if layer not in modules or layer == "":
        near = difflib.get_close_matches(str(layer), [n for n in modules if n], n=3, cutoff=0.0)
        raise ValueError(f"There is no layer {layer!r} in this model; near: {', '.join(near)}.")
    return modules[layer]


class Record:
    """What ``record`` saw: ``activations`` and ``gradients`` of one layer, and the tail behind it.

    activations: what the layer returned, detached, for a convolution (B, K, h, w).
    gradients: d(score) / d(activations), of the same shape.
    tail(edited): the model's output had the layer returned ``edited`` instead.
    """

    def __init__(self, name: str):
        self._name = name
        self._tape: _Tape | None = None
        self._leaf: torch.Tensor | None = None
        self._gradients: torch.Tensor | None = None

    @property
    def activations(self) -> torch.Tensor:
        if self._leaf is None:
            raise RuntimeError(
                f"The layer {self._name!r} did not run; call the model inside `with record(...)`, "
                "and choose a layer that its forward pass uses."
            )
        return self._leaf.detach()

    @property
    def gradients(self) -> torch.Tensor:
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

    def tail(self, edited: torch.Tensor, row: int = 0) -> torch.Tensor:
        """The model's output for edited activations (n, K, h, w) of input ``row``; no gradients.

        Only the part of the network behind the layer runs: every module that had finished
        before the layer is answered from the tape. Needs record(..., tape=True).
        """
        if self._tape is None:
            raise RuntimeError("There is no tape to replay; use record(model, layer, tape=True).")
        if self._leaf is None:
            return self.activations  # says that the layer did not run
        return self._tape.replay(edited, row)


class _Kept:
    """A copy of what a module returned: code further on may write into the tensor itself."""

    def __init__(self, tensor: torch.Tensor):
        self.value = tensor.detach().clone()

    def rows(self, row: int, n: int, batch: int, copy: bool) -> torch.Tensor:
        """Row ``row`` n times; a tensor without the batch axis as it is."""
        if self.value.ndim == 0 or len(self.value) != batch:
            return self.value.clone()
        repeated = self.value[row : row + 1].expand(n, *self.value.shape[1:])
        return repeated.clone() if copy or n == 1 else repeated


def _keep(values):
    return tree_map(lambda v: _Kept(v) if torch.is_tensor(v) else v, values)


class _Tape:
    """The outputs of every module that finished before the layer ran, in the order they ran.

    Of a module that finished inside another finished one only the outer is kept. On replay
    their ``forward`` is shadowed, for the length of one call, by the taped answer.
    """

    def __init__(self, model: nn.Module, layer: nn.Module):
        self.model, self.layer = model, layer
        self.inputs: tuple[tuple, dict] = ((), {})
        self.batch = 1
        self.answers: list[tuple[nn.Module, object]] = []
        self._open: list[list[tuple[nn.Module, object]]] = []
        self._done = self._copy = False
        self.replaying = False

    def watch(self, stack: ExitStack) -> None:
        for module in self.model.modules():
            before = module.register_forward_pre_hook(self._enter, with_kwargs=True)
            after = module.register_forward_hook(self._leave)
            stack.callback(before.remove)
            stack.callback(after.remove)

    def _enter(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        if self._done:
            return
        if module is self.model:
            self.inputs, self._open = _keep((args, kwargs)), []
            sizes = [len(v) for v in tree_leaves((args, kwargs)) if torch.is_tensor(v) and v.ndim]
            self.batch = sizes[0] if sizes else 1
        if module is self.layer:
            self.answers = [answer for level in self._open for answer in level]
            self._done = True
        else:
            self._open.append([])

    def _leave(self, module: nn.Module, args: tuple, output: object) -> None:
        if not self._done:
            self._open.pop()
            if self._open:  # else the model itself is through, and the layer never ran
                self._open[-1].append((module, _keep(output)))

    def replay(self, edited: torch.Tensor, row: int) -> torch.Tensor:
        if not self._copy:
            try:  # taped rows are shown n times without taking memory n times
                return self._run(edited, row)
            except RuntimeError:  # unless the model writes into one of them (out += identity)
                self._copy = True
        return self._run(edited, row)

    def _run(self, edited: torch.Tensor, row: int) -> torch.Tensor:
        def rows(kept):
            n = len(edited)
            return tree_map(
                lambda v: v.rows(row, n, self.batch, self._copy) if isinstance(v, _Kept) else v,
                kept,
            )

        queues: dict[nn.Module, list] = {}
        for module, output in [*self.answers, (self.layer, None)]:
            queues.setdefault(module, []).append(output)
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            for module, outputs in queues.items():
                _shadow(stack, module, outputs, edited if module is self.layer else None, rows)
            stack.callback(setattr, self, "replaying", False)
            self.replaying = True
            args, kwargs = rows(self.inputs)
            return self.model(*args, **kwargs)


def _shadow(stack: ExitStack, module: nn.Module, outputs: list, edited, rows) -> None:
    """Let ``module`` answer from ``outputs``, then run as usual again."""
    own, waiting = module.forward, list(outputs)
    had = "forward" in vars(module)

    def answer(*args, **kwargs):
        if not waiting:
            return own(*args, **kwargs)
        taped = waiting.pop(0)
        return rows(taped) if edited is None else edited.clone()

    module.forward = answer
    stack.callback(setattr, module, "forward", own) if had else stack.callback(
        vars(module).pop, "forward"
    )


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
    module = find_layer(model, layer)
    name = next(n for n, m in model.named_modules() if m is module)
    rec = Record(name)

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

    def refresh(_module: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        return tree_map(
            lambda v: v.clone() if torch.is_tensor(v) and v.is_inference() else v, (args, kwargs)
        )

    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for parameter in [p for p in model.parameters() if p.requires_grad]:
            parameter.requires_grad_(False)
            stack.callback(parameter.requires_grad_, True)
        stack.callback(module.register_forward_hook(keep).remove)
        stack.callback(model.register_forward_pre_hook(refresh, with_kwargs=True).remove)
        if tape:
            rec._tape = _Tape(model, module)
            rec._tape.watch(stack)
        yield rec


def spatial_layers(
    model: nn.Module, x: torch.Tensor, depth: int = 2
) -> dict[str, tuple[int, int, int]]:
    """Layers that return (B, K, h, w) maps with h, w > 1, in the order they run: name -> (K, h, w).

    x: an input of the model. depth: how many dots deep to look (layer4.2 is 2).
    """
    found: dict[str, tuple[int, int, int]] = {}
    with ExitStack() as stack:
        for name, module in model.named_modules():
            if name and name.count(".") < depth:

                def note(_module, _inputs, output, name=name):
                    if torch.is_tensor(output) and output.ndim == 4 and min(output.shape[2:]) > 1:
                        found[name] = tuple(output.shape[1:])

                stack.callback(module.register_forward_hook(note).remove)
        stack.enter_context(torch.no_grad())
        stack.enter_context(evaluation_mode(model))
        model(x)
    return found
