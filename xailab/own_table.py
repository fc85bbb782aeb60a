"""A table of your own, made ready for LIME and Shapley values: numbers only, categories as codes."""

import numpy as np
import pandas as pd

__all__ = ["encode"]


def encode(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """Numbers as floats, text as codes: (X, categories) with categories as the Adult table has them.

    frame: the features only. Columns of text, bool or category dtype become codes 0, 1, ... in
    alphabetical order; categories maps each to the names of its codes, and can be handed to
    ``lime_tabular.explain(categorical=...)``. Raises TypeError for anything but a DataFrame and
    ValueError for an empty one, missing values, or two columns of one name. Notebook 08.
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
