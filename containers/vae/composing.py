"""A picture of nuclei: each painted into its outline, on a ground like that of a real image."""

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from containers.base.generation.data import Collection, Floats, Real
from containers.base.generation.scenes import Scene
from containers.vae.nuclei import find_outline, nearest_cell
from containers.vae.textures import Grain, Textures

CLEAR = 5
"""Pixels from the nearest cell at which the ground begins."""
COARSE = 16.0
"""Pixels: what varies over more is unevenness, what varies over less is noise."""


@dataclass(frozen=True, kw_only=True)
class GroundLook:
    """How the ground of a real image looks, in units of the scale from -1 to 1."""

    level: float
    uneven: float
    """Standard deviation of what varies slowly."""
    noise: float
    """Standard deviation of what varies from pixel to pixel."""
    correlation: float
    """Of the noise, between neighbouring pixels."""


def measure_ground(real: Real) -> GroundLook:
    """The ground of an image, away from its cells; level and noise of all where that is nothing."""
    clear = ndimage.distance_transform_edt(real.labels == 0) > CLEAR
    if clear.sum() < 100:
        return GroundLook(level=float(real.glow[0]), uneven=0.0, noise=0.02, correlation=0.0)
    grey, level = real.grey, float(np.median(real.grey[clear]))
    low, high = np.quantile(grey[clear], (0.005, 0.995))  # specks and stray light are no noise
    clear &= (grey >= low) & (grey <= high)
    away = np.where(clear, grey - level, 0)
    share = ndimage.gaussian_filter(clear.astype(np.float32), COARSE)
    slow = ndimage.gaussian_filter(away, COARSE) / np.maximum(share, 1e-3)
    rest = np.where(clear, away - slow, 0)
    variance = float((rest[clear] ** 2).mean())
    both = clear[:, 1:] & clear[:, :-1]
    product = float((rest[:, 1:] * rest[:, :-1])[both].mean()) if both.any() else 0.0
    return GroundLook(
        level=level,
        uneven=float(slow[clear].std()),
        noise=float(np.sqrt(variance)),
        correlation=float(np.clip(product / max(variance, 1e-9), 0, 0.95)),
    )


class Composer:
    """Paints scenes: `Composer.paint` is a `painting.Paint`."""

    def __init__(self, textures: Textures, grain: Grain, collection: Collection) -> None:
        self._textures, self._grain, self._collection = textures, grain, collection
        self._known = {name: index for index, name in enumerate(collection.stems)}

    def paint(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Set[str]]:
        """H×W×C in [-1, 1], and the images that the textures come from."""
        look = measure_ground(self._collection[self._known[scene.anchor]])
        shape = scene.labels.shape
        owner, share = nearest_cell(scene.labels)
        light = np.zeros(shape, np.float32)
        grain = correlated(shape, self._grain.correlation, rng) * self._grain.spread
        sources = set[str]()
        for number, box in enumerate(ndimage.find_objects(scene.labels), start=1):
            outline = find_outline(scene.labels, number, box)
            cell = self._textures.mask_in_frame(scene.labels, number, outline)
            texture, stem = self._textures.draw(outline, cell, rng)
            sources |= {stem} & self._known.keys()
            rows, columns = _around(owner, share, number, box)
            seen = self._textures.spread_out(texture, outline, rows, columns)
            inside = scene.labels[rows, columns] == number
            mean = float(seen[inside].mean()) if inside.any() else 1.0
            seen = seen / mean if mean > 0.2 else seen
            seen = (seen + grain[rows, columns] * inside) * share[rows, columns]
            light[rows, columns] = seen * (scene.glow[number] - look.level)
        grey = look.level + light
        grey += look.uneven * smooth(shape, COARSE, rng)
        grey += look.noise * correlated(shape, look.correlation, rng)
        return coloured(grey, scene), sources


def coloured(grey: Floats, scene: Scene) -> Floats:
    """H×W×C: grey as it is, or on the line between the colours of the ground and of the cells."""
    channels = (scene.style.size - 2) // 2
    if channels == 1:
        return np.clip(grey, -1, 1)[..., None]
    ground, cells = scene.style[:channels], scene.style[channels : 2 * channels]
    away = float(cells.mean() - ground.mean())
    place = (grey - ground.mean()) / (away if abs(away) > 0.02 else 0.02)
    painted: Floats = ground + place[..., None] * (cells - ground)
    return np.clip(painted, -1, 1).astype(np.float32)


def correlated(shape: tuple[int, ...], correlation: float, rng: np.random.Generator) -> Floats:
    """Standard normal noise whose neighbours correlate so, by a Gaussian filter.

    One of standard deviation s makes neighbours correlate by exp(-1 / 4s²).
    """
    if correlation < 0.02:
        return rng.standard_normal(shape, np.float32)
    return smooth(shape, float(np.sqrt(-1 / (4 * np.log(correlation)))), rng)


def smooth(shape: tuple[int, ...], width: float, rng: np.random.Generator) -> Floats:
    """White noise behind a Gaussian filter of `width` pixels, with a standard deviation of 1."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape, np.float32), width, mode="wrap")
    spread = float(field.std())
    return np.asarray(field / spread if spread > 0 else field, np.float32)


def _around(
    owner: npt.NDArray[np.int32], share: Floats, number: int, box: tuple[slice, ...]
) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]:
    """The pixels that a cell paints: its own and those of its halo."""
    wide = tuple(slice(max(0, side.start - 8), side.stop + 8) for side in box)
    rows, columns = np.nonzero((owner[wide] == number) & (share[wide] > 0))
    return rows + wide[0].start, columns + wide[1].start
