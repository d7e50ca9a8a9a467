"""How a cost grows with the size of what it is paid for: a fixed part and a part per unit."""

from dataclasses import dataclass

import numpy as np

from evaluator.statistics.intervals import FEWEST, Interval
from evaluator.statistics.score_matrix import Values

LEAST_SPREAD = 2.0
"""The largest size must be so many times the smallest, or nothing is said of growth."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Cost = `fixed` + `slope` · size."""

    fixed: float
    """What a thing of no size would cost, carried on from those that were measured."""
    slope: float
    """Per unit of size."""
    interval: Interval
    """Of the slope, 95 %."""


def growth(sizes: Values, costs: Values) -> Growth | None:
    """The straight line through (n,) `costs` over (n,) `sizes`, robust against single slow ones.

    The slope is the median of the slopes between all pairs of different size, the fixed part the
    median of what is left of the costs. None for fewer than 5
    or where the largest size is less than twice the smallest: then a slope would be carried far
    beyond what was measured. Source: Sen, Journal of the American Statistical Association 63,
    1379-1389 (1968), with the interval of Kendall's test.

    >>> import numpy as np
    >>> from evaluator import growth
    >>> found = growth(np.array([1.0, 2, 3, 4, 6]), np.array([2.5, 3.0, 3.5, 4.0, 5.0]))
    >>> found.fixed, found.slope
    (2.0, 0.5)
    >>> growth(np.array([1.0, 1, 1, 1, 1]), np.array([2.5, 3.0, 3.5, 4.0, 5.0])) is None
    True
    """
    if len(sizes) < FEWEST or sizes.min() <= 0 or sizes.max() < LEAST_SPREAD * sizes.min():
        return None
    from scipy import stats

    found = stats.theilslopes(costs, sizes)
    slope, ends = float(found.slope), (float(found.low_slope), float(found.high_slope))
    if not np.isfinite(ends).all():
        return None
    return Growth(
        fixed=float(np.median(costs - slope * sizes)),
        slope=slope,
        interval=Interval(low=ends[0], high=ends[1]),
    )
