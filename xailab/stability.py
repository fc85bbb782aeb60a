"""Is an explanation worth reporting? Repeat it with other seeds, and hold it against a bar."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd

from ._utils.cards import card
from ._utils.validation import check_array, check_int
from .local_fit import r2_on
from .shapley.attribution import Attribution

BAR = {"r2": 0.5, "local_error": 0.1, "jaccard": 0.8}
"""The course's bar for reporting: R2 at least, |local - model prediction| at most, Jaccard at least.

A run meets it or not; the verdict rests on all runs. 0.1 is meant for probabilities.
"""

LEAST_RUNS = 10
"""Fewer runs than these settle nothing."""


def top_k(weights: np.ndarray, k: int) -> np.ndarray:
    """The columns of the k largest |weights|, first to k-th; ties go to the earlier column."""
    return np.argsort(-np.abs(weights), kind="stable")[:k]


def jaccard(weights: np.ndarray, k: int) -> float:
    """Mean over all pairs of runs of |A & B| / |A | B|, A and B the runs' top k columns, in [0, 1].

    weights: (runs, d), two runs at least. 1: all runs name the same k.

    >>> jaccard([[3, 2, 0], [3, 0, 2]], k=2)  # {0, 1} and {0, 2}
    0.3333333333333333
    """
    weights = check_array("weights", weights)
    if weights.ndim != 2 or len(weights) < 2:
        raise ValueError("weights must have shape (runs, d) with two runs at least to compare.")
    if not 1 <= check_int("k", k, least=None) <= weights.shape[1]:
        raise ValueError(f"k must lie between 1 and {weights.shape[1]}, not {k}.")
    sets = [set(top_k(w, k)) for w in weights]
    return float(np.mean([len(a & b) / len(a | b) for a, b in combinations(sets, 2)]))


@dataclass(frozen=True)
class Stability:
    """Explanations of one row by the same method with different seeds.

    runs: one LocalExplanation per seed. k: how many features one would report.
    r2, local_error and jaccard are means over the runs.
    """

    runs: tuple
    k: int

    @property
    def weights(self) -> np.ndarray:
        """(runs, d): the weights of each run."""
        return np.array([run.weights for run in self.runs])

    @property
    def r2s(self) -> np.ndarray:
        """(runs,): R2 of each line on fresh draws, the rows that the *other* runs drew.

        On its own rows a line of few samples looks far too good; ``run.r2`` is that number.
        """
        asked = [run.model_prediction for run in self.runs]
        if any(run.sums is None for run in self.runs):
            raise ValueError(
                "R2 on fresh draws needs explanations whose samples were drawn at random."
            )
        if not np.allclose(asked, asked[0], rtol=0, atol=1e-4):
            raise ValueError(
                f"R2 on fresh draws needs runs of one model and row; the model gave {min(asked):.3f} "
                f"to {max(asked):.3f}."
            )
        total = sum(run.sums for run in self.runs)
        return np.array(
            [
                r2_on(total - run.sums, run.weights, run.intercept - run.model_prediction)
                for run in self.runs
            ]
        )

    @property
    def r2(self) -> float:
        """Mean R2 on fresh draws."""
        return float(self.r2s.mean())

    @property
    def local_errors(self) -> np.ndarray:
        """(runs,): |local prediction - model prediction|."""
        return np.array([abs(run.local_prediction - run.model_prediction) for run in self.runs])

    @property
    def local_error(self) -> float:
        """Mean |local prediction - model prediction|."""
        return float(self.local_errors.mean())

    @property
    def jaccards(self) -> np.ndarray:
        """(runs,): mean Jaccard index of a run's top k with those of the other runs."""
        W, n = self.weights, len(self.runs)
        pairs = np.zeros((n, n))
        for i, j in combinations(range(n), 2):
            pairs[i, j] = pairs[j, i] = jaccard(W[[i, j]], self.k)
        return pairs.sum(1) / (n - 1)

    @property
    def jaccard(self) -> float:
        """Mean Jaccard index of the runs' top k, over all pairs."""
        return jaccard(self.weights, self.k)

    def table(self) -> pd.DataFrame:
        """Per condition: mean weight, its range, share of runs with the mean's sign and in the top k."""
        W, mean = self.weights, self.weights.mean(0)
        chosen = np.array([np.isin(np.arange(W.shape[1]), top_k(w, self.k)) for w in W])
        table = pd.DataFrame(
            {
                "mean": mean,
                "low": W.min(0),
                "high": W.max(0),
                "same sign": (np.sign(W) == np.sign(mean)).mean(0),
                f"in top {self.k}": chosen.mean(0),
            },
            index=list(self.runs[0].conditions),
        )
        return table.iloc[np.argsort(-np.abs(mean), kind="stable")]

    def met(self) -> dict[str, np.ndarray]:
        """Which runs meet each part of the bar: (runs,) bool."""
        return {
            f"R2 reaches {BAR['r2']}": self.r2s >= BAR["r2"],
            f"the line comes within {BAR['local_error']} of the model": (
                self.local_errors <= BAR["local_error"]
            ),
            f"the top-{self.k} Jaccard reaches {BAR['jaccard']}": self.jaccards >= BAR["jaccard"],
        }

    def faults(self) -> list[str]:
        """Why these explanations should not be reported: the parts of the bar that no run meets."""
        n = len(self.runs)
        return [f"{part} in none of {n} runs" for part, met in self.met().items() if not met.any()]

    def doubts(self) -> list[str]:
        """What is not settled: the parts of the bar that only some runs meet, and too few runs."""
        n = len(self.runs)
        found = [
            f"{part} in {met.sum()} of {n} runs"
            for part, met in self.met().items()
            if met.any() and not met.all()
        ]
        if n < LEAST_RUNS:
            found.append(f"{n} runs are too few, {LEAST_RUNS} are needed")
        return found

    @property
    def verdict(self) -> str:
        """ "may be reported", "undecided" or "do not report"."""
        if self.faults():
            return "do not report"
        return "undecided" if self.doubts() else "may be reported"

    @property
    def reportable(self) -> bool:
        """Does every run meet the bar?"""
        return self.verdict == "may be reported"

    def _numbers(self) -> dict[str, str]:
        return {
            "R2 on fresh draws": _span(self.r2s),
            "line and model apart by": _span(self.local_errors),
            f"top-{self.k} Jaccard": _span(self.jaccards),
        }

    def card(self) -> str:
        """The figures, smallest to largest over the runs, and the verdict, one line each."""
        return card(
            f"Stability over {len(self.runs)} seeds", **self._numbers(), verdict=self.verdict
        )

    def __repr__(self) -> str:
        return self.card()

    def describe(self) -> str:
        """The verdict in plain sentences; every range is the smallest to the largest of the runs."""
        numbers = ", ".join(f"{name} {span}" for name, span in self._numbers().items())
        reasons = "; ".join(self.faults() or self.doubts())
        verdict = self.verdict.capitalize()
        return (
            f"Over {len(self.runs)} seeds: {numbers}. {verdict}{': ' if reasons else ''}{reasons}."
        )


