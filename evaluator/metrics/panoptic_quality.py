"""Panoptic quality: finding and outlining cells in one number, with its two factors."""

from dataclasses import dataclass

from evaluator.metrics.f1 import f1
from evaluator.overlap.matching import Match


@dataclass(frozen=True, kw_only=True)
class PanopticQuality:
    """pq = sq · rq, each in [0, 1]."""

    pq: float
    sq: float
    """Segmentation quality: mean IoU of the matched pairs."""
    rq: float
    """Recognition quality: F1."""


def panoptic_quality(match: Match, *, empty: float = 1.0) -> PanopticQuality:
    """Σ IoU over matched pairs / (tp + fp/2 + fn/2), for the one class "cell".

    The original matches IoU > 0.5; here the threshold is the match's own, and IoU equal to it
    counts. All three are 0 when nothing is matched, and `empty` when there is no cell on either
    side. Source: Kirillov et al., Panoptic Segmentation, CVPR 2019, equations 1 and 2.

    One of three cells is found, at IoU 0.5:

    >>> import numpy as np
    >>> from evaluator import match_cells, overlap_table, panoptic_quality
    >>> table = overlap_table(np.array([[1, 1, 2, 3]]), np.array([[4, 0, 0, 0]]))
    >>> panoptic_quality(match_cells(table, 0.5))
    PanopticQuality(pq=0.25, sq=0.5, rq=0.5)
    """
    if match.true_cells == match.predicted_cells == 0:
        return PanopticQuality(pq=empty, sq=empty, rq=empty)
    if match.tp == 0:
        return PanopticQuality(pq=0.0, sq=0.0, rq=0.0)
    sq = float(match.iou.mean())
    rq = f1(true_cells=match.true_cells, predicted_cells=match.predicted_cells, tp=match.tp)
    return PanopticQuality(pq=sq * rq, sq=sq, rq=rq)
