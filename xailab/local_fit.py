"""What the three LIMEs share: weigh the samples, fit a line, and the explanation that comes out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ._utils import cards
from ._utils.validation import check_array, check_int, truncated

# --- the formulas ------------------------------------------------------------------------------


def exponential_kernel(distance: np.ndarray, width: float) -> np.ndarray:
    """How much a sample at this distance counts: exp(-d^2 / (2 width^2)), in (0, 1].

    The lime package writes the same number as sqrt(exp(-d^2 / width^2)).
    Ribeiro et al. 2016, section 3.4.

    >>> float(exponential_kernel(np.array(1.0), width=1.0).round(4))
    0.6065
    """
    # divided before it is squared, so that no square can overflow
    return np.exp(-((distance / width) ** 2) / 2)


def cosine_distance(Z: np.ndarray) -> np.ndarray:
    """Cosine distance of 0/1 rows (n, m) from the row of ones: 1 - sqrt(share of ones), in [0, 1].

    >>> cosine_distance([[1, 1, 1, 1], [1, 0, 0, 0]]).tolist()
    [0.0, 0.5]
    """
    return 1 - np.sqrt(np.mean(Z, axis=1))


@dataclass(frozen=True)
class LinearFit:
    """weights (m,), intercept and weighted R^2 of a local linear model on the rows it was fitted to.

    sums: what ``sums_of`` keeps of these rows, None where they were not drawn at random.
    """

    weights: np.ndarray
    intercept: float
    r2: float
    sums: np.ndarray | None = None

    def at(self, z: np.ndarray) -> float:
        """The line's value at one sample z (m,): intercept + z w."""
        return float(self.intercept + z @ self.weights)


def fit(Z: np.ndarray, y: np.ndarray, sample_weights: np.ndarray, alpha: float = 1.0) -> LinearFit:
    """Weighted ridge regression: minimise sum_i pi_i (y_i - b - z_i w)^2 + alpha |w|^2.

    With everything centred on its weighted mean the intercept drops out and
    w = (Z' P Z + alpha I)^-1 Z' P y, P the diagonal of the sample weights.
    Z: (n, m). y, sample_weights: (n,). R^2 is weighted too, and 0 when y is constant.
    Agrees with sklearn.linear_model.Ridge. Raises ValueError when all sample weights are 0.
    """
    total = sample_weights.sum()
    if not total > 0:
        raise ValueError("All sample weights are 0: nothing is near enough; widen the kernel.")
    z_mean, y_mean = sample_weights @ Z / total, sample_weights @ y / total
    Zc, yc = Z - z_mean, y - y_mean
    ZtP = Zc.T * sample_weights
    weights = np.linalg.solve(ZtP @ Zc + alpha * np.eye(Z.shape[1]), ZtP @ yc)
    residual = sample_weights @ (yc - Zc @ weights) ** 2
    r2 = r_squared(residual, sample_weights @ yc**2, sample_weights @ y**2)
    return LinearFit(weights, float(y_mean - z_mean @ weights), r2)


def r_squared(residual: float, spread: float, size: float) -> float:
    """1 - residual / spread, and 0 for a constant y.

    residual, spread, size: the weighted sums of squares of y - line, of y - mean and of y. What
    rounding leaves of the spread of a constant y is far below its size.
    """
    return float(1 - residual / spread) if spread > 1e-24 * size else 0.0


def sums_of(Z: np.ndarray, y: np.ndarray, sample_weights: np.ndarray) -> np.ndarray:
    """The weighted sums of products of (1, z, y - y_0) over the drawn rows: (m + 2, m + 2).

    From them alone follows how well *any* line fits these rows, see ``r2_on``. Sums of several runs
    can be added. Row 0, the explained one, is left out: every run has it.
    """
    columns = np.column_stack([np.ones(len(y) - 1), Z[1:], y[1:] - y[0]])
    return columns.T * sample_weights[1:] @ columns


def r2_on(sums: np.ndarray, weights: np.ndarray, intercept: float) -> float:
    """R^2 of a line on the rows behind these ``sums_of``; intercept: of the line of y - y_0."""
    miss = np.concatenate([[-intercept], -weights, [1]])
    mean = sums[0, -1] / sums[0, 0]
    size = sums[-1, -1]
    return r_squared(miss @ sums @ miss, size - sums[0, 0] * mean**2, size)


def strongest(Z: np.ndarray, y: np.ndarray, sample_weights: np.ndarray, k: int) -> np.ndarray:
    """The k columns that matter most at the explained row Z[0], in column order.

    As lime's 'highest_weights': fit all columns with alpha = 0.01, rank by |w_j Z[0, j]|.
    """
    size = np.abs(fit(Z, y, sample_weights, alpha=0.01).weights * Z[0])
    return np.sort(np.argsort(-size, kind="stable")[:k])


def fit_strongest(
    Z: np.ndarray, y: np.ndarray, sample_weights: np.ndarray, k: int | None
) -> LinearFit:
    """``fit`` on the k strongest columns (all of them for None); the others get weight 0.

    Row 0 is the explained one.
    """
    if not sample_weights[1:].any():
        raise ValueError(
            "All sample weights but that of the explained row are 0: nothing is near enough; widen the "
            "kernel."
        )
    sums = sums_of(Z, y, sample_weights)
    if k is None or k >= Z.shape[1]:
        return replace(fit(Z, y, sample_weights), sums=sums)
    chosen = strongest(Z, y, sample_weights, k)
    small = fit(Z[:, chosen], y, sample_weights)
    weights = np.zeros(Z.shape[1])
    weights[chosen] = small.weights
    return LinearFit(weights, small.intercept, small.r2, sums)


