"""A table model with a secret: an exercise of notebook 08. Ask it before you read on in the code."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

MALE, SCHOOL = 1, 12


def mixtures(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One made-up row for each row (n, d): a random share of its own values, the rest from another."""
    other = rows.iloc[rng.permutation(len(rows))].to_numpy()
    share = rng.random((len(rows), 1))
    return rows.where(rng.random(rows.shape) < share, other)


def secret_model(rows: pd.DataFrame, seed: int = 0) -> Callable:
    """A predict_proba for rows of the census table: (n, 12) -> (n, 2), each row "no" or "yes".

    rows: real rows, such as X_train. Slack et al. 2020: a detector, trained on these rows and on
    mixtures of two of them, decides which of two rules answers.
    """
    if not isinstance(rows, pd.DataFrame) or not {"Sex", "Education-Num"} <= set(rows.columns):
        raise ValueError("rows must be a DataFrame with the columns of data.adult().")
    fakes = mixtures(rows, np.random.default_rng(seed))
    is_real = np.repeat([True, False], len(rows))
    detector = RandomForestClassifier(30, random_state=seed)
    detector.fit(pd.concat([rows, fakes]), is_real)
    columns = rows.columns

    def predict_proba(asked):
        asked = pd.DataFrame(np.asarray(asked), columns=columns)
        rule, decoy = asked["Sex"] == MALE, asked["Education-Num"] > SCHOOL
        yes = np.where(detector.predict(asked), rule, decoy)
        return np.column_stack([1 - yes, yes])

    return predict_proba
