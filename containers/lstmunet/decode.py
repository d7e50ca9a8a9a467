"""From probabilities of cell and contour to instances, at any size in bounded memory."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from containers.base.segmentation.decode import (
    MARGIN,
    areas_of,
    blocks,
    fill_holes,
    label_pieces,
    renumber,
    within_block,
)
from containers.base.segmentation.resample import resized_part
from containers.lstmunet.settings import Growth


@dataclass(frozen=True, kw_only=True)
class ContourDecoding:
    """How maps become cells; chosen on the validation images and kept with the weights."""

    edge: float = 0.2
    """Probability of contour from which a pixel is an edge."""
    inside: float = 0.5
    """Smallest probability of cell among cell and background together (contour left aside) with
    which an edge pixel can be given back to a cell."""
    grow: float = 2.0
    """How far from a cell edge pixels can be given back to it, in working pixels."""
    growth: Growth = "touching"
    """touching: edge pixels that are more likely cell than background, and those that lie in the
    line between two cells, one working pixel thin. edges: all edge pixels within `grow`, as in the
    original, which makes every cell larger by the contour around it."""
    smallest_cell: float = 12.0
    """Cells with a smaller area, in working pixels, are dropped."""
    smallest_share: float = 0.1
    largest_share: float = 40.0
    """Limits of a cell's area, as multiples of the area of the image's typical cell."""


def contour_instances(
    maps: np.ndarray, shape: tuple[int, int], decoding: ContourDecoding, scale: float = 1.0
) -> np.ndarray:
    """Cells as an H×W int32 label map of size `shape`, ids 1..n.

    `maps` is 2×h×w float16 or float32: probability of cell and of contour, in working pixels,
    `scale` of which make one pixel of `shape`. A pixel that is an edge (probability of contour of
    at least `edge`) belongs to no cell; of the others those where cell is the likeliest class form
    cells, which are 4-connected. Edge pixels are then given back as `growth` says, to the nearest
    cell; holes are filled, and cells of an unlikely size dropped.

    Labels are global and each block sees a margin wider than what it gives back, so working block
    by block leaves no seams. Peak memory beyond `maps` is about 10 bytes per pixel of `shape`.
    """
    everywhere = slice(0, shape[1])

    def inner_pixels(rows: slice) -> np.ndarray:
        cell, contour = (resized_part(plane, shape, rows, everywhere) for plane in maps)
        likeliest: np.ndarray = (cell > contour) & (cell > 1 - cell - contour)
        return likeliest & (contour < decoding.edge)

    cells = label_pieces(inner_pixels, shape, 1)
    if not cells.any():
        return cells
    labels = np.zeros(shape, np.int32)
    reach = max(1.0, decoding.grow / scale)
    for inner, outer in blocks(shape, int(np.ceil(reach)) + MARGIN):
        found = cells[outer]
        if found.any():
            cell, contour = (resized_part(plane, shape, *outer) for plane in maps)
            edge = (found == 0) & (contour >= decoding.edge)
            grown = _given_back(found, edge, cell, contour, decoding, scale)
            labels[inner] = grown[within_block(inner, outer)]
    fill_holes(labels)
    _drop_unlikely(labels, decoding, scale)
    return labels


def _given_back(
    found: np.ndarray,
    edge: np.ndarray,
    cell: np.ndarray,
    contour: np.ndarray,
    decoding: ContourDecoding,
    scale: float,
) -> np.ndarray:
    """`found` (cells) with the pixels of `edge` that belong to a cell given to the nearest one."""
    distance, (rows, columns) = ndimage.distance_transform_edt(found == 0, return_indices=True)
    allowed = edge & (distance <= max(1.0, decoding.grow / scale))
    if decoding.growth == "touching":
        within = cell > decoding.inside * (1 - contour)
        allowed &= within | _between_two(found, max(1, round(1 / scale)))
    return np.where(allowed, found[rows, columns], found)


def _between_two(found: np.ndarray, radius: int) -> np.ndarray:
    """Pixels with two different cells among those up to `radius` away in their row and column."""
    side = 2 * radius + 1
    others = np.where(found > 0, found, np.iinfo(np.int32).max)
    highest = np.maximum(*(ndimage.maximum_filter1d(found, side, axis) for axis in (0, 1)))
    lowest = np.minimum(*(ndimage.minimum_filter1d(others, side, axis) for axis in (0, 1)))
    return (highest > 0) & (lowest < highest)


def _drop_unlikely(labels: np.ndarray, decoding: ContourDecoding, scale: float) -> None:
    """Drops cells outside the limits and renumbers, in place.

    The typical cell is the one that the median pixel of all cells lies in: crumbs hardly move it.
    """
    areas = areas_of(labels)
    areas[0] = 0
    if not areas.any():
        return
    ordered = np.sort(areas)
    typical = ordered[np.searchsorted(np.cumsum(ordered), areas.sum() / 2)]
    smallest = max(decoding.smallest_cell / scale**2, decoding.smallest_share * typical)
    renumber(labels, (areas >= smallest) & (areas <= decoding.largest_share * typical))
