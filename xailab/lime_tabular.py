"""LIME for tables by hand: draw rows, ask the model, weigh the rows, fit a line, read it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .local_fit import exponential_kernel, fit_strongest

__all__ = ["LocalModel", "Neighbourhood", "explain", "perturb"]


@dataclass(frozen=True)
class Neighbourhood:
    """The rows that LIME asks the model about; row 0 is the explained row itself.

    samples: (n, d) rows in the table's own units. Z: (n, d) the same rows as the line sees
    them: 1 where the sample shares the explained row's bin or category (or, not
    discretised, the distance from the mean in standard deviations).
    conditions: (d,) what Z_j = 1 means, for example "28 < Age <= 37".
    """

    samples: np.ndarray
    Z: np.ndarray
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class LocalModel:
    """A linear model that stands in for a black box near one row.

    weights: (d,) in the order of the table's columns, in units of the model's output
    (probability): what meeting the condition adds. local_prediction: the line's value at the
    row; model_prediction: the model's own; r2: how well the line fits the weighted samples.
    The other fields are the settings it was made with.
    """

    features: tuple[str, ...]
    conditions: tuple[str, ...]
    weights: np.ndarray
    intercept: float
    local_prediction: float
    model_prediction: float
    r2: float
    n_samples: int
    kernel_width: float
    num_features: int | None
    categorical: tuple[str, ...]
    target: int
    discretise: bool
    seed: int

    def table(self) -> pd.DataFrame:
        """The conditions and their weights, the largest first."""
        order = np.argsort(-np.abs(self.weights), kind="stable")
        return pd.DataFrame(
            {"condition": np.array(self.conditions)[order], "weight": self.weights[order]},
            index=np.array(self.features)[order],
        )

    def describe(self, k: int = 3) -> str:
        """The explanation in one or two plain sentences."""
        top = self.table().head(k)
        parts = [f"{c} ({w:+.2f})" for c, w in zip(top["condition"], top["weight"], strict=True)]
        return (
            f"The model gives {self.model_prediction:.2f}, its local line "
            f"{self.local_prediction:.2f} (R2 {self.r2:.2f}). "
            f"Strongest conditions: {', '.join(parts)}."
        )


def perturb(
    x: pd.Series,
    X_train: pd.DataFrame,
    n_samples: int,
    rng: np.random.Generator,
    *,
    categorical: Iterable[str] | Mapping[str, tuple[str, ...]] = (),
    discretise: bool = True,
) -> Neighbourhood:
    """Draw n_samples rows to ask the model about, every column on its own.

    Discretised: values come from the training column, so bins and categories appear as often
    as in the data, and the draws are *not* close to x: only the kernel makes LIME local.
    Otherwise numeric columns are normal with the training mean and spread.
    Introduced in notebook 02. As lime.lime_tabular, Ribeiro et al. 2016, section 3.3.
    """
    rows, train = x.to_numpy(float), X_train.to_numpy(float)
    samples = np.empty((n_samples, len(rows)))
    Z = np.empty_like(samples)
    conditions = []
    for j, feature in enumerate(X_train.columns):
        column, value = train[:, j], rows[j]
        if feature in categorical:
            draws = rng.choice(column, n_samples)
            same = draws == value
            name = f"{value:g}"
            if isinstance(categorical, Mapping):
                name = categorical[feature][int(value)]
            conditions.append(f"{feature} = {name}")
        elif discretise:
            draws = rng.choice(column, n_samples)
            edges = np.unique(np.percentile(column, (25, 50, 75)))
            bin = np.searchsorted(edges, value)
            same = np.searchsorted(edges, draws) == bin
            conditions.append(_bin_name(feature, edges, bin))
        else:
            mean, spread = column.mean(), column.std()
            if spread == 0:
                raise ValueError(
                    f"Column {feature!r} is constant in X_train, so there is nothing to draw "
                    "from; drop it, or use discretise=True."
                )
            same = rng.standard_normal(n_samples)
            same[0] = (value - mean) / spread
            draws = mean + spread * same
            conditions.append(f"{feature} (per standard deviation)")
        samples[:, j], Z[:, j] = draws, same
        samples[0, j] = value
        if discretise or feature in categorical:
            Z[0, j] = 1
    return Neighbourhood(samples, Z, tuple(conditions))


def _bin_name(feature: str, edges: np.ndarray, bin: int) -> str:
    if bin == 0:
        return f"{feature} <= {edges[0]:g}"
    if bin == len(edges):
        return f"{feature} > {edges[-1]:g}"
    return f"{edges[bin - 1]:g} < {feature} <= {edges[bin]:g}"


def explain(
    predict_proba: Callable,
    x: pd.Series,
    X_train: pd.DataFrame,
    *,
    n_samples: int = 5000,
    kernel_width: float | None = None,
    num_features: int | None = None,
    categorical: Iterable[str] | Mapping[str, tuple[str, ...]] = (),
    target: int = 1,
    discretise: bool = True,
    seed: int = 0,
) -> LocalModel:
    """Explain one row of a table: the linear model that best imitates the black box near it.

    predict_proba: DataFrame (n, d) -> (n, C) probabilities. x: a row of X_train's kind.
    categorical: names of the categorical columns, or a mapping to the names of their codes.
    kernel_width: None is lime's 0.75 sqrt(d). num_features: None keeps all. target: the class.
    Raises ValueError for rows, settings or predictions that do not fit.
    Ribeiro et al. 2016, eq. 1. Introduced in notebook 02.
    """
    x = _check_row(x, X_train, categorical)
    d = len(x)
    if n_samples < d + 2:
        raise ValueError(f"n_samples must be at least {d + 2} to fit {d} weights, not {n_samples}.")
    width = 0.75 * np.sqrt(d) if kernel_width is None else kernel_width
    near = perturb(
        x, X_train, n_samples, np.random.default_rng(seed),
        categorical=categorical, discretise=discretise,
    )  # fmt: skip
    y = _ask(predict_proba, pd.DataFrame(near.samples, columns=X_train.columns), target)
    distance = np.linalg.norm(near.Z - near.Z[0], axis=1)
    line = fit_strongest(near.Z, y, exponential_kernel(distance, width), num_features)
    return LocalModel(
        features=tuple(X_train.columns),
        conditions=near.conditions,
        weights=line.weights,
        intercept=line.intercept,
        local_prediction=float(line.intercept + near.Z[0] @ line.weights),
        model_prediction=float(y[0]),
        r2=line.r2,
        n_samples=n_samples,
        kernel_width=float(width),
        num_features=num_features,
        categorical=tuple(categorical),
        target=target,
        discretise=discretise,
        seed=seed,
    )


def _check_row(x, X_train: pd.DataFrame, categorical) -> pd.Series:
    if not isinstance(X_train, pd.DataFrame):
        raise TypeError(
            "X_train must be a DataFrame; pd.DataFrame(array, columns=names) makes one."
        )
    columns = list(X_train.columns)
    unknown = [c for c in categorical if c not in columns]
    if unknown:
        raise ValueError(f"categorical names {unknown}, but the columns are {columns}.")
    x = pd.Series(np.asarray(x, dtype=float).ravel(), getattr(x, "index", None))
    if len(x) != len(columns):
        raise ValueError(f"x has {len(x)} values but X_train has {len(columns)} columns.")
    if not isinstance(x.index, pd.RangeIndex) and list(x.index) != columns:
        raise ValueError(f"x must have its values in X_train's order {columns}; use x[columns].")
    if not np.isfinite(x).all() or not np.isfinite(X_train.to_numpy(float)).all():
        raise ValueError("x and X_train must not have missing or infinite values; fill them first.")
    for feature in categorical:
        value = x.iloc[columns.index(feature)]
        if value not in set(X_train[feature]):
            raise ValueError(
                f"{feature} = {value:g} does not occur in X_train; LIME cannot draw it."
            )
    return pd.Series(x.to_numpy(), columns)


def _ask(predict_proba: Callable, samples: pd.DataFrame, target: int) -> np.ndarray:
    p = np.asarray(predict_proba(samples))
    if p.ndim != 2 or len(p) != len(samples):
        raise ValueError(
            f"predict_proba must return (n, classes) for n rows; for {len(samples)} rows it "
            f"returned shape {p.shape}."
        )
    if not 0 <= target < p.shape[1]:
        raise ValueError(f"target must be a class from 0 to {p.shape[1] - 1}, not {target}.")
    return p[:, target].astype(float)
