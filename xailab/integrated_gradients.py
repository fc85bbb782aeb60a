"""Integrated gradients: the gradient averaged along a straight path from a baseline to the input."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ._utils.cards import card, name_of
from ._utils.tables import check_row, column_names
from ._utils.tensors import MADE_FOR_INFERENCE, gradient

RULES = ("left", "right", "midpoint", "trapezoid", "gauss-legendre")


def quadrature(n_steps: int, rule: str = "gauss-legendre") -> tuple[np.ndarray, np.ndarray]:
    """Places a in [0, 1] and weights that add up to 1: integral of h(a) over [0, 1] = sum w h(a).

    rule: one of ``RULES``. The error of left and right falls as 1/n, that of midpoint and trapezoid as
    1/n^2 where h is smooth; Gauss-Legendre is exact for polynomials of degree 2 n - 1.
    Both results have shape (n_steps,).

    >>> [v.tolist() for v in quadrature(2, "midpoint")]
    [[0.25, 0.75], [0.5, 0.5]]
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, not {rule!r}.")
    least = 2 if rule == "trapezoid" else 1
    if n_steps < least:
        raise ValueError(f"n_steps must be at least {least} for the rule {rule!r}, not {n_steps}.")
    n, flat = n_steps, np.full(n_steps, 1 / n_steps)
    if rule == "left":
        return np.arange(n) / n, flat
    if rule == "right":
        return np.arange(1, n + 1) / n, flat
    if rule == "midpoint":
        return (np.arange(n) + 0.5) / n, flat
    if rule == "trapezoid":
        ends = np.r_[0.5, np.ones(n - 2), 0.5]
        return np.linspace(0, 1, n), ends / (n - 1)
    places, weights = np.polynomial.legendre.leggauss(n)
    return (places + 1) / 2, weights / 2


def path_average(
    score: Callable,
    x: torch.Tensor,
    baseline: torch.Tensor,
    places: np.ndarray,
    weights: np.ndarray,
    batch_size: int = 16,
) -> torch.Tensor:
    """sum_k w_k grad S(b + a_k (x - b)): the average gradient on the way from b to x.

    Parameters
    ----------
    score : function, tensor (n, *shape) -> (n,), differentiable
        S.
    x, baseline : tensors of one shape
        Where the path ends and begins.
    places, weights : (steps,)
        The quadrature: a_k in [0, 1] and w_k.
    batch_size : int
        How many points on the path are asked at once.

    Returns
    -------
    tensor shaped as x, float64
        The average gradient.
    """
    with torch.inference_mode(False), torch.enable_grad():
        total = torch.zeros(x.shape, dtype=torch.float64, device=x.device)
        for start in range(0, len(places), batch_size):
            a = torch.as_tensor(places[start : start + batch_size], dtype=x.dtype, device=x.device)
            w = torch.as_tensor(weights[start : start + batch_size], device=x.device)
            a, w = (v.view(-1, *[1] * x.ndim) for v in (a, w))
            points = (baseline + a * (x - baseline)).requires_grad_()
            try:
                scores = _scores(score, points)
            except RuntimeError as error:
                if "nference tensor" in str(error):
                    raise RuntimeError(MADE_FOR_INFERENCE) from error
                raise
            total += (w * gradient(scores, points, "x")).sum(0)
    return total


