"""Intervals over images: of a mean, of a median, and of a share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluator.statistics.score_matrix import Values, unit_sums
from evaluator.statistics.strata import narrowing

DRAWS = 4000
FEWEST = 5
"""Below this number of independent images no interval and no test is given: they would mislead."""

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where a number lies with 95 % confidence, unless another level was asked for."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside."""
        return self.low > 0 or self.high < 0

    def inside(self, margin: float) -> bool:
        """Whether all of it lies between −`margin` and `margin`."""
        return -margin < self.low and self.high < margin


def mean_interval(
    values: Values,
    groups: Sequence[str] | None = None,
    strata: Sequence[str] | None = None,
    *,
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval | None:
    """The interval of the mean of `values`, (images,) scores in [0, 1], one per image.

    Images that share a label in `groups` count as one draw; `strata` names the part of each in a
    mix that was fixed beforehand, see `strata.narrowing`. A random weight is given to every
    image, and one more to a worst (for the low end) or best (for the high end) possible image
    that was not seen; the ends are percentiles of the weighted means. For scores that are all 0
    or 1 this is Clopper and Pearson's interval, so that a model with F1 0 on all of 8 images is
    said to have a mean between 0 and 0.37, not "0". None below 5 images or groups. Raises
    ValueError for NaN and for scores outside [0, 1].

    Source: Gaffke, Berichte der Univ. Magdeburg, Three test statistics for a nonparametric
    one-sided hypothesis on the mean of a nonnegative variable (2005); Learned-Miller and Thomas,
    arXiv:1905.06208 (2019). That it never covers too rarely is proven for some cases and seen in
    all simulations.

    >>> import numpy as np
    >>> from evaluator import mean_interval
    >>> found = mean_interval(np.zeros(8))
    >>> found.low, round(found.high, 1)
    (0.0, 0.4)
    """
    if np.isnan(values).any():
        raise ValueError("a score is NaN: leave out images that were never tried")
    if len(values) and (values.min() < 0 or values.max() > 1):
        raise ValueError("scores lie in [0, 1]")
    sums, sizes = unit_sums(values[:, None], groups)
    units = len(sums)
    if units < FEWEST:
        return None
    generator = np.random.default_rng(seed)
    weights = generator.standard_gamma(1.0, (draws, units + 1))
    unseen = weights[:, -1] * sizes.mean()
    total = weights[:, :-1] @ sizes[:, 0] + unseen
    found = weights[:, :-1] @ sums[:, 0]
    tail = (1 - confidence) / 2
    low = float(np.quantile(found / total, tail))
    high = float(np.quantile((found + unseen) / total, 1 - tail))
    mean, left = float(values.mean()), narrowing(values, groups, strata)
    low, high = (left * end + (1 - left) * mean for end in (low, high))
    return Interval(low=min(low, mean), high=max(high, mean))


def median_interval(values: Values, *, confidence: float = CONFIDENCE) -> Interval | None:
    """The interval of the median of `values`, (images,): two of the values themselves.

    The k-th smallest and k-th largest, with the largest k whose coverage, by the binomial
    distribution, is at least `confidence`. None below 6 images, whose extremes cover less than
    95 %. Raises ValueError for NaN. Source: Conover, Practical Nonparametric Statistics, 3rd
    edition (1999), section 3.2.
    """
    if np.isnan(values).any():
        raise ValueError("a score is NaN: leave out images that were never tried")
    from scipy import stats

    images = len(values)
    if images == 0 or 2 * 0.5**images > 1 - confidence:
        return None
    below = int(stats.binom.ppf((1 - confidence) / 2, images, 0.5))
    while below > 0 and 2 * stats.binom.cdf(below - 1, images, 0.5) > 1 - confidence:
        below -= 1
    place = max(below - 1, 0)
    ordered = np.sort(values)
    return Interval(low=float(ordered[place]), high=float(ordered[images - 1 - place]))


@dataclass(frozen=True, kw_only=True)
class Share:
    """So many of so many images, with the interval of the share in [0, 1]."""

    count: int
    of: int
    interval: Interval


def share_interval(count: int, of: int, *, confidence: float = CONFIDENCE) -> Share:
    """A share of images with the exact binomial interval.

    Raises ValueError unless 0 ≤ `count` ≤ `of` and `of` ≥ 1. Source: Clopper and Pearson,
    Biometrika 26, 404-413 (1934).
    """
    from scipy import stats

    found = stats.binomtest(count, of).proportion_ci(confidence, "exact")
    return Share(
        count=count, of=of, interval=Interval(low=float(found.low), high=float(found.high))
    )
