"""LIME for tables by hand: draw rows, ask the model, weigh the rows, fit a line, read it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ._utils.cards import card, name_of
from ._utils.validation import check_array, check_callable, check_int, check_random_state
from .local_fit import all_finite, answers, exponential_kernel, fit_strongest, of_class

Categorical = Iterable[str] | Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Neighbourhood:
    """The rows that LIME asks the model about; row 0 is the explained row itself.

    samples: (n, d) rows in the table's own units. Z: (n, d) the same rows as the line sees
    them: 1 where the sample shares the explained row's bin or category (or, not
    discretised, the distance from the mean in standard deviations).
    conditions: (d,) what Z_j = 1 means, for example "28 < Age <= 37". Notebook 02.
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
    The other fields are the settings it was made with. Notebook 02.
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
    seed: int | None
    around: bool = False
    n_train: int = 0
    output: str = "probability"
    model: str = "not named"

    @property
    def local_error(self) -> float:
        """local_prediction - model_prediction: how far the line misses the row it explains."""
        return self.local_prediction - self.model_prediction

    def table(self) -> pd.DataFrame:
        """The conditions and their weights, the largest first."""
        order = np.argsort(-np.abs(self.weights), kind="stable")
        return pd.DataFrame(
            {"condition": np.array(self.conditions)[order], "weight": self.weights[order]},
            index=np.array(self.features)[order],
        )

    def card(self) -> str:
        """Everything that must stand beside these weights so that others can judge and repeat them."""
        drawn = "around the row" if self.around else "from the training columns"
        return card(
            "LIME for a table row",
            model=self.model,
            output=f"{self.output}, class {self.target}",
            prediction=f"{self.model_prediction:.3f} by the model",
            local_line=f"{self.local_prediction:.3f} (error {self.local_error:+.3f}), R2 {self.r2:.2f}",
            samples=f"{self.n_samples} {drawn} of {self.n_train} rows, "
            + ("in bins" if self.discretise else "continuous"),
            kernel_width=f"{self.kernel_width:.3g}",
            seed="none: the rows were given" if self.seed is None else self.seed,
        )

    __str__ = __repr__ = card

    def describe(self, k: int = 3) -> str:
        """The explanation in plain sentences; the strongest conditions first, ``k`` of them."""
        top = self.table().head(k)
        parts = [f"{c} ({w:+.2f})" for c, w in zip(top["condition"], top["weight"], strict=True)]
        return (
            f"The model gives {self.model_prediction:.2f}, its local line "
            f"{self.local_prediction:.2f} (R2 {self.r2:.2f}). "
            f"Strongest conditions: {', '.join(parts)}. A weight says what meeting the condition "
            "adds on average over the drawn rows, and how far to trust it only repeated runs tell."
        )


def perturb(
    x: pd.Series,
    X_train: pd.DataFrame,
    n_samples: int,
    rng: np.random.Generator,
    *,
    categorical: Categorical = (),
    discretise: bool = True,
    around: bool = False,
    edges: Mapping[str, np.ndarray] | None = None,
) -> Neighbourhood:
    """Draw n_samples rows to ask the model about, every column on its own.

    Discretised: values come from the training column, so bins and categories appear as often
    as in the data, and the draws are *not* close to x: only the kernel makes LIME local.
    Otherwise numeric columns are normal with the training spread around the training mean, or
    around x itself if ``around``. Introduced in notebook 02. As lime.lime_tabular,
    Ribeiro et al. 2016, section 3.3.
    """
    rows, train = x.to_numpy(float), X_train.to_numpy(float)
    samples = np.empty((n_samples, len(rows)))
    for j, feature in enumerate(X_train.columns):
        column = train[:, j]
        if discretise or feature in categorical:
            samples[:, j] = rng.choice(column, n_samples)
        else:
            centre = rows[j] if around else column.mean()
            samples[:, j] = centre + column.std() * rng.standard_normal(n_samples)
    samples[0] = rows
    return encode(samples, x, X_train, categorical=categorical, discretise=discretise, edges=edges)


