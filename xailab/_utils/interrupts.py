"""The partial result of a long computation that the user interrupts."""

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
