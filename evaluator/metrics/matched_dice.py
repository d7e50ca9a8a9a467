"""Matched-instance Dice: how well the found cells are outlined."""

from evaluator.overlap.matching import Match


def matched_dice(match: Match, *, empty: float = 1.0) -> float:
    """Mean of 2·|A ∩ B| / (|A| + |B|) over the matched pairs (A, B), in [0, 1].

    Areas in pixels. Missed and spurious cells do not count: read it beside F1. 0 when nothing is
    matched, save that `empty` is given when there is no cell on either side. Source: Dice, Ecology
    26, 297-302 (1945), applied to each pair.

    >>> import numpy as np
    >>> from evaluator import match_cells, matched_dice, overlap_table
    >>> table = overlap_table(np.array([[1, 1, 0, 2, 2, 2]]), np.array([[4, 4, 0, 5, 5, 0]]))
    >>> matched_dice(match_cells(table, 0.5))
    0.9
    """
    if match.tp == 0:
        return empty if match.true_cells == match.predicted_cells == 0 else 0.0
    # |A| + |B| is the union plus the intersection.
    return float((2 * match.intersection / (match.union + match.intersection)).mean())
