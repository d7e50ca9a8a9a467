"""Training seeds as a source of variance of their own, kept apart from the images'."""

import math
from dataclasses import dataclass

import numpy as np

from evaluator.statistics.bootstrap import CONFIDENCE, Interval
from evaluator.statistics.score_matrix import Values


@dataclass(frozen=True, kw_only=True)
class SeedSpread:
    """How much a model's mean score moves when it is trained again, on the same images."""

    seeds: int
    means: tuple[float, ...]
    """Mean over images of each seed."""
    sd: float
    """Between seeds, of those means, n − 1 in the denominator; NaN for one seed."""
    image_se: float
    """Standard error of the mean that comes from the choice of images, seeds averaged; NaN below
    two images."""


def seed_spread(by_seed: Values) -> SeedSpread:
    """The two sources of variance of one model's mean; `by_seed` is (seeds, images) without NaN.

    All seeds are scored on the same images, so the spread between their means holds nothing of
    the images' and the two do not add up to one interval: one is about other images, the other
    about training again.
    """
    seeds, images = by_seed.shape
    means = by_seed.mean(axis=1)
    per_image = by_seed.mean(axis=0)
    return SeedSpread(
        seeds=seeds,
        means=tuple(means.tolist()),
        sd=float(means.std(ddof=1)) if seeds > 1 else math.nan,
        image_se=float(per_image.std(ddof=1)) / math.sqrt(images) if images > 1 else math.nan,
    )


def seed_interval(first: Values, second: Values) -> Interval | None:
    """The interval of the difference of two models' means over trainings, images held fixed.

    `first` and `second` are (seeds, images) on the same images, without NaN. Welch's t interval
    of the seeds' means, first minus second, at 95 %; with two or three seeds it is wide, and
    rightly so. None unless both have two seeds, or if neither varies. Source: Welch, Biometrika
    34, 28-35 (1947).
    """
    means = [values.mean(axis=1) for values in (first, second)]
    if min(len(side) for side in means) < 2 or all(np.ptp(side) == 0 for side in means):
        return None
    from scipy import stats

    found = stats.ttest_ind(*means, equal_var=False).confidence_interval(CONFIDENCE)
    return Interval(low=float(found.low), high=float(found.high))
