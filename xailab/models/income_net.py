"""The model of the Adult table: a small network for the probability of an income above 50K."""

from collections.abc import Iterable
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from .._utils.tables import check_same_rows, column_names
from .._utils.validation import check_array, check_int

# Rows per training step.
BATCH = 256


@contextmanager
def one_thread():
    """One thread for small networks: for them, a second one costs more than it saves."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class IncomeNet(nn.Module):
    """P(income > 50K) from a table row: 12 -> 64 -> 32 -> 1, ReLU, sigmoid.

    Standardisation is part of the model, so it takes rows in their own units. Every activation
    is its own module, because layer-wise explainers (Deep SHAP) see modules, not function calls.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, features: Iterable[str], mean: np.ndarray, scale: np.ndarray):
        super().__init__()
        self.features = tuple(features)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32))
        d = len(self.features)
        self.layers = nn.Sequential(
            nn.Linear(d, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)
        )
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, d) -> (n, 1) probabilities."""
        return self.sigmoid(self.log_odds(x))

    def log_odds(self, x: torch.Tensor) -> torch.Tensor:
        """The score before the sigmoid, log(p / (1 - p)); (n, d) tensor -> (n, 1)."""
        return self.layers((x - self.mean) / self.scale)

    def predict_proba(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """(n, 2) float64: P(income <= 50K) and P(income > 50K) of every row, in scikit-learn's order."""
        p = self._run(self.forward, X)
        return np.column_stack([1 - p, p])

    def predict_log_odds(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """(n,) float64: log(p / (1 - p)) of every row."""
        return self._run(self.log_odds, X)

    def _run(self, function, X) -> np.ndarray:
        rows = torch.as_tensor(_rows(X, self.features), dtype=torch.float32)
        with one_thread(), torch.inference_mode():
            return function(rows)[:, 0].double().numpy()


def _rows(X: pd.DataFrame | np.ndarray, features: tuple[str, ...]) -> np.ndarray:
    """X as a (n, d) float array, or one sentence that says what is wrong with it."""
    column_names("X", X)
    if isinstance(X, pd.DataFrame) and tuple(X.columns) != features:
        raise ValueError(
            f"The columns must be {list(features)} in this order, not {list(X.columns)}; "
            "select them with X[list(model.features)]."
        )
    rows = check_array("X", X)
    if rows.ndim != 2 or rows.shape[1] != len(features):
        raise ValueError(
            f"X must have shape (n, {len(features)}), one row per person, not {rows.shape}; "
            "a single row is X.iloc[[i]], with two brackets."
        )
    if not np.isfinite(rows).all():
        column = features[int(np.argwhere(~np.isfinite(rows))[0, 1])]
        raise ValueError(
            f"X has a missing or infinite value in {column!r}; fill or drop such rows first."
        )
    with np.errstate(over="ignore"):
        single = np.array(rows, dtype=np.float32)
    if not np.isfinite(single).all():
        raise _too_large(features[int(np.argwhere(~np.isfinite(single))[0, 1])])
    return single


def _too_large(column: str) -> ValueError:
    return ValueError(
        f"The numbers of column {column!r} are too large or too close together for the network's 32 "
        "bits; give the column another unit or zero."
    )


def _labels(y) -> torch.Tensor:
    """y as a (n, 1) float tensor of zeros and ones."""
    labels = np.asarray(y)
    if labels.ndim != 1 or labels.dtype.kind not in "buif" or not np.isin(labels, (0, 1)).all():
        raise ValueError(
            "y must be one bool per row, True for an income above 50K; y == 'name' makes bools of names."
        )
    return torch.as_tensor(labels.astype(np.float32))[:, None]


def train_income_net(
    X: pd.DataFrame, y: pd.Series, seed: int = 0, *, epochs: int = 10
) -> IncomeNet:
    """An IncomeNet trained with Adam on the binary cross-entropy, the same for the same seed.

    X: (n, d) DataFrame. y: (n,) bool. About a second for the Adult training set. The global
    random state is not touched.
    """
    if not isinstance(X, pd.DataFrame):
        raise TypeError("X must be a DataFrame; pd.DataFrame(array, columns=names) makes one.")
    rows = _rows(X, tuple(X.columns))
    seed, epochs = check_int("seed", seed, least=0), check_int("epochs", epochs)
    if len(rows) != len(y):
        raise ValueError(
            f"X has {len(rows)} rows but y has {len(y)} labels; pass one label per row."
        )
    if len(rows) < 2:
        raise ValueError(f"X has {len(rows)} rows; a network needs at least two to learn from.")
    check_same_rows("y", y, X)
    labels = _labels(y)
    # Not the standard deviation, which rounding can make non-zero.
    constant = rows.min(axis=0) == rows.max(axis=0)
    if constant.any():
        raise ValueError(
            f"Column {X.columns[constant][0]!r} is constant and tells the model nothing; drop it."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        scale = rows.std(axis=0)
    lost = ~((scale > 0) & np.isfinite(scale))
    if lost.any():
        raise _too_large(X.columns[lost][0])
    inputs = torch.as_tensor(rows)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = IncomeNet(X.columns, rows.mean(axis=0), scale)
        optimiser = torch.optim.Adam(model.layers.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
        for _ in range(epochs):
            for batch in torch.randperm(len(rows)).split(BATCH):
                loss = F.binary_cross_entropy_with_logits(
                    model.log_odds(inputs[batch]), labels[batch]
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            schedule.step()
    return model.eval().requires_grad_(False)
