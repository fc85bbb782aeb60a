"""The rows that LIME asks a table's model about, and how the line sees them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

Categorical = Iterable[str] | Mapping[str, tuple[str, ...]]


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


def perturb(
    x: pd.Series,
    X_train: pd.DataFrame,
    n_samples: int,
    rng: np.random.Generator,
    *,
    categorical: Categorical = (),
    discretise: bool = True,
    around: bool = False,
    draws: str = "normal",
) -> Neighbourhood:
    """Draw n_samples rows to ask the model about, every column on its own.

    As lime.lime_tabular; Ribeiro et al. 2016, section 3.3. Bins and categories appear as often as in
    the training data, and the draws are *not* close to x: only the kernel makes LIME local.

    Parameters
    ----------
    x, X_train, categorical
        As in ``explain``.
    n_samples : int
        How many rows; row 0 is x.
    rng : numpy.random.Generator
        What draws.
    discretise : bool
        True: a number is drawn inside a quartile bin of its training column. False: numeric columns
        are normal, with the training spread around the training mean.
    around : bool
        Not discretised, draw numeric columns around x itself instead of the training mean.
    draws : "normal" or "table"
        How a number is drawn inside its bin: from a truncated normal distribution, as the lime
        package does, or as one of the column's own values.

    Returns
    -------
    Neighbourhood
        The rows, and how the line sees them.
    """
    row, train = x.to_numpy(float), X_train.to_numpy(float)
    samples = np.empty((n_samples, len(row)))
    for j, feature in enumerate(X_train.columns):
        column = train[:, j]
        if feature in categorical or (discretise and draws == "table"):
            samples[:, j] = rng.choice(column, n_samples)
        elif discretise:
            samples[:, j] = _draw_in_bins(column, n_samples, rng)
        else:
            centre = row[j] if around else column.mean()
            samples[:, j] = centre + column.std() * rng.standard_normal(n_samples)
    samples[0] = row
    return encode(samples, x, X_train, categorical=categorical, discretise=discretise)


def quartiles(column: np.ndarray) -> np.ndarray:
    """The inner edges of the bins: the 25th, 50th and 75th percentile, without repetitions.

    Where all three are the maximum, as in a column of 0 and 1 with 85 % ones, there would be one bin
    and no weight: the edge is then the largest value below the maximum.

    >>> quartiles(np.array([0.0, 1, 1, 1, 1])).tolist()
    [0.0]
    """
    edges, top = np.unique(np.percentile(column, (25, 50, 75))), column.max()
    return edges if edges[0] < top else column[column < top].max(keepdims=True)


def _draw_in_bins(column: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """n numbers: first a bin, as often as the column falls into it, then a truncated normal.

    The normal has mean and standard deviation of the column's values in the bin and is cut off at
    the bin's edges, as in lime's QuartileDiscretizer.undiscretize. A bin with one value gives it.
    """
    edges = quartiles(column)
    bins = np.searchsorted(edges, column)
    lows = np.append(column.min(), edges)
    highs = np.append(edges, column.max())
    drawn = rng.choice(bins, n)
    values = np.empty(n)
    for bin in np.unique(drawn):
        here, inside = drawn == bin, column[bins == bin]
        mean, spread = inside.mean(), inside.std()
        if spread == 0:
            values[here] = inside[0]
            continue
        low, high = lows[bin], highs[bin]
        below, above = ndtr((low - mean) / spread), ndtr((high - mean) / spread)
        normal = mean + spread * ndtri(rng.uniform(below, above, here.sum()))
        # rounding must not carry a value over the edge into another bin
        values[here] = np.clip(normal, np.nextafter(low, high), high)
    return values


def encode(
    samples: np.ndarray,
    x: pd.Series,
    X_train: pd.DataFrame,
    *,
    categorical: Categorical = (),
    discretise: bool = True,
) -> Neighbourhood:
    """How the line sees rows in the table's own units: their features against those of x.

    Parameters
    ----------
    samples : (n, d)
        The rows.
    x, X_train, categorical
        As in ``explain``.
    discretise : bool
        A category becomes 1 where it is that of x. A number becomes 1 where it lies in the same
        quartile of X_train as x, or, not discretised, its distance from the training mean in
        standard deviations.

    Returns
    -------
    Neighbourhood
        The rows, and how the line sees them.
    """
    row, train = x.to_numpy(float), X_train.to_numpy(float)
    Z, conditions = np.empty(np.shape(samples)), []
    for j, feature in enumerate(X_train.columns):
        column, drawn, value = train[:, j], samples[:, j], row[j]
        if feature in categorical:
            Z[:, j] = drawn == value
            conditions.append(f"{feature} = {category_name(feature, value, categorical)}")
        elif discretise:
            edges = quartiles(column)
            bin = np.searchsorted(edges, value)
            Z[:, j] = np.searchsorted(edges, drawn) == bin
            conditions.append(_bin_name(feature, edges, bin))
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


def category_name(feature: str, value: float, categorical: Categorical) -> str:
    """The name of a category's code, or the code itself where no names are known."""
    names = categorical[feature] if isinstance(categorical, Mapping) else None
    return names[int(value)] if names else f"{value:g}"