def _span(values: np.ndarray) -> str:
    low, high = f"{values.min():.2f}", f"{values.max():.2f}"
    return low if low == high else f"{low} to {high}"


def repeat(
    explain: Callable[[int], object], seeds: Iterable[int] = range(10), k: int = 5
) -> Stability:
    """Run ``explain(seed)`` for every seed and gather the results.

    explain: seed -> LocalModel, or another LocalExplanation with conditions. The draws have to
    depend on the seed, and the model and the row must not.
    """
    seeds = tuple(seeds)
    if len(set(seeds)) < 2:
        raise ValueError("Two different seeds at least are needed to see whether they agree.")
    found = Stability(tuple(explain(seed) for seed in seeds), k)
    # a wrong k is better refused here than at the first reading
    jaccard(found.weights, k)
    return found


def errors(
    method: str,
    estimate: Callable[[int, int], Attribution],
    truth,
    sizes: Iterable[int],
    seeds: Iterable[int] = range(10),
) -> pd.DataFrame:
    """How far an estimate of Shapley values is from the truth, for every size and seed.

    Parameters
    ----------
    method : str
        What the table calls it.
    estimate : function, (size, seed) -> Attribution
        The estimate.
    truth : Attribution
        The exact values of the same row.
    sizes, seeds : whole numbers
        What the estimate is asked for.

    Returns
    -------
    DataFrame
        One line per run: method, size, seed, cost (model evaluations), error (mean |value - true
        value|, in units of the output) and gap (|additivity gap|).
    """
    lines = []
    for size, seed in product(sizes, seeds):
        found = estimate(size, seed)
        if found.features != truth.features:
            raise ValueError("The estimate and the truth must be of the same features.")
        error = np.abs(found.values - truth.values).mean()
        lines.append((method, size, seed, found.n_evaluations, error, abs(found.additivity_gap)))
    return pd.DataFrame(lines, columns=["method", "size", "seed", "cost", "error", "gap"])
