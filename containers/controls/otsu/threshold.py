"""Otsu's threshold, then touching cells split by a watershed on the distance transform."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed

from containers.base.segmentation.normalise import normalise
from contract import LargePicture, Region

SMALLEST_CELL = 30
"""Pixels; what is smaller counts as noise."""
WINDOW, WINDOWS = 512, 4
"""Side of the windows that a large picture is judged by, and how many there are in a row."""
FURTHEST_APART = 40.0
"""Pixels; seeds need not be further apart than this, however large the cells."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What tells cells from background in a smoothed grey image."""

    threshold: float
    darker: bool
    """Whether cells are what lies below it."""

    def cells(self, grey: np.ndarray) -> np.ndarray:
        """H×W bool."""
        cells = grey > self.threshold
        if self.darker:
            cells = ~cells
        filled: np.ndarray = ndimage.binary_fill_holes(ndimage.binary_opening(cells))
        return filled


def segment(pixels: np.ndarray, region: Region | None = None) -> np.ndarray:
    """H×W×3 pixels to H×W int32 labels, 0 for background.

    The grey image is smoothed (sigma 1) and cut at Otsu's threshold; cells are taken to be the side
    that fills less of the image's outer rows and columns, which are mostly background. Seeds are
    maxima of the smoothed distance to the outline, at least the typical inner radius apart. For a
    region all this is decided on windows spread over its picture.
    """
    if region is None:
        grey = _smoothed(normalise(pixels))
        cut = _cut([[grey]])
    else:
        grey = _smoothed(normalise(pixels, region.picture))
        cut = cut_of(region.picture)
    if cut is None:
        return np.zeros(grey.shape, np.int32)
    cells = cut.cells(grey)
    pieces, count = ndimage.label(cells)
    if count == 0:
        return np.zeros(grey.shape, np.int32)
    distance = _distance(cells)
    apart = _apart(_radii(distance, pieces)) if region is None else _apart_in(region.picture)
    peaks = peak_local_max(distance, min_distance=apart, labels=pieces, exclude_border=False)
    seeds = np.zeros(grey.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels: np.ndarray = watershed(-distance, seeds, mask=cells)
    sizes = np.bincount(labels.ravel())
    keep = sizes >= SMALLEST_CELL
    keep[0] = False
    return np.take(np.where(keep, np.cumsum(keep), 0).astype(np.int32), labels)


@lru_cache(maxsize=1)
def cut_of(picture: LargePicture) -> Cut | None:
    """By windows spread over a picture, of which the outer ones lie at its edges."""
    return _cut(_windows(picture))


@lru_cache(maxsize=1)
def _apart_in(picture: LargePicture) -> int:
    cut = cut_of(picture)
    assert cut is not None, "asked where cells were found"
    found = [cut.cells(one) for row in _windows(picture) for one in row]
    return _apart(
        [radius for cells in found for radius in _radii(_distance(cells), ndimage.label(cells)[0])]
    )


@lru_cache(maxsize=1)
def _windows(picture: LargePicture) -> list[list[np.ndarray]]:
    """`WINDOWS` rows of as many smoothed grey windows."""
    rows, columns = (
        [
            slice(start, min(start + WINDOW, size))
            for start in np.linspace(0, max(0, size - WINDOW), WINDOWS).round().astype(int).tolist()
        ]
        for size in picture.shape
    )
    return [
        [_smoothed(normalise(picture.read(down, across), picture)) for across in columns]
        for down in rows
    ]


def _cut(windows: list[list[np.ndarray]]) -> Cut | None:
    """By smoothed grey windows, row by row; None where all is alike."""
    values = np.concatenate([one.ravel() for row in windows for one in row])
    if values.min() == values.max():
        return None
    threshold = float(threshold_otsu(values))
    border = [
        *(one[0] for one in windows[0]),
        *(one[-1] for one in windows[-1]),
        *(row[0][:, 0] for row in windows),
        *(row[-1][:, -1] for row in windows),
    ]
    darker = bool((np.concatenate(border) > threshold).mean() > 0.5)
    return Cut(threshold=threshold, darker=darker)


def _smoothed(image: np.ndarray) -> np.ndarray:
    grey: np.ndarray = image.mean(axis=2, dtype=np.float32)
    return grey if grey.min() == grey.max() else ndimage.gaussian_filter(grey, 1)


def _distance(cells: np.ndarray) -> np.ndarray:
    distance = ndimage.distance_transform_edt(cells).astype(np.float32)
    smooth: np.ndarray = ndimage.gaussian_filter(distance, 1)
    return smooth


def _radii(distance: np.ndarray, pieces: np.ndarray) -> list[float]:
    """The inner radius of each piece, from the distance to the outline."""
    return list(ndimage.maximum(distance, pieces, np.arange(1, int(pieces.max()) + 1)))


def _apart(radii: Sequence[float]) -> int:
    """Pixels between two seeds, at least."""
    return int(np.clip(np.median(radii), 3, FURTHEST_APART)) if len(radii) else 3
