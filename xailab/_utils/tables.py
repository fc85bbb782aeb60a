"""Rows and tables brought together by the names of their columns, made once at the public entry.

What has no names (an array, a list, or a Series or DataFrame numbered 0 to d - 1) goes by position.
"""

import numpy as np
import pandas as pd

from .validation import check_array, truncated


def column_names(name: str, table: object) -> pd.Index | None:
    """The names of the columns of a DataFrame, or of the values of a Series; None for an array.

    Two columns of one name are a ValueError: nobody could say which of them is meant.
    """
    if isinstance(table, pd.DataFrame):
        columns = table.columns
    elif isinstance(table, pd.Series):
        columns = table.index
    else:
        return None
    if columns.has_duplicates:
        twice = columns[columns.duplicated()][0]
        raise ValueError(f"Two columns of {name} are named {twice!r}; rename one.")
    return columns


def by_name(name: str, values, columns: pd.Index | None, of: str):
    """A DataFrame or Series with the columns in this order; what has no names is returned unchanged.

    of: whose columns they are, for the message. Missing and additional columns are a ValueError.
    """
    own = column_names(name, values)
    if own is None or columns is None or own.equals(columns):
        return values
    missing, other = ([c for c in a if c not in b] for a, b in ((columns, own), (own, columns)))
    if len(missing) == len(columns) and (_numbered(own) or _numbered(columns)):
        return values
    if missing or other:
        what = f"other columns than {of}"
        if len(own) != len(columns):
            what = f"{len(own)} values but {of} has {len(columns)} columns"
        which = f"{missing[0]!r} is missing" if missing else f"{other[0]!r} is too many"
        raise ValueError(
            f"{name} has {what}, {which}; both need {truncated(list(columns))}, in any order."
        )
    return values.reindex(columns) if values.ndim == 1 else values.reindex(columns=columns)


def check_same_rows(name: str, y, X, of: str = "X") -> None:
    """Refuse a Series that has the labels of X's rows in another order: it would go by position."""
    both = isinstance(y, pd.Series) and isinstance(X, pd.Series | pd.DataFrame)
    if both and not y.index.equals(X.index) and len(y) == len(X) and y.index.isin(X.index).all():
        raise ValueError(f"{name} has {of}'s rows in another order; pass {name}.loc[{of}.index].")


def _numbered(names: pd.Index) -> bool:
    return list(names) == list(range(len(names)))


def check_row(name: str, x, columns: pd.Index | None, of: str) -> np.ndarray:
    """One row as (d,) floats in the order of ``columns``: a Series, a one-row DataFrame or an array."""
    row = check_array(name, by_name(name, x, columns, of))
    if row.ndim == 2 and len(row) != 1:
        raise ValueError(
            f"{name} must be one row, not {len(row)} of them; X.iloc[i] or X.iloc[[i]] takes one."
        )
    if row.ndim > 2:
        raise ValueError(f"{name} must be one row, of shape (d,), not {row.shape}.")
    return row.ravel()


def check_rows(name: str, X, columns: pd.Index | None, of: str) -> np.ndarray:
    """Rows as (n, d) floats in the order of ``columns``; a single row (d,) becomes (1, d)."""
    return np.atleast_2d(check_array(name, by_name(name, X, columns, of)))