@dataclass(frozen=True)
class PathAttribution:
    """Integrated gradients of one input.

    values: shaped as the input, in units of the score. base, score: S at the baseline and at the
    input. n_steps, rule: the quadrature. model: the name of the function that was asked.
    """

    values: np.ndarray
    base: float
    score: float
    n_steps: int
    rule: str
    model: str = "not named"

    @property
    def completeness_error(self) -> float:
        """sum(values) - (score - base), zero for an exact integral (completeness)."""
        return float(self.values.sum() - (self.score - self.base))

    @property
    def relative_error(self) -> float:
        """|completeness_error| as a share of |score - base|."""
        return abs(self.completeness_error) / max(abs(self.score - self.base), 1e-12)

    def heatmap(self) -> np.ndarray:
        """(H, W) in [0, 1] of an image's values (C, H, W): sum over channels of |value|, over its maximum."""
        if self.values.ndim != 3:
            raise ValueError(
                f"A heat map needs values of shape (C, H, W), not {self.values.shape}."
            )
        h = np.abs(self.values).sum(0)
        return (h / max(h.max(), 1e-300)).astype(np.float32)

    def card(self, model: str = "", output: str = "score", baseline: str = "not named") -> str:
        """Everything that must stand beside these values so that others can judge and repeat them.

        model, output, baseline: what the card calls the model, its output and the baseline.
        """
        return card(
            "Integrated gradients",
            model=model or self.model,
            output=output,
            score=f"{self.score:.3f}",
            baseline=f"{baseline}, score {self.base:.3f}",
            steps=f"{self.n_steps}, {self.rule}",
            completeness_error=f"{self.completeness_error:+.1e} ({self.relative_error:.1%})",
            seed="none: nothing is drawn",
        )

    def __repr__(self) -> str:
        return self.card()

    def describe(self, output: str = "score", baseline: str = "not named") -> str:
        """The explanation in plain sentences, the error first; names as in ``card``."""
        return (
            f"From the baseline ({baseline}) the {output} moves from {self.base:.2f} to "
            f"{self.score:.2f}. The values add up to that difference but for {self.relative_error:.1%} "
            f"of it. What equals the baseline gets zero, whatever it means to the model."
        )


def explain(
    score: Callable,
    x,
    baseline,
    *,
    n_steps: int = 64,
    rule: str = "gauss-legendre",
    batch_size: int = 16,
) -> PathAttribution:
    """Integrated gradients: IG_j = (x_j - b_j) times the mean of dS/dx_j on the way from b to x.

    Sundararajan, Taly & Yan 2017, eq. 1.

    Parameters
    ----------
    score : function, tensor (n, *shape) -> (n,) or (n, 1), differentiable
        S, one number per input; choose the class in it.
    x, baseline : arrays or tensors of one shape, without a batch axis
        Where the path ends and begins. Rows of a table are matched by name; the score sees x's order.
    n_steps : int
        How many points on the path.
    rule : str
        Where they lie and what they weigh, see ``quadrature``.
    batch_size : int
        How many points are asked at once.

    Returns
    -------
    PathAttribution
        Values shaped as x, and S at both ends.
    """
    x, baseline = _checked(x, baseline)
    places, weights = quadrature(n_steps, rule)
    average = path_average(score, x, baseline, places, weights, batch_size)
    with torch.no_grad():
        base, top = _scores(score, torch.stack([baseline, x])).double().tolist()
    return PathAttribution(
        values=((x - baseline) * average).cpu().numpy(),
        base=base,
        score=top,
        n_steps=n_steps,
        rule=rule,
        model=name_of(score),
    )


def _checked(x, baseline) -> tuple[torch.Tensor, torch.Tensor]:
    """x and baseline as tensors of floats of one kind; one sentence for what does not fit."""
    names = column_names("x", x)
    if names is not None:
        # a table's row, whose order is the one that the score sees
        rows = check_row("x", x, names, "x"), check_row("baseline", baseline, names, "x")
        x, baseline = (torch.tensor(row, dtype=torch.get_default_dtype()) for row in rows)
    x, baseline = (torch.as_tensor(v).detach() for v in (x, baseline))
    if not x.is_floating_point():
        x = x.float()
    baseline = baseline.to(x)
    if x.shape != baseline.shape:
        raise ValueError(
            f"x {tuple(x.shape)} and baseline {tuple(baseline.shape)} must have one shape, "
            "without a batch axis: x[0] takes the one picture of a batch."
        )
    if not (torch.isfinite(x).all() and torch.isfinite(baseline).all()):
        raise ValueError("x and baseline must not have missing or infinite values.")
    return x, baseline


def _scores(score: Callable, points: torch.Tensor) -> torch.Tensor:
    s = score(points)
    if not torch.is_tensor(s) or s.shape not in ((len(points),), (len(points), 1)):
        got = tuple(s.shape) if torch.is_tensor(s) else type(s).__name__
        raise ValueError(
            f"score must return one number per input, shape ({len(points)},), not {got}; choose a "
            "class: lambda x: model(x)[:, target]."
        )
    if not torch.isfinite(s).all():
        raise ValueError("score returned missing or infinite numbers.")
    return s.reshape(len(points))
