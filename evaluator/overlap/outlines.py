"""Distances between the outlines of matched cells, measured cell by cell inside their boxes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluator.overlap.matching import Match
from evaluator.overlap.table import CHUNK, Labels, OverlapTable, Whole

Distances = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class OutlinePair:
    """How far the outlines of a true cell and its predicted one lie apart, in pixels."""

    to_predicted: Distances
    """(a,) from each outline pixel of the true cell to the nearest one of the predicted cell."""
    to_truth: Distances
    """(b,) from each outline pixel of the predicted cell to the nearest one of the true cell."""


def outline_pairs(
    truth: Labels, predicted: Labels, table: OverlapTable, match: Match
) -> Iterator[OutlinePair]:
    """The outline distances of each pair of `match`, in its order.

    Parameters: the two (H, W) masks, their overlap table and a match on that table (not on a
    tile's). The outline of a cell is those of its pixels that have a 4-neighbour outside the cell
    or lie on the image's edge; distances run from pixel centre to pixel centre. Only the box
    around both cells is looked at, so memory does not grow with the image.
    """
    from scipy.ndimage import distance_transform_edt

    true_boxes = cell_boxes(truth, table.truth.ids)
    predicted_boxes = cell_boxes(predicted, table.predicted.ids)
    for a, b in zip(match.truth.tolist(), match.predicted.tolist(), strict=True):
        top, left = np.minimum(true_boxes[a, :2], predicted_boxes[b, :2])
        bottom, right = np.maximum(true_boxes[a, 2:], predicted_boxes[b, 2:])
        box = np.s_[top:bottom, left:right]
        one = _outline(truth[box] == table.truth.ids[a])
        other = _outline(predicted[box] == table.predicted.ids[b])
        yield OutlinePair(
            to_predicted=distance_transform_edt(~other)[one],
            to_truth=distance_transform_edt(~one)[other],
        )


def cell_boxes(labels: Labels, ids: Labels) -> Whole:
    """(n, 4) top, left, bottom, right of each cell, in pixels, the last two exclusive.

    `labels` is an (H, W) mask, read in row bands; `ids` (n,) its ids, sorted, 0 left out.
    """
    height, width = labels.shape
    boxes = np.empty((len(ids), 4), np.int64)
    boxes[:, :2], boxes[:, 2:] = max(labels.shape), 0
    rows = max(1, CHUNK // max(1, width))
    for top in range(0, height, rows):
        flat = labels[top : top + rows].ravel()
        starts = np.flatnonzero(np.concatenate(([True], flat[1:] != flat[:-1])))
        ends = np.append(starts[1:], flat.size)
        cell = flat[starts] != 0
        starts, last = starts[cell], ends[cell] - 1
        index = np.searchsorted(ids, flat[starts])
        # A run may go on into the next rows: then it spans the whole width.
        wraps = starts // width != last // width
        np.minimum.at(boxes[:, 0], index, top + starts // width)
        np.minimum.at(boxes[:, 1], index, np.where(wraps, 0, starts % width))
        np.maximum.at(boxes[:, 2], index, top + last // width + 1)
        np.maximum.at(boxes[:, 3], index, np.where(wraps, width, last % width + 1))
    return boxes


def _outline(cell: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    inner = np.zeros_like(cell)
    inner[1:-1, 1:-1] = (
        cell[1:-1, 1:-1] & cell[:-2, 1:-1] & cell[2:, 1:-1] & cell[1:-1, :-2] & cell[1:-1, 2:]
    )
    return cell & ~inner
