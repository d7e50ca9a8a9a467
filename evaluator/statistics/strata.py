"""Images of a mix that was fixed beforehand, such as ten of each stain: redraws keep it."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from evaluator.statistics.score_matrix import Values, unit_sums

Strata = npt.NDArray[np.int64]
"""(units,) the number of each unit's stratum, from 0."""


def unit_strata(strata: Sequence[str] | None, groups: Sequence[str] | None, images: int) -> Strata:
    """The strata of the units into which `unit_sums` puts so many images; one without `strata`.

    A group is of the stratum of its first image. Strata of a single unit say nothing of their
    spread: they count as one, and if there is but one of them, with the smallest other. Source:
    collapsed strata, Cochran, Sampling Techniques, 3rd edition (1977), section 5A.12.
    """
    if strata is None:
        units = images if groups is None else len(set(groups))
        return np.zeros(units, np.int64)
    names = np.asarray(strata, dtype=str)
    if groups is not None:
        _, first = np.unique(np.asarray(groups, dtype=str), return_index=True)
        names = names[first]
    _, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    single = counts == 1
    if single.sum() == 1 and len(counts) > 1:
        others = np.where(single, np.iinfo(np.int64).max, counts)
        single[np.argmin(others)] = True
    codes = np.where(single[codes], len(counts), codes)
    return np.asarray(np.unique(codes, return_inverse=True)[1], np.int64)


def members(strata: Strata) -> Iterator[npt.NDArray[np.int64]]:
    """The places of each stratum's units; strata without one are passed over."""
    for stratum in range(int(strata.max(initial=-1)) + 1):
        places = np.flatnonzero(strata == stratum)
        if len(places):
            yield places


def redrawn_weights(generator: np.random.Generator, strata: Strata, draws: int) -> Values:
    """(draws, units) how often a bootstrap draw has each unit; the mix of strata stays."""
    weights = np.empty((draws, len(strata)))
    for places in members(strata):
        chance = np.full(len(places), 1 / len(places))
        weights[:, places] = generator.multinomial(len(places), chance, size=draws)
    return weights


def residuals(sums: Values, sizes: Values, strata: Strata) -> Values:
    """(units, k) sums less what their stratum's mean would give for so many images."""
    rest = np.empty_like(sums)
    for places in members(strata):
        total = np.maximum(sizes[places].sum(axis=0), 1e-9)
        rest[places] = sums[places] - sizes[places] * (sums[places].sum(axis=0) / total)
    return rest


def squared(rest: Values, sizes: Values, strata: Strata) -> Values:
    """(k,) variance of the total over redraws of units inside their strata; see `residuals`."""
    found = np.zeros(rest.shape[1])
    for places in members(strata):
        units = (sizes[places] > 0).sum(axis=0)
        found += units / np.maximum(units - 1, 1) * (rest[places] ** 2).sum(axis=0)
    return found


def mean_variance(
    values: Values, groups: Sequence[str] | None, strata: Sequence[str] | None = None
) -> float:
    """Variance of the mean of (images,) `values` over redraws of images or groups; NaN below 2."""
    sums, sizes = unit_sums(values[:, None], groups)
    if len(sums) < 2:
        return math.nan
    of_unit = unit_strata(strata, groups, len(values))
    found = squared(residuals(sums, sizes, of_unit), sizes, of_unit)
    return float(found[0]) / len(values) ** 2


def narrowing(values: Values, groups: Sequence[str] | None, strata: Sequence[str] | None) -> float:
    """What is left of the width of a mean's interval where the mix of strata is fixed, (0, 1].

    The spread inside the strata over all spread, with one unit of each stratum taken to vary like
    any other: strata in which all scores agree would leave nothing.
    """
    plain = mean_variance(values, groups)
    of_unit = unit_strata(strata, groups, len(values))
    several = int(of_unit.max(initial=0)) + 1
    if several < 2 or not plain > 0:
        return 1.0
    inside = mean_variance(values, groups, strata) / plain
    return min(1.0, math.sqrt((len(of_unit) * inside + several) / (len(of_unit) + several)))
