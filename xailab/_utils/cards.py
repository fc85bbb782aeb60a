"""The card that every explanation prints: what it explains, and with which settings it was made."""

import inspect
from collections.abc import Callable


def card(title: str, **fields: object) -> str:
    """A title and one aligned line for every field; underscores in names become spaces.

    Without model, background, seed and fit beside it, nobody can repeat or judge an explanation.
    Introduced in notebook 02.
    """
    width = max(len(name) for name in fields) + 2
    lines = [f"  {name.replace('_', ' '):{width}}{value}" for name, value in fields.items()]
    return "\n".join([title, *lines])


def name_of(function: Callable, given: str = "") -> str:
    """A model's name for the card: the given one, else class and method, else the function's own.

    Notebook 02.
    """
    if given:
        return given
    name = getattr(function, "__name__", type(function).__name__)
    if inspect.ismethod(function):
        return f"{type(function.__self__).__name__}.{name}"
    return "not named" if name == "<lambda>" else name