def quartiles(X_train: pd.DataFrame) -> dict[str, np.ndarray]:
    """feature -> the edges of its bins: the column's quartiles, each value once. Notebook 02.

    ``explain`` finds them itself; give them to it when it runs many times over one table.
    """
    return {
        f: np.unique(np.percentile(c.to_numpy(float), (25, 50, 75))) for f, c in X_train.items()
    }


def encode(
    samples: np.ndarray,
    x: pd.Series,
    X_train: pd.DataFrame,
    *,
    categorical: Categorical = (),
    discretise: bool = True,
    edges: Mapping[str, np.ndarray] | None = None,
) -> Neighbourhood:
    """How the line sees rows in the table's own units: their features against those of x.

    samples: (n, d). A category becomes 1 where it is that of x; a number becomes 1 where it
    lies in the same quartile of X_train as x, or, not discretised, its distance from the
    training mean in standard deviations. edges: ``quartiles(X_train)``, None to find them here.
    Introduced in notebook 02.
    """
    rows, train = x.to_numpy(float), X_train.to_numpy(float)
    if edges is None:
        edges = (
            {}
            if not discretise
            else quartiles(X_train[[f for f in X_train if f not in categorical]])
        )
    Z, conditions = np.empty(np.shape(samples)), []
    for j, feature in enumerate(X_train.columns):
        column, drawn, value = train[:, j], samples[:, j], rows[j]
        if feature in categorical:
            Z[:, j] = drawn == value
            names = categorical[feature] if isinstance(categorical, Mapping) else None
            name = names[int(value)] if names else f"{value:g}"
            conditions.append(f"{feature} = {name}")
        elif discretise:
            bin = np.searchsorted(edges[feature], value)
            Z[:, j] = np.searchsorted(edges[feature], drawn) == bin
            conditions.append(_bin_name(feature, edges[feature], bin))
        else:
            Z[:, j] = (drawn - column.mean()) / column.std()
            conditions.append(f"{feature} (per standard deviation)")
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
    categorical: Categorical = (),
    target: int = 1,
    discretise: bool = True,
    around: bool = False,
    samples: np.ndarray | None = None,
    edges: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
    output: str = "probability",
    model: str = "",
) -> LocalModel:
    """Explain one row of a table: the linear model that best imitates the black box near it.

    predict_proba: DataFrame (n, d) -> (n, C) probabilities. x: a row of X_train's kind.
    categorical: names of the categorical columns, or a mapping to the names of their codes.
    kernel_width: None is lime's 0.75 sqrt(d). num_features: None keeps all. target: the class.
    discretise, around: see ``perturb``. samples: (n, d) rows to use instead of drawing them, the
    first of them x. edges: ``quartiles(X_train)``, found anew for None. output, model: names for
    the card. The model is asked once for all rows, so a stop by hand leaves nothing.
    Raises ValueError for rows, settings or predictions that do not fit.
    Ribeiro et al. 2016, eq. 1. Introduced in notebook 02.
    """
    check_callable("predict_proba", predict_proba, "model.predict_proba")
    if isinstance(categorical, str):
        categorical = (categorical,)
    categorical = categorical if isinstance(categorical, Mapping) else tuple(categorical)
    x = _check_row(x, X_train, categorical)
    d = len(x)
    if num_features is not None and not 1 <= num_features:
        raise ValueError(f"num_features must be at least 1, or None for all, not {num_features}.")
    if around and discretise:
        raise ValueError(
            "around=True needs discretise=False: bins are drawn from the whole column."
        )
    kinds: dict[str, Any] = {
        "categorical": categorical,
        "discretise": discretise,
        "edges": edges,
    }
    if samples is None:
        _check_count(n_samples, d)
        rng = check_random_state(seed)
        near = perturb(x, X_train, n_samples, rng, around=around, **kinds)
    else:
        near = encode(_check_samples(samples, x), x, X_train, **kinds)
    width = 0.75 * np.sqrt(d) if kernel_width is None else kernel_width
    distance = np.linalg.norm(near.Z - near.Z[0], axis=1)
    pi = exponential_kernel(distance, width)
    y = _ask(predict_proba, pd.DataFrame(near.samples, columns=X_train.columns), target)
    line = fit_strongest(near.Z, y, pi, num_features)
    return LocalModel(
        features=tuple(X_train.columns),
        conditions=near.conditions,
        weights=line.weights,
        intercept=line.intercept,
        local_prediction=float(line.intercept + near.Z[0] @ line.weights),
        model_prediction=float(y[0]),
        r2=line.r2,
        n_samples=len(near.samples),
        kernel_width=float(width),
        num_features=num_features,
        categorical=tuple(categorical),
        target=target,
        discretise=discretise,
        seed=seed if samples is None else None,
        around=around,
        n_train=len(X_train),
        output=output,
        model=name_of(predict_proba, model),
    )


