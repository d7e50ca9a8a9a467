"""AP averaged over thresholds, which rewards accurate outlines."""

import statistics
from collections.abc import Iterable

from evaluator.metrics.average_precision import average_precision
from evaluator.overlap.matching import match_cells
from evaluator.overlap.table import OverlapTable

AP_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def mean_average_precision(
    table: OverlapTable, thresholds: Iterable[float] = AP_THRESHOLDS, *, empty: float = 1.0
) -> float:
    """Mean of tp / (tp + fp + fn) over IoU thresholds, 0.5 to 0.95 by default, in [0, 1].

    `empty` when there is no cell on either side. Raises ValueError without thresholds or for one
    outside (0, 1]. Source: the 2018 Data Science Bowl's score, Caicedo et al., Nature Methods 16,
    1247-1253 (2019).

    Two cells, found at IoU 1 and 0.5, so that the second counts at one of ten thresholds:

    >>> import numpy as np
    >>> from evaluator import mean_average_precision, overlap_table
    >>> table = overlap_table(np.array([[1, 1, 0, 2, 2]]), np.array([[4, 4, 0, 5, 0]]))
    >>> mean_average_precision(table)
    0.4
    """
    matches = [match_cells(table, threshold) for threshold in thresholds]
    if not matches:
        raise ValueError("no threshold is given")
    return statistics.fmean(
        average_precision(
            true_cells=found.true_cells,
            predicted_cells=found.predicted_cells,
            tp=found.tp,
            empty=empty,
        )
        for found in matches
    )
