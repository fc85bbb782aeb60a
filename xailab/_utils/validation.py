"""What the doors of the package check first; one sentence for what does not fit.

Every function returns its value in the form that the formulas want, or raises a TypeError or
ValueError that says what to pass instead. Nothing here needs a neural network library.
"""

import operator
from collections.abc import Callable

import numpy as np


def truncated(value: object, length: int = 60) -> str:
    """A value as it may stand in a sentence: its repr on one line, cut where it is long.

    >>> short("half")
    "'half'"
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= length else text[: length - 3] + "..."


def check_int(name: str, value: object, least: int | None = 1, most: int | None = None) -> int:
    """A whole number from ``least`` to ``most``, None for no bound. Raises TypeError and ValueError.

    >>> count("steps", np.int64(3))
    3
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {truncated(value)}.") from None
    if (least is not None and number < least) or (most is not None and number > most):
        where = f"at least {least}" if most is None else f"a whole number from {least} to {most}"
        raise ValueError(f"{name} must be {where}, not {truncated(value)}.")
    return number


def check_random_state(seed: object) -> np.random.Generator:
    """A random generator of its own from a whole number >= 0; the global one is left alone."""
    return np.random.default_rng(check_int("seed", seed, least=0))


def check_array(name: str, values: object) -> np.ndarray:
    """An array of floats; tensors on a CPU and lists of numbers are taken too.

    Raises ValueError for text, ragged lists, and what lies on another device.
    """
    device = getattr(values, "device", "cpu")
    if str(device) != "cpu":
        raise ValueError(f"{name} lies on {device}; pass {name}.cpu() or a NumPy array.")
    if getattr(values, "requires_grad", False):
        values = values.detach()  # type: ignore[attr-defined]
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must hold numbers only, in rows of one length; own_table.encode(frame) makes "
            "codes of a table's text."
        ) from None


def check_mask(mask: object, name: str = "The mask") -> np.ndarray:
    """A bool array, True on the object; whole numbers 0 and 1 (or 0 and 255) are taken for bools.

    Raises ValueError for shares, labels and text, which would all count as True.
    """
    try:
        array = np.asarray(mask)
    except (TypeError, ValueError, RuntimeError):  # ragged, or on another device
        array = np.array(None)
    if array.dtype == bool:
        return array
    if array.dtype.kind in "iuf":
        for top in (1, 255):
            if ((array == 0) | (array == top)).all():
                return array != 0
    raise ValueError(
        f"{name} must be a bool array, True on the object; mask > 0.5 makes one of shares, "
        "mask == label one of labels."
    )


def check_callable(name: str, value: object, example: str) -> Callable:
    """Something that can be called. Raises TypeError with an example of it."""
    if not callable(value):
        raise TypeError(f"{name} must be a function such as {example}, not {truncated(value)}.")
    return value
