"""LIME for tables by hand: draw rows, ask the model, weigh the rows, fit a line, read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from .._utils.cards import name_of
from .._utils.tables import check_row, check_rows, column_names
from .._utils.validation import check_array, check_callable, check_random_state, truncated
from ..local_fit import (
    LocalExplanation,
    answers,
    check_settings,
    exponential_kernel,
    fit_strongest,
    numbers,
    of_class,
)
from .neighbourhood import Categorical, Neighbourhood, category_name, encode, perturb


@dataclass(frozen=True, repr=False)
class LocalModel(LocalExplanation):
    """LIME's line near one row; its weights are in the order of the table's columns.

    conditions: what a weight belongs to, for example "28 < Age <= 37". n_train: rows of X_train.
    The other fields are settings, see ``explain``.
    """

    features: tuple[str, ...]
    conditions: tuple[str, ...]
    categorical: tuple[str, ...]
    discretise: bool
    around: bool
    draws: str | None
    n_train: int

    title: ClassVar[str] = "LIME for a table row"

    def table(self) -> pd.DataFrame:
        """The conditions and their weights, the largest first."""
        order = np.argsort(-np.abs(self.weights), kind="stable")
        return pd.DataFrame(
            {"condition": np.array(self.conditions)[order], "weight": self.weights[order]},
            index=np.array(self.features)[order],
        )

    def _samples(self) -> str:
        drawn = "around the row" if self.around else "from the training columns"
        kind = "in bins" if self.discretise else "continuous"
        how = {"normal": ", truncated normals", "table": ", values of the table"}
        return f"{drawn} of {self.n_train} rows, {kind}{how.get(self.draws or '', '')}"

    def _reading(self, k: int) -> str:
        top = self.table().head(k)
        parts = [f"{c} ({w:+.2f})" for c, w in zip(top["condition"], top["weight"], strict=True)]
        return (
            f"Strongest conditions: {', '.join(parts)}. A weight says what meeting the condition "
            "adds on average over the drawn rows, and how far to trust it only repeated runs tell."
        )


def explain(
    predict_proba: Callable,
    x: pd.Series,
    X_train: pd.DataFrame,
    *,
    n_samples: int = 5000,
    kernel_width: float | None = None,
    num_features: int | None = None,
    categorical: Categorical = (),
    target: int | None = 1,
    discretise: bool = True,
    around: bool = False,
    draws: str = "normal",
    samples: np.ndarray | None = None,
    seed: int = 0,
) -> LocalModel:
    """Explain one row of a table: the linear model that best imitates the black box near it.

    Ribeiro et al. 2016, eq. 1, with the draws, the kernel and the ridge penalty of the lime package.

    Parameters
    ----------
    predict_proba : function, DataFrame (n, d) -> (n, C) probabilities
        The black box; it is asked once, about all rows. For target=None -> (n,) numbers.
    x : row of X_train's kind, (d,)
        What is explained; where it has names, they are matched with X_train's.
    X_train : DataFrame (n_train, d)
        The training rows, from whose columns the samples are drawn.
    n_samples : int
        How many rows to draw, x included; at least d + 2.
    kernel_width : float, optional
        In units of the Euclidean distance between rows of Z; None is lime's 0.75 sqrt(d).
    num_features : int, optional
        How many features get a weight, the strongest ones; None keeps all.
    categorical : names, or mapping of names to the names of their codes
        The columns that hold codes of categories.
    target : int, optional
        The class to explain; None for a regression.
    discretise, around, draws : bool, bool, "normal" or "table"
        How rows are drawn and seen, see ``perturb``.
    samples : (n, d), optional
        Rows to use instead of drawing them, the first of them x.
    seed : int
        Of the draws.

    Returns
    -------
    LocalModel
        Weights, intercept and fit of the line, and every setting.
    """
    check_callable("predict_proba", predict_proba, "model.predict_proba")
    categorical = _as_categories(categorical)
    x = _checked_row(x, X_train, categorical)
    d = len(x)
    if samples is not None:
        samples = _checked_samples(samples, x)
        n_samples = len(samples)
    kernel_width = 0.75 * np.sqrt(d) if kernel_width is None else kernel_width
    check_settings(n_samples, d, kernel_width, num_features)
    if around and discretise:
        raise ValueError(
            "around=True needs discretise=False: bins are drawn from the whole column."
        )
    if draws not in ("normal", "table"):
        raise ValueError(f"draws must be 'normal' or 'table', not {truncated(draws)}.")

    # draw
    if samples is None:
        near = perturb(
            x,
            X_train,
            n_samples,
            check_random_state(seed),
            categorical=categorical,
            discretise=discretise,
            around=around,
            draws=draws,
        )
    else:
        near = encode(samples, x, X_train, categorical=categorical, discretise=discretise)
    # ask
    rows = pd.DataFrame(near.samples, columns=X_train.columns)
    if target is None:
        y = numbers(predict_proba, rows)
    else:
        y = of_class(answers(predict_proba, rows, "rows"), target)
    # weigh
    distance = np.linalg.norm(near.Z - near.Z[0], axis=1)
    sample_weights = exponential_kernel(distance, kernel_width)
    # fit
    line = fit_strongest(near.Z, y, sample_weights, num_features)
    # read
    return LocalModel(
        **vars(line),
        local_prediction=line.at(near.Z[0]),
        model_prediction=float(y[0]),
        n_samples=len(near.samples),
        kernel_width=float(kernel_width),
        num_features=num_features,
        target=target,
        seed=seed if samples is None else None,
        model=name_of(predict_proba),
        features=tuple(X_train.columns),
        conditions=near.conditions,
        categorical=tuple(categorical),
        discretise=discretise,
        around=around,
        draws=draws if discretise and samples is None else None,
        n_train=len(X_train),
    )


def _as_categories(categorical: Categorical) -> tuple[str, ...] | Mapping[str, tuple[str, ...]]:
    """The mapping itself, or a tuple of names, from one name or any iterable of them."""
    if isinstance(categorical, str):
        return (categorical,)
    return categorical if isinstance(categorical, Mapping) else tuple(categorical)


def _checked_row(x, X_train: pd.DataFrame, categorical: Categorical) -> pd.Series:
    """x with X_train's columns; one sentence for what does not fit together."""
    if not isinstance(X_train, pd.DataFrame):
        raise TypeError(
            "X_train must be a DataFrame; pd.DataFrame(array, columns=names) makes one."
        )
    column_names("X_train", X_train)
    columns = list(X_train.columns)
    unknown = [c for c in categorical if c not in columns]
    if unknown:
        raise ValueError(f"categorical names {unknown}, but the columns are {columns}.")
    x = pd.Series(check_row("x", x, X_train.columns, "X_train"))
    if not len(X_train):
        raise ValueError("X_train has no rows; LIME draws its samples from it.")
    if len(x) != len(columns):
        raise ValueError(f"x has {len(x)} values but X_train has {len(columns)} columns.")
    train = check_array("X_train", X_train)
    if not np.isfinite(x).all() or not np.isfinite(train).all():
        raise ValueError("x and X_train must not have missing or infinite values; fill them first.")
    constant = (train == train[0]).all(0)
    if constant.any():
        raise ValueError(
            f"Column {columns[constant.argmax()]!r} is constant in X_train, so LIME cannot vary it "
            "and it can have no weight; drop it, and let predict_proba put it back."
        )
    _check_spread(train, columns)
    for feature in categorical:
        value = x.iloc[columns.index(feature)]
        if isinstance(categorical, Mapping) and not 0 <= value < len(categorical[feature]):
            raise ValueError(
                f"{feature} = {value:g} has no name: categorical lists "
                f"{len(categorical[feature])} names for the codes from 0 on."
            )
        if not (X_train[feature] == value).any():
            raise ValueError(
                f"{feature} = {category_name(feature, value, categorical)} does not occur in "
                "X_train, so LIME cannot draw it; put rare categories together first."
            )
    return pd.Series(x.to_numpy(), columns)


def _check_spread(train: np.ndarray, columns: list) -> None:
    """Refuse a column whose standard deviation cannot be computed: its squares over- or underflow."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        spread = train.std(0)
    lost = ~((spread > 0) & np.isfinite(spread))
    if lost.any():
        raise ValueError(
            f"The squares of column {columns[lost.argmax()]!r} are too large or too small to compute "
            "its standard deviation; give the column another unit."
        )


def _checked_samples(samples, x: pd.Series) -> np.ndarray:
    samples = check_rows("samples", samples, x.index, "X_train")
    if samples.ndim != 2 or samples.shape[1] != len(x) or not (samples[:1] == x.to_numpy()).all():
        raise ValueError(
            f"samples must have shape (n, {len(x)}) with the explained row x as its first row."
        )
    if not np.isfinite(samples).all():
        raise ValueError("samples must not have missing or infinite values; fill them first.")
    return samples
