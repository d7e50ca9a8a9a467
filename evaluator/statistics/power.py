"""How small a difference a number of images can separate, and how many images one would need."""

import math
from dataclasses import dataclass

from evaluator.statistics.max_t import least_p

ALPHA = 0.05
"""Share of false claims that is put up with, over all comparisons of a family together."""

POWER = 0.8
"""Chance with which a difference of the stated size is found."""

MOST_IMAGES = 10**6

FEWEST_TO_SETTLE = next(images for images in range(2, 64) if least_p(images) <= ALPHA)
"""Unequal images below which signs cannot settle even one comparison: 6."""


@dataclass(frozen=True, kw_only=True)
class ImagesNeeded:
    """Between how many and how many images would settle a difference, 8 times in 10."""

    low: int
    high: int | None
    """None: more than a million, or no number, since there may be no difference at all."""


def smallest_separable(se: float, critical: float, units: int) -> float | None:
    """The smallest true mean difference that as many images would separate 8 times in 10.

    `se` is the standard error of the difference, `critical` what it is multiplied by for half a
    simultaneous interval. In score units, at most 1; None where no difference can be settled: below
    6 images, without a finite critical value, or where not even the largest that scores between 0
    and 1 can have would do. Source: Cohen, Statistical Power Analysis, 2nd edition (1988), section
    2, with the family's own critical value, and with the spread only estimated, now as in the
    images to come: each estimate varies by 1 / (2 (units - 1)) of its square.
    """
    if units < FEWEST_TO_SETTLE or not math.isfinite(critical * se) or se <= 0:
        return None
    from scipy import optimize, stats

    chance = float(stats.norm.ppf(POWER))

    def short(wanted: float) -> float:
        spread = math.sqrt(1 + (critical**2 + wanted**2) / (2 * (units - 1)))
        return critical + chance * spread - wanted

    # Below 6 units the spread of `wanted` itself could outgrow it; from there on a root lies here.
    found = float(optimize.brentq(short, critical, 10 * critical + 10)) * se
    return found if found <= 1 else None


def images_needed(mean: float, se: float, critical: float, units: int) -> ImagesNeeded | None:
    """How many images (or groups) like these would settle the difference found, 8 times in 10.

    The difference over its spread is itself uncertain: the range is that of its 90 % interval.
    None where nothing was found that could be settled: below 3 images, without spread or
    difference, or without a finite critical value. Source of the interval: Hedges and Olkin,
    Statistical Methods for Meta-Analysis (1985), section 5.C.
    """
    if units < 3 or se <= 0 or not math.isfinite(critical) or mean == 0:
        return None
    from scipy import stats

    effect = abs(mean) / se / math.sqrt(units)
    spread = float(stats.norm.ppf(0.95)) * math.sqrt(1 / units + effect**2 / (2 * (units - 1)))
    wanted = critical + float(stats.norm.ppf(POWER))
    low, high = (_images(wanted, end) for end in (effect + spread, effect - spread))
    return None if low is None else ImagesNeeded(low=low, high=high)


def _images(wanted: float, effect: float) -> int | None:
    images = (wanted / effect) ** 2 if effect > 0 else math.inf
    return max(FEWEST_TO_SETTLE, math.ceil(images)) if images <= MOST_IMAGES else None
