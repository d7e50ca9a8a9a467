"""New codes near those of real cells: the aggregated posterior of a variational auto-encoder."""

import numpy as np
import numpy.typing as npt

from containers.base.generation.data import Floats


class Posterior:
    """A kernel density over n×L codes that keeps their mean and covariance.

    A new code is one of the codes, drawn a little towards the mean, and a step of Scott's width in
    the shape of their covariance: the smoothed bootstrap with shrinkage of Silverman and Young.
    """

    def __init__(self, codes: Floats) -> None:
        self._codes, self._mean = codes, codes.mean(axis=0)
        count, length = codes.shape
        width = count ** (-1 / (length + 4))
        deviations = codes - self._mean
        covariance = deviations.T @ deviations / max(1, count - 1) + 1e-6 * np.eye(length)
        self._shrink = float(np.sqrt(1 - min(1.0, width) ** 2))
        self._step = width * np.linalg.cholesky(covariance)

    def near(self, index: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """L numbers near code number `index`."""
        start = self._mean + self._shrink * (self._codes[index] - self._mean)
        new: npt.NDArray[np.float64] = start + self._step @ rng.standard_normal(len(self._mean))
        return new
