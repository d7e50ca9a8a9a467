"""Drawing cells into label masks: outlines with holes, run lengths, one mask a cell."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from contract import CellbenchError

Ring = npt.NDArray[np.floating[Any]]
"""(n, 2) corners, x then y, in pixels; the first pixel reaches from 0 to 1."""


Places = npt.NDArray[np.intp]
"""Pixels of one cell, counted along the rows: no cell takes the memory of a whole image."""


class BadShape(CellbenchError):
    """A cell that cannot be drawn; `what` is the reason."""


def fill(size: tuple[int, int], rings: Sequence[Ring]) -> Places:
    """The pixels whose centres lie inside an odd number of rings: holes are rings as well.

    Several pieces of one cell are several rings, too, as long as they do not overlap. What
    reaches over the border is cut off. Raises BadShape for a ring of fewer than three corners, or
    with corners that are no finite numbers.
    """
    from skimage.draw import polygon

    inside = np.zeros(size, np.bool_)
    for ring in rings:
        if ring.ndim != 2 or ring.shape[1] != 2 or len(ring) < 3:
            raise BadShape("an outline needs three corners of two coordinates")
        if not np.isfinite(ring).all():
            raise BadShape("an outline has corners that are no finite numbers")
        rows, columns = polygon(ring[:, 1] - 0.5, ring[:, 0] - 0.5, size)
        inside[rows, columns] ^= True
    return np.flatnonzero(inside)


def of_run_lengths(text: str, size: tuple[int, int]) -> Places:
    """The pixels of "start length start length …", counted from 1 down the columns.

    This is the form of the 2018 Data Science Bowl. Raises BadShape for anything else, and for runs
    that leave the image.
    """
    words = text.split()
    if len(words) % 2 or not all(word.isdecimal() for word in words):
        raise BadShape("run lengths are pairs of whole numbers, start and length")
    runs = np.array(words, np.int64).reshape(-1, 2)
    if len(runs) and (runs[:, 0].min() < 1 or (runs.sum(axis=1) - 1).max() > size[0] * size[1]):
        raise BadShape(f"run lengths leave the image of {size[0]}×{size[1]} pixels")
    flat = np.zeros(size[0] * size[1], np.bool_)
    for start, length in runs.tolist():
        flat[start - 1 : start - 1 + length] = True
    return places(flat.reshape((size[1], size[0])).T)


def stack_cells(
    size: tuple[int, int], cells: Iterable[Places]
) -> tuple[npt.NDArray[np.uint32], tuple[str, ...]]:
    """One H×W label mask of single cells, ids 1 to n in their order.

    Where cells overlap the smaller one lies on top, so that none vanishes under a larger one.
    The second value says how many pixels were shared, and which cells are nowhere to be seen.
    """
    masks = list(cells)
    labels = np.zeros(size[0] * size[1], np.uint32)
    shared = 0
    for number in sorted(range(len(masks)), key=lambda index: -len(masks[index])):
        shared += int(np.count_nonzero(labels[masks[number]]))
        labels[masks[number]] = number + 1
    seen = np.bincount(labels, minlength=len(masks) + 1)
    lost = [str(number) for number in range(1, len(masks) + 1) if not seen[number]]
    remarks = []
    if shared:
        remarks.append(f"cells overlap on {shared} pixels, which went to the smaller one")
    if lost:
        remarks.append(f"{len(lost)} cells have no pixel of their own: {', '.join(lost[:5])}")
    return labels.reshape(size), tuple(remarks)


def places(cell: npt.NDArray[np.generic]) -> Places:
    """Where an H×W mask of one cell is not 0, without copying one stored by columns."""
    if cell.flags.c_contiguous:
        return np.flatnonzero(cell)
    columns, rows = np.divmod(np.flatnonzero(cell.T), cell.shape[0])
    return np.asarray(rows * cell.shape[1] + columns)
