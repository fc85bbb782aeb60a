"""What is left when somebody presses stop."""

from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from typing import Any


class Interrupted(KeyboardInterrupt):
    """A long computation was stopped; ``partial`` is what it had finished, ready for use, or None.

    In a notebook the stopped cell leaves it as ``sys.last_value.partial``. Scripts that catch
    KeyboardInterrupt catch this too. Introduced in notebook 04.
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
    """Inside it a stop becomes ``Interrupted``, "Stopped after len(done) of total things".

    done: what the code inside fills, one entry a finished thing, each added in one step. result(): what
    they amount to, as a call with so few things would have returned it; not asked below ``least``.
    """
    try:
        yield
    except KeyboardInterrupt:
        found = result() if len(done) >= least else None
        raise Interrupted(f"Stopped after {len(done)} of {total} {things}.", found) from None
