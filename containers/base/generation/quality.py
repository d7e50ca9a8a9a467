"""The filter: how far cells stand out from what is around them, and how far they must."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from containers.base.generation.data import Collection, Floats

AROUND = 8
"""Pixels around the cells that are compared with them."""
COARSEST = 0.1
"""Quantile of the validation images that sets what is normal."""


def contrast(grey: Floats, labels: npt.NDArray[np.integer]) -> float:
    """How well grey alone tells cells from the ground around them; 0 not at all, 1 always.

    |2 A − 1|, where A is the probability that a pixel of a cell is brighter than one of the ground
    within AROUND pixels: the area under the ROC curve. 1 where there is nothing to compare.
    """
    inside = labels > 0
    around = ndimage.binary_dilation(inside, iterations=AROUND) & ~inside
    cells, ground = np.sort(grey[inside]), np.sort(grey[around])
    if not cells.size or not ground.size:
        return 1.0
    below = np.searchsorted(ground, cells, "left") + np.searchsorted(ground, cells, "right")
    area = below.mean() / (2 * ground.size)
    return float(abs(2 * area - 1))


def threshold(images: Iterable[Collection], share: float) -> float:
    """What a pair must reach: `share` of what the first collection with images has.

    That is their tenth percentile. The number is kept with the weights.
    """
    for collection in images:
        if len(collection):
            scores = [contrast(real.grey, real.labels) for real in collection]
            return share * float(np.quantile(scores, COARSEST))
    return 0.0
