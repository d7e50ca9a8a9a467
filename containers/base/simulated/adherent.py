"""Living cells on glass: the optical path that phase contrast and DIC make visible."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from containers.base.simulated.camera import blur, power_law_field
from containers.base.simulated.image import Labels, Mask, Plane, Shape
from containers.base.simulated.shapes import (
    Point,
    Window,
    largest_piece,
    offsets,
    polar,
    polygonal_tips,
    round_level,
    round_reach,
    scatter,
    spindle_tips,
    spot,
    spread_level,
    window_around,
)


@dataclass(frozen=True, kw_only=True)
class Culture:
    """How the cells of one image grow; lengths in px, optical path in relative units."""

    radius: float
    """Of a typical cell."""
    crowding: float
    """Cells per squared radius of the frame's area."""
    spindle_share: float
    """Of the spread cells; the others are polygonal."""
    clustered: float
    """Share of cells that gather in groups."""
    spacing: float
    """Smallest distance of two centres in units of the radius."""
    edge_path: float
    """Path of the thin lamella behind the cell's edge."""
    edge_width: float
    """Distance over which the lamella reaches that path."""
    body_path: float
    """Further path at the cell's thickest place."""


@dataclass(frozen=True, kw_only=True)
class AdherentCells:
    """The optical path (H×W, relative units, 0 on bare glass) and the cells that cause it."""

    path: Plane
    labels: Labels


@dataclass(frozen=True, kw_only=True)
class _Cell:
    label: int
    window: Window
    radius: float
    rounded: bool


ROUNDED_SHARE = 0.10
"""Cells that have let go of the glass, to divide or to die."""
ROUNDED_SIZE = 0.52
"""Radius of a rounded cell relative to a spread one."""
ROUNDED_PATH = 2.75
"""Path through the middle of a rounded cell; below about 2.3 it would look like a dark disc."""
ROUNDED_WINS = 3.0
"""Level bonus by which a rounded cell lies on top of spread ones."""
RADIUS_SPREAD = 0.2
BORDER_SMOOTHING = 5
"""Side of the median filter that smooths borders between cells, px."""
WARP = 0.15
"""How far outlines wander, in units of the radius."""
SMALLEST_CELL = 60


def grow_cells(rng: np.random.Generator, shape: Shape, culture: Culture) -> AdherentCells:
    """Draws a culture of adherent cells that stop growing where they meet (contact inhibition)."""
    territories, cells = _claim_territories(rng, shape, culture)
    grain = blur(power_law_field(rng, shape, exponent=1.6, longest=9), 0.8)
    grain /= grain.std()
    coarse = power_law_field(rng, shape, exponent=2.6, longest=30)
    labels = np.zeros(shape, np.int32)
    path = np.zeros(shape)
    for cell in cells:
        window = cell.window
        own = largest_piece(territories[window] == cell.label)
        if np.count_nonzero(own) < SMALLEST_CELL:
            continue
        labels[window][own] = labels.max() + 1
        depth = np.where(own, blur(_distance_inside(own), 1.0), 0)
        if cell.rounded:
            thickness = _ball(depth) * (1 + 0.02 * grain[window])
        else:
            thickness = _lamella(culture, depth)
            thickness += _contents(rng, cell, own, depth, grain[window], coarse[window])
        refraction = np.clip(rng.normal(1, 0.08), 0.8, 1.2)
        path[window] += refraction * np.where(own, np.clip(thickness, 0, None), 0)
    return AdherentCells(path=blur(path, 0.8), labels=labels)


def _claim_territories(
    rng: np.random.Generator, shape: Shape, culture: Culture
) -> tuple[Labels, list[_Cell]]:
    """Every pixel goes to the cell with the highest level there; rounded cells lie on top.

    The first cell, which lies in the middle, is a rounded one: so every frame, however crowded,
    has a cell that its border does not cut.
    """
    count = max(1, round(culture.crowding * shape[0] * shape[1] / culture.radius**2))
    centres = scatter(
        rng,
        shape,
        count,
        clustered=culture.clustered,
        spread=2.2 * culture.radius,
        spacing=culture.spacing * culture.radius,
    )
    warp_y, warp_x = (
        WARP * culture.radius * blur(power_law_field(rng, shape, exponent=4.0, longest=60), 3)
        for _ in range(2)
    )
    labels = np.zeros(shape, np.int32)
    highest = np.zeros(shape)
    cells = []
    for label, centre in enumerate(centres, start=1):
        radius = culture.radius * rng.lognormal(0, RADIUS_SPREAD)
        rounded = label == 1 or rng.random() < ROUNDED_SHARE
        if rounded:
            radius *= ROUNDED_SIZE
            elongation = 1 + abs(rng.normal(0, 0.05))
            window = window_around(centre, round_reach(radius, elongation), shape)
            level = round_level(
                rng, window, centre, radius, roughness=0.03, elongation=elongation, harmonics=4
            )
            level[level > 0] += ROUNDED_WINS
        else:
            spindle = rng.random() < culture.spindle_share
            tips = spindle_tips(rng) if spindle else polygonal_tips(rng)
            reach = radius * (tips.body + tips.lengths.max() + 0.3) + 8
            window = window_around(centre, reach, shape)
            dy, dx = offsets(window, centre)
            level = spread_level(dy + warp_y[window], dx + warp_x[window], radius, tips)
        wins = level > highest[window]
        highest[window][wins] = level[wins]
        labels[window][wins] = label
        cells.append(_Cell(label=label, window=window, radius=radius, rounded=rounded))
    smooth = np.asarray(ndimage.median_filter(labels, BORDER_SMOOTHING), dtype=np.int32)
    return smooth, cells


