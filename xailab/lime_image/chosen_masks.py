"""LIME for images from fewer questions: masks chosen one by one, and a smooth guess at the rest.

LIME's line is the best one over all 2^m masks, each with its kernel weight. Random draws estimate it
and know nothing of each other. Here the model's answers are taken for a line plus something smooth,
whose values at two masks are the more alike the fewer superpixels differ: correlation
exp(-SMOOTHNESS d / m) for d of m. That says which mask to ask next, what to expect of all masks that
were not asked, and LIME's line through it all, an exact sum over sizes of masks, without draws. Once all
masks are asked nothing is guessed: the line is the one that endless sampling gives.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import comb

from .._utils.validation import check_int
from ..local_fit import LinearFit, exponential_kernel, r_squared

SMOOTHNESS = 3.0
CANDIDATES = 2_000
# variance that a weight of the line is given before anything is asked
VAGUE = 10.0
# beyond these the choice costs more than it saves
MOST_SEGMENTS, MOST_SAMPLES = 200, 2_000
# far below any answer's spread; keeps the system solvable
JITTER = 1e-6


def _sizes(m: int, kernel_width: float) -> np.ndarray:
    """LIME's kernel weight of all masks that show s of m superpixels together, s = 0 to m; sums to 1."""
    s = np.arange(m + 1)
    weight = comb(m, s) * exponential_kernel(1 - np.sqrt(s / m), kernel_width)
    return weight / weight.sum()


