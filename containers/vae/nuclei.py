"""Nuclei in a frame of their own: centred, along their longest axis, all of one size."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from containers.base.generation.data import Collection, Floats, Real
from containers.base.generation.shapes import Outline, outline

REACH = 2.2
"""Half the frame's side, in radii of the disc as large as the cell."""
HALO = 3
"""Pixels around a cell that are painted with it: the light does not end at its outline."""
MOST_CELLS = 6000
LOWEST, HIGHEST = -1.0, 4.0
"""Range of textures: 0 is the ground, 1 the cell's mean."""
SMALLEST_CONTRAST = 0.05


@dataclass(frozen=True, kw_only=True)
class Nuclei:
    """All nuclei that textures are learned from."""

    textures: Floats
    """N×S×S: 0 the ground's grey, 1 the nucleus's mean."""
    masks: Floats
    """N×S×S, 1 inside."""
    weights: Floats
    """N×S×S: 1 where the nucleus and its halo are, 0 where others begin."""
    radii: Floats
    """N×ANGLES, see `shapes.Outline`."""
    places: list[tuple[int, int]]
    """Image in the collection and id there."""
    stems: list[str]


def frame(shape: Outline, side: int) -> npt.NDArray[np.float64]:
    """2×side×side: where in the image each pixel of the frame lies."""
    steps = (np.arange(side) + 0.5) / side * 2 - 1
    down, across = np.meshgrid(*[steps * REACH * shape.scale] * 2, indexing="ij")
    sine, cosine = np.sin(shape.angle), np.cos(shape.angle)
    rows = shape.centre[0] + cosine * down + sine * across
    columns = shape.centre[1] - sine * down + cosine * across
    return np.stack([rows, columns])


def place_in_frame(
    shape: Outline, rows: npt.NDArray[np.int_], columns: npt.NDArray[np.int_], side: int
) -> npt.NDArray[np.float64]:
    """2×n: where in the frame pixels of the image lie; the inverse of `frame`."""
    down, across = rows - shape.centre[0], columns - shape.centre[1]
    sine, cosine = np.sin(shape.angle), np.cos(shape.angle)
    turned = np.stack([cosine * down - sine * across, sine * down + cosine * across])
    return (turned / (REACH * shape.scale) + 1) / 2 * side - 0.5


def find_outline(labels: npt.NDArray[np.int32], number: int, box: tuple[slice, ...]) -> Outline:
    """The outline of a cell in the coordinates of its image."""
    found = outline(np.pad(labels[box] == number, 1))
    row, column = found.centre
    return Outline(
        radii=found.radii,
        scale=found.scale,
        centre=(row + box[0].start - 1, column + box[1].start - 1),
        angle=found.angle,
    )


def in_frame(real: Real, number: int, shape: Outline, side: int) -> tuple[Floats, Floats, Floats]:
    """Texture, mask and weights of one nucleus, each side×side."""
    at = frame(shape, side)
    ground, glow = float(real.glow[0]), float(real.glow[number])
    grey = ndimage.map_coordinates(real.grey, at, order=1, mode="nearest")
    texture = np.clip((grey - ground) / contrast_of(glow - ground), LOWEST, HIGHEST)
    nearest = np.clip(np.rint(at).astype(int), 0, np.array(real.labels.shape)[:, None, None] - 1)
    ids = real.labels[nearest[0], nearest[1]]
    mask = ids == number
    near = ndimage.distance_transform_edt(~mask) * 2 * REACH * shape.scale / side <= HALO
    weights = near & (mask | (ids == 0))
    return texture.astype(np.float32), mask.astype(np.float32), weights.astype(np.float32)


def contrast_of(difference: float) -> float:
    """A difference of brightness that can be divided by."""
    if abs(difference) >= SMALLEST_CONTRAST:
        return difference
    return SMALLEST_CONTRAST if difference >= 0 else -SMALLEST_CONTRAST


def gather(collection: Collection, side: int, seed: int) -> Nuclei | None:
    """The whole nuclei of all images, MOST_CELLS at most; None without any."""
    places = [(index, number) for index, real in enumerate(collection) for number in real.whole]
    if not places:
        return None
    chosen = np.random.default_rng([seed, 21]).permutation(len(places))[:MOST_CELLS]
    found, radii, kept = [], [], []
    for index, number in sorted(places[int(one)] for one in chosen):
        real = collection[index]
        shape = find_outline(real.labels, number, real.box(number))
        found.append(in_frame(real, number, shape, side))
        radii.append(shape.radii)
        kept.append((index, number))
    textures, masks, weights = (np.stack(part) for part in zip(*found, strict=True))
    stems = collection.stems
    return Nuclei(
        textures=textures,
        masks=masks,
        weights=weights,
        radii=np.stack(radii),
        places=kept,
        stems=[stems[index] for index, _ in kept],
    )


def nearest_cell(labels: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int32], Floats]:
    """For each pixel the nearest cell's id and how much of it shows: 1 inside, falling to 0 over
    HALO pixels outside."""
    if not labels.any():
        return labels, np.zeros(labels.shape, np.float32)
    distance, (rows, columns) = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    share = np.clip(1 - np.maximum(distance - 1, 0) / HALO, 0, 1)
    return labels[rows, columns], share.astype(np.float32)
