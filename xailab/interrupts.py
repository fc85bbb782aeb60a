"""What is left when somebody presses stop."""

from typing import Any

__all__ = ["Interrupted"]


class Interrupted(KeyboardInterrupt):
    """A long computation was stopped; ``partial`` is what it had finished, ready for use.

    In a notebook the stopped cell leaves it as ``sys.last_value.partial``. Scripts that catch
    KeyboardInterrupt catch this too. Introduced in notebook 04.
    """

    def __init__(self, message: str, partial: Any):
        super().__init__(f"{message} What was finished is in sys.last_value.partial.")
        self.partial = partial
