"""Painting over the cells of a background, and laying others on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from containers.base.generation.pictures import Labels, Picture, Pixels
from containers.base.generation.placing import Mask, overlap
from containers.controls.copypaste.placing import Placed

Planes = npt.NDArray[np.float64]
"""H×W×C grey levels."""

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


@dataclass(frozen=True, kw_only=True)
class Lit:
    """A picture and its background."""

    picture: Picture
    free: Mask
    """H×W, True where no cell is near."""
    light: Planes
    """See `light_of`."""


def paste(
    random: np.random.Generator, lit: Sequence[Lit], placed: Sequence[Placed], labels: Labels
) -> Pixels:
    """The background of the first of `lit` with the placed cells on it.

    Each cell is as much brighter or darker than what lies around it as it was in its own image.
    `labels` are those of the placed cells, numbered in their order.
    """
    canvas, background = empty_background(random, lit[0]), lit[0].picture
    contrasts = {number: _contrast(lit[number]) for number in {one.cut.picture for one in placed}}
    for number, cell in enumerate(placed, start=1):
        rows, columns = cell.cut.window
        wide = slice(rows.start, rows.stop + 2 * MARGIN)
        contrast = contrasts[cell.cut.picture]
        crop = cell.turned(contrast[wide, columns.start : columns.stop + 2 * MARGIN])
        mask = np.pad(cell.mask, MARGIN)
        frame, part = overlap(labels.shape, mask.shape, (cell.row - MARGIN, cell.column - MARGIN))
        edge = ndimage.gaussian_filter(ndimage.binary_dilation(mask).astype(np.float64), SOFT)
        others = (labels[frame] > 0) & (labels[frame] != number)
        share = np.where(others, 0.0, edge[part])[..., None]
        canvas[frame] += share * (lit[0].light[frame] + crop[part] - canvas[frame])
    highest = np.iinfo(background.pixels.dtype).max
    kept = canvas if background.pixels.ndim == 3 else canvas[..., 0]
    pixels: Planes = np.rint(np.clip(kept, 0, highest))
    if background.pixels.dtype == np.uint8:
        return pixels.astype(np.uint8)
    return pixels.astype(np.uint16)


def light_up(picture: Picture) -> Lit:
    """The picture with what pasting wants to know of its background."""
    near = ndimage.binary_dilation(picture.labels > 0, iterations=HALO)
    free = np.asarray(~near)
    return Lit(picture=picture, free=free, light=light_of(picture, free))


def light_of(picture: Picture, free: Mask) -> Planes:
    """The background of an image without its structure, also where cells are: a blur without them.

    Where no background lies around, that of further away; where there is none at all, the mean.
    """
    planes = _planes(picture)
    light = np.broadcast_to(
        planes[free].mean(axis=0) if free.any() else planes.mean((0, 1)), planes.shape
    ).copy()
    for scale in reversed(SCALES):
        weight = ndimage.gaussian_filter(free.astype(np.float64), scale)
        known = weight > ENOUGH
        blurred = ndimage.gaussian_filter(planes * free[..., None], (scale, scale, 0))
        light[known] = blurred[known] / weight[known][:, None]
    return light


def empty_background(random: np.random.Generator, lit: Lit) -> Planes:
    """The image with its cells painted over: by its light, and by noise from beside the cells."""
    free, light = lit.free, lit.light
    noise = np.where(free[..., None], _planes(lit.picture) - light, 0.0)
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


def _contrast(lit: Lit) -> Planes:
    """How much brighter than its light a picture is, MARGIN pixels wider on all sides."""
    margins = ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
    return np.pad(_planes(lit.picture) - lit.light, margins, mode="edge")
