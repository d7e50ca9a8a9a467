"""The two sets of rules by which an overlap table becomes counts and scores of one image.

`challenge` gives the numbers of the NeurIPS 2022 Cell Segmentation Challenge's script
(baseline/compute_metric.py of 2024-05-07 in JunMa11/NeurIPS-CellSeg), so that they compare with
published ones; `plain` has no tiles, no rounding and, unless asked, no border rule.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from evaluator.metrics.f1 import f1
from evaluator.metrics.foreground_dice import foreground_dice
from evaluator.metrics.precision import precision
from evaluator.metrics.recall import recall
from evaluator.overlap.matching import match_cells
from evaluator.overlap.table import FRAME, OverlapTable
from evaluator.runs.words import DEFAULT_PROTOCOL, Protocol

DECIMALS = 4
"""The challenge rounds each image's scores to so many decimals before it averages them."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """One image at one threshold: cells counted, and the scores that follow, each in [0, 1]."""

    true_cells: int
    predicted_cells: int
    tp: int
    precision: float
    recall: float
    f1: float
    dice: float
    """Of the foreground, before any cell is removed; the same at every threshold."""

    @property
    def fp(self) -> int:
        """Predicted cells that match no true cell."""
        return self.predicted_cells - self.tp

    @property
    def fn(self) -> int:
        """True cells that were not found."""
        return self.true_cells - self.tp


def count(
    table: OverlapTable,
    threshold: float,
    *,
    protocol: Protocol = DEFAULT_PROTOCOL,
    border: bool = False,
) -> Counts:
    """Counts and scores of one image at IoU ≥ `threshold`.

    Under `challenge` every cell that touches the outer 2 rows or columns is dropped from its
    side, images of 25 000 000 pixels or more are scored as the sum of their padded 2000-pixel
    tiles, an image without countable cells has F1 0, and scores are rounded to 4 decimals. Unlike
    the published script, fn is true_cells − tp also where nothing is predicted.

    Under `plain` an image without cells on either side scores 1; `border` applies the border rule
    (`challenge` always does). Raises ValueError unless 0 < threshold ≤ 1.

    Two of three cells lie on the border and do not count for the challenge:

    >>> import numpy as np
    >>> from evaluator import count, overlap_table
    >>> truth = np.zeros((12, 12), np.uint8)
    >>> truth[:3, :3], truth[4:8, 4:8], truth[9:, 9:] = 1, 2, 3
    >>> table = overlap_table(truth, truth)
    >>> count(table, 0.5).true_cells, count(table, 0.5, protocol="plain").true_cells
    (1, 3)
    >>> count(table, 0.5).f1
    1.0
    """
    matches = [
        match_cells(part, threshold)
        for part in counted_tables(table, protocol=protocol, border=border)
    ]
    true_cells = sum(found.true_cells for found in matches)
    predicted_cells = sum(found.predicted_cells for found in matches)
    tp = sum(found.tp for found in matches)
    rounded, empty = (_rounded, 0.0) if protocol == "challenge" else (float, 1.0)

    def score(metric: Callable[..., float]) -> float:
        return rounded(
            metric(true_cells=true_cells, predicted_cells=predicted_cells, tp=tp, empty=empty)
        )

    return Counts(
        true_cells=true_cells,
        predicted_cells=predicted_cells,
        tp=tp,
        precision=score(precision),
        recall=score(recall),
        f1=score(f1),
        dice=rounded(foreground_dice(table)),
    )


def counted_tables(
    table: OverlapTable, *, protocol: Protocol = DEFAULT_PROTOCOL, border: bool = False
) -> tuple[OverlapTable, ...]:
    """The tables whose cells a protocol counts: the image's own or its tiles', borders removed."""
    match protocol:
        case "challenge":
            return tuple(_challenge_border(part) for part in table.tiles or (table,))
        case "plain":
            return (table.without_border() if border else table,)
    assert_never(protocol)


def _rounded(score: float) -> float:
    """numpy's rounding, as in the script: Python's differs in the last digit now and then."""
    return float(np.round(score, DECIMALS))


def _challenge_border(table: OverlapTable) -> OverlapTable:
    """Border removal with the script's slip on images that are all frame, at most 4 pixels wide.

    The script skips the first of the sorted ids on the frame, taking it for the background;
    without background there, the lowest id is spared instead.
    """
    truth, predicted = ~table.truth.on_frame, ~table.predicted.on_frame
    if min(table.shape) <= 2 * FRAME:
        for side, keep in ((table.truth, truth), (table.predicted, predicted)):
            if len(side) and side.foreground == table.shape[0] * table.shape[1]:
                keep[0] = True
    return table.keep(truth, predicted)
