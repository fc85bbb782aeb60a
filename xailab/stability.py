"""Is an explanation worth reporting? Repeat it with other seeds, and hold it against a bar."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd

from ._utils.cards import card
from ._utils.validation import check_array, check_int
from .shapley.attribution import Attribution

BAR = {"r2": 0.5, "local_error": 0.1, "jaccard": 0.8}
"""The course's bar for reporting: R2 at least, |local - model prediction| at most, Jaccard at least."""


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
    """

    runs: tuple
    k: int

    @property
    def weights(self) -> np.ndarray:
        """(runs, d): the weights of each run."""
        return np.array([run.weights for run in self.runs])

    @property
    def r2(self) -> float:
        """Mean R2 of the runs."""
        return float(np.mean([run.r2 for run in self.runs]))

    @property
    def local_error(self) -> float:
        """Mean |local prediction - model prediction|."""
        return float(np.mean([abs(r.local_prediction - r.model_prediction) for r in self.runs]))

    @property
    def jaccard(self) -> float:
        """Mean Jaccard index of the runs' top k."""
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

    def faults(self) -> list[str]:
        """Why these explanations should not be reported; empty when they clear ``BAR``."""
        found = []
        if self.r2 < BAR["r2"]:
            found.append(f"R2 {self.r2:.2f} is below {BAR['r2']}")
        if self.local_error > BAR["local_error"]:
            found.append(
                f"the line misses the model by {self.local_error:.2f}, more than {BAR['local_error']}"
            )
        if self.jaccard < BAR["jaccard"]:
            found.append(f"top-{self.k} Jaccard {self.jaccard:.2f} is below {BAR['jaccard']}")
        return found

    @property
    def reportable(self) -> bool:
        """Does it clear the bar?"""
        return not self.faults()

    def card(self) -> str:
        """The figures and the verdict, one line each."""
        return card(
            f"Stability over {len(self.runs)} seeds",
            R2=f"{self.r2:.2f}",
            local_error=f"{self.local_error:.2f}",
            jaccard=f"{self.jaccard:.2f} (top {self.k})",
            verdict="may be reported" if self.reportable else "do not report",
        )

    def __repr__(self) -> str:
        return self.card()

    def describe(self) -> str:
        """The verdict in a plain sentence."""
        numbers = (
            f"Over {len(self.runs)} seeds: R2 {self.r2:.2f}, local against model prediction "
            f"{self.local_error:.2f} apart, top-{self.k} Jaccard {self.jaccard:.2f}."
        )
        if self.reportable:
            return f"{numbers} Clears the bar."
        return f"{numbers} Do not report: {'; '.join(self.faults())}."


def repeat(
    explain: Callable[[int], object], seeds: Iterable[int] = range(10), k: int = 5
) -> Stability:
    """Run ``explain(seed)`` for every seed and gather the results.

    explain: seed -> LocalModel (or anything with weights, conditions, r2 and both predictions).
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
