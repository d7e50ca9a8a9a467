"""Outlines of cells, where cells lie, and label maps that keep their promises.

A cell's form is a *level* map: 1 at its centre, 0 on its outline, negative outside. It is computed
only in the window of the frame that the cell can reach.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from containers.base.simulated.image import Labels, Plane, Shape

Window = tuple[slice, slice]

NUCLEUS_DECAY = 1.9
"""How fast outline harmonics fade; slower decay turns nuclei into stars."""
BLOOD_CELL_DECAY = 1.6
LOWEST_HARMONIC = 2
"""Harmonic 1 would only move the cell."""
OUTSIDE = 8.0
"""Cell centres may lie this far outside the frame (px), so that borders cut cells."""
TRIES_PER_CELL = 60
CELLS_PER_CLUSTER = 8


class Point(NamedTuple):
    """A position in pixels."""

    y: float
    x: float


class Tips(NamedTuple):
    """The protrusions of a spread cell; three arrays of equal length, and the body between them."""

    angles: Plane
    """Directions in radians."""
    lengths: Plane
    """Lengths in units of the cell's radius."""
    sharpness: Plane
    """Concentration of the von Mises bump: the larger, the thinner the tip."""
    body: float
    """Radius of the body in units of the cell's radius."""


def window_around(centre: Point, reach: float, shape: Shape) -> Window:
    """The part of the frame within `reach` px of `centre`; at least one pixel of the frame."""
    rows, columns = (
        slice(
            int(np.clip(middle - reach, 0, length - 1)),
            int(np.clip(np.ceil(middle + reach) + 1, 1, length)),
        )
        for middle, length in zip(centre, shape, strict=True)
    )
    return rows, columns


def offsets(window: Window, centre: Point) -> tuple[Plane, Plane]:
    """Distances from `centre` to the window's pixels in px: h×1 downwards and 1×w rightwards."""
    y, x = np.ogrid[window]
    return y - centre.y, x - centre.x


def spot(window: Window, centre: Point, sigma: float) -> Plane:
    """A Gaussian of height 1 in the window, `sigma` in px."""
    dy, dx = offsets(window, centre)
    return np.asarray(np.exp(-(dy**2 + dx**2) / (2 * sigma**2)), dtype=np.float64)


def polar(centre: Point, radius: float, angle: float) -> Point:
    """The point `radius` px away from `centre` in direction `angle` (radians)."""
    return Point(centre.y + radius * math.sin(angle), centre.x + radius * math.cos(angle))


def round_reach(radius: float, elongation: float) -> float:
    """How far a round cell extends from its centre at most, in px."""
    return 1.5 * radius * math.sqrt(elongation) + 3


def round_level(
    rng: np.random.Generator,
    window: Window,
    centre: Point,
    radius: float,
    *,
    roughness: float,
    elongation: float = 1.0,
    harmonics: int = 6,
    decay: float = NUCLEUS_DECAY,
) -> Plane:
    """Level map of a roundish cell: r(θ) = radius · (1 + Σ aₖ cos(kθ + φₖ)), then stretched.

    `roughness` is the standard deviation of the strongest harmonic, `elongation` the ratio of the
    axes, which lie in a random direction; the area does not change with it.
    """
    k = np.arange(LOWEST_HARMONIC, LOWEST_HARMONIC + harmonics)[:, None, None]
    amplitudes = rng.normal(0, roughness, k.shape) * (LOWEST_HARMONIC / k) ** decay
    phases = rng.uniform(0, 2 * np.pi, k.shape)
    axis = rng.uniform(0, np.pi)
    dy, dx = offsets(window, centre)
    along = (dx * np.cos(axis) + dy * np.sin(axis)) / np.sqrt(elongation)
    across = (dy * np.cos(axis) - dx * np.sin(axis)) * np.sqrt(elongation)
    theta = np.arctan2(across, along)
    outline = radius * (1 + (amplitudes * np.cos(k * theta + phases)).sum(axis=0))
    return np.asarray(1 - np.hypot(across, along) / np.maximum(outline, 1e-3))


def spindle_tips(rng: np.random.Generator) -> Tips:
    """A slim body with two long tips on opposite sides."""
    first = rng.uniform(0, 2 * np.pi)
    return Tips(
        angles=np.array([first, first + np.pi + rng.normal(0, 0.25)]),
        lengths=rng.uniform(1.2, 2.6, 2),
        sharpness=rng.uniform(9, 22, 2),
        body=rng.uniform(0.45, 0.62),
    )


def polygonal_tips(rng: np.random.Generator) -> Tips:
    """A broad body with three to five short tips, about evenly spaced."""
    count = int(rng.integers(3, 6))
    steps = np.cumsum(rng.uniform(0.7, 1.3, count))
    return Tips(
        angles=2 * np.pi * steps / steps[-1] + rng.uniform(0, 2 * np.pi),
        lengths=rng.uniform(0.15, 0.85, count),
        sharpness=rng.uniform(3, 9, count),
        body=rng.uniform(0.72, 0.9),
    )


def spread_level(dy: Plane, dx: Plane, radius: float, tips: Tips) -> Plane:
    """Level map of a spread cell from (warped) offsets `dy` and `dx` in px."""
    theta = np.arctan2(dy, dx)
    outline = np.full(theta.shape, tips.body)
    for angle, length, sharpness in zip(tips.angles, tips.lengths, tips.sharpness, strict=True):
        outline += length * np.exp(sharpness * (np.cos(theta - angle) - 1))
    return np.asarray(1 - np.hypot(dy, dx) / (radius * outline))


def scatter(
    rng: np.random.Generator,
    shape: Shape,
    count: int,
    *,
    clustered: float,
    spread: float,
    spacing: float,
    inside: int = 1,
) -> list[Point]:
    """At most `count` cell centres: a Thomas cluster process mixed with a uniform one.

    `clustered` is the share of cells that gather around common points with standard deviation
    `spread` (px). No two centres are closer than `spacing` (px); a full frame ends the search.
    The first `inside` cells lie in the middle of the frame, so that no frame is without a cell.
    """
    frame = np.array(shape, dtype=np.float64)
    parents = rng.uniform(0, frame, (max(1, count // CELLS_PER_CLUSTER), 2))
    found = np.empty((0, 2))
    for _ in range(count * TRIES_PER_CELL):
        if len(found) == count:
            break
        if len(found) < inside:
            place = rng.uniform(0.2, 0.8, 2) * frame
        elif rng.random() < clustered:
            place = parents[rng.integers(len(parents))] + rng.normal(0, spread, 2)
        else:
            place = rng.uniform(-OUTSIDE, frame + OUTSIDE)
        in_reach = ((place > -OUTSIDE) & (place < frame + OUTSIDE)).all()
        if in_reach and (np.hypot(*(found - place).T) >= spacing).all():
            found = np.vstack([found, place])
    return [Point(float(y), float(x)) for y, x in found]


def largest_piece(
    mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """The largest 4-connected piece of a boolean map."""
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(pieces == sizes.argmax())


def tidy_labels(labels: Labels, *, smallest: int) -> Labels:
    """Keeps each label's largest piece if it has `smallest` px, and numbers the cells 1…n."""
    tidy = np.zeros_like(labels)
    next_id = 1
    for label, window in enumerate(ndimage.find_objects(labels), start=1):
        if window is None:
            continue
        cell = largest_piece(labels[window] == label)
        if np.count_nonzero(cell) >= smallest:
            tidy[window][cell] = next_id
            next_id += 1
    return tidy
