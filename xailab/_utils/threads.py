"""One explanation of a network at a time: hooks, modes and flags belong to the module, not to a thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from torch import nn

# module -> the thread that has it, and how often it asked for it
_HELD: WeakKeyDictionary[nn.Module, tuple[int, int]] = WeakKeyDictionary()
_CHANGED = threading.Condition()


@contextmanager
def alone(net: nn.Module) -> Iterator[None]:
    """No other thread is in here with one of the network's modules; the same thread may be again.

    Of all modules, since two networks may share some: an encoder, or a network and its last block.
    """
    me, modules = threading.get_ident(), set(net.modules())

    def free() -> bool:
        return all(_HELD.get(module, (me, 0))[0] == me for module in modules)

    with _CHANGED:
        _CHANGED.wait_for(free)
        for module in modules:
            _HELD[module] = (me, _HELD.get(module, (me, 0))[1] + 1)
    try:
        yield
    finally:
        with _CHANGED:
            for module in modules:
                times = _HELD.pop(module)[1] - 1
                if times:
                    _HELD[module] = (me, times)
            _CHANGED.notify_all()


def in_this_thread(hook: Callable) -> Callable:
    """The hook, for calls from this thread only: another one may use the network at the same time."""
    me = threading.get_ident()

    def only_here(*args, **kwargs):
        return hook(*args, **kwargs) if threading.get_ident() == me else None

    return only_here