def _alike(Z: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The correlation of the smooth part at every row of Z with every row of others."""
    differ = Z.sum(1)[:, None] + others.sum(1) - 2 * Z @ others.T
    return np.exp(-SMOOTHNESS * differ / Z.shape[1])


def _means(Z: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over all masks z, weighed by LIME: of k_i = alike(z, Z_i), (n,); of k_i z_j, (n, m).

    Both depend on the size a of Z_i only, and on whether j is in it: of the masks of size s a share
    h(t) (hypergeometric) has t superpixels in common with it and differs from it in a + s - 2 t.
    """
    m = Z.shape[1]
    s, t = np.arange(m + 1)[:, None], np.arange(m + 1)
    k, inside, outside = np.empty((3, m + 1))
    for a in range(m + 1):
        h = comb(a, t) * comb(m - a, s - t) / comb(m, s) * share[:, None]
        h = h * np.exp(-SMOOTHNESS * (a + s - 2 * t) / m)
        k[a] = h.sum()
        inside[a], outside[a] = (h * t).sum() / max(a, 1), (h * (s - t)).sum() / max(m - a, 1)
    size = Z.sum(1)
    return k[size], np.where(Z == 1, inside[size, None], outside[size, None])


def _moments(share: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean of every z_j, and the covariance matrix of z (m, m), over all masks weighed by LIME."""
    m, s = len(share) - 1, np.arange(len(share))
    one, two = share @ s / m, share @ (s * (s - 1)) / (m * (m - 1))
    if not one - two > 1e-9:
        raise ValueError("Only the whole image has a weight; widen the kernel.")
    return float(one), np.full((m, m), two - one**2) + np.eye(m) * (one - two)


def _covariance_with_weights(Z: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The covariance of the answer to every mask with LIME's weights (n, m), before anything is asked."""
    (mean, covariance), (k, kz) = _moments(share), _means(Z, share)
    smooth = np.linalg.solve(covariance, (kz - k[:, None] * mean).T).T
    return smooth + 2 * VAGUE * (2 * Z - 1)


def told(Z: np.ndarray, kernel_width: float = 0.25) -> float:
    """By how much the answers to the masks Z lower the variance of LIME's weights, added up.

    The more the better; what the answers are does not matter.
    """
    c, X = _covariance_with_weights(Z, _sizes(Z.shape[1], kernel_width)), 2 * Z - 1
    K = _alike(Z, Z) + VAGUE * (1 + X @ X.T) + JITTER * np.eye(len(Z))
    return float((c * cho_solve(cho_factor(K), c)).sum())


def choose_masks(
    n_samples: int, n_segments: int, rng: np.random.Generator, kernel_width: float = 0.25
) -> np.ndarray:
    """Masks (n_samples, n_segments) worth asking about, the whole image first; 2^m if there are no more.

    One after the other, out of random ones with LIME's weights (or all, if they are few), the mask
    that lowers the uncertainty of LIME's weights most: the squared covariances of its answer with
    the weights, over its variance, given the answers so far (one Cholesky step per mask). What the
    answers are does not matter to it. O'Hagan 1991 (Bayesian quadrature).
    """
    m = check_int("n_segments", n_segments, 2, MOST_SEGMENTS)
    few, share = 2**m <= 2 * CANDIDATES, _sizes(m, kernel_width)
    n_samples = check_int("n_samples", n_samples, 1, None if few else MOST_SAMPLES)
    if few:
        Z = rng.permutation((np.arange(2**m)[:, None] >> np.arange(m)) & 1)
    else:
        size = rng.choice(m + 1, max(CANDIDATES, 4 * n_samples), p=share)
        Z = (rng.random((len(size), m)).argsort(1).argsort(1) < size[:, None]).astype(int)
        Z = rng.permutation(np.unique(Z, axis=0))
    Z = np.concatenate([np.ones((1, m), int), Z[Z.sum(1) < m]])
    if n_samples >= len(Z):
        return Z
    n = n_samples
    with_weights, X = _covariance_with_weights(Z, share), 2 * Z - 1
    variance = np.full(len(Z), 1 + JITTER + VAGUE * (m + 1))
    L, chosen = np.zeros((len(Z), n)), [0]
    for i in range(n):
        new = chosen[-1]
        prior = _alike(Z, Z[[new]])[:, 0] + VAGUE * (1 + X @ X[new])
        L[:, i] = (prior - L[:, :i] @ L[new, :i]) / np.sqrt(variance[new])
        with_weights -= np.outer(L[:, i], with_weights[new] / np.sqrt(variance[new]))
        variance = np.maximum(variance - L[:, i] ** 2, JITTER)
        worth = (with_weights**2).sum(1) / variance
        worth[chosen] = -1
        chosen.append(int(worth.argmax()))
    return Z[chosen[:n]]


def smooth_fit(
    Z: np.ndarray, y: np.ndarray, kernel_width: float = 0.25, num_features: int | None = None
) -> LinearFit:
    """LIME's line through the answers to all 2^m masks, those that were not asked guessed smoothly.

    Z: (n, m) of 0 and 1. y: (n,). num_features: the line through the strongest ones only, None for
    all. R^2 is that of the masks that were asked, each size with the weight that it has among all.
    No ridge: with endless samples it vanishes.
    Rasmussen & Ghahramani 2003 (Bayesian Monte Carlo), a line of unknown weights being the mean.
    """
    share = _sizes(Z.shape[1], kernel_width)
    H = np.column_stack([np.ones(len(Z)), Z])
    K = cho_factor(_alike(Z, Z) + JITTER * np.eye(len(Z)))
    line = np.linalg.lstsq(H.T @ cho_solve(K, H), H.T @ cho_solve(K, y), rcond=None)[0]
    # the guess at any mask is its point on the line + alike @ bent
    bent = cho_solve(K, y - H @ line)
    (mean, covariance), (k, kz) = _moments(share), _means(Z, share)
    with_answer = covariance @ line[1:] + (kz - k[:, None] * mean).T @ bent
    weights = np.linalg.solve(covariance, with_answer)
    if num_features is not None and check_int("num_features", num_features) < len(weights):
        kept = np.sort(np.argsort(-np.abs(weights), kind="stable")[:num_features])
        weights = np.zeros(len(weights))
        weights[kept] = np.linalg.solve(covariance[np.ix_(kept, kept)], with_answer[kept])
    intercept = line[0] + k @ bent + mean * (line[1:] - weights).sum()
    size = Z.sum(1)
    # every size counts as it does among all masks
    pi = share[size] / np.bincount(size)[size]
    spread, residual = pi @ (y - pi @ y / pi.sum()) ** 2, pi @ (y - intercept - Z @ weights) ** 2
    return LinearFit(weights, float(intercept), r_squared(residual, spread, pi @ y**2))
