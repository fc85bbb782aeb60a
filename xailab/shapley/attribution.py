"""What an additive explanation of a prediction is: base value + one value per feature = prediction."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from .._utils.cards import card


@dataclass(frozen=True)
class Attribution:
    """Shapley values of one prediction.

    values: (d,), in units of the model's output; base: v(no feature), the mean output over the
    background; prediction: v(all features), the output for the row. additivity_gap:
    base + sum(values) - prediction, zero up to rounding when the method is exact.
    data: the row itself. output: what figures and sentences call the model's output.
    model: the name of the function that was asked.
    """

    features: tuple[str, ...]
    values: np.ndarray
    base: float
    prediction: float
    data: np.ndarray
    method: str
    n_background: int
    n_evaluations: int
    seed: int | None = None
    output: str = "model output"
    model: str = "not named"

    @property
    def additivity_gap(self) -> float:
        """base + sum(values) - prediction."""
        return float(self.base + self.values.sum() - self.prediction)

    def table(self) -> pd.DataFrame:
        """Features, their data and their values, the largest first."""
        order = np.argsort(-np.abs(self.values), kind="stable")
        return pd.DataFrame(
            {"data": self.data[order], "value": self.values[order]},
            index=np.array(self.features)[order],
        )

    def card(self, model: str = "") -> str:
        """Everything that must stand beside these values so that others can judge and repeat them.

        model: what the card calls the model.
        """
        return card(
            f"Shapley values, {self.method}",
            model=model or self.model,
            output=self.output,
            prediction=f"{self.prediction:.3f}",
            background=f"{self.n_background} rows, mean output (base value) {self.base:.3f}",
            cost=f"{self.n_evaluations:,} model evaluations",
            seed="none: nothing is drawn" if self.seed is None else self.seed,
            additivity_gap=f"{self.additivity_gap:.1e}",
        )

    def __repr__(self) -> str:
        return self.card()

    def describe(self, k: int = 3) -> str:
        """The explanation in plain sentences; the largest values first, ``k`` of them."""
        top = self.table().head(k)
        parts = [
            f"{f} {'lowers' if v < 0 else 'raises'} it by {abs(v):.2f}"
            for f, v in top["value"].items()
        ]
        share = np.abs(top["value"]).sum() / max(np.abs(self.values).sum(), 1e-300)
        return (
            f"The {self.output} is {self.prediction:.2f} for this row and {self.base:.2f} on average "
            f"over the {self.n_background} background rows. Largest contributions to the "
            f"prediction: {', '.join(parts)}; together {share:.0%} of the sum of all absolute values."
        )


@dataclass(frozen=True)
class Attributions:
    """Shapley values of many predictions against one background.

    values, data: (n, d); predictions: (n,); base: the mean output over the background, the same
    for all rows. ``many[i]`` is the Attribution of row i, ``many[:60]`` the first sixty rows.
    """

    features: tuple[str, ...]
    values: np.ndarray
    base: float
    predictions: np.ndarray
    data: np.ndarray
    method: str
    n_background: int
    n_evaluations: int
    output: str = "model output"
    model: str = "not named"

    @property
    def additivity_gap(self) -> float:
        """The largest |base + sum of values - prediction| over the rows."""
        return float(np.abs(self.base + self.values.sum(1) - self.predictions).max())

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, i: int | slice) -> "Attribution | Attributions":
        """The Attribution of one row, or the Attributions of a slice of rows."""
        if isinstance(i, slice):
            share = len(self.values[i]) / len(self)
            return replace(
                self,
                values=self.values[i],
                predictions=self.predictions[i],
                data=self.data[i],
                n_evaluations=round(self.n_evaluations * share),
            )
        return Attribution(
            features=self.features,
            values=self.values[i],
            base=self.base,
            prediction=float(self.predictions[i]),
            data=self.data[i],
            method=self.method,
            n_background=self.n_background,
            n_evaluations=self.n_evaluations // len(self),
            output=self.output,
            model=self.model,
        )

    def importance(self) -> pd.Series:
        """Mean absolute value of each feature, the largest first."""
        mean = pd.Series(np.abs(self.values).mean(0), self.features)
        return mean.sort_values(ascending=False, kind="stable")

    def card(self, model: str = "") -> str:
        """As ``Attribution.card``, for all rows together."""
        return card(
            f"Shapley values, {self.method}, of {len(self)} rows",
            model=model or self.model,
            output=self.output,
            background=f"{self.n_background} rows, mean output (base value) {self.base:.3f}",
            cost=f"{self.n_evaluations:,} model evaluations",
            seed="none: nothing is drawn",
            additivity_gap=f"at most {self.additivity_gap:.1e}",
        )

    def __repr__(self) -> str:
        return self.card()

    def describe(self, k: int = 3) -> str:
        """The most important features of these rows in a plain sentence."""
        parts = [f"{f} ({v:.3f})" for f, v in self.importance().head(k).items()]
        return (
            f"Over {len(self)} rows the features that move the {self.output} most, by mean "
            f"absolute Shapley value, are {', '.join(parts)}."
        )
