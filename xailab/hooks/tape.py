"""The tape behind ``hooks.record``: a network runs again from one of its layers on."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from .._utils.threads import alone, in_this_thread

# Kept outputs as views of one row, as copies of it, or not used at all.
WAYS = ("shared", "copied", "afresh")


class Tape:
    """The outputs of the modules that finished before the layer ran, to be returned in a replay.

    Watched are the modules around the layer and those that they call. Nothing is kept of modules
    inside a finished one: the output of the outer module is enough. Whatever is not on the tape
    runs again, so a short tape costs time, never exactness.
    """

    def __init__(self, model: nn.Module, layer: nn.Module):
        self.model, self.layer = model, layer
        self.inputs: tuple[tuple, dict] = ((), {})
        self._output: object = None
        # The finished modules and their outputs, in the order of the calls.
        self.answers: list[tuple[nn.Module, object]] = []
        self.replaying = False
        # The running modules, each with the tape's length at its start.
        self._calls: list[tuple[nn.Module, int]] = []
        # Whether the layer has run.
        self._done = False
        # One of WAYS, found at the first replay.
        self._way: str | None = None

    def watch(self, names: list[str], stack: ExitStack) -> None:
        paths = [name.split(".") for name in names]
        around = {
            self.model.get_submodule(".".join(path[:i])) for path in paths for i in range(len(path))
        }
        for module in {self.layer}.union(around, *map(_called_by, around)):
            enter, leave = in_this_thread(self._enter), in_this_thread(self._leave)
            before = module.register_forward_pre_hook(enter, with_kwargs=True)
            after = module.register_forward_hook(leave, prepend=True)
            stack.callback(before.remove)
            stack.callback(after.remove)

    def _enter(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        if self.replaying:
            return
        if module is self.model:
            self.inputs, self.answers, self._calls = _copied((args, kwargs)), [], []
        self._calls.append((module, len(self.answers)))
        self._done |= module is self.layer

    def _leave(self, module: nn.Module, args: tuple, output: object) -> None:
        if self.replaying:
            return
        start = self._calls.pop()[1]
        if module is self.model:
            self._output = _copied(output)
        elif self._calls and not self._done:
            del self.answers[start:]
            # In a Sequential only the next module reads it, which is kept too or is the layer.
            passed_on = type(self._calls[-1][0]).forward is nn.Sequential.forward
            self.answers.append((module, (_blank if passed_on else _copied)(output)))

    @property
    def output(self) -> torch.Tensor:
        """What the model returned."""
        self._check_called()
        return tree_map(lambda v: v.value if isinstance(v, _Kept) else v, self._output)

    def _check_called(self) -> None:
        if self._output is None:
            raise RuntimeError(
                "The tape holds no call of the model; call the model itself, not a part of it, "
                "inside `with record(...)`."
            )

    def replay(self, A: torch.Tensor, given: dict, row: int) -> torch.Tensor:
        """The output for input ``row``, had each module in ``given`` returned its value there."""
        self._check_called()
        if self._way is None:
            self._way = self._find_way(A, row)
        return self._run(self._way, given, row)

    def _find_way(self, A: torch.Tensor, row: int) -> str:
        """The cheapest of WAYS whose replay gives the recorded output.

        Kept rows are repeated without copying them, unless the model writes into them
        (out += identity). Nothing is taken from the tape where that cannot be right, for
        instance where an output is as long as the batch but has no batch axis.
        """
        recorded = _rows(self._output, row, 2, self._batch, "shared")
        problem = None
        for way in WAYS:
            try:
                again = self._run(way, {self.layer: A[[row, row]]}, row)
            except (RuntimeError, ValueError) as error:
                problem = error
                continue
            if _same(again, recorded):
                return way
        raise RuntimeError(
            "Run again from the layer, the network does not give the same output; the tail needs "
            "a model that treats every input by itself and has no random part (model.eval())."
        ) from problem

    @property
    def _batch(self) -> int:
        inputs = [kept.value for kept in tree_leaves(self.inputs) if isinstance(kept, _Kept)]
        return next((len(value) for value in inputs if value.ndim), 1)

    def _run(self, way: str, given: dict, row: int) -> torch.Tensor:
        n = len(given[self.layer])

        def rows(values):
            return _rows(values, row, n, self._batch, way)

        waiting: dict[nn.Module, list] = {}
        for module, output in self.answers if way != "afresh" else ():
            waiting.setdefault(module, []).append(partial(rows, output))
        for module, output in given.items():
            waiting.setdefault(module, []).append(lambda output=output: output)
        with ExitStack() as stack:
            stack.enter_context(alone(self.model))
            stack.enter_context(torch.no_grad())
            for module, outputs in waiting.items():
                _shadow(stack, module, outputs)
            stack.callback(setattr, self, "replaying", False)
            self.replaying = True
            args, kwargs = rows(self.inputs)
            return self.model(*args, **kwargs)


def _called_by(module: nn.Module) -> set[nn.Module]:
    """The modules that a module can call; containers without a forward (lists) are opened."""
    called = set()
    for child in module.children():
        runs = getattr(child.forward, "__func__", None) is not nn.Module.forward
        # A TorchScript module takes no hooks: it runs again.
        scripted = isinstance(child, torch.jit.ScriptModule)
        called |= set() if scripted else {child} if runs else _called_by(child)
    return called


@dataclass(frozen=True)
class _Kept:
    """A tensor on the tape: values of other kinds stay as they are."""

    value: torch.Tensor


def _copied(values):
    """A copy of every tensor in ``values``: later code may write into the tensor itself."""
    return tree_map(lambda v: _Kept(v.detach().clone()) if torch.is_tensor(v) else v, values)


def _blank(values):
    """A tensor of the same shape that takes no memory, in place of each one in ``values``."""

    def blank(v):
        if not torch.is_tensor(v):
            return v
        # Tensors of quantised numbers have no such zeros.
        return _Kept(v.clone() if v.is_quantized else v.new_zeros(()).expand(v.shape))

    return tree_map(blank, values)


def _rows(values, row: int, n: int, batch: int, way: str):
    """Row ``row`` of every kept tensor, n times; a tensor without the batch axis unchanged."""

    def repeat(kept):
        if not isinstance(kept, _Kept):
            return kept
        if kept.value.ndim == 0 or len(kept.value) != batch:
            return kept.value.clone()
        repeated = kept.value[row : row + 1].expand(n, *kept.value.shape[1:])
        return repeated if way == "shared" and n > 1 else repeated.clone()

    return tree_map(repeat, values)


def _same(again: object, recorded: object) -> bool:
    """Whether the tensors in both agree, up to the square root of the rounding error."""
    pairs = [
        (a, b)
        for a, b in zip(tree_leaves(again), tree_leaves(recorded), strict=False)
        if torch.is_tensor(a) and torch.is_tensor(b)
    ]
    return bool(pairs) and all(
        a.shape == b.shape
        and float((a - b).abs().max()) <= torch.finfo(b.dtype).eps ** 0.5 * float(b.abs().max())
        for a, b in pairs
    )


def _shadow(stack: ExitStack, module: nn.Module, outputs: list) -> None:
    """Let the next calls of ``module`` return these outputs; then it runs as usual again."""
    own, me = module.forward, threading.get_ident()
    had_own = "forward" in vars(module)

    def forward(*args, **kwargs):
        here = outputs and threading.get_ident() == me
        return outputs.pop(0)() if here else own(*args, **kwargs)

    module.forward = forward
    if had_own:
        stack.callback(setattr, module, "forward", own)
    else:
        stack.callback(vars(module).pop, "forward")
