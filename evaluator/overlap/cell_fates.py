"""What became of each cell: matched, missed, spurious, split or merged."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from evaluator.overlap.matching import match_cells
from evaluator.overlap.table import Flags, OverlapTable, Whole

Codes = npt.NDArray[np.uint8]


class Fate(IntEnum):
    """One cell's fate. A cell has exactly one, so the fates of a side add up to its cells."""

    MATCHED = 1
    """Counted as found (true) or as right (predicted)."""
    MISSED = 2
    """A true cell that is unmatched for none of the reasons below."""
    SPURIOUS = 3
    """A predicted cell that is unmatched for none of the reasons below."""
    SPLIT = 4
    """Unmatched; a true cell that holds two or more predicted cells, or one of those pieces."""
    MERGED = 5
    """Unmatched; a predicted cell over two or more true cells, or one of those true cells."""


@dataclass(frozen=True, kw_only=True)
class Fates:
    """The fate of every cell of one image."""

    truth: Codes
    """(n,) uint8 `Fate` of each true cell, in the order of the table's truth.ids; never
    SPURIOUS."""
    predicted: Codes
    """(m,) uint8 `Fate` of each predicted cell, in the order of the table's predicted.ids; never
    MISSED."""

    @property
    def true_counts(self) -> dict[Fate, int]:
        """True cells by fate: MATCHED is tp, the others add up to fn."""
        return _counts(self.truth)

    @property
    def predicted_counts(self) -> dict[Fate, int]:
        """Predicted cells by fate: MATCHED is tp, the others add up to fp."""
        return _counts(self.predicted)


def fates(table: OverlapTable, threshold: float) -> Fates:
    """The fate of every cell of a table at IoU ≥ `threshold`.

    A cell lies in another one when more than half of its pixels do. A predicted cell that lies in
    a true one is a piece of it if another predicted cell lies there too, matched or not; a true
    cell that lies in a predicted one is merged if another true cell lies there too. So the
    remainder of a cell whose largest piece was matched is SPLIT, not SPURIOUS. A cell that is
    both split and merged counts as merged.

    A protocol counts cells of `counted_tables(table)`: give those to drop cells on the border.
    Raises ValueError unless 0 < threshold ≤ 1. Source for the kinds of error: Caicedo et al.,
    Cytometry A 95, 952-965 (2019).

    The first true cell is cut in two, the second was not seen:

    >>> import numpy as np
    >>> from evaluator import Fate, fates, overlap_table
    >>> truth = np.array([[1, 1, 1, 1, 0, 2, 2]])
    >>> predicted = np.array([[3, 3, 4, 4, 0, 0, 0]])
    >>> found = fates(overlap_table(truth, predicted), 0.7)
    >>> found.true_counts[Fate.SPLIT], found.true_counts[Fate.MISSED]
    (1, 1)
    >>> found.predicted_counts[Fate.SPLIT]
    2
    """
    found = match_cells(table, threshold)
    truth = np.full(len(table.truth), Fate.MISSED, np.uint8)
    predicted = np.full(len(table.predicted), Fate.SPURIOUS, np.uint8)
    pieces, parts = _inside(table)
    _mark(truth, predicted, table.pair_truth[pieces], table.pair_predicted[pieces], Fate.SPLIT)
    _mark(predicted, truth, table.pair_predicted[parts], table.pair_truth[parts], Fate.MERGED)
    truth[found.truth] = Fate.MATCHED
    predicted[found.predicted] = Fate.MATCHED
    return Fates(truth=truth, predicted=predicted)


def wholes(table: OverlapTable) -> tuple[int, int]:
    """How many true cells hold two or more predicted ones, and the other way round.

    A cell lies in another one as for `fates`, but whether it is matched plays no part: a cell that
    lost a corner to a new cell is split, though its larger piece is still found.
    """
    pieces, parts = _inside(table)
    several = (table.pair_truth[pieces], table.pair_predicted[parts])
    split, merged = (int((np.bincount(side) >= 2).sum()) for side in several)
    return split, merged


def _inside(table: OverlapTable) -> tuple[Flags, Flags]:
    """(k,) whether the predicted cell of each pair lies in the true one, and the other way."""
    doubled = 2 * table.pair_pixels
    return (
        doubled > table.predicted.areas[table.pair_predicted],
        doubled > table.truth.areas[table.pair_truth],
    )


def _mark(whole: Codes, part: Codes, wholes: Whole, parts: Whole, fate: Fate) -> None:
    """Gives `fate` to every cell that holds two or more parts, and to those parts."""
    several = np.bincount(wholes, minlength=len(whole)) >= 2
    whole[several] = fate
    part[parts[several[wholes]]] = fate


def _counts(codes: Codes) -> dict[Fate, int]:
    numbers = np.bincount(codes, minlength=max(Fate) + 1)
    return {fate: int(numbers[fate]) for fate in Fate}
