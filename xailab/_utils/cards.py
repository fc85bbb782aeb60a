"""The card that every explanation prints: what it explains, and with which settings it was made."""

import inspect
from collections.abc import Callable


def card(title: str, **fields: object) -> str:
    """A title and one aligned line per field; underscores in names become spaces.

    >>> print(card("Title", kernel_width=2, seed=0))
    Title
      kernel width  2
      seed          0
    """
    width = max(len(name) for name in fields) + 2
    lines = [f"  {name.replace('_', ' '):{width}}{value}" for name, value in fields.items()]
    return "\n".join([title, *lines])


def name_of(function: Callable) -> str:
    """A model's name for the card: class and method, or the function's own name."""
    name = getattr(function, "__name__", type(function).__name__)
    if inspect.ismethod(function):
        return f"{type(function.__self__).__name__}.{name}"
    return "not named" if name == "<lambda>" else name
