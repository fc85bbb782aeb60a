"""What a search for counterfactuals found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .._utils.cards import card
from .rules import Rules


@dataclass(frozen=True)
class Counterfactual:
    """One answer: the changed row, the model's output there, what it cost, how far from real rows."""

    row: pd.Series
    prediction: float
    changes: dict[str, tuple[float, float]]
    cost: float
    nearest: float

    def sentence(self, categories: Mapping[str, tuple[str, ...]] | None = None) -> str:
        """The changes in words; categories: column -> names of its codes."""
        return ", ".join(
            f"{f} {_value(f, old, categories)} -> {_value(f, new, categories)}"
            for f, (old, new) in self.changes.items()
        )


def _value(feature: str, value: float, categories) -> str:
    if categories and feature in categories:
        return str(categories[feature][int(value)])
    return f"{value:g}"


@dataclass(frozen=True)
class Counterfactuals:
    """Answers for one row, the fewest changes first, each with another set of features."""

    answers: tuple[Counterfactual, ...]
    x: pd.Series
    prediction: float
    threshold: float
    max_changes: int
    n_evaluations: int
    method: str
    rules: Rules
    seed: int | None = None
    model: str = "not named"

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def best(self) -> Counterfactual:
        """The first answer, with the fewest changes."""
        if not self.answers:
            raise ValueError(
                f"No change of at most {self.max_changes} features reaches {self.threshold:g}; "
                "allow more changes or fewer immutable features."
            )
        return self.answers[0]

    def table(self, categories: Mapping[str, tuple[str, ...]] | None = None) -> pd.DataFrame:
        """One line per answer: what changes, how many, cost, output, distance to real rows."""
        return pd.DataFrame(
            [
                (a.sentence(categories), len(a.changes), a.cost, a.prediction, a.nearest)
                for a in self.answers
            ],
            columns=["change", "features", "cost", "output", "nearest real row"],
        )

    def card(self, model: str = "", output: str = "probability") -> str:
        """Everything that must stand beside these answers so that others can judge and repeat them.

        model, output: what the card calls the model and its output.
        """
        return card(
            f"Counterfactuals, {self.method}",
            model=model or self.model,
            output=f"{output} {self.prediction:.3f}, to reach {self.threshold:g}",
            answers=f"{len(self)} of at most {self.max_changes} changes",
            immutable=", ".join(self.rules.immutable) or "nothing",
            only_upwards=", ".join(self.rules.increase_only) or "nothing",
            cost="standard deviations, 1 per category" if self.rules.scale is None else "own units",
            evaluations=f"{self.n_evaluations:,}",
            seed="none: nothing is drawn" if self.seed is None else self.seed,
        )

    def __repr__(self) -> str:
        return self.card()

    def describe(self, categories: Mapping[str, tuple[str, ...]] | None = None) -> str:
        """The answers in plain sentences, with what they are not."""
        if not self.answers:
            return f"No change of at most {self.max_changes} features reaches {self.threshold:g}."
        ways = "; or ".join(a.sentence(categories) for a in self.answers)
        return (
            f"The model gives {self.prediction:.2f}. It would give {self.threshold:g} or more with: "
            f"{ways}. This is about the model's answer, not about what such a change would do to "
            "a person."
        )


def summary(found: Iterable[Counterfactuals]) -> pd.DataFrame:
    """One line per explained row: valid, and of its best answer features, cost, nearest.

    Rows without an answer have valid False and missing values.
    """
    lines = []
    for one in found:
        best = one.answers[0] if one.answers else None
        lines.append(
            (False, np.nan, np.nan, np.nan, "")
            if best is None
            else (True, len(best.changes), best.cost, best.nearest, " + ".join(best.changes))
        )
    return pd.DataFrame(lines, columns=["valid", "features", "cost", "nearest", "what"])
