"""The game of one prediction: what the model says, on average, when only some features are known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .._utils.tables import check_row, check_rows, column_names
from .._utils.validation import check_callable, one_number_per_row

# rows per call: few calls, and a small network's layers stay in the cache
CALL_ROWS = 8_192


@dataclass(frozen=True)
class Game:
    """v(S) = mean over background rows b of f(x_S, b_rest), S a coalition of features.

    The features in S have the explained row's values, the rest come from the background.
    x: (d,). background: (n, d). columns: the background's, None where it is an array.
    """

    predict: Callable
    x: np.ndarray
    background: np.ndarray
    columns: Any = None

    @property
    def features(self) -> tuple:
        """The features' names."""
        if self.columns is None:
            return tuple(f"x{i}" for i in range(len(self.x)))
        return tuple(self.columns)

    def outputs(self, rows: np.ndarray) -> np.ndarray:
        """The model's output for rows (..., d), shape (...)."""
        flat = rows.reshape(-1, rows.shape[-1])
        asked = flat if self.columns is None else pd.DataFrame(flat, columns=self.columns)
        return one_number_per_row(self.predict, asked).reshape(rows.shape[:-1])

    def values(self, coalitions: np.ndarray) -> np.ndarray:
        """v(S) for coalitions given as rows of booleans (m, d), shape (m,)."""
        parts = []
        for S in portions(coalitions, len(self.background)):
            rows = np.where(S[:, None, :], self.x, self.background)
            parts.append(self.outputs(rows).mean(1))
        return np.concatenate(parts) if parts else np.empty(0)


def portions(array: np.ndarray, rows_each: int) -> list[np.ndarray]:
    """The array cut so that a portion asks the model about at most ``CALL_ROWS`` rows or so."""
    step = max(1, CALL_ROWS // rows_each)
    return [array[start : start + step] for start in range(0, len(array), step)]


def new_game(predict: Callable, x, background) -> Game:
    """The game of row x (d,) against background (n, d); one sentence for what does not fit.

    Columns that have names are matched by name and stay in the background's order.
    """
    check_callable("predict", predict, "lambda X: model.predict_proba(X)[:, 1]")
    columns = column_names("background", background)
    b = check_rows("background", background, columns, "background")
    row = check_row("x", x, columns, "background")
    if not len(row):
        raise ValueError("x has no values; a row needs one feature at least.")
    if b.shape[1] != len(row) or len(b) == 0:
        raise ValueError(
            f"x has {len(row)} values, so background must have shape (n, {len(row)}), not {b.shape}."
        )
    if not (np.isfinite(row).all() and np.isfinite(b).all()):
        raise ValueError(
            "x and background must not have missing or infinite values; fill them first."
        )
    return Game(predict, row, b, columns)


def coalition_values(predict: Callable, x, background, coalitions: np.ndarray) -> np.ndarray:
    """v(S) of coalitions given as rows of booleans (m, d): mean_b f(x_S, b_rest), shape (m,).

    predict: rows (n, d) -> (n,); rows come as a DataFrame when the background is one.
    """
    game, coalitions = new_game(predict, x, background), np.asarray(coalitions)
    if coalitions.shape[1:] != game.x.shape:
        raise ValueError(
            f"coalitions must have shape (m, {len(game.x)}), one bool per feature, "
            f"not {coalitions.shape}."
        )
    return game.values(coalitions)


def all_coalitions(d: int) -> np.ndarray:
    """(2^d, d) booleans; row c holds the bits of c."""
    return (np.arange(2**d)[:, None] >> np.arange(d)) & 1 == 1
