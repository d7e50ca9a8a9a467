"""How many cells would change sides if the threshold were a little higher or lower."""

from dataclasses import dataclass

from evaluator.overlap.matching import match_cells
from evaluator.overlap.table import OverlapTable

MARGIN = 0.02


@dataclass(frozen=True, kw_only=True)
class NearThreshold:
    """Pairs of cells whose IoU lies close to a threshold; a fragile F1 has many of them."""

    below: int
    """Not found now, found at threshold − margin."""
    above: int
    """Found now, lost at threshold + margin."""
    found: int
    """All that are found at the threshold."""


def near_threshold(
    table: OverlapTable, threshold: float, *, margin: float = MARGIN
) -> NearThreshold:
    """The pairs within ± `margin` of IoU `threshold`, counted as a protocol would count them.

    Give `counted_tables(table)` to drop cells on the border. A pixel's width of disagreement
    moves a small cell's IoU by far more than 0.02. Raises ValueError unless threshold − margin
    lies above 0.
    """
    now = match_cells(table, threshold).tp
    lower, higher = round(threshold - margin, 9), round(threshold + margin, 9)
    return NearThreshold(
        below=match_cells(table, lower).tp - now,
        above=now - match_cells(table, higher).tp if higher <= 1 else now,
        found=now,
    )
