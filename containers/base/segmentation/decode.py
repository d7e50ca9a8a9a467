"""From probability maps to instances, at any size in bounded memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from containers.base.segmentation.resample import resized_part

BLOCK = 2048
BAND_ROWS = 256
MARGIN = 16
TIE_BREAK = np.float32(1e-3)
"""Core probability that one pixel of distance is worth: equally likely pixels go to the nearest."""


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How maps become cells; chosen on the validation images and kept with the weights."""

    core: float = 0.5
    """Core probability above which a pixel seeds a cell."""
    foreground: float = 0.5
    """Foreground probability above which a pixel can belong to a cell."""
    grow: float = 3.0
    """How far a cell may reach beyond its core, in working pixels: the depth of the ring and a
    pixel of tolerance."""
    smallest_core: float = 4.0
    smallest_cell: float = 12.0
    """Areas below which cores and cells are dropped, in working pixels."""


def instances(
    maps: np.ndarray, shape: tuple[int, int], decoding: Decoding, scale: float = 1.0
) -> np.ndarray:
    """Cells as an H×W int32 label map of size `shape`, ids 1..n.

    `maps` is 2×h×w float16 or float32: probability of core and probability of foreground, in
    working pixels, `scale` of which make one pixel of `shape`. Cores are 4-connected, so cells
    that touch at a corner stay apart. A watershed on the core probability gives each core the
    foreground within `grow` around it; holes in cells are filled.

    Labels of cores are global and the watershed sees a margin wider than `grow`, so working block
    by block leaves no seams. Peak memory beyond `maps` is about 10 bytes per pixel of `shape`.
    """
    cores = _label_cores(maps[0], shape, decoding, scale)
    if not cores.any():
        return cores
    labels = grow_cores(
        cores,
        maps[0],
        lambda *part: resized_part(maps[1], shape, *part) > decoding.foreground,
        np.full(int(cores.max()) + 1, max(1.0, decoding.grow / scale), np.float32),
    )
    fill_holes(labels)
    renumber(labels, areas_of(labels) >= decoding.smallest_cell / scale**2)
    return labels


def grow_cores(
    cores: np.ndarray,
    core: np.ndarray,
    foreground: Callable[[slice, slice], np.ndarray],
    reach: np.ndarray,
) -> np.ndarray:
    """H×W int32 labels: each of the labelled `cores` with the foreground around it.

    `core` is the h×w map of the probability of core, down which the watershed runs; `foreground`
    gives the mask of a part of the image; `reach`, float32, says for each label how many pixels
    it may grow by.
    """
    shape = (cores.shape[0], cores.shape[1])
    labels = np.zeros(shape, np.int32)
    furthest = float(reach.max())
    for inner, outer in blocks(shape, int(np.ceil(furthest)) + MARGIN):
        seeds = cores[outer]
        if seeds.any():
            distance = ndimage.distance_transform_edt(seeds == 0).astype(np.float32)
            landscape = TIE_BREAK * (distance + _scattered(*outer))
            landscape -= resized_part(core, shape, *outer)
            within = ((distance <= furthest) & foreground(*outer)) | (seeds > 0)
            grown = watershed(landscape, seeds, mask=within)
            grown[distance > reach[grown]] = 0
            labels[inner] = grown[within_block(inner, outer)]
    return labels


def _label_cores(
    core: np.ndarray, shape: tuple[int, int], decoding: Decoding, scale: float
) -> np.ndarray:
    everywhere = slice(0, shape[1])
    return label_pieces(
        lambda rows: resized_part(core, shape, rows, everywhere) > decoding.core,
        shape,
        decoding.smallest_core / scale**2,
    )


def label_pieces(
    marked: Callable[[slice], np.ndarray], shape: tuple[int, int], smallest: float
) -> np.ndarray:
    """H×W int32: the 4-connected pieces of at least `smallest` pixels, 1..n.

    `marked` says for some rows of the image (all columns) which pixels belong to a piece.
    """
    seeds = np.zeros(shape, bool)
    for rows in bands(shape[0]):
        seeds[rows] = marked(rows)
    labels = np.empty(shape, np.int32)
    ndimage.label(seeds, output=labels)
    renumber(labels, areas_of(labels) >= smallest)
    return labels


def fill_holes(labels: np.ndarray) -> None:
    """Fills holes inside single cells of H×W int32 labels, in place."""
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        part = labels[box]
        filled = ndimage.binary_fill_holes(part == number)
        part[filled & (part == 0)] = number


def areas_of(labels: np.ndarray) -> np.ndarray:
    """Pixels of each label 0..n, int64."""
    areas = np.zeros(int(labels.max()) + 1, np.int64)
    for rows in bands(labels.shape[0]):
        areas += np.bincount(labels[rows].ravel(), minlength=len(areas))
    return areas


def renumber(labels: np.ndarray, keep: np.ndarray) -> None:
    """Gives the labels marked in `keep` the numbers 1..n and sets all others to 0."""
    keep[0] = False
    numbers = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    for rows in bands(labels.shape[0]):
        labels[rows] = numbers[labels[rows]]


def bands(height: int) -> Iterator[slice]:
    """The rows of an image, `BAND_ROWS` at a time."""
    for top in range(0, height, BAND_ROWS):
        yield slice(top, min(top + BAND_ROWS, height))


def blocks(
    shape: tuple[int, int], margin: int
) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Each block of the image, and the same with `margin` pixels around it."""
    for top in range(0, shape[0], BLOCK):
        for left in range(0, shape[1], BLOCK):
            starts, stops = (top, left), (min(top + BLOCK, shape[0]), min(left + BLOCK, shape[1]))
            inner = slice(starts[0], stops[0]), slice(starts[1], stops[1])
            outer = (
                slice(max(0, starts[0] - margin), min(stops[0] + margin, shape[0])),
                slice(max(0, starts[1] - margin), min(stops[1] + margin, shape[1])),
            )
            yield inner, outer


def _scattered(rows: slice, columns: slice) -> np.ndarray:
    """A value below 1/8 for each pixel that depends on its place in the image alone.

    The watershed resolves ties by an order that changes with the size of the block; with this there
    are hardly any.
    """
    row = np.arange(rows.start, rows.stop, dtype=np.uint32)[:, None] * np.uint32(2654435761)
    column = np.arange(columns.start, columns.stop, dtype=np.uint32)[None] * np.uint32(2246822519)
    mixed = (row ^ column) * np.uint32(3266489917)
    return (mixed >> np.uint32(17)).astype(np.float32) / np.float32(2**18)


def within_block(inner: tuple[slice, slice], outer: tuple[slice, slice]) -> tuple[slice, slice]:
    """Where a block lies in itself with its margin."""
    rows, columns = (
        slice(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(inner, outer, strict=True)
    )
    return rows, columns
