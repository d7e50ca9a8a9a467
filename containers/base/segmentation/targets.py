"""What a network is asked to predict, made from instance labels."""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

BACKGROUND, CORE, RING = 0, 1, 2
Window = tuple[slice, ...]


def compact(labels: np.ndarray) -> np.ndarray:
    """Renumber H×W labels of any integer dtype to 0..n in int32; 0 stays background."""
    if labels.size and labels.min() >= 0 and labels.max() <= labels.size:
        present = np.bincount(labels.ravel().astype(np.int64, copy=False)) > 0
        present[0] = False
        return np.take(np.where(present, np.cumsum(present), 0).astype(np.int32), labels)
    ids, inverse = np.unique(labels, return_inverse=True)
    start = 0 if ids.size and ids[0] == 0 else 1
    return (inverse.reshape(labels.shape) + start).astype(np.int32)


def ring_classes(labels: np.ndarray, depth: int) -> np.ndarray:
    """Background 0, core 1, ring 2 for each pixel of `labels` (H×W, any integer dtype); uint8.

    The ring is the part of a cell within `depth` pixels of its own outline, so two touching cells
    both have one and their cores lie apart. Nothing outside a cell is ring, so core and ring
    together are the exact foreground. The depth falls to a third of a small cell's inner radius (at
    least 1) and a cell too thin for that keeps its innermost pixels as core. The image border is no
    outline. Pieces that thinning cuts off a core (under a quarter of its largest piece) are ring.
    """
    classes = np.zeros(labels.shape, np.uint8)
    for window, cell, distance in each_cell(labels):
        deepest = float(distance.max())
        core = distance > ring_depth(deepest, depth)
        if not core.any():
            core = distance >= deepest
        part = classes[window]
        part[cell] = RING
        part[main_pieces(core)] = CORE
    return classes


def ring_depth(inner_radius: float, depth: int) -> float:
    """Depth of the ring in a cell of the given inner radius, pixels: 1 to `depth`."""
    return float(np.clip(np.floor(inner_radius / 3), 1, max(1, depth)))


def distance_map(labels: np.ndarray) -> np.ndarray:
    """Distance to the own cell's outline divided by the cell's largest; 0 in the background.

    H×W float32 in [0, 1], 1 at each cell's deepest pixels.
    """
    out = np.zeros(labels.shape, np.float32)
    for window, cell, distance in each_cell(labels):
        part = out[window]
        part[cell] = (distance / distance.max())[cell]
    return out


def each_cell(labels: np.ndarray) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
    """For each cell its window, its mask there, and the distance of its pixels to its outline.

    A window reaches one pixel beyond the cell, except at the image border: there the distance goes
    on as if the cell did.
    """
    numbered = compact(labels)
    for number, box in enumerate(ndimage.find_objects(numbered), start=1):
        window = tuple(
            slice(max(0, side.start - 1), min(size, side.stop + 1))
            for side, size in zip(box, labels.shape, strict=True)
        )
        cell = numbered[window] == number
        if cell.all():
            yield window, cell, np.full(cell.shape, float(max(cell.shape)), np.float32)
        else:
            yield window, cell, ndimage.distance_transform_edt(cell).astype(np.float32)


def main_pieces(core: np.ndarray) -> np.ndarray:
    """The 4-connected pieces of a mask that have at least a quarter of the largest one's area."""
    pieces, count = ndimage.label(core)
    if count < 2:
        return core
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.take(sizes >= sizes.max() / 4, pieces)
