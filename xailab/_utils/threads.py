"""One explanation of a network at a time: hooks, modes and flags belong to the module, not to a thread."""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from torch import nn

# module -> the thread that has it, and how often it asked for it
_HELD: WeakKeyDictionary[nn.Module, tuple[int, int]] = WeakKeyDictionary()
_CHANGED = threading.Condition()
# seconds of waiting after which a thread says what it waits for
PATIENCE = 60.0


@contextmanager
def alone(net: nn.Module) -> Iterator[None]:
    """No other thread is in here with one of the network's modules; the same thread may be again.

    Of all modules, since two networks may share some: an encoder, or a network and its last block.
    A thread that waits for longer than ``PATIENCE`` warns once and goes on waiting: the other may
    only be slow.
    """
    me, modules = threading.get_ident(), set(net.modules())

    def free() -> bool:
        return all(_HELD.get(module, (me, 0))[0] == me for module in modules)

    with _CHANGED:
        if not _CHANGED.wait_for(free, timeout=PATIENCE):
            warnings.warn(
                "Another thread is still explaining this network, or was left inside "
                "`with record(...)`; this thread waits until it has come out.",
                stacklevel=2,
            )
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
