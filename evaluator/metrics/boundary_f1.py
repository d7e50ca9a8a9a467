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
    """
    if tolerance < 0:
        raise ValueError(f"a tolerance is at least 0 pixels, not {tolerance}")
    return statistics.fmean(scores) if (scores := [_f1(p, tolerance) for p in pairs]) else np.nan


def _f1(pair: OutlinePair, tolerance: float) -> float:
    precision = float((pair.to_truth <= tolerance).mean())
    recall = float((pair.to_predicted <= tolerance).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
