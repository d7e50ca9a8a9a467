"""Predicted cells that lie where nobody decided what is a cell, and count nowhere."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluator.overlap.table import Flags, Labels, OverlapTable, overlap_table

BAND = 256
"""Rows that are looked at in one go."""


def ignored_cells(truth: Labels, predicted: Labels, region: Labels) -> npt.NDArray[np.integer[Any]]:
    """The ids of the (H, W) prediction with more than half of their pixels in an ignored region.

    The region is where the (H, W) mask `region` is not 0 and `truth` has no cell: a pixel that the
    truth gives to a cell is never ignored, so that no cell found at IoU 0.5 or more is among them.
    """
    inside = np.zeros(truth.shape, np.uint8)
    for top in range(0, truth.shape[0], BAND):
        rows = np.s_[top : top + BAND]
        inside[rows] = (np.asarray(region[rows]) != 0) & (np.asarray(truth[rows]) == 0)
    table = overlap_table(inside, predicted)
    there = table.predicted.ids[table.pair_predicted]
    areas = table.predicted.areas[table.pair_predicted]
    return there[2 * table.pair_pixels > areas]


def without_cells(table: OverlapTable, ids: npt.NDArray[np.integer[Any]]) -> OverlapTable:
    """The table without these predicted cells, in its tiles too; their pixels are background."""
    if not len(ids):
        return table

    def kept(part: OverlapTable) -> OverlapTable:
        everything: Flags = np.ones(len(part.truth), np.bool_)
        return part.keep(everything, ~np.isin(part.predicted.ids, ids))

    return replace(kept(table), tiles=tuple(kept(tile) for tile in table.tiles))
