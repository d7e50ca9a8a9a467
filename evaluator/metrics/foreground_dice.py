"""Foreground Dice: how well cell and background are told apart, whatever the splitting."""

from evaluator.overlap.table import OverlapTable


def foreground_dice(table: OverlapTable, *, empty: float = 1.0) -> float:
    """2·|G ∩ P| / (|G| + |P|) over the pixels that belong to any cell, in [0, 1].

    G and P are the foregrounds of truth and prediction, in pixels. 0 when exactly one is empty,
    `empty` when both are. Blind to merged and split cells. Source: Dice, Ecology 26, 297-302
    (1945).
    """
    pixels = table.truth.foreground + table.predicted.foreground
    return 2 * table.shared_foreground / pixels if pixels else empty
