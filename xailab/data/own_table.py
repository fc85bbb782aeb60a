"""Your own table for LIME and Shapley values: numbers only, categories as codes."""

import codecs
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from .._utils.tables import column_names
from .._utils.validation import check_array, truncated


def read(path: str | Path, **settings) -> pd.DataFrame:
    """Your CSV file as ``pd.read_csv`` reads it, or one sentence that says why it cannot.

    Text in UTF-8, with or without a byte order mark; the first line names the columns.
    settings: those of pd.read_csv, for instance sep=";", decimal="," or encoding="latin-1".
    A ValueError names lines of different lengths, two columns of one name, and another separator
    or decimal comma than the settings say.
    """
    if not isinstance(path, str | Path):
        raise TypeError(f"The path of a CSV file must be a string or Path, not {truncated(path)}.")
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path}; check the path.")
    if Path(path).suffix.lower() in (".xlsx", ".xls", ".ods"):
        raise ValueError(f"{path} is a workbook; save its sheet as CSV in UTF-8 first.")
    settings = {"encoding": "utf-8-sig", "index_col": False} | settings
    first = _parsed(path, settings | {"header": None, "nrows": 1, "dtype": str})
    other = [mark for mark in ";\t|" if mark in str(first.iloc[0, 0])]
    if first.shape[1] == 1 and other:
        raise ValueError(
            f"{path} has one column, {truncated(first.iloc[0, 0])}; pass its separator, sep={other[0]!r}."
        )
    names = first.iloc[0].dropna().astype(str)
    if "header" not in settings and names.duplicated().any():
        raise ValueError(
            f"Two columns are named {names[names.duplicated()].iloc[0]!r}; rename one."
        )
    frame = _parsed(path, settings)
    if frame.empty:
        raise ValueError(f"{path} has no rows below its first line.")
    chosen = {"decimal", "dtype", "converters"} & set(settings)
    texts = frame.select_dtypes(exclude=["number", "bool"])
    for name, column in () if chosen or "thousands" in settings else texts.items():
        _check_marks(name, column.dropna().astype(str).str.strip())
    return frame


def _check_marks(name: object, text: pd.Series) -> None:
    """Refuse a column of numbers that was read as text because of the marks in them."""
    if not text.str.fullmatch(r"[+-]?[\d.,' \u00a0\u202f]*\d").all():
        return
    for mark in ",.' \u00a0\u202f":
        point = "," if mark == "." else "."
        grouped = rf"[+-]?(\d+|[1-9]\d{{0,2}}([{mark}]\d{{3}})+)([{point}]\d+)?"
        if not (text.str.fullmatch(grouped).all() and text.str.contains(mark, regex=False).any()):
            continue
        seen = text[text.str.contains(mark, regex=False)].iloc[0]
        advice = f"thousands={mark!r}" + f", decimal={point!r}" * (mark == ".")
        if mark == "," and text.str.fullmatch(r"[+-]?(\d+|[1-9]\d{0,2},\d{3})").all():
            why = (
                f"{seen!r}, which can mean two numbers; pass {advice} if the comma groups digits, "
            )
            raise ValueError(f"Column {name!r} holds {why}decimal=',' if it begins the fraction.")
        raise ValueError(f"Column {name!r} holds numbers with marks, as {seen!r}; pass {advice}.")
    if text.str.fullmatch(r"[+-]?\d*(,\d+)?").all() and text.str.contains(",").any():
        seen = text[text.str.contains(",")].iloc[0]
        raise ValueError(
            f"Column {name!r} holds numbers with a comma, as {seen!r}; pass decimal=','."
        )


def _parsed(path: str | Path, settings: dict) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            # Lines longer than the first are an error.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(path, **settings)
    except UnicodeError:
        known, likely = settings.get("encoding"), _encoding(Path(path))
        said = "UTF-8" if known == "utf-8-sig" else str(known)
        raise ValueError(
            f"{path} is not text in {said}; save it in UTF-8, or pass encoding={likely!r}."
        ) from None
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty; its first line should name the columns.") from None
    except (ValueError, OverflowError, pd.errors.ParserWarning) as error:
        why = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"{path} is no table of equally long lines ({why.rstrip('.')}).") from None


def _encoding(path: Path) -> str:
    """What the bytes of a text that is not in UTF-8 look like."""
    with open(path, "rb") as file:
        head = file.read(1_000_000)
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.count(0) > len(head) // 8:
        return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    # between 128 and 159 latin-1 has control characters, and Windows has quotes and the euro
    return "cp1252" if any(128 <= byte < 160 for byte in head) else "latin-1"


