"""A table of your own, made ready for LIME and Shapley values: numbers only, categories as codes."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from .inputs import short

__all__ = ["encode", "read"]


def read(path: str | Path, **settings) -> pd.DataFrame:
    """A CSV file of your own as ``pd.read_csv`` reads it, or one sentence that says why not.

    Text in UTF-8, with or without a byte order mark; the first line names the columns.
    settings: pd.read_csv's own, for instance sep=";", decimal="," or encoding="latin-1".
    Raises FileNotFoundError without a file, ValueError for one that is no table, has lines of another
    length than its first, or two columns of one name. Introduced in notebook 08.
    """
    if not isinstance(path, str | Path):
        raise TypeError(f"The path of a CSV file must be a string or Path, not {short(path)}.")
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path}; check the path.")
    settings = {"encoding": "utf-8-sig", "index_col": False} | settings
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # lines longer than the first
            first = pd.read_csv(path, **settings | {"header": None, "nrows": 1, "dtype": str})
            frame = pd.read_csv(path, **settings)
    except UnicodeError:
        raise ValueError(
            f"{path} is not text in UTF-8; save it so, or pass encoding='latin-1'."
        ) from None
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty; its first line should name the columns.") from None
    except (ValueError, OverflowError, pd.errors.ParserWarning) as error:
        why = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"{path} is no table of equally long lines ({why.rstrip('.')}).") from None
    names = first.iloc[0].dropna().astype(str)
    if "header" not in settings and names.duplicated().any():
        raise ValueError(
            f"Two columns are named {names[names.duplicated()].iloc[0]!r}; rename one."
        )
    if frame.shape[1] == 1 and any(c in str(frame.columns[0]) for c in ";\t|"):
        raise ValueError(
            f"{path} has one column, {short(frame.columns[0])}; pass its separator, sep=';'."
        )
    if frame.empty:
        raise ValueError(f"{path} has no rows below its first line.")
    return frame


def encode(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """Numbers as floats, text as codes: (X, categories) with categories as the Adult table has them.

    frame: the features only. Columns of text, bool or category dtype become codes 0, 1, ... in
    alphabetical order; categories maps each to the names of its codes, and can be handed to
    ``lime_tabular.explain(categorical=...)``. Raises TypeError for anything but a DataFrame and
    ValueError for an empty one, missing values, or two columns of one name. Notebook 08.

    >>> X, categories = encode(pd.DataFrame({"sex": ["m", "f"], "age": [30, 40]}))
    >>> X["sex"].tolist(), categories
    ([1.0, 0.0], {'sex': ('f', 'm')})
    """
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"frame must be a DataFrame, as pd.read_csv makes, not {type(frame).__name__}."
        )
    if frame.empty:
        raise ValueError("The table has no rows or no columns; check the file and its separator.")
    if frame.columns.duplicated().any():
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"Two columns are named {twice!r}; rename one.")
    missing = frame.columns[frame.isna().any()]
    if len(missing):
        raise ValueError(
            f"Column {missing[0]!r} has missing values; fill them or drop those rows first."
        )
    X, categories = {}, {}
    for name, column in frame.items():
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            X[name] = column.astype(float)
        else:
            text = column.astype(str)
            names = tuple(sorted(set(text)))
            categories[name] = names
            X[name] = text.map({value: code for code, value in enumerate(names)}).astype(float)
    X = pd.DataFrame(X, index=frame.index)
    if not np.isfinite(X.to_numpy()).all():
        raise ValueError("The table has infinite values; replace them first.")
    return X, categories