# --- checks of arguments and answers -----------------------------------------------------------


def check_settings(n_samples: int, m: int, kernel_width: object, num_features: object) -> None:
    """Refuse, before the model is asked, settings from which no line with m weights can be fitted."""
    if check_int("n_samples", n_samples, least=None) < m + 2:
        raise ValueError(f"n_samples must be at least {m + 2} to fit {m} weights, not {n_samples}.")
    if not isinstance(kernel_width, int | float | np.number) or not 0 < kernel_width < np.inf:
        raise ValueError(f"kernel_width must be a positive number, not {truncated(kernel_width)}.")
    if num_features is not None and check_int("num_features", num_features, least=None) < 1:
        raise ValueError(
            f"num_features must be at least 1, or None for all, not {truncated(num_features)}."
        )


def answers(predict_proba: Callable, samples, things: str) -> np.ndarray:
    """The model's answers for n samples as (n, C) finite floats; ValueError for anything else.

    things: what the samples are, for the message: "rows", "texts", "images".
    """
    n, p = len(samples), check_array("The answer of predict_proba", predict_proba(samples))
    if p.ndim != 2 or len(p) != n:
        raise ValueError(
            f"predict_proba must return (n, classes) for n {things}; for {n} {things} it "
            f"returned shape {p.shape}."
            + (" A regression is explained with target=None." if things == "rows" else "")
        )
    return _finite(p)


def numbers(predict: Callable, rows) -> np.ndarray:
    """A regression's answers for n rows as (n,) finite floats; ValueError for anything else."""
    y = check_array("The answer of predict", predict(rows))
    if y.shape != (len(rows),):
        raise ValueError(
            f"With target=None, for a regression, predict must return (n,); for {len(rows)} rows it "
            f"returned shape {y.shape}."
        )
    return _finite(y)


def _finite(p: np.ndarray) -> np.ndarray:
    if not np.isfinite(p).all():
        raise ValueError(
            "predict_proba returned missing or infinite numbers; a line cannot be fitted to them."
        )
    if (np.abs(p) > 1e150).any():
        raise ValueError(
            "The model returned numbers whose squares are too large to compute; give its output "
            "another unit."
        )
    return p


def of_class(p: np.ndarray, target: int) -> np.ndarray:
    """Column ``target`` of the answers p (n, C); ValueError where there is no such class."""
    if not 0 <= check_int("target", target, least=None) < p.shape[1]:
        raise ValueError(f"target must be a class from 0 to {p.shape[1] - 1}, not {target}.")
    return p[:, target]


# --- what comes out ----------------------------------------------------------------------------


@dataclass(frozen=True)
class LocalExplanation:
    """A linear model that stands in for a black box near one input: what the three LIMEs return.

    weights: (m,), one per condition, superpixel or word, in units of the model's output
    (probability): what it adds. local_prediction: the line's value at the explained input;
    model_prediction: the model's own. r2: how well the line fits the weighted samples it was fitted
    to; with few samples it is too high, see ``stability.Stability.r2s``. sums: of these samples.
    n_samples, kernel_width, num_features, target, seed: the settings it was made with; target is
    None for a regression, seed where the samples were given. model: the name of the function that
    was asked.
    """

    weights: np.ndarray
    intercept: float
    r2: float
    sums: np.ndarray | None
    local_prediction: float
    model_prediction: float
    n_samples: int
    kernel_width: float
    num_features: int | None
    target: int | None
    seed: int | None
    model: str

    title: ClassVar[str] = "LIME"
    distance: ClassVar[str] = "Euclidean distance"

    @property
    def local_error(self) -> float:
        """local_prediction - model_prediction: how far the line misses the input it explains."""
        return self.local_prediction - self.model_prediction

    def card(self, model: str = "", output: str = "") -> str:
        """Everything that must stand beside these weights so that others can judge and repeat them.

        model, output: what the card calls the model and its output.
        """
        if self.target is None:
            output = output or "predicted number"
        else:
            output = f"{output or 'probability'}, class {self.target}"
        return cards.card(
            self.title,
            model=model or self.model,
            output=output,
            prediction=f"{self.model_prediction:.3f} by the model",
            local_line=f"{self.local_prediction:.3f} (error {self.local_error:+.3f}), R2 {self.r2:.2f}",
            samples=f"{self.n_samples} {self._samples()}",
            kernel_width=f"{self.kernel_width:.3g}, {self.distance}",
            seed="none: the samples were given" if self.seed is None else self.seed,
        )

    def __repr__(self) -> str:
        return self.card()

    def describe(self, k: int = 3) -> str:
        """The explanation in plain sentences; the strongest weights first, ``k`` of them."""
        return (
            f"The model gives {self.model_prediction:.2f}, its local line "
            f"{self.local_prediction:.2f} (R2 {self.r2:.2f}). {self._reading(k)}"
        )

    def _samples(self) -> str:
        """What the samples are, for the card."""
        raise NotImplementedError

    def _reading(self, k: int) -> str:
        """What the k strongest weights say, for ``describe``."""
        raise NotImplementedError
