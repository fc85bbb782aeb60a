"""Checks of plain values, made at the public entries: the value in the form the formulas need,
or a TypeError or ValueError that says what to pass instead.
"""

import operator
import reprlib
from collections.abc import Callable

import numpy as np

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 60


def truncated(value: object) -> str:
    """A value as it may stand in a sentence: its repr on one line, shortened where it is long.

    >>> truncated("half")
    "'half'"
    """
    try:
        return " ".join(_repr.repr(value).split())
    except Exception:
        # a repr may fail, as that of a number of many thousand digits does
        return f"a value of type {type(value).__name__}"


def check_int(name: str, value: object, least: int | None = 1, most: int | None = None) -> int:
    """A whole number from ``least`` to ``most``; None is no bound.

    >>> check_int("steps", np.int64(3))
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
    """A new random generator from a whole number >= 0; NumPy's global state is not touched."""
    return np.random.default_rng(check_int("seed", seed, least=0))


def check_array(name: str, values: object) -> np.ndarray:
    """An array of floats, from an array, nested lists or a tensor on the CPU."""
    device = getattr(values, "device", "cpu")
    if str(device) != "cpu":
        raise ValueError(f"{name} lies on {device}; pass {name}.cpu() or a NumPy array.")
    if getattr(values, "requires_grad", False):
        values = values.detach()  # type: ignore[attr-defined]
    if hasattr(values, "toarray"):
        raise ValueError(f"{name} is a sparse matrix; pass {name}.toarray().")
    if np.ma.is_masked(values):
        raise ValueError(f"{name} has masked values; fill them or drop those rows first.")
    try:
        array = np.asarray(values)
        if array.dtype.kind in "mMc":
            raise TypeError("not numbers")
        return np.asarray(array, dtype=float)
    except Exception:
        # of an object of another library, whose conversion may raise anything
        raise ValueError(f"{name} {_why_no_numbers(values)}") from None


def _why_no_numbers(values: object) -> str:
    """What is wrong with values that make no array of floats, and what to do."""
    try:
        array = np.asarray(values)
    except ValueError:
        return "must hold numbers only, in rows of one length; its rows differ in length."
    except Exception:
        return "must hold numbers only, as an array, nested lists or a DataFrame of numbers."
    if array.dtype.kind in "mM":
        return "must hold numbers only; turn dates into numbers, as (day - day.min()).dt.days does."
    if array.dtype.kind == "c":
        return "must hold real numbers only; take .real or the absolute value."
    items = array.ravel().tolist() if array.dtype == object else []
    if any(item is None or type(item).__name__ in ("NAType", "NaTType") for item in items):
        return "must hold numbers only; fill its missing values or drop those rows first."
    if any(hasattr(item, "__len__") and not isinstance(item, str | bytes) for item in items):
        return "must hold numbers only, in rows of one length; its rows differ in length."
    if any(isinstance(item, int | float) and abs(item) > 1e308 for item in items):
        return "has numbers that are too large for an array of floats."
    return "must hold numbers only; own_table.encode(frame) turns a table's text into codes."


def one_number_per_row(predict: Callable, rows) -> np.ndarray:
    """The model's answers for n rows as (n,) finite floats; ValueError for anything else."""
    y = check_array("The answer of predict", predict(rows))
    if y.shape != (len(rows),):
        raise ValueError(
            f"predict must return one number per row, shape ({len(rows)},), not {y.shape}; choose one "
            "output: lambda X: model.predict_proba(X)[:, 1]."
        )
    if not np.isfinite(y).all():
        raise ValueError("predict returned missing or infinite numbers; it needs a finite output.")
    return y


def check_mask(mask: object, name: str = "The mask") -> np.ndarray:
    """A bool array, True on the object; numbers 0 and 1 (or 0 and 255) are taken for bools.

    Fractions, labels and text are refused: all of them would count as True.
    """
    try:
        array = np.asarray(mask)
    except (TypeError, ValueError, RuntimeError):
        # ragged lists, or a tensor on another device
        array = np.array(None)
    if array.dtype == bool:
        return array
    if array.dtype.kind in "iuf":
        for top in (1, 255):
            if ((array == 0) | (array == top)).all():
                return array != 0
    raise ValueError(
        f"{name} must be a bool array, True on the object; mask > 0.5 makes one of fractions, "
        "mask == label one of labels."
    )


def check_callable(name: str, value: object, example: str) -> Callable:
    """A function; ``example`` shows one in the error message."""
    if not callable(value):
        raise TypeError(f"{name} must be a function such as {example}, not {truncated(value)}.")
    return value
