"""Boundary F1: how much of the outlines of matched cells agrees within a tolerance."""

import statistics
from collections.abc import Iterable

import numpy as np

from evaluator.overlap.outlines import OutlinePair


def boundary_f1(pairs: Iterable[OutlinePair], *, tolerance: float = 2.0) -> float:
    """Mean over matched cells of the F1 of their outline pixels, in [0, 1].

    Per cell, precision is the share of the predicted outline within `tolerance` pixels (≥ 0,
    equal counts) of the true one, recall the reverse. `pairs` come from `outline_pairs`. NaN when
    nothing is matched: missed and spurious cells do not count, so read it beside F1. Source:
    Csurka et al., BMVC 2013, with an absolute tolerance.

    A square that was found one pixel too far to the right:

    >>> import numpy as np
    >>> from evaluator import boundary_f1, match_cells, outline_pairs, overlap_table
    >>> truth = np.zeros((8, 8), np.uint8)
    >>> truth[2:6, 2:6] = 1
    >>> predicted = np.roll(truth, 1, axis=1)
    >>> table = overlap_table(truth, predicted)
    >>> pairs = list(outline_pairs(truth, predicted, table, match_cells(table, 0.5)))
    >>> boundary_f1(pairs, tolerance=1)
    1.0
    >>> boundary_f1(pairs, tolerance=0)
    0.5
    """
    if tolerance < 0:
        raise ValueError(f"a tolerance is at least 0 pixels, not {tolerance}")
    return statistics.fmean(scores) if (scores := [_f1(p, tolerance) for p in pairs]) else np.nan


def _f1(pair: OutlinePair, tolerance: float) -> float:
    precision = float((pair.to_truth <= tolerance).mean())
    recall = float((pair.to_predicted <= tolerance).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
