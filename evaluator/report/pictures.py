"""Small pictures for the report: an image, or an image with the outlines of its cells.

Pictures are sized down before anything else happens, so a large image costs little memory.
"""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from evaluator.report.section import Panel

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.integer]
Edge = npt.NDArray[np.bool_]

TRUTH_COLOUR = (0, 200, 255)
PREDICTION_COLOUR = (255, 225, 0)
SIDE = 384
"""Longest side of a panel, in pixels."""
LARGEST_ZOOM = 3
THICK_FROM = 150
"""Outlines are two pixels wide where a cell covers at least this many pixels of the panel."""
QUALITY = 82


def panel_shape(height: int, width: int, side: int = SIDE) -> tuple[int, int]:
    """Height and width of the panel of an image, in pixels; small images are enlarged a little."""
    scale = min(side / max(height, width), LARGEST_ZOOM)
    return max(1, round(height * scale)), max(1, round(width * scale))


def displayed(pixels: npt.NDArray[np.generic], shape: tuple[int, int]) -> Pixels:
    """An H×W×3 image of any depth as uint8 of `shape`, stretched.

    The 0.5 and 99.5 percentiles become black and white; uint8 images keep their values if these
    lie half of the range apart.
    """
    step = max(1, min(pixels.shape[0] // (2 * shape[0]), pixels.shape[1] // (2 * shape[1])))
    small = pixels[::step, ::step]
    stretched = _stretched_whole(small) if small.dtype.kind == "u" else _stretched_floats(small)
    if stretched.shape[:2] == shape:
        return stretched
    resized = Pillow.fromarray(stretched).resize(
        (shape[1], shape[0]), Pillow.Resampling.BICUBIC, reducing_gap=2.0
    )
    return np.asarray(resized, dtype=np.uint8)


ENDS = (0.5, 99.5)


def _stretched_whole(pixels: npt.NDArray[Any]) -> Pixels:
    """The stretch of uint8 or uint16: one look into a table for each pixel, not arithmetic."""
    values = np.arange(np.iinfo(pixels.dtype).max + 1)
    low, high = _percentiles(np.bincount(pixels.ravel(), minlength=len(values)))
    if pixels.dtype == np.uint8 and high - low >= 128:
        return np.ascontiguousarray(pixels)
    return np.asarray(stretch(values, low, high).take(pixels))


def _stretched_floats(pixels: npt.NDArray[Any]) -> Pixels:
    values = pixels.astype(np.float32)
    low, high = (float(value) for value in np.percentile(values, ENDS))
    return stretch(values, low, high)


def _percentiles(counts: npt.NDArray[np.integer]) -> tuple[float, float]:
    """The percentiles `ENDS` of whole values, as numpy's, from how often each one occurs."""
    upto = np.cumsum(counts)
    found = []
    for percent in ENDS:
        place = (int(upto[-1]) - 1) * percent / 100
        low, high = np.searchsorted(upto, (np.floor(place), np.ceil(place)), side="right")
        found.append(float(low + (high - low) * (place % 1)))
    return found[0], found[1]


def stretch(values: npt.NDArray[Any], low: float, high: float) -> Pixels:
    """Values from `low` to `high` as 0 to 255."""
    scaled = (values.astype(np.float32) - low) / (high - low or 1.0) * 255
    return np.asarray(np.clip(scaled, 0, 255).astype(np.uint8))


def resampled(labels: Labels, shape: tuple[int, int]) -> Labels:
    """H×W ids at another shape, by nearest pixel, so that no new id appears."""
    if labels.shape == shape:
        return labels
    rows = ((np.arange(shape[0]) + 0.5) * labels.shape[0] / shape[0]).astype(int)
    columns = ((np.arange(shape[1]) + 0.5) * labels.shape[1] / shape[1]).astype(int)
    return np.asarray(labels.take(rows, axis=0).take(columns, axis=1))


def outline(labels: Labels) -> Edge:
    """Pixels of a cell that touch, by an edge, a pixel that is not of the same cell."""
    edge = np.zeros(labels.shape, dtype=bool)
    down = labels[1:] != labels[:-1]
    across = labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge &= labels != 0
    return edge


def painted(picture: Pixels, labels: Labels, colour: tuple[int, int, int]) -> Pixels:
    """A copy of an H×W×3 picture with the outlines of `labels` (any H×W) drawn on it."""
    small = resampled(labels, picture.shape[:2])
    edge = outline(small)
    cells = len(np.unique(small)) - 1
    if cells > 0 and np.count_nonzero(small) / cells >= THICK_FROM:
        edge |= outline(np.where(edge, 0, small))
    result = picture.copy()
    result[edge] = colour
    return result


def panel(label: str, note: str, alt: str, picture: Pixels) -> Panel:
    """A picture as a panel."""
    buffer = io.BytesIO()
    # Full colour resolution: outlines one pixel wide would smear otherwise.
    Pillow.fromarray(picture).save(buffer, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    height, width = picture.shape[:2]
    return Panel(
        label=label, note=note, alt=alt, jpeg=buffer.getvalue(), width=width, height=height
    )
