"""From MAUNet's maps to cells: cores split by distance, and grown to the depth of their ring."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from containers.base.segmentation.decode import (
    areas_of,
    fill_holes,
    grow_cores,
    label_pieces,
    renumber,
)
from containers.base.segmentation.resample import resized_part
from containers.maunet.targets import ring_reach

CORE, FOREGROUND, DISTANCE = 0, 1, 2
"""The maps."""
ROUND = 1.77
"""By how much the side of the square as large as a disc grows with the disc's radius: √π."""


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How maps become cells; chosen on the validation images and kept with the weights."""

    core: float = 0.7
    """Core probability above which a pixel seeds a cell."""
    distance_share: float = 0.0
    """Share of the distance map in what is held against `core`; the rest is core probability."""
    foreground: float = 0.7
    """Probability of not being background above which a pixel can belong to a cell."""
    rim: float = 0.35
    """Distance map above which a pixel can belong to a cell: inside it is 0.6 to 1, in the ring
    outside 0."""
    split: float = 0.85
    """Share of a core's largest distance: parts above it that do not touch become cells of their
    own; 0: cores are never split."""
    smooth: float = 0.1
    """Width of the blur of the distance map before that, as a share of the core's side."""
    tolerance: float = 1.0
    """How far a cell may reach beyond the depth of its ring, in working pixels."""
    smallest_core: float = 16.0
    smallest_cell: float = 16.0
    """Areas below which cores and cells are dropped, in working pixels."""


def instances(
    maps: np.ndarray, shape: tuple[int, int], decoding: Decoding, scale: float = 1.0
) -> np.ndarray:
    """Cells as an H×W int32 label map of size `shape`, ids 1..n.

    `maps` is 3×h×w float16 or float32: probability of core, of not being background, and the
    distance map, in working pixels, `scale` of which make one pixel of `shape`. Cores are split
    where the distance map says that they are several cells; a watershed then gives each the
    foreground around it, as far as the ring of a cell of its size is deep. Peak memory beyond
    `maps` is about 10 bytes per pixel of `shape`.
    """
    share, everywhere = np.float16(decoding.distance_share), slice(0, shape[1])
    seeds = maps[CORE] * (1 - share) + maps[DISTANCE] * share if share else maps[CORE]
    cores = label_pieces(
        lambda rows: resized_part(seeds, shape, rows, everywhere) > decoding.core,
        shape,
        decoding.smallest_core / scale**2,
    )
    if not cores.any():
        return cores
    if decoding.split:
        split_cores(cores, maps[DISTANCE], decoding, decoding.smallest_core / scale**2)

    def foreground(*part: slice) -> np.ndarray:
        likely = resized_part(maps[FOREGROUND], shape, *part) > decoding.foreground
        return likely & (resized_part(maps[DISTANCE], shape, *part) > decoding.rim)

    sides = np.sqrt(areas_of(cores)) * scale
    depth = ring_reach(sides**2) + 1
    depth = ring_reach((sides + ROUND * depth) ** 2) + 1
    reach = ((depth + decoding.tolerance) / scale).astype(np.float32)
    reach[0] = 0
    labels = grow_cores(cores, seeds, foreground, np.maximum(reach, 1))
    fill_holes(labels)
    renumber(labels, areas_of(labels) >= decoding.smallest_cell / scale**2)
    return labels


def split_cores(
    cores: np.ndarray, distance: np.ndarray, decoding: Decoding, smallest: float
) -> None:
    """Gives parts of a core that the distance map holds for cells of their own new numbers.

    `cores` is H×W int32, 1..n, and changed in place; `distance` h×w. The threshold is relative to
    the core's own largest distance, so large and small cells in one image do not touch each other.
    Parts of fewer than `smallest` pixels split nothing off.
    """
    shape = (cores.shape[0], cores.shape[1])
    boxes = ndimage.find_objects(cores)
    count = len(boxes)
    for number, box in enumerate(boxes, start=1):
        core = cores[box] == number
        height = resized_part(distance, shape, *box)
        inside = height[core]
        if inside.min() >= decoding.split * inside.max():
            continue
        blur = decoding.smooth * float(np.sqrt(inside.size))
        height = _blurred(height, core, blur)
        parts, found = ndimage.label(core & (height > decoding.split * height[core].max()))
        if found < 2:
            continue
        renumber(parts, np.bincount(parts.ravel()) >= smallest)
        if parts.max() < 2:
            continue
        owners = watershed(-height, parts, mask=core)
        new = owners > 1
        cores[box][new] = owners[new] - 1 + count
        count += int(owners.max()) - 1


def _blurred(height: np.ndarray, core: np.ndarray, width: float) -> np.ndarray:
    """Gaussian blur inside `core` alone, float32."""
    weight = ndimage.gaussian_filter(core.astype(np.float32), width, mode="constant")
    total = ndimage.gaussian_filter(np.where(core, height, 0), width, mode="constant")
    return np.where(core, total / np.maximum(weight, 1e-6), 0)
