"""How small a difference a number of images can separate, and how many images one would need."""

import math

import numpy as np

from evaluator.statistics.score_matrix import Values

ALPHA = 0.05
"""Share of false claims that is put up with, over all comparisons of a family together."""

POWER = 0.8
"""Chance with which a difference of the stated size is found."""

MOST_IMAGES = 10**7


def smallest_separable(differences: Values, *, comparisons: int = 1) -> float:
    """The smallest true mean difference that as many images would separate 8 times in 10.

    `differences` (images,) are paired differences of two models; only their spread counts.
    `comparisons` is the size of the family that Holm's method guards, taken at its strictest
    step. In score units; inf below two images. The paired t test's approximation, (t of 1 − α/2 +
    t of the power) · sd / √n: Cohen, Statistical Power Analysis, 2nd edition (1988), section 2.
    """
    images = len(differences)
    if images < 2:
        return math.inf
    return _detectable(float(np.std(differences, ddof=1)), images, comparisons)


def images_needed(differences: Values, *, comparisons: int = 1) -> int | None:
    """How many images like these would separate the mean difference found, 8 times in 10.

    Parameters as for `smallest_separable`. None when there is no difference to separate, below
    two images, or when ten million would not do. The difference found is itself uncertain, and
    so is this number: take it as an order of magnitude.
    """
    if len(differences) < 2:
        return None
    target, sd = abs(float(np.mean(differences))), float(np.std(differences, ddof=1))
    if target == 0:
        return None
    from scipy import stats

    normal = stats.norm.ppf(1 - ALPHA / (2 * comparisons)) + stats.norm.ppf(POWER)
    images = max(2, math.ceil(float(normal * sd / target) ** 2))
    if images > MOST_IMAGES:
        return None
    while _detectable(sd, images, comparisons) > target:  # t asks for a few more than the normal
        images += 1
    return images


def _detectable(sd: float, images: int, comparisons: int) -> float:
    from scipy import stats

    t = stats.t.ppf(1 - ALPHA / (2 * comparisons), images - 1) + stats.t.ppf(POWER, images - 1)
    return float(t) * sd / math.sqrt(images)
