"""Cells put on an empty ground: apart from each other, or touching as often as is asked."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from containers.base.simulated.shapes import tidy_labels

Mask = npt.NDArray[np.bool_]
Window = tuple[slice, slice]
Corner = Sequence[int] | npt.NDArray[np.int_]
FREE_TRIES, TOUCHING_TRIES = 40, 6
GAP = 2
"""Pixels that cells which do not touch stay apart, at least."""


class Ground:
    """H×W labels that cells are put on, one after another."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.labels = np.zeros(shape, np.int32)
        self._centres: list[tuple[float, float]] = []

    def put(
        self, cell: Mask, touching: bool, rng: np.random.Generator, spacing: float = 0.0
    ) -> bool:
        """Adds a cell, tight h×w mask, against another one or away from all; False without room.

        Of some free places it gets the one whose nearest cell is most nearly `spacing` pixels away,
        from centre to centre. A cell may lie half outside. Its id is the number of cells so far.
        """
        if touching and self._centres:
            for _ in range(TOUCHING_TRIES):
                if self._put_against(cell, rng):
                    return True
        wide = with_gap(cell)
        half = np.array(cell.shape) / 2
        best, miss = None, np.inf
        for centre in rng.uniform(0, 1, (FREE_TRIES, 2)) * self.labels.shape:
            corner = np.rint(centre - half).astype(int)
            off = abs(self._nearest(corner + half) - spacing) if spacing else 0.0
            if off < miss and is_free(self.labels, wide, corner - GAP):
                best, miss = corner, off
                if not spacing:
                    break
        if best is None:
            return False
        self._write(cell, best)
        return True

    def _nearest(self, centre: npt.NDArray[np.float64]) -> float:
        if not self._centres:
            return 0.0
        return float(np.hypot(*(np.array(self._centres) - centre).T).min())

    def _put_against(self, cell: Mask, rng: np.random.Generator) -> bool:
        """Moves the cell towards another one, in a random direction, until they meet."""
        start = np.array(self._centres[int(rng.integers(len(self._centres)))])
        angle = rng.uniform(0, 2 * np.pi)
        way = np.array([np.sin(angle), np.cos(angle)])
        half = np.array(cell.shape) / 2
        free = None
        for distance in range(3 * max(cell.shape), 0, -1):
            corner = np.rint(start + way * distance - half).astype(int)
            if not is_free(self.labels, cell, corner):
                break
            free = corner
        if free is None:
            return False
        middle = free + half
        if (middle < 0).any() or (middle >= self.labels.shape).any():
            return False
        self._write(cell, free)
        return True

    def _write(self, cell: Mask, corner: npt.NDArray[np.int_]) -> None:
        ground, part = overlap(self.labels.shape, cell.shape, corner)
        self._centres.append(tuple(corner + np.array(cell.shape) / 2))
        self.labels[ground][cell[part]] = len(self._centres)


def overlap(
    ground: tuple[int, ...], piece: tuple[int, ...], corner: Corner
) -> tuple[Window, Window]:
    """The part of a ground of this shape that a piece of that shape covers when it is laid at
    `corner`, and the part of the piece that lies on it; both empty where it lies outside."""
    covered, part = [], []
    for start, size, side in zip(corner, piece, ground, strict=True):
        low, high = max(0, int(start)), max(0, min(side, int(start) + size))
        covered.append(slice(min(low, high), high))
        part.append(slice(min(low, high) - int(start), high - int(start)))
    return (covered[0], covered[1]), (part[0], part[1])


def is_free(labels: npt.NDArray[np.int32], cell: Mask, corner: Corner) -> bool:
    """Whether no other cell lies where this one would at `corner`."""
    ground, part = overlap(labels.shape, cell.shape, corner)
    return not labels[ground][cell[part]].any()


def with_gap(cell: Mask) -> Mask:
    """A cell and the GAP pixels around it that are to be free; its corner is GAP pixels further out
    along both axes."""
    wide: Mask = ndimage.binary_dilation(np.pad(cell, GAP), iterations=GAP)
    return wide


def turned(cell: Mask, rng: np.random.Generator) -> Mask:
    """One of the eight mirrored and turned forms of a mask."""
    cell = np.rot90(cell, int(rng.integers(4)))
    return cell[:, ::-1] if rng.random() < 0.5 else cell


def renumber(
    labels: npt.NDArray[np.int32], glow: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Ids 1..n without gaps, one 4-connected piece each, the largest, and their `glow` along."""
    present = np.unique(labels[labels > 0])
    return tidy_labels(labels, smallest=1), glow[np.append(0, present)]
