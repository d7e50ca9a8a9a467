"""Outlines of cells that run along the edges of their pixels, so that nothing of a cell is lost.

Coordinates count pixels from the upper left corner of the image, which is the corner of the first
pixel: its middle is (0.5, 0.5). ImageJ and QuPath count like this.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.datasets.exporters.segmented import Numbered

Ring = npt.NDArray[np.float64]
"""(k, 2) x and y of the corners, the first not repeated at the end; no two corners are the same."""


class Piece(NamedTuple):
    """One connected part of a cell; pixels that meet at a corner alone do not connect."""

    outer: Ring
    """Its `ring_area` is above 0."""
    holes: tuple[Ring, ...]
    """Those are below 0."""


class Outline(NamedTuple):
    """All of one cell."""

    id: int
    pieces: tuple[Piece, ...]
    pixels: int

    @property
    def is_whole(self) -> bool:
        """Whether the outlines enclose just as much as the cell has pixels."""
        rings = [ring for piece in self.pieces for ring in (piece.outer, *piece.holes)]
        return round(sum(ring_area(ring) for ring in rings)) == self.pixels


def ring_area(ring: Ring) -> float:
    """The signed area in pixels, by the shoelace formula."""
    x, y = ring[:, 0], ring[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def outlines(numbered: Numbered) -> Iterator[Outline]:
    """The outline of each cell, in the order of the ids."""
    from scipy import ndimage

    boxes = ndimage.find_objects(numbered.places)
    for number, (cell_id, box) in enumerate(zip(numbered.ids, boxes, strict=True), start=1):
        cell = numbered.places[box] == number
        parts, count = ndimage.label(cell)
        corner = np.array([box[1].start, box[0].start], np.float64)
        yield Outline(
            int(cell_id),
            tuple(_piece(parts == part, corner) for part in range(1, count + 1)),
            int(np.count_nonzero(cell)),
        )


def _piece(part: npt.NDArray[np.bool_], corner: npt.NDArray[np.float64]) -> Piece:
    from skimage.measure import find_contours

    rings = [
        ring + corner
        for contour in find_contours(np.pad(part, 1).astype(np.float64), 0.5)
        for ring in _simple(_corners(contour - 0.5))
    ]
    areas = [ring_area(ring) for ring in rings]
    widest = int(np.argmax(np.abs(areas)))
    rings = [
        ring if (area > 0) == (place == widest) else ring[::-1]
        for place, (ring, area) in enumerate(zip(rings, areas, strict=True))
    ]
    return Piece(rings[widest], tuple(rings[:widest] + rings[widest + 1 :]))


def _corners(contour: npt.NDArray[np.float64]) -> Ring:
    """The corners between the edges in whose middles a contour's points lie.

    `contour` is (k + 1, 2) row and column, closed. The row of a point is whole where the edge runs
    along it, and between a point on such an edge and one on an upright edge lies a corner.
    """
    here, there = contour[:-1], contour[1:]
    level = here[:, 0] % 1 == 0
    turns = level != (there[:, 0] % 1 == 0)
    y = np.where(level, here[:, 0], there[:, 0])
    x = np.where(level, there[:, 1], here[:, 1])
    ring: Ring = np.stack([x, y], axis=1)[turns]
    return ring


def _simple(ring: Ring) -> Sequence[Ring]:
    """The ring cut where it touches itself: programs refuse polygons that do."""
    corners = [tuple(corner) for corner in ring.tolist()]
    if len(set(corners)) == len(corners):
        return [ring]
    found: list[Ring] = []
    path: list[tuple[float, ...]] = []
    at: dict[tuple[float, ...], int] = {}
    for corner in corners:
        if corner in at:
            start = at[corner]
            found.append(np.array(path[start:]))
            for passed in path[start + 1 :]:
                del at[passed]
            del path[start + 1 :]
        else:
            at[corner] = len(path)
            path.append(corner)
    return [*found, np.array(path)]
