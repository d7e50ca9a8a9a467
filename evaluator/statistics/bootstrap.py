"""Bootstrap intervals of a mean or a median over images."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaluator.statistics.score_matrix import Values

DRAWS = 4000
FEWEST = 5
"""Below this number of images no interval and no test is given: they would mislead."""

CONFIDENCE = 0.95

Statistic = Literal["mean", "median"]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where a number lies with 95 % confidence, unless another level was asked for."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside."""
        return self.low > 0 or self.high < 0


def bootstrap_interval(
    values: Values,
    statistic: Statistic = "mean",
    *,
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval | None:
    """The interval of the mean or median of `values`, (images,) numbers of one per image.

    Images are drawn again with replacement, `draws` times from a fixed `seed`, and percentiles of
    the results taken. Plain percentiles are too narrow for few images; here their level is raised
    as much as a t interval is wider than a normal one of n in the denominator (the expanded
    percentile interval). None below 5 images, and when all values are equal: resampling then says
    nothing about how far the next image may lie. Raises ValueError for NaN. Source: Hesterberg,
    The American Statistician 69, 371-386 (2015), section 6.
    """
    if np.isnan(values).any():
        raise ValueError("a score is NaN: leave out images that were never tried")
    if len(values) < FEWEST or np.ptp(values) == 0:
        return None
    from scipy import stats

    wider = stats.t.ppf((1 + confidence) / 2, len(values) - 1)
    wider *= math.sqrt(len(values) / (len(values) - 1))
    found = stats.bootstrap(
        (values,),
        np.mean if statistic == "mean" else np.median,
        n_resamples=draws,
        batch=max(1, 2_000_000 // len(values)),
        vectorized=True,
        confidence_level=2 * stats.norm.cdf(wider) - 1,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(low=float(found.low), high=float(found.high))
