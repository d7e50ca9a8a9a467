"""SEG: the Cell Tracking Challenge's segmentation accuracy."""

import math

from evaluator.overlap.table import OverlapTable


def seg(table: OverlapTable) -> float:
    """Mean over true cells R of |R ∩ S| / |R ∪ S|, in [0, 1].

    S is the predicted cell that covers more than half of R's pixels; a true cell without one
    counts 0. Spurious cells do not count, and one predicted cell may serve several true ones. NaN
    when there is no true cell, which the source leaves undefined. Source: Maška et al.,
    Bioinformatics 30, 1609-1617 (2014).

    Half of the second cell is not more than half of it:

    >>> import numpy as np
    >>> from evaluator import overlap_table, seg
    >>> seg(overlap_table(np.array([[1, 1, 0, 2, 2]]), np.array([[4, 4, 0, 5, 0]])))
    0.5
    """
    if not len(table.truth):
        return math.nan
    covers = 2 * table.pair_pixels > table.truth.areas[table.pair_truth]
    iou = table.pair_pixels[covers] / table.pair_unions()[covers]
    return float(iou.sum() / len(table.truth))
