"""Exact Shapley values, over all 2^d coalitions."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np

from .._utils.cards import name_of
from .._utils.tables import check_rows, column_names
from .._utils.validation import check_array
from .attribution import Attribution, Attributions
from .game import all_coalitions, new_game, portions

MAX_EXACT = 16


def shapley_from_values(v: np.ndarray) -> np.ndarray:
    """Shapley values (d,) of a game given by its 2^d coalition values.

    v[c] is the value of the coalition whose members are the bits set in c (bit i: player i).
    phi_i = sum over S without i of |S|! (d - |S| - 1)! / d! * (v(S + i) - v(S)).
    Shapley 1953.

    >>> shapley_from_values([0, 1, 2, 4]).tolist()  # v of {}, a, b, ab
    [1.5, 2.5]
    """
    v = check_array("v", v)
    d = len(v).bit_length() - 1 if v.ndim == 1 else 0
    if d == 0 or len(v) != 2**d:
        raise ValueError(f"v must list the values of all 2^d coalitions, not {v.size} values.")
    if not np.isfinite(v).all():
        raise ValueError("v must not have missing or infinite values: every coalition has one.")
    return shapley_weights(d) @ v


@lru_cache(maxsize=MAX_EXACT + 1)
def shapley_weights(d: int) -> np.ndarray:
    """(d, 2^d): phi = weights @ v. Entry (i, S) is the weight of S in phi_i, negative without i.

    With s = |S|: (s - 1)! (d - s)! / d! for S with i, -s! (d - s - 1)! / d! for S without i.
    """
    members = all_coalitions(d)
    s = members.sum(1)
    joined = np.array([0] + [1 / (d * comb(d - 1, k - 1)) for k in range(1, d + 1)])[s]
    absent = np.array([1 / (d * comb(d - 1, k)) for k in range(d)] + [0])[s]
    return np.where(members.T, joined, -absent)


def interaction_values(v: np.ndarray) -> np.ndarray:
    """Pairwise Shapley interaction values (d, d) of a game given by its 2^d coalition values.

    For i != j: Phi_ij = sum over S without i and j of |S|! (d - |S| - 2)! / (2 (d - 1)!)
    * (v(S + i + j) - v(S + i) - v(S + j) + v(S)), half of what i and j add only together. The
    diagonal holds the main effects, Phi_ii = phi_i - sum over j of Phi_ij, so each row adds up to a
    Shapley value. Lundberg et al. 2020, as shap_interaction_values.

    >>> interaction_values([0, 1, 2, 4]).tolist()  # v of {}, a, b, ab
    [[1.0, 0.5], [0.5, 2.0]]
    """
    phi = shapley_from_values(v)
    v, d = np.asarray(v, float), len(phi)
    members = all_coalitions(d)
    matrix = np.zeros((d, d))
    for i, j in combinations(range(d), 2):
        without = np.flatnonzero(~members[:, i] & ~members[:, j])
        size = members[without].sum(1)
        weight = np.array([1 / (2 * (d - 1) * comb(d - 2, s)) for s in range(d - 1)])[size]
        with_i, with_j = without | 1 << i, without | 1 << j
        joint = v[with_i | 1 << j] - v[with_i] - v[with_j] + v[without]
        matrix[i, j] = matrix[j, i] = weight @ joint
    return matrix + np.diag(phi - matrix.sum(1))


def exact(predict: Callable, x, background, *, output: str = "model output") -> Attribution:
    """Exact Shapley values of one row, over all 2^d coalitions.

    The mean game is the mean of the games against single background rows b, so its Shapley values
    are the mean of theirs (linearity). In the game against b every feature on which x and b agree
    is a null player, so only the coalitions of the others are asked: same values, fewer questions.
    Lundberg & Lee 2017, eq. 4 (interventional).

    Parameters
    ----------
    predict : function, rows (n, d) -> (n,)
        Each row on its own; rows come as a DataFrame when the background is one.
    x : (d,), d at most 16
        The row that is explained.
    background : (n, d)
        Rows that stand for "feature not known".
    output : str
        What figures and sentences call the model's output.

    Returns
    -------
    Attribution
        Values, base value and prediction. Cost: at most n 2^d outputs.
    """
    game = new_game(predict, x, background)
    d, n = len(game.x), len(game.background)
    if d > MAX_EXACT:
        raise ValueError(
            f"{d} features make 2^{d} coalitions, too many for exact values; "
            "use kernel() or sampling()."
        )
    phi, base, evaluations = np.zeros(d), 0.0, 1
    for rows, players in _rows_by_players(game.x, game.background):
        v = game.outputs(_all_mixtures(game.x, rows, players))
        # one row's values go to its own players
        np.add.at(phi, players, v @ shapley_weights(players.shape[1]).T)
        base += v[:, 0].sum()
        evaluations += v.size
    return Attribution(
        features=game.features,
        values=phi / n,
        base=float(base / n),
        prediction=float(game.outputs(game.x[None])[0]),
        data=game.x,
        method="exact",
        n_background=n,
        n_evaluations=evaluations,
        output=output,
        model=name_of(predict),
    )


def exact_rows(predict: Callable, X, background, *, output: str = "model output") -> Attributions:
    """``exact`` for every row of X (m, d): what the global plots are drawn from."""
    if getattr(X, "ndim", 0) != 2 or len(X) == 0:
        raise ValueError("X must hold one row or more, shape (m, d); a single row goes to exact().")
    rows = check_rows("X", X, column_names("background", background), "background")
    found = [exact(predict, row, background) for row in rows]
    return Attributions(
        features=found[0].features,
        values=np.array([one.values for one in found]),
        base=found[0].base,
        predictions=np.array([one.prediction for one in found]),
        data=np.array([one.data for one in found]),
        method="exact",
        n_background=found[0].n_background,
        n_evaluations=sum(one.n_evaluations for one in found),
        output=output,
        model=name_of(predict),
    )


def _rows_by_players(
    x: np.ndarray, background: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Background rows (m, d) that differ from x in k features each, and in which (m, k).

    Rows with the same k come together, so that the model is asked seldom and about many rows.
    """
    differs = background != x
    n_players = differs.sum(1)
    for k in np.unique(n_players):
        for group in portions(np.flatnonzero(n_players == k), 2 ** int(k)):
            players = np.nonzero(differs[group])[1].reshape(len(group), k)
            yield background[group], players


def _all_mixtures(x: np.ndarray, b: np.ndarray, players: np.ndarray) -> np.ndarray:
    """(m, 2^k, d): row c of b[i] takes from x the features players[i, j] of the bits j set in c.

    Built by doubling: the coalitions with player j are those without it, once more, with x's value.
    """
    (m, k), each = players.shape, np.arange(len(players))
    rows = np.empty((m, 2**k, len(x)))
    rows[:, 0] = b
    for j in range(k):
        with_j = slice(2**j, 2 ** (j + 1))
        rows[:, with_j] = rows[:, : 2**j]
        rows[each, with_j, players[:, j]] = x[players[:, j]][:, None]
    return rows
