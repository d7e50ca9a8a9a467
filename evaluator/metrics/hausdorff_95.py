"""95 % Hausdorff distance: the largest gap between outlines, the worst 5 % left out."""

import statistics
from collections.abc import Iterable

import numpy as np

from evaluator.overlap.outlines import OutlinePair


def hausdorff_95(pairs: Iterable[OutlinePair]) -> float:
    """Mean over matched cells of their 95 % Hausdorff distance, in pixels, 0 or more.

    Per cell, the larger of the two 95th percentiles (linear between pixels) of the distances from
    one outline to the other. `pairs` come from `outline_pairs`. NaN when nothing is matched.
    Source: Huttenlocher et al., IEEE Transactions on Pattern Analysis and Machine Intelligence
    15, 850-863 (1993), with a percentile in place of the maximum.

    A square that was found one pixel too far to the right:

    >>> import numpy as np
    >>> from evaluator import hausdorff_95, match_cells, outline_pairs, overlap_table
    >>> truth = np.zeros((8, 8), np.uint8)
    >>> truth[2:6, 2:6] = 1
    >>> predicted = np.roll(truth, 1, axis=1)
    >>> table = overlap_table(truth, predicted)
    >>> hausdorff_95(outline_pairs(truth, predicted, table, match_cells(table, 0.5)))
    1.0
    """
    distances = [
        max(float(np.percentile(side, 95)) for side in (pair.to_predicted, pair.to_truth))
        for pair in pairs
    ]
    return statistics.fmean(distances) if distances else np.nan