def question(
    frame: pd.DataFrame,
    target: str,
    yes: object,
    columns: Sequence[str] | None = None,
    *,
    least: int = 2,
) -> tuple[pd.DataFrame, pd.Series]:
    """(features, answer): the columns to predict from, and whether a row's ``target`` is ``yes``.

    Parameters
    ----------
    frame : DataFrame
        Your table, one row per case.
    target : str
        The column to predict; no value of it may be missing.
    yes : object
        The value of the target that counts as yes; both answers must occur.
    columns : sequence of str, optional
        Names of the features; by default all but the target. A constant column is refused, and so
        is text with a different value in most rows, such as a name or a date.
    least : int
        How many rows are needed.

    Examples
    --------
    >>> features, answer = question(pd.DataFrame({"age": [3, 5], "buys": ["no", "yes"]}), "buys", "yes")
    >>> list(features), answer.tolist()
    (['age'], [False, True])
    """
    if isinstance(columns, str):
        columns = (columns,)
    names = [c for c in frame if c != target] if columns is None else list(columns)
    unknown = [name for name in (target, *names) if name not in frame]
    if unknown:
        raise ValueError(f"The table has no column {unknown[0]!r}; it has {list(frame.columns)}.")
    if target in names:
        raise ValueError(f"{target!r} is the target; take it out of the columns.")
    if len(frame) < least:
        raise ValueError(f"The table has {len(frame)} rows; at least {least} are needed.")
    if frame[target].isna().any():
        raise ValueError(f"The target {target!r} has missing values; drop those rows first.")
    answer, features = frame[target] == yes, frame[names]
    if answer.all() or not answer.any():
        found = truncated(frame[target].unique()[:10].tolist())
        raise ValueError(
            f"{'All rows have' if answer.all() else 'No row has'} {target} = {yes!r}; the values of "
            f"{target} are {found}."
        )
    for name, column in features.items():
        kinds = column.nunique(dropna=False)
        if kinds == 1:
            raise ValueError(f"Column {name!r} is constant and explains nothing; leave it out.")
        if not pd.api.types.is_numeric_dtype(column) and 2 * kinds > len(frame):
            raise ValueError(
                f"Column {name!r} has a different text in most rows, as a name or a date has; "
                "leave it out, or turn it into a number."
            )
    return features, answer


def encode(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """Numbers as floats, text as codes: (X, categories) with categories as the Adult table has them.

    frame: the features only. Columns of text, bool or category dtype become codes 0, 1, ... in
    alphabetical order; categories maps each to the names of its codes, as
    ``lime_tabular.explain(categorical=...)`` takes it. Dates are refused: their order would be lost.
    ``decode`` is the way back.

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
        if _is_date(column):
            raise ValueError(
                f"Column {name!r} holds dates or times, as {str(column.iloc[0])!r}; turn it into a "
                "number, as (day - day.min()).dt.days of pd.to_datetime does, or leave it out."
            )
        column = column.infer_objects()
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


_DATE = (
    r"\d{4}[-/.]\d\d?[-/.]\d\d?([T ].*)?|\d\d?[-/.]\d\d?[-/.]\d{2,4}([T ].*)?|\d\d?:\d\d(:\d\d.*)?"
)


def _is_date(column: pd.Series) -> bool:
    if column.dtype.kind in "mM" or isinstance(column.dtype, pd.PeriodDtype | pd.DatetimeTZDtype):
        return True
    if pd.api.types.is_numeric_dtype(column):
        return False
    return bool(column.astype(str).str.strip().str.fullmatch(_DATE).all())


def decode(
    X: pd.DataFrame, categories: Mapping[str, Sequence], like: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The names of the categories instead of their codes: the way back from ``encode``.

    For a model that was fitted on text or categories, and is explained by numbers:
    ``lambda rows: model.predict_proba(own_table.decode(rows, categories))``.

    X: rows of codes, as ``encode`` made them. categories: column -> names of its codes. like: the table
    before ``encode``, from which values and dtypes are taken; without it all names are text.

    >>> X, categories = encode(pd.DataFrame({"sex": ["m", "f"], "age": [30, 40]}))
    >>> decode(X, categories)["sex"].tolist()
    ['m', 'f']
    """
    if not isinstance(X, pd.DataFrame):
        raise TypeError(f"X must be a DataFrame of codes, not {type(X).__name__}.")
    column_names("X", X)
    unknown = [name for name in categories if name not in X]
    if unknown:
        raise ValueError(f"X has no column {unknown[0]!r}; it has {truncated(list(X.columns))}.")
    found = X.copy()
    for name, names in categories.items():
        codes = check_array(f"Column {name!r}", X[name])
        if not (np.isin(codes, np.arange(len(names)))).all():
            raise ValueError(
                f"Column {name!r} must hold the codes 0 to {len(names) - 1} of its categories."
            )
        values = list(names)
        if like is not None:
            own = {str(value): value for value in like[name].unique()}
            values = [own[text] for text in names]
        decoded = pd.Series([values[int(code)] for code in codes], X.index, dtype=object)
        found[name] = decoded if like is None else decoded.astype(like[name].dtype)
    return found
