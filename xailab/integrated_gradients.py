"""Integrated gradients: the gradient averaged along a straight path from a baseline to the input."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ._utils.cards import card, name_of

RULES = ("left", "right", "middle", "trapezoid", "gauss-legendre")


def quadrature(n_steps: int, rule: str = "gauss-legendre") -> tuple[np.ndarray, np.ndarray]:
    """Places a in [0, 1] and weights that add up to 1: integral of h(a) over [0, 1] = sum w h(a).

    rule: one of ``RULES``. The error of left and right falls as 1/n, that of middle and trapezoid as
    1/n^2 where h is smooth; Gauss-Legendre is exact for polynomials of degree 2 n - 1.
    Both results have shape (n_steps,). Raises ValueError for an unknown rule or too few steps.
    Introduced in notebook 11.

    >>> [v.tolist() for v in quadrature(2, "middle")]
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
    if rule == "middle":
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
    """sum_k w_k grad S(b + a_k (x - b)): the average gradient on the way from b to x, shaped as x.

    score: (n, ...) -> (n,), differentiable. places, weights: (steps,). Introduced in notebook 11.
    """
    total = torch.zeros_like(x, dtype=torch.float64)
    for start in range(0, len(places), batch_size):
        a = torch.as_tensor(places[start : start + batch_size], dtype=x.dtype, device=x.device)
        w = torch.as_tensor(weights[start : start + batch_size], device=x.device)
        a, w = (v.view(-1, *[1] * x.ndim) for v in (a, w))
        points = (baseline + a * (x - baseline)).requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(_scores(score, points).sum(), points)
        total += (w * gradient).sum(0)
    return total


@dataclass(frozen=True)
class PathAttribution:
    """Integrated gradients of one input.

    values: shaped as the input, in units of the score. base, score: S at the baseline and at the
    input. gap: sum(values) - (score - base), zero for an exact integral (completeness). Notebook 11.
    """

    values: np.ndarray
    base: float
    score: float
    n_steps: int
    rule: str
    baseline: str = "not named"
    output: str = "score"
    model: str = "not named"

    @property
    def completeness_error(self) -> float:
        """sum(values) - (score - base)."""
        return float(self.values.sum() - (self.score - self.base))

    @property
    def relative_error(self) -> float:
        """|gap| as a share of |score - base|."""
        return abs(self.completeness_error) / max(abs(self.score - self.base), 1e-12)

    def heatmap(self) -> np.ndarray:
        """(H, W) in [0, 1] of an image's values (C, H, W): sum over channels of |value|, over its maximum."""
        if self.values.ndim != 3:
            raise ValueError(
                f"A heat map needs values of shape (C, H, W), not {self.values.shape}."
            )
        h = np.abs(self.values).sum(0)
        return (h / max(h.max(), 1e-300)).astype(np.float32)

    def card(self) -> str:
        """Everything that must stand beside these values so that others can judge and repeat them."""
        return card(
            "Integrated gradients",
            model=self.model,
            output=self.output,
            score=f"{self.score:.3f}",
            baseline=f"{self.baseline}, score {self.base:.3f}",
            steps=f"{self.n_steps}, {self.rule}",
            completeness_error=f"{self.completeness_error:+.1e} ({self.relative_error:.1%})",
            seed="none: nothing is drawn",
        )

    __str__ = __repr__ = card

    def describe(self) -> str:
        """The explanation in plain sentences, the gap first."""
        return (
            f"From the baseline ({self.baseline}) the {self.output} moves from {self.base:.2f} to "
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
    baseline_name: str = "not named",
    output: str = "score",
    model: str = "",
) -> PathAttribution:
    """Integrated gradients: IG_j = (x_j - b_j) times the mean of dS/dx_j on the way from b to x.

    score: tensor (n, *shape) -> (n,) or (n, 1), differentiable; choose the class in it. x, baseline:
    of one shape, without a batch axis; arrays or tensors. n_steps, rule: see ``quadrature``.
    baseline_name, output, model: names for the card. Stopped by hand, it leaves nothing: half a way is
    not half an explanation. Raises ValueError for shapes that do not fit,
    a score that is not one number an input, or missing values.
    Sundararajan, Taly & Yan 2017, eq. 1. Introduced in notebook 11.
    """
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
    average = path_average(score, x, baseline, *quadrature(n_steps, rule), batch_size)
    with torch.no_grad():
        base, top = _scores(score, torch.stack([baseline, x])).double().tolist()
    return PathAttribution(
        ((x - baseline) * average).cpu().numpy(),
        base,
        top,
        n_steps,
        rule,
        baseline_name,
        output,
        name_of(score, model),
    )


def _scores(score: Callable, points: torch.Tensor) -> torch.Tensor:
    s = score(points)
    if not torch.is_tensor(s) or s.shape not in ((len(points),), (len(points), 1)):
        got = tuple(s.shape) if torch.is_tensor(s) else type(s).__name__
        raise ValueError(
            f"score must return one number an input, shape ({len(points)},), not {got}; choose a "
            "class: lambda x: model(x)[:, target]."
        )
    if not torch.isfinite(s).all():
        raise ValueError("score returned missing or infinite numbers.")
    return s.reshape(len(points))
