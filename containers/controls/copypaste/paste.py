"""Painting over the cells of a background, and laying others on it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from containers.base.generation.pictures import Labels, Picture, Pixels
from containers.controls.copypaste.placing import Placed, overlap

Planes = npt.NDArray[np.float64]
"""H×W×C grey levels."""
Mask = npt.NDArray[np.bool_]

HALO = 3
"""px around a cell that are not taken for background."""
MARGIN = 4
"""px around a cell that are cut out with it, for its soft edge."""
SOFT = 0.7
"""Standard deviation of that edge, px."""
SCALES = (6.0, 24.0)
"""Of the background's light, px: the first that finds background around a place is used."""
ENOUGH = 0.02
"""Share of background under a blur from which on it is believed."""
OUTLIERS = 3.0
"""Noise beyond so many standard deviations is structure, and is not copied as it is."""
SHIFTS = 24
"""The background's noise is copied from so many places at most, to fill where cells were."""


def paste(
    random: np.random.Generator,
    pictures: Sequence[Picture],
    lights: Sequence[Planes],
    placed: Sequence[Placed],
    labels: Labels,
) -> Pixels:
    """The background of the first of `pictures` with the placed cells on it.

    Each cell is as much brighter or darker than what lies around it as it was in its own image.
    `lights` are those of the pictures (see `light_of`), `labels` those of the placed cells,
    numbered in their order.
    """
    canvas = empty_background(random, pictures[0], lights[0])
    for number, cell in enumerate(placed, start=1):
        picture = pictures[cell.cut.picture]
        contrast = _planes(picture) - lights[cell.cut.picture]
        rows, columns = cell.cut.window
        padded = np.pad(contrast, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="edge")
        wide = slice(rows.start, rows.stop + 2 * MARGIN)
        crop = cell.turned(padded[wide, columns.start : columns.stop + 2 * MARGIN])
        mask = np.pad(cell.mask, MARGIN)
        found = overlap(labels.shape, mask.shape, (cell.row - MARGIN, cell.column - MARGIN))
        if found is None:
            continue
        frame, part = found
        edge = ndimage.gaussian_filter(ndimage.binary_dilation(mask).astype(np.float64), SOFT)
        others = (labels[frame] > 0) & (labels[frame] != number)
        share = np.where(others, 0.0, edge[part])[..., None]
        canvas[frame] += share * (lights[0][frame] + crop[part] - canvas[frame])
    highest = np.iinfo(pictures[0].pixels.dtype).max
    kept = canvas if pictures[0].pixels.ndim == 3 else canvas[..., 0]
    pixels: Planes = np.rint(np.clip(kept, 0, highest))
    if pictures[0].pixels.dtype == np.uint8:
        return pixels.astype(np.uint8)
    return pixels.astype(np.uint16)


def light_of(picture: Picture) -> Planes:
    """The background of an image without its structure, also where cells are: a blur without them.

    Where no background lies around, that of further away; where there is none at all, the mean.
    """
    planes, free = _planes(picture), _free(picture)
    light = np.broadcast_to(
        planes[free].mean(axis=0) if free.any() else planes.mean((0, 1)), planes.shape
    ).copy()
    for scale in reversed(SCALES):
        weight = ndimage.gaussian_filter(free.astype(np.float64), scale)
        known = weight > ENOUGH
        blurred = ndimage.gaussian_filter(planes * free[..., None], (scale, scale, 0))
        light[known] = blurred[known] / weight[known][:, None]
    return light


def empty_background(random: np.random.Generator, picture: Picture, light: Planes) -> Planes:
    """The image with its cells painted over: by its light, and by noise from beside the cells."""
    free = _free(picture)
    noise = np.where(free[..., None], _planes(picture) - light, 0.0)
    if free.any():
        usual = OUTLIERS * 1.4826 * np.median(np.abs(noise[free]), axis=0)
        copied = np.clip(noise, -usual, usual)
    else:
        copied = noise
    hollow = ~free
    for _ in range(SHIFTS):
        if not hollow.any():
            break
        shift = tuple(int(random.integers(length)) for length in free.shape)
        here = hollow & np.roll(free, shift, (0, 1))
        noise[here] = np.roll(copied, shift, (0, 1))[here]
        hollow &= ~here
    return np.asarray(light + noise)


def _planes(picture: Picture) -> Planes:
    return np.atleast_3d(picture.pixels).astype(np.float64)


def _free(picture: Picture) -> Mask:
    return np.asarray(~ndimage.binary_dilation(picture.labels > 0, iterations=HALO))
