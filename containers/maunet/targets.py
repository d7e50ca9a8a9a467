"""What MAUNet is asked to predict: classes with a ring that grows with the cell, and a distance."""

import numpy as np
from scipy import ndimage

from containers.base.segmentation.targets import (
    CORE,
    RING,
    compact,
    each_cell,
    main_pieces,
    ring_depth,
)

SIDE_PER_PIXEL = 40
"""Side of the square as large as the cell for which the ring gets one pixel deeper."""


def ring_reach(areas: np.ndarray) -> np.ndarray:
    """How far the ring of cells of these areas lies outside them, pixels; it is one deeper inside.

    ceil(√area / 40), as in saltfish's preprocessing.
    """
    reach: np.ndarray = np.ceil(np.sqrt(areas) / SIDE_PER_PIXEL)
    return reach


def adaptive_classes(labels: np.ndarray) -> np.ndarray:
    """Background 0, core 1, ring 2 for each pixel of `labels` (H×W int32, 0..n); uint8.

    For each cell the ring is what lies within t = `ring_reach` of its innermost outline pixels: t
    outside on background, t + 1 inside, whoever its neighbours are. In a small cell the part
    inside gets thinner, so that every cell has a core (`targets.ring_depth`). The image border is
    no outline.
    """
    reach = ring_reach(np.bincount(labels.ravel()))
    classes = np.zeros(labels.shape, np.uint8)
    if not labels.any():
        return classes
    outside, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    classes[outside <= reach[labels[tuple(nearest)]]] = RING
    for window, cell, distance in each_cell(labels):
        number = labels[window][cell][0]
        deepest = float(distance.max())
        core = distance > ring_depth(deepest, int(reach[number]) + 1)
        if not core.any():
            core = distance >= deepest
        classes[window][main_pieces(core)] = CORE
    return classes


def closeness(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """How near each pixel of a cell is to its middle: 1 there, 0 in the background; float32.

    1 / (1 + (max D - D) / √area), with D the distance to the nearest pixel that is no core, 0 in
    the ring, and the largest D and the area those of the cell: the same for a cell and its
    enlargement. At the rim of a round cell it is still about 0.7, so it marks the cell's outline
    with a step.
    """
    core = classes == CORE
    if core.all():
        return np.ones(labels.shape, np.float32)
    distance = ndimage.distance_transform_edt(core).astype(np.float32)
    areas = np.bincount(labels.ravel())
    largest = np.zeros(len(areas), np.float32)
    np.maximum.at(largest, labels, distance)
    below = (largest[labels] - distance) / np.sqrt(np.maximum(areas, 1))[labels]
    return np.where(labels > 0, 1 / (1 + below), 0).astype(np.float32)


def encode(labels: np.ndarray) -> np.ndarray:
    """2×H×W float32 for a crop's labels: the class number and the closeness of each pixel."""
    labels = compact(labels)
    classes = adaptive_classes(labels)
    return np.stack([classes.astype(np.float32), closeness(labels, classes)])
