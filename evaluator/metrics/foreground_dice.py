"""Foreground Dice: how well cell and background are told apart, whatever the splitting."""

from evaluator.overlap.table import OverlapTable


def foreground_dice(table: OverlapTable, *, empty: float = 1.0) -> float:
    """2·|G ∩ P| / (|G| + |P|) over the pixels that belong to any cell, in [0, 1].

    G and P are the foregrounds of truth and prediction, in pixels. 0 when exactly one is empty,
    `empty` when both are. Blind to merged and split cells. Source: Dice, Ecology 26, 297-302
    (1945).

    Two cells and one that covers both:

    >>> import numpy as np
    >>> from evaluator import foreground_dice, overlap_table
    >>> truth = np.array([[1, 1, 2, 2]])
    >>> foreground_dice(overlap_table(truth, np.array([[7, 7, 7, 7]])))
    1.0
    >>> foreground_dice(overlap_table(truth, np.array([[7, 0, 0, 0]])))
    0.4
    """
    pixels = table.truth.foreground + table.predicted.foreground
    return 2 * table.shared_foreground / pixels if pixels else empty
