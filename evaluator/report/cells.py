"""What became of each cell: matched, missed, spurious, split or merged."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evaluator.matching import match_cells
from evaluator.overlap import OverlapTable

Codes = npt.NDArray[np.uint8]


class Fate(IntEnum):
    """One cell's fate; the numbers are those of the viewer's layers."""

    MATCHED = 1
    MISSED = 2
    """A true cell that nothing matches and that is neither split nor merged."""
    SPURIOUS = 3
    """A predicted cell that nothing matches and that is neither a piece nor a merger."""
    SPLIT = 4
    """A true cell with two or more unmatched predicted cells in it, and each of those."""
    MERGED = 5
    """An unmatched predicted cell over two or more unmatched true cells, and each of those."""


class Fates(NamedTuple):
    truth: Codes
    """(n,) `Fate` of each true cell, in the order of the table's truth.ids."""
    predicted: Codes
    """(m,) `Fate` of each predicted cell, in the order of the table's predicted.ids."""


def fates(table: OverlapTable, threshold: float) -> Fates:
    """The fate of every cell at IoU ≥ *threshold*, border cells included.

    A cell lies in another one when more than half of its pixels do.  A cell that is both split and
    merged counts as merged.
    """
    found = match_cells(table, threshold)
    truth = np.full(len(table.truth), Fate.MISSED, np.uint8)
    predicted = np.full(len(table.predicted), Fate.SPURIOUS, np.uint8)
    truth[found.truth] = Fate.MATCHED
    predicted[found.predicted] = Fate.MATCHED
    open_pairs = (truth[table.pair_truth] != Fate.MATCHED) & (
        predicted[table.pair_predicted] != Fate.MATCHED
    )
    shared = 2 * table.pair_pixels
    pieces = open_pairs & (shared > table.predicted.areas[table.pair_predicted])
    parts = open_pairs & (shared > table.truth.areas[table.pair_truth])
    _mark(truth, predicted, table.pair_truth[pieces], table.pair_predicted[pieces], Fate.SPLIT)
    _mark(predicted, truth, table.pair_predicted[parts], table.pair_truth[parts], Fate.MERGED)
    return Fates(truth, predicted)


def _mark(
    whole: Codes,
    part: Codes,
    wholes: npt.NDArray[np.int64],
    parts: npt.NDArray[np.int64],
    fate: Fate,
) -> None:
    """Give *fate* to every cell that holds two or more parts, and to those parts."""
    several = np.bincount(wholes, minlength=len(whole)) >= 2
    whole[several] = fate
    part[parts[several[wholes]]] = fate