def _check_row(x, X_train: pd.DataFrame, categorical: Categorical) -> pd.Series:
    if not isinstance(X_train, pd.DataFrame):
        raise TypeError(
            "X_train must be a DataFrame; pd.DataFrame(array, columns=names) makes one."
        )
    columns = list(X_train.columns)
    unknown = [c for c in categorical if c not in columns]
    if unknown:
        raise ValueError(f"categorical names {unknown}, but the columns are {columns}.")
    index = x.index if isinstance(x, pd.Series) else None
    x = pd.Series(check_array("x", x).ravel(), index)
    if not len(X_train):
        raise ValueError("X_train has no rows; LIME draws its samples from it.")
    if len(x) != len(columns):
        raise ValueError(f"x has {len(x)} values but X_train has {len(columns)} columns.")
    if not isinstance(x.index, pd.RangeIndex) and list(x.index) != columns:
        raise ValueError(f"x must have its values in X_train's order {columns}; use x[columns].")
    train = check_array("X_train", X_train)
    if not np.isfinite(x).all() or not np.isfinite(train).all():
        raise ValueError("x and X_train must not have missing or infinite values; fill them first.")
    constant = (train == train[0]).all(0)
    if constant.any():
        raise ValueError(
            f"Column {columns[constant.argmax()]!r} is constant in X_train, so LIME cannot vary it "
            "and it can have no weight; drop it, and let predict_proba put it back."
        )
    for feature in categorical:
        value = x.iloc[columns.index(feature)]
        names = categorical[feature] if isinstance(categorical, Mapping) else None
        if names is not None and not 0 <= value < len(names):
            raise ValueError(
                f"{feature} = {value:g} has no name: categorical lists "
                f"{len(names)} names for the codes from 0 on."
            )
        if value not in set(X_train[feature]):
            said = f"{value:g}" if names is None else names[int(value)]
            raise ValueError(
                f"{feature} = {said} does not occur in X_train, so LIME cannot draw it; put rare "
                "categories together first."
            )
    return pd.Series(x.to_numpy(), columns)


def _check_count(n_samples: int, d: int) -> None:
    if check_int("n_samples", n_samples, least=None) < d + 2:
        raise ValueError(f"n_samples must be at least {d + 2} to fit {d} weights, not {n_samples}.")


def _check_samples(samples, x: pd.Series) -> np.ndarray:
    samples = check_array("samples", samples)
    if samples.ndim != 2 or samples.shape[1] != len(x) or not (samples[:1] == x.to_numpy()).all():
        raise ValueError(
            f"samples must have shape (n, {len(x)}) with the explained row x as its first row."
        )
    if not np.isfinite(samples).all():
        raise ValueError("samples must not have missing or infinite values; fill them first.")
    _check_count(len(samples), len(x))
    return samples


def _ask(predict_proba: Callable, samples: pd.DataFrame, target: int) -> np.ndarray:
    p = answers(predict_proba(samples), len(samples), "rows")
    return all_finite(of_class(p, check_int("target", target, least=None)))