def _distance_inside(own: Mask) -> Plane:
    """Distance of a cell's pixels from its edge in px; the frame's border is no edge."""
    if own.all():
        own = np.pad(own, 1)
        return np.asarray(ndimage.distance_transform_edt(own))[1:-1, 1:-1]
    return np.asarray(ndimage.distance_transform_edt(own))


def _ball(depth: Plane) -> Plane:
    """Path through a rounded cell, half a sphere over its outline."""
    return np.asarray(ROUNDED_PATH * np.sqrt(1 - (1 - depth / depth.max()) ** 2))


def _lamella(culture: Culture, depth: Plane) -> Plane:
    """Path through a spread cell without its contents: thin at the edge, rising to the middle."""
    edge = culture.edge_path * (1 - np.exp(-depth / culture.edge_width))
    return np.asarray(edge + culture.body_path * (depth / max(depth.max(), 1)) ** 1.3)


def _contents(
    rng: np.random.Generator, cell: _Cell, own: Mask, depth: Plane, grain: Plane, coarse: Plane
) -> Plane:
    """Path added by nucleus, nucleoli, organelles and vesicles of a spread cell."""
    middle, axis, elongation = _nucleus_pose(cell.window, own, depth)
    radius = float(np.clip(0.30 * cell.radius, 4, 0.72 * depth.max() + 1))
    dy, dx = offsets(cell.window, middle)
    along = (dy * np.sin(axis) + dx * np.cos(axis)) / np.sqrt(elongation)
    across = (dy * np.cos(axis) - dx * np.sin(axis)) * np.sqrt(elongation)
    from_nucleus = np.hypot(along, across) / radius  # 1 on the nuclear envelope

    path = 0.20 * np.sqrt(np.clip(1 - from_nucleus**2, 0, 1))
    path -= 0.05 * np.exp(-(((from_nucleus - 1) / 0.10) ** 2))
    for _ in range(rng.integers(1, 4)):
        nucleolus = polar(middle, radius * rng.uniform(0.05, 0.5), rng.uniform(0, 2 * np.pi))
        path += rng.uniform(0.18, 0.34) * spot(cell.window, nucleolus, 0.12 * radius)
    organelles = (from_nucleus > 1) * np.exp(-(((from_nucleus - 1.2) / 0.8) ** 2))
    path += 0.055 * organelles * grain
    path += 0.03 * coarse * np.clip(depth / 5, 0, 1)
    for _ in range(rng.poisson(7)):
        vesicle = polar(middle, radius * rng.uniform(1.05, 1.7), rng.uniform(0, 2 * np.pi))
        path += rng.uniform(0.1, 0.45) * spot(cell.window, vesicle, rng.uniform(0.7, 1.2))
    return np.asarray(path)


def _nucleus_pose(window: Window, own: Mask, depth: Plane) -> tuple[Point, float, float]:
    """Middle, direction of the long axis (radians) and elongation of a spread cell's nucleus.

    The nucleus sits where the cell is deepest and is drawn out as the cell is, up to 1.7 : 1.
    """
    y, x = np.mgrid[window]
    weight = depth**3
    middle = Point(
        float((weight * y).sum() / weight.sum()), float((weight * x).sum() / weight.sum())
    )
    spread, axes = np.linalg.eigh(np.cov(np.stack([y[own], x[own]])))
    elongation = np.clip(np.sqrt(spread[1] / max(spread[0], 1e-3)), 1, 1.7)
    return middle, float(np.arctan2(axes[0, 1], axes[1, 1])), float(elongation)
