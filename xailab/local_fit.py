"""What LIME for tables and LIME for images share: check the answers, weigh the samples, fit a line."""

from dataclasses import dataclass

import numpy as np

from ._utils.validation import check_array, check_int, truncated


def answers(p: object, n: int, asked: str) -> np.ndarray:
    """What predict_proba said about n rows or images as (n, C) floats; ValueError for another shape."""
    p = check_array("The answer of predict_proba", p)
    if p.ndim != 2 or len(p) != n:
        raise ValueError(
            f"predict_proba must return (n, classes) for n {asked}; for {n} {asked} it "
            f"returned shape {p.shape}."
        )
    return p


def all_finite(p: np.ndarray) -> np.ndarray:
    """p itself; ValueError where a number in it is missing or infinite."""
    if not np.isfinite(p).all():
        raise ValueError(
            "predict_proba returned missing or infinite numbers; a line cannot be fitted to them."
        )
    return p


def of_class(p: np.ndarray, target: int) -> np.ndarray:
    """Column ``target`` of the answers p (n, C); ValueError where there is no such class."""
    if not 0 <= target < p.shape[1]:
        raise ValueError(f"target must be a class from 0 to {p.shape[1] - 1}, not {target}.")
    return p[:, target]


def exponential_kernel(distance: np.ndarray, width: float) -> np.ndarray:
    """How much a sample at this distance counts: exp(-d^2 / (2 width^2)), in (0, 1].

    Written as the lime package has it, sqrt(exp(-d^2 / width^2)), it is the same number.
    Ribeiro et al. 2016, section 3.4. Introduced in notebook 02.
    Raises ValueError for a width that is not positive.

    >>> float(exponential_kernel(np.array(1.0), width=1.0).round(4))
    0.6065
    """
    if not isinstance(width, int | float | np.number) or not 0 < width < np.inf:
        raise ValueError(f"kernel_width must be a positive number, not {truncated(width)}.")
    return np.exp(-((distance / width) ** 2) / 2)  # divided first: no square can overflow


@dataclass(frozen=True)
class LinearFit:
    """weights (d,), intercept and weighted R^2 of a local linear model. Notebook 02."""

    weights: np.ndarray
    intercept: float
    r2: float


def fit(Z: np.ndarray, y: np.ndarray, sample_weights: np.ndarray, alpha: float = 1.0) -> LinearFit:
    """Weighted ridge regression: minimise sum_i pi_i (y_i - b - z_i w)^2 + alpha |w|^2.

    With everything centred on its weighted mean the intercept drops out and
    w = (Z' P Z + alpha I)^-1 Z' P y, P the diagonal of the sample weights.
    Z: (n, d). y, sample_weights: (n,). R^2 is weighted too, and 0 when y is constant.
    Introduced in notebook 02; agrees with sklearn.linear_model.Ridge.
    Raises ValueError when all weights are 0.
    """
    total = sample_weights.sum()
    if not total > 0:
        raise ValueError("All sample weights are 0: nothing is near enough; widen the kernel.")
    z_mean, y_mean = sample_weights @ Z / total, sample_weights @ y / total
    Zc, yc = Z - z_mean, y - y_mean
    ZtP = Zc.T * sample_weights
    weights = np.linalg.solve(ZtP @ Zc + alpha * np.eye(Z.shape[1]), ZtP @ yc)
    spread = sample_weights @ yc**2
    residual = sample_weights @ (yc - Zc @ weights) ** 2
    size = sample_weights @ y**2  # what rounding leaves of a constant y is far below it
    r2 = 1 - residual / spread if spread > 1e-24 * size else 0.0
    return LinearFit(weights, float(y_mean - z_mean @ weights), float(r2))


def strongest(Z: np.ndarray, y: np.ndarray, sample_weights: np.ndarray, k: int) -> np.ndarray:
    """The k columns that matter most at the explained row Z[0], in column order.

    As lime's 'highest_weights': fit all columns with alpha = 0.01, rank by |w_j Z[0, j]|.
    """
    size = np.abs(fit(Z, y, sample_weights, alpha=0.01).weights * Z[0])
    return np.sort(np.argsort(-size, kind="stable")[:k])


def fit_strongest(
    Z: np.ndarray, y: np.ndarray, sample_weights: np.ndarray, k: int | None
) -> LinearFit:
    """``fit`` on the k strongest columns (all of them for None); the others get weight 0."""
    if k is not None and check_int("num_features", k, least=None) < 1:
        raise ValueError(f"num_features must be at least 1, or None for all, not {k}.")
    if k is None or k >= Z.shape[1]:
        return fit(Z, y, sample_weights)
    chosen = strongest(Z, y, sample_weights, k)
    small = fit(Z[:, chosen], y, sample_weights)
    weights = np.zeros(Z.shape[1])
    weights[chosen] = small.weights
    return LinearFit(weights, small.intercept, small.r2)
