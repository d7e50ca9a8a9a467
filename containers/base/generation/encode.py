"""Masks as networks are shown them: never as ids, so that a cell's number means nothing."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from containers.base.generation.data import Floats
from containers.base.segmentation.targets import each_cell

CHANNELS = 3
DEEPEST = 8.0
"""Pixels from the outline at which the distance ends."""


def encode(labels: npt.NDArray[np.integer]) -> Floats:
    """3×H×W in [0, 1] of H×W labels: foreground, boundaries between cells, distance to the outline.

    A boundary is where two cells lie within a pixel of each other. The distance, within each cell
    by itself, is divided by DEEPEST and cut there.
    """
    out = np.zeros((CHANNELS, *labels.shape), np.float32)
    out[0] = labels > 0
    out[1] = boundaries(labels)
    for window, cell, distance in each_cell(labels):
        part = out[2][window]
        part[cell] = np.minimum(distance / DEEPEST, 1)[cell]
    return out


def boundaries(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """H×W: pixels with two different cells among them and their eight neighbours."""
    numbers = labels.astype(np.int32)
    highest = ndimage.maximum_filter(numbers, 3)
    beyond = np.iinfo(np.int32).max
    lowest = ndimage.minimum_filter(np.where(numbers > 0, numbers, beyond), 3)
    touching: npt.NDArray[np.bool_] = (highest > 0) & (lowest != beyond) & (lowest != highest)
    return touching


def touching_share(labels: npt.NDArray[np.integer]) -> float:
    """Share of the cells that lie within a pixel of another one; 0 without cells."""
    ids = np.unique(labels[labels > 0])
    if not ids.size:
        return 0.0
    near = np.unique(labels[boundaries(labels) & (labels > 0)])
    return near.size / ids.size


def condition(labels: npt.NDArray[np.integer], glow: Floats, style: Floats) -> Floats:
    """(4+S)×H×W: the mask, each cell's brightness `glow[id]`, and the S numbers of the look."""
    look = np.broadcast_to(style[:, None, None], (style.size, *labels.shape))
    return np.concatenate([encode(labels), glow[labels][None], look]).astype(np.float32)


def condition_channels(channels: int) -> int:
    """Channels of `condition` for images of `channels`."""
    return CHANNELS + 1 + 2 * channels + 2
