"""Cells cut out of label maps and placed anew, by rules for contact."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from containers.base.generation.pictures import Labels
from containers.base.generation.placing import GAP, Mask, Window, is_free, overlap, with_gap
from containers.base.simulated.shapes import largest_piece

Value = TypeVar("Value", bound=np.generic)

SMALLEST = 9
"""px; what is smaller is not taken for a cell."""
TRIES = 40
"""Places that are tried for a cell."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A cell cut out of the label map number `picture`."""

    picture: int
    window: Window
    mask: Mask
    """h×w, True inside the cell."""


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A cell in its new place: mirrored, turned by quarters, its first corner at `row`, `column`.

    The corner may lie outside the frame, which then cuts the cell.
    """

    cut: Cut
    quarters: int
    mirrored: bool
    row: int
    column: int

    @property
    def mask(self) -> Mask:
        """The cell as it lies there."""
        return self.turned(self.cut.mask)

    def turned(self, crop: npt.NDArray[Value]) -> npt.NDArray[Value]:
        """A crop of the cell's old place as it lies in the new one."""
        return np.asarray(np.rot90(crop[:, ::-1] if self.mirrored else crop, self.quarters))


def cut_cells(maps: Sequence[Labels]) -> list[Cut]:
    """The cells of label maps, each its largest piece; of those cut by the frame only if no other.

    Pixels of a piece are connected over their edges.
    """
    whole: list[Cut] = []
    at_frame: list[Cut] = []
    for picture, labels in enumerate(maps):
        for label, window in enumerate(ndimage.find_objects(labels), start=1):
            if window is None:
                continue
            largest = largest_piece(labels[window] == label)
            if np.count_nonzero(largest) < SMALLEST:
                continue
            (inner,) = ndimage.find_objects(largest.astype(np.uint8))
            rows, columns = (
                slice(outer.start + part.start, outer.start + part.stop)
                for outer, part in zip(window, inner, strict=True)
            )
            cut = Cut(picture=picture, window=(rows, columns), mask=largest[inner])
            inside = (
                min(rows.start, columns.start) > 0
                and rows.stop < labels.shape[0]
                and columns.stop < labels.shape[1]
            )
            (whole if inside else at_frame).append(cut)
    return whole or at_frame


def place(
    random: np.random.Generator,
    cuts: Sequence[Cut],
    shape: tuple[int, int],
    count: int,
    *,
    touching: float,
    turn: bool = True,
) -> tuple[list[Placed], Labels]:
    """Places at most `count` cells, drawn from `cuts`, in a frame; and the labels of that frame.

    No two overlap. A share `touching` is pushed against another cell until it touches; the others
    stay at least GAP px away, and where there is no room for one it is left out. Without `turn`
    cells keep their direction, for pictures with light from one side. Ids run from 1 to n without
    a gap, and each is one piece also where the frame cuts it.
    """
    labels = np.zeros(shape, np.int32)
    found: list[Placed] = []
    for _ in range(count if cuts else 0):
        cut = cuts[int(random.integers(len(cuts)))]
        quarters, mirrored = int(random.integers(4)) * turn, bool(random.integers(2)) and turn
        one = Placed(cut=cut, quarters=quarters, mirrored=mirrored, row=0, column=0)
        mask, wide = one.mask, with_gap(one.mask)
        against = bool(found) and random.random() < touching
        for _ in range(TRIES):
            if against:
                corner = _pushed(random, labels, mask, found[int(random.integers(len(found)))])
            else:
                corner = _anywhere(random, labels, wide)
            if corner is not None and _draw(labels, mask, corner, len(found) + 1):
                found.append(replace(one, row=corner[0], column=corner[1]))
                break
    return found, labels


def _anywhere(random: np.random.Generator, labels: Labels, wide: Mask) -> tuple[int, int] | None:
    """A corner that puts the cell's middle anywhere in the frame, if the cell is alone there.

    `wide` is the cell `with_gap`.
    """
    middle = [int(random.integers(length)) for length in labels.shape]
    corner = middle[0] - wide.shape[0] // 2, middle[1] - wide.shape[1] // 2
    return (corner[0] + GAP, corner[1] + GAP) if is_free(labels, wide, corner) else None


def _pushed(
    random: np.random.Generator, labels: Labels, mask: Mask, other: Placed
) -> tuple[int, int] | None:
    """The last free corner on the way towards another cell, from a random direction."""
    size, target = mask.shape, other.mask.shape
    middle = other.row + target[0] / 2, other.column + target[1] / 2
    angle = random.uniform(0, 2 * math.pi)
    free = None
    for distance in range(math.ceil((math.hypot(*size) + math.hypot(*target)) / 2) + 1, 0, -1):
        corner = (
            round(middle[0] + distance * math.sin(angle) - size[0] / 2),
            round(middle[1] + distance * math.cos(angle) - size[1] / 2),
        )
        if not is_free(labels, mask, corner):
            break
        free = corner
    return free


def _draw(labels: Labels, mask: Mask, corner: tuple[int, int], label: int) -> bool:
    """Draws the cell's largest piece inside the frame; False when that is none."""
    frame, part = overlap(labels.shape, mask.shape, corner)
    piece = largest_piece(mask[part])
    if np.count_nonzero(piece) < SMALLEST:
        return False
    labels[frame][piece] = label
    return True
