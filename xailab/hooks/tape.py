"""The tape behind ``hooks.record``: run a network again from one of its layers on, and not before it."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

WAYS = ("shared", "copied", "afresh")


class Tape:
    """What had finished before the layer ran, to answer from when the network runs once more.

    Watched are the modules around the layer and those that they call; of modules inside a finished
    one nothing is kept, since the outer one's answer will do. Whatever is not on the tape runs
    again, so a short tape costs time, never exactness.
    """

    def __init__(self, model: nn.Module, layer: nn.Module):
        self.model, self.layer = model, layer
        self.inputs: tuple[tuple, dict] = ((), {})
        self.output: object = None
        self.answers: list[tuple[nn.Module, object]] = []  # in the order of the calls
        self.replaying = False
        self._calls: list[tuple[nn.Module, int]] = []  # running, and the tape's length at its start
        self._done = False  # whether the layer has run
        self._way: str | None = None  # one of WAYS, found at the first replay

    def watch(self, names: list[str], stack: ExitStack) -> None:
        paths = [name.split(".") for name in names]
        around = {
            self.model.get_submodule(".".join(path[:i])) for path in paths for i in range(len(path))
        }
        for module in {self.layer}.union(around, *map(_called_by, around)):
            before = module.register_forward_pre_hook(self._enter, with_kwargs=True)
            after = module.register_forward_hook(self._leave, prepend=True)
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
            self.output = _copied(output)
        elif self._calls and not self._done:
            del self.answers[start:]
            # in a sequence only the next part gets it, and that is answered too, or is the layer
            passed_on = type(self._calls[-1][0]).forward is nn.Sequential.forward
            self.answers.append((module, (_blank if passed_on else _copied)(output)))

    def replay(self, A: torch.Tensor, given: dict, row: int) -> torch.Tensor:
        """The output for input ``row`` had the modules in ``given`` answered what stands there."""
        if self.output is None:
            raise RuntimeError(
                "The tape holds no call of the model; call the model itself, not a part of it, "
                "inside `with record(...)`."
            )
        if self._way is None:
            self._way = self._find_way(A, row)
        return self._run(self._way, given, row)

    def _find_way(self, A: torch.Tensor, row: int) -> str:
        """The cheapest way to run again that gives what the network gave: measured, not believed.

        Taped rows are shown n times without copying them, unless the model writes into them
        (out += identity); and nothing is taken from the tape where that cannot be right, for
        instance because an output has no batch axis although its length is the batch's.
        """
        problem = None
        for way in WAYS:
            try:
                again = self._run(way, {self.layer: A[[row, row]]}, row)
            except (RuntimeError, ValueError) as error:
                problem = error
                continue
            if self._is_recorded(again, row):
                return way
        raise RuntimeError(
            "Run again from the layer, the network does not give the same output; the tail needs "
            "a model that answers every input by itself and leaves nothing to chance "
            "(model.eval())."
        ) from problem

    def _is_recorded(self, again: object, row: int) -> bool:
        recorded = tree_leaves(_rows(self.output, row, 2, self._batch, "shared"))
        pairs = [
            (a, b)
            for a, b in zip(tree_leaves(again), recorded, strict=False)
            if torch.is_tensor(a) and torch.is_tensor(b)
        ]
        return bool(pairs) and all(
            a.shape == b.shape
            and float((a - b).abs().max()) <= torch.finfo(b.dtype).eps ** 0.5 * float(b.abs().max())
            for a, b in pairs
        )

    @property
    def _batch(self) -> int:
        inputs = [kept.value for kept in tree_leaves(self.inputs) if isinstance(kept, _Kept)]
        return next((len(value) for value in inputs if value.ndim), 1)

    def _run(self, way: str, given: dict, row: int) -> torch.Tensor:
        n = len(given[self.layer])

        def rows(values):
            return _rows(values, row, n, self._batch, way)

        queues: dict[nn.Module, list] = {}
        for module, output in self.answers if way != "afresh" else ():
            queues.setdefault(module, []).append(partial(rows, output))
        for module, output in given.items():
            queues.setdefault(module, []).append(partial(_itself, output))
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            for module, waiting in queues.items():
                _shadow(stack, module, waiting)
            stack.callback(setattr, self, "replaying", False)
            self.replaying = True
            args, kwargs = rows(self.inputs)
            return self.model(*args, **kwargs)


def _called_by(module: nn.Module) -> set[nn.Module]:
    """The parts of a module that it can call; those that cannot run (lists) are looked into."""
    called = set()
    for child in module.children():
        runs = getattr(child.forward, "__func__", None) is not nn.Module.forward
        called |= {child} if runs else _called_by(child)
    return called


@dataclass(frozen=True)
class _Kept:
    value: torch.Tensor


def _copied(values):
    """A copy of every tensor in ``values``: code further on may write into the tensor itself."""
    return tree_map(lambda v: _Kept(v.detach().clone()) if torch.is_tensor(v) else v, values)


def _blank(values):
    """In place of every tensor in ``values`` one of the same shape that takes no memory."""
    return tree_map(
        lambda v: _Kept(v.new_zeros(()).expand(v.shape)) if torch.is_tensor(v) else v, values
    )


def _rows(values, row: int, n: int, batch: int, way: str):
    """Row ``row`` of every kept tensor n times; a tensor without the batch axis as it is."""

    def repeat(kept):
        if not isinstance(kept, _Kept):
            return kept
        if kept.value.ndim == 0 or len(kept.value) != batch:
            return kept.value.clone()
        repeated = kept.value[row : row + 1].expand(n, *kept.value.shape[1:])
        return repeated if way == "shared" and n > 1 else repeated.clone()

    return tree_map(repeat, values)


def _itself(value):
    return value


def _shadow(stack: ExitStack, module: nn.Module, waiting: list) -> None:
    """Let ``module`` answer what is ``waiting``, then run as usual again."""
    own = module.forward
    had = "forward" in vars(module)

    def answer(*args, **kwargs):
        return waiting.pop(0)() if waiting else own(*args, **kwargs)

    module.forward = answer
    stack.callback(setattr, module, "forward", own) if had else stack.callback(
        vars(module).pop, "forward"
    )
