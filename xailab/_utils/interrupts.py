"""The partial result of a long computation that the user interrupts."""

from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from typing import Any


class Interrupted(KeyboardInterrupt):
    """A long computation was interrupted; ``partial`` is what it had finished, or None.

    In a notebook, ``sys.last_value.partial`` gives it after the interrupted cell. Code that catches
    KeyboardInterrupt catches this too.
    """

    def __init__(self, message: str, partial: Any):
        super().__init__(message, partial)
        self.partial = partial

    def __str__(self) -> str:
        left = "What was finished is in sys.last_value.partial."
        return f"{self.args[0]} {left if self.partial is not None else 'It is too little to use.'}"


@contextmanager
def stoppable(
    done: Sized, total: int, things: str, result: Callable[[], Any], least: int = 1
) -> Iterator[None]:
    """Inside it a KeyboardInterrupt becomes ``Interrupted``: "Stopped after len(done) of total things".

    done: what the code inside fills, one entry per finished thing. result(): the value that a call with
    only these things would have returned; not called for fewer than ``least``.
    """
    try:
        yield
    except KeyboardInterrupt:
        found = result() if len(done) >= least else None
        raise Interrupted(f"Stopped after {len(done)} of {total} {things}.", found) from None
