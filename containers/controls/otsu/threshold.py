"""Otsu's threshold, then touching cells split by a watershed on the distance transform."""

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed

from containers.base.segmentation.normalise import normalise

SMALLEST_CELL = 30
"""Pixels; what is smaller counts as noise."""
FURTHEST_APART = 40.0
"""Pixels; seeds need not be further apart than this, however large the cells."""


def segment(pixels: np.ndarray) -> np.ndarray:
    """H×W×3 pixels to H×W int32 labels, 0 for background.

    The grey image is smoothed (sigma 1) and cut at Otsu's threshold; cells are taken to be the side
    that fills less of the image's outer rows and columns, which are mostly background. Seeds are
    maxima of the smoothed distance to the outline, at least the typical inner radius apart.
    """
    grey = normalise(pixels).mean(axis=2, dtype=np.float32)
    if grey.min() == grey.max():
        return np.zeros(grey.shape, np.int32)
    grey = ndimage.gaussian_filter(grey, 1)
    cells = grey > threshold_otsu(grey)
    border = np.concatenate([cells[0], cells[-1], cells[:, 0], cells[:, -1]])
    if border.mean() > 0.5:
        cells = ~cells
    cells = ndimage.binary_fill_holes(ndimage.binary_opening(cells))
    pieces, count = ndimage.label(cells)
    if count == 0:
        return np.zeros(grey.shape, np.int32)
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(cells).astype(np.float32), 1)
    radii = ndimage.maximum(distance, pieces, np.arange(1, count + 1))
    apart = int(np.clip(np.median(radii), 3, FURTHEST_APART))
    peaks = peak_local_max(distance, min_distance=apart, labels=pieces, exclude_border=False)
    seeds = np.zeros(grey.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels: np.ndarray = watershed(-distance, seeds, mask=cells)
    sizes = np.bincount(labels.ravel())
    keep = sizes >= SMALLEST_CELL
    keep[0] = False
    return np.take(np.where(keep, np.cumsum(keep), 0).astype(np.int32), labels)
