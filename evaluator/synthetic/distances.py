"""Distances between two samples of feature vectors: rows are cells or crops, columns features."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.spatial.distance import cdist

Rows = npt.NDArray[np.float64]
"""(rows, features)."""
NEIGHBOURS = 5
"""The k of precision, recall, density and coverage, as in Naeem et al."""


def frechet(real: Rows, other: Rows) -> float:
    """Fréchet distance of the normal distributions fitted to two samples, 0 or above.

    |m₁ − m₂|² + tr(S₁ + S₂ − 2 (S₁S₂)^½), with means m and covariances S (divisor n − 1) of (n, d)
    and (m, d) rows. Biased upwards at small n: compare at equal numbers alone. Called FID only of
    features of the Inception network. Source: Dowson and Landau, J. Multivariate Anal. 12, 450-455
    (1982); Heusel et al., NeurIPS 2017.
    """
    first, second = real - real.mean(axis=0), other - other.mean(axis=0)
    scaled = first / np.sqrt(len(first) - 1), second / np.sqrt(len(second) - 1)
    trace = sum(float(np.square(one).sum()) for one in scaled)
    if min(len(first), len(second)) < first.shape[1]:
        # The root's trace is the sum of singular values of a product that is small when n < d.
        root = float(np.linalg.svd(scaled[0] @ scaled[1].T, compute_uv=False).sum())
    else:
        product = (scaled[0].T @ scaled[0]) @ (scaled[1].T @ scaled[1])
        root = float(np.sqrt(np.linalg.eigvals(product).real.clip(min=0)).sum())
    apart = float(np.square(real.mean(axis=0) - other.mean(axis=0)).sum())
    return max(0.0, apart + trace - 2 * root)


def kernel_distance(real: Rows, other: Rows) -> float:
    """Squared maximum mean discrepancy with the kernel (x·y/d + 1)³, without bias, so also below 0.

    (n, d) and (m, d) rows. Called KID only of features of the Inception network. Source: Bińkowski
    et al., Demystifying MMD GANs, ICLR 2018, equation 4.
    """

    def kernel(a: Rows, b: Rows) -> Rows:
        return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)

    def within(a: Rows) -> float:
        values = kernel(a, a)
        return float((values.sum() - np.trace(values)) / (len(a) * (len(a) - 1)))

    return within(real) + within(other) - 2 * float(kernel(real, other).mean())


@dataclass(frozen=True, kw_only=True)
class Neighbourhoods:
    """What every single row says about how two samples lie in each other."""

    precise: npt.NDArray[np.float64]
    """(others,) 1 where another row lies among the real ones, else 0."""
    dense: npt.NDArray[np.float64]
    """(others,) in how many real neighbourhoods it lies, by k."""
    recalled: npt.NDArray[np.float64]
    """(real,) 1 where a real row lies among the others."""
    covered: npt.NDArray[np.float64]
    """(real,) 1 where another row lies in its neighbourhood."""


def neighbourhoods(real: Rows, other: Rows, k: int = NEIGHBOURS) -> Neighbourhoods:
    """Which rows of two samples lie in each other's neighbourhoods.

    A row's neighbourhood is the ball that reaches to the k-th nearest row of its own sample. Means
    of the four are precision, density (may exceed 1), recall and coverage; those of two samples
    of one distribution are near 1, recall and coverage fall where kinds of real rows are not
    among the others. Both samples need more than k rows. Source: Kynkäänniemi et al., NeurIPS
    2019; Naeem et al., Reliable fidelity and diversity metrics, ICML 2020.
    """
    apart = cdist(real, other)
    real_reach, other_reach = _reach(real, k), _reach(other, k)
    inside = apart < real_reach[:, None]
    return Neighbourhoods(
        precise=np.asarray(inside.any(axis=0), dtype=np.float64),
        dense=inside.sum(axis=0) / k,
        recalled=np.asarray((apart < other_reach[None, :]).any(axis=1), dtype=np.float64),
        covered=np.asarray(apart.min(axis=1) < real_reach, dtype=np.float64),
    )


def _reach(rows: Rows, k: int) -> npt.NDArray[np.float64]:
    """Distance of each row to its k-th nearest other one."""
    return np.asarray(np.partition(cdist(rows, rows), k, axis=1)[:, k])


def wasserstein(real: Rows, other: Rows) -> npt.NDArray[np.float64]:
    """(features,) mean distance between the quantiles of each column, in the column's units.

    The 1-Wasserstein distance. Source: scipy.stats.wasserstein_distance.
    """
    return np.array(
        [stats.wasserstein_distance(a, b) for a, b in zip(real.T, other.T, strict=True)]
    )


def kolmogorov(real: Rows, other: Rows) -> npt.NDArray[np.float64]:
    """(features,) largest difference of the two distribution functions of each column, in [0, 1].

    A distance, never a test: cells of one image are no independent draws.
    """

    def one(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
        a, b = np.sort(a), np.sort(b)
        places = np.concatenate([a, b])
        first = np.searchsorted(a, places, side="right") / len(a)
        second = np.searchsorted(b, places, side="right") / len(b)
        return float(np.abs(first - second).max())

    return np.array([one(a, b) for a, b in zip(real.T, other.T, strict=True)])


def correlation_difference(real: Rows, other: Rows) -> float:
    """Mean absolute difference of Spearman's correlation over all pairs of columns, in [0, 2].

    A column that is constant in a sample correlates with nothing there.
    """
    upper = np.triu_indices(real.shape[1], k=1)
    return float(np.abs(_spearman(real)[upper] - _spearman(other)[upper]).mean())


def _spearman(rows: Rows) -> Rows:
    ranks = stats.rankdata(rows, axis=0)
    ranks -= ranks.mean(axis=0)
    length = np.sqrt(np.square(ranks).sum(axis=0))
    ranks /= np.where(length > 0, length, 1)
    return np.asarray(ranks.T @ ranks)
