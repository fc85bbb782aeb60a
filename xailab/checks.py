"""Exercises that check themselves: not attempted, almost (with a hint), or correct.

An exercise is a reference, a few hidden cases and the mistakes people make. An answer that agrees
with a known mistake on every case gets the hint for that very mistake.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from . import cam, local_fit, metrics, shapley

__all__ = ["EXERCISES", "Exercise", "Verdict", "check"]


@dataclass(frozen=True)
class Verdict:
    """What ``check`` found: status is "not attempted", "almost" or "correct"."""

    key: str
    status: str
    message: str

    def __repr__(self) -> str:
        return f"Exercise {self.key}: {self.status}. {self.message}"


@dataclass(frozen=True)
class Exercise:
    """A task with its reference answer, hidden cases and known mistakes (function, hint)."""

    task: str
    reference: Callable
    cases: Callable[[], list[tuple]]
    mistakes: list[tuple[Callable, str]] = field(default_factory=list)


def check(key: str, answer: Callable | None = None) -> Verdict:
    """Try a student's function on hidden cases; the notebook goes on whatever comes of it.

    answer: the function the exercise asks for; None, or one that raises NotImplementedError, is
    "not attempted". Raises ValueError for an unknown key. Introduced in notebook 02.
    """
    if key not in EXERCISES:
        near = difflib.get_close_matches(key, EXERCISES, n=2, cutoff=0.0)
        raise ValueError(f"There is no exercise {key!r}; near keys: {', '.join(near)}.")
    exercise = EXERCISES[key]
    cases = exercise.cases()
    if answer is None:
        return Verdict(key, "not attempted", exercise.task)
    if not callable(answer):
        return Verdict(key, "almost", f"Pass a function, not a {type(answer).__name__}.")
    try:
        given = [answer(*case) for case in cases]
    except NotImplementedError:
        return Verdict(key, "not attempted", exercise.task)
    except Exception as error:  # a student's slip must not stop the notebook
        return Verdict(key, "almost", f"Your function stopped with {type(error).__name__}: {error}")
    if _same(given, exercise.reference, cases):
        return Verdict(key, "correct", f"It agrees with the reference on {len(cases)} cases.")
    for mistake, hint in exercise.mistakes:
        if _same(given, mistake, cases):
            return Verdict(key, "almost", hint)
    wanted = exercise.reference(*cases[0])
    if np.shape(given[0]) != np.shape(wanted):
        return Verdict(
            key,
            "almost",
            f"The shape should be {tuple(np.shape(wanted))}, not {tuple(np.shape(given[0]))}.",
        )
    return Verdict(key, "almost", f"The values differ. {exercise.task}")


def _same(given: list, function: Callable, cases: list[tuple]) -> bool:
    for value, case in zip(given, cases, strict=True):
        wanted = np.asarray(function(*case), dtype=float)
        try:
            value = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            return False
        if value.shape != wanted.shape or not np.allclose(value, wanted, rtol=1e-4, atol=1e-6):
            return False
    return True


# --- the exercises -----------------------------------------------------------------------------


def _distances() -> list[tuple]:
    return [(np.linspace(0, 4, 5), width) for width in (0.5, 1.0, 2.6)]


def _games() -> list[tuple]:
    rng = np.random.default_rng(3)
    return [(np.array([0, 1, 0, 3, 2, 5, 2, 9.0]),), (rng.normal(size=8),)]


def _maps() -> list[tuple]:
    generator = torch.Generator().manual_seed(5)
    shapes = [(1, 3, 2, 2), (2, 4, 3, 5)]
    return [
        (torch.randn(s, generator=generator), torch.randn(s, generator=generator)) for s in shapes
    ]


def _regions() -> list[tuple]:
    rng = np.random.default_rng(7)
    return [(rng.random((6, 6)) < 0.5, rng.random((6, 6)) < 0.3) for _ in range(3)]


def _iou(marked: np.ndarray, mask: np.ndarray) -> float:
    return metrics.iou(marked.astype(float), mask)


def _binary() -> list[tuple]:
    rows = np.random.default_rng(9).integers(0, 2, (6, 5))
    rows[:, 0] = 1
    return [(rows,)]


EXERCISES: dict[str, Exercise] = {
    "02.kernel": Exercise(
        "Write kernel(d, width): the weight exp(-d^2 / (2 width^2)) of samples at distance d.",
        local_fit.exponential_kernel,
        _distances,
        [
            (
                lambda d, w: np.exp(-(d**2) / w**2),
                "The square of the width counts twice: 2 width^2.",
            ),
            (lambda d, w: np.exp(-d / (2 * w**2)), "The distance is squared, too."),
            (
                lambda d, w: np.exp(d**2 / (2 * w**2)),
                "Weights must fall with distance: mind the sign.",
            ),
        ],
    ),
    "03.shapley": Exercise(
        "Write values(v): the Shapley values of a, b, c from v of {}, a, b, ab, c, ac, bc, abc.",
        shapley.shapley_from_values,
        _games,
        [
            (
                lambda v: v[[1, 2, 4]] - v[0],
                "That is each player's value when first to come; average all orders.",
            ),
            (
                lambda v: v[7] - v[[6, 5, 3]],
                "That is each player's value when last to come; average all orders.",
            ),
            (
                lambda v: np.array(
                    [
                        np.mean([v[s | 1 << i] - v[s] for s in range(8) if not s >> i & 1])
                        for i in range(3)
                    ]
                ),
                "Orders are equally likely, coalitions are not: weigh by |S|! (2 - |S|)! / 3!.",
            ),
        ],
    ),
    "04.distance": Exercise(
        "Write distance(Z): the cosine distance of every 0/1 row of Z from the row of ones.",
        lambda Z: 1 - np.sqrt(Z.mean(1)),
        _binary,
        [
            (lambda Z: np.sqrt(Z.mean(1)), "That is the similarity; the distance is 1 minus it."),
            (
                lambda Z: 1 - Z.mean(1),
                "Divide by the length of the row, the square root of its sum.",
            ),
            (
                lambda Z: np.sqrt((1 - Z).sum(1)),
                "That is the Euclidean distance; LIME for images takes cosine.",
            ),
        ],
    ),
    "05.grad_cam": Exercise(
        "Write grad_cam(A, g): ReLU(sum_k mean_xy(g_k) A_k) for tensors (B, K, h, w).",
        cam.grad_cam,
        _maps,
        [
            (
                lambda A, g: (g.mean((2, 3), keepdim=True) * A).sum(1),
                "The ReLU at the end is missing.",
            ),
            (
                lambda A, g: (g * A).sum(1).relu(),
                "Average each channel's gradient first: one weight a channel.",
            ),
            (
                lambda A, g: (g.relu().mean((2, 3), keepdim=True) * A).sum(1).relu(),
                "The ReLU belongs after the sum, not on the gradients.",
            ),
            (
                lambda A, g: (g.mean((2, 3), keepdim=True) * A).relu().sum(1),
                "The ReLU belongs after the sum over channels, not before it.",
            ),
        ],
    ),
    "05.layer_cam": Exercise(
        "Write layer_cam(A, g): ReLU(sum_k ReLU(g_k) A_k) for tensors (B, K, h, w).",
        cam.layer_cam,
        _maps,
        [
            (
                lambda A, g: (g * A).relu().sum(1),
                "Clip the gradient, not the product: they differ where A is negative.",
            ),
            (
                lambda A, g: (g * A).sum(1).relu(),
                "Only positive gradients count: ReLU(g) before the product.",
            ),
            (lambda A, g: (g.relu() * A).sum(1), "The ReLU after the sum is missing."),
        ],
    ),
    "06.iou": Exercise(
        "Write iou(marked, mask): shared pixels over the pixels in either, both bool (H, W).",
        _iou,
        _regions,
        [
            (
                lambda a, b: (a & b).sum() / b.sum(),
                "That is recall: divide by the union, not by the mask.",
            ),
            (
                lambda a, b: (a & b).sum() / a.sum(),
                "That is precision: divide by the union, not by the region.",
            ),
            (
                lambda a, b: 2 * (a & b).sum() / (a.sum() + b.sum()),
                "That is F1: the union counts shared pixels once.",
            ),
            (
                lambda a, b: (a & b).sum() / (a.sum() + b.sum()),
                "Shared pixels were counted twice in the union.",
            ),
        ],
    ),
}
