"""Blood cells as stains see them: what each part of a cell adds to the optical density."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from containers.base.simulated.camera import blur
from containers.base.simulated.image import Plane, Shape
from containers.base.simulated.shapes import (
    BLOOD_CELL_DECAY,
    Point,
    Window,
    offsets,
    polar,
    round_level,
    round_reach,
    spot,
    window_around,
)

AZURE = np.array([0.74, 0.76, 0.20])
"""Optical density per unit of stain in red, green and blue: the blue-purple of nuclei."""
CHROMATIN = np.array([0.52, 0.86, 0.26])
"""The red-purple of chromatin, the Romanowsky effect."""
EOSIN = np.array([0.12, 0.72, 0.30])
HAEMOGLOBIN = np.array([0.13, 0.46, 0.34])
ORANGE_GRANULE = 0.75 * EOSIN + np.array([0.06, 0.12, 0.20])

Nucleus = Literal["lobes", "round", "kidney"]


@dataclass(frozen=True, kw_only=True)
class Leukocyte:
    """A kind of white blood cell; radii in px, colours in optical density per channel."""

    share: float
    """Of all leukocytes."""
    radius: float
    roughness: float
    cytoplasm: Plane
    nucleus: Nucleus
    lobes: tuple[int, int] = (1, 1)
    nucleus_size: tuple[float, float] = (0.27, 0.36)
    """Radius of the nucleus, or of each lobe, in units of the cell's radius."""
    density: float
    """Optical density of the nucleus' stain."""
    clumping: float
    """Relative strength of the chromatin's texture."""
    granule: Plane | None = None
    granule_share: float = 0.0
    """Share of pixels at which a granule sits."""
    granule_size: float = 0.8
    blue_rim: bool = False
    vacuoles: bool = False


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """One leukocyte in its window of the frame; the textures are cut to that window."""

    kind: Leukocyte
    window: Window
    centre: Point
    radius: float
    level: Plane
    fine: Plane
    coarse: Plane


NEUTROPHIL = Leukocyte(
    share=0.50,
    radius=33,
    roughness=0.05,
    cytoplasm=0.18 * EOSIN + 0.05 * AZURE,
    nucleus="lobes",
    lobes=(2, 5),
    density=0.92,
    clumping=0.26,
    granule=0.16 * CHROMATIN,
    granule_share=0.05,
)
LYMPHOCYTE = Leukocyte(
    share=0.27,
    radius=25,
    roughness=0.05,
    cytoplasm=0.27 * AZURE * np.array([1.2, 0.72, 0.6]),
    nucleus="round",
    nucleus_size=(0.74, 0.84),
    density=0.92,
    clumping=0.20,
    blue_rim=True,
)
MONOCYTE = Leukocyte(
    share=0.15,
    radius=40,
    roughness=0.10,
    cytoplasm=0.24 * AZURE * np.array([0.95, 0.95, 1.1]),
    nucleus="kidney",
    nucleus_size=(0.58, 0.66),
    density=0.62,
    clumping=0.20,
    vacuoles=True,
)
EOSINOPHIL = Leukocyte(
    share=0.08,
    radius=34,
    roughness=0.05,
    cytoplasm=0.42 * EOSIN,
    nucleus="lobes",
    lobes=(2, 2),
    density=0.86,
    clumping=0.24,
    granule=ORANGE_GRANULE,
    granule_share=0.07,
    granule_size=1.5,
)
LEUKOCYTES = (NEUTROPHIL, LYMPHOCYTE, MONOCYTE, EOSINOPHIL)

OUTLINE_BLUR = 1.6
"""Width over which a cell's outline rises from nothing to full density, px."""
CLEAR_RIM = 0.10
"""Width of the cell-free rim around a leukocyte, in units of its radius."""
FILAMENT = 3.2
"""Half width of the chromatin threads between lobes, px."""


def add_red_cell(rng: np.random.Generator, density: Plane, centre: Point, radius: float) -> None:
    """Adds a biconcave disc, thin in its middle, to the H×W×3 optical density, in place."""
    radius *= rng.normal(1, 0.06)
    elongation = 1 + abs(rng.normal(0, 0.06))
    window = window_around(centre, round_reach(radius, elongation), _frame(density))
    level = round_level(
        rng,
        window,
        centre,
        radius,
        roughness=rng.uniform(0.01, 0.06),
        elongation=elongation,
        harmonics=4,
        decay=BLOOD_CELL_DECAY,
    )
    pallor, pallor_width = rng.uniform(0.25, 0.75), rng.uniform(0.35, 0.5)
    from_middle = 1 - np.clip(level, 0, 1)
    thickness = _soft_inside(level * radius, 0)
    thickness *= 1 - pallor * np.exp(-1.2 * (from_middle / pallor_width) ** 2)
    colour = rng.uniform(0.50, 0.68) * HAEMOGLOBIN * rng.normal(1, 0.05, 3)
    density[window] += thickness[..., None] * colour


def add_leukocyte(
    rng: np.random.Generator, density: Plane, centre: Point, fine: Plane, coarse: Plane
) -> tuple[Window, Plane]:
    """Draws one leukocyte into the H×W×3 optical density, in place; returns its window and level.

    It pushes red cells aside. `fine` and `coarse` are H×W textures with standard deviation 1.
    """
    kind = LEUKOCYTES[rng.choice(len(LEUKOCYTES), p=[kind.share for kind in LEUKOCYTES])]
    radius = kind.radius * rng.normal(1, 0.07)
    elongation = 1 + abs(rng.normal(0, 0.08))
    window = window_around(centre, round_reach(radius, elongation), _frame(density))
    level = round_level(
        rng,
        window,
        centre,
        radius,
        roughness=kind.roughness,
        elongation=elongation,
        decay=BLOOD_CELL_DECAY,
    )
    density[window] *= np.clip(1 - 9 * (level + CLEAR_RIM), 0, 1)[..., None]
    cell = _Cell(
        kind=kind,
        window=window,
        centre=centre,
        radius=radius,
        level=level,
        fine=fine[window],
        coarse=coarse[window],
    )
    _add_cytoplasm(rng, cell, density[window])
    _add_nucleus(rng, cell, density[window])
    return window, level


def add_platelet(
    rng: np.random.Generator, density: Plane, centre: Point, texture: Plane, *, clear_below: float
) -> None:
    """Adds a small granular platelet in place, but only on free film.

    On a red cell, told by a summed optical density above `clear_below`, it would look like a
    parasite.
    """
    radius, elongation = rng.uniform(3.5, 7), rng.uniform(1, 1.5)
    window = window_around(centre, round_reach(radius, elongation), _frame(density))
    level = round_level(
        rng, window, centre, radius, roughness=0.15, elongation=elongation, harmonics=5
    )
    if density[window].sum(axis=-1).max() > clear_below:
        return
    stain = _soft_inside(level * radius, 0) * (0.28 + 0.15 * np.clip(texture[window], -1, 2))
    density[window] += stain[..., None] * CHROMATIN


def _frame(density: Plane) -> Shape:
    return density.shape[0], density.shape[1]


def _soft_inside(distance: Plane, shift: float) -> Plane:
    """0 to 1 across an outline, from the distance to it in px (positive inside)."""
    return np.asarray(np.clip(distance / OUTLINE_BLUR + shift, 0, 1))


def _add_cytoplasm(rng: np.random.Generator, cell: _Cell, density: Plane) -> None:
    kind = cell.kind
    body = _soft_inside(cell.level * cell.radius, 0.5)
    thickness = body * (0.65 + 0.35 * np.sqrt(np.clip(2 * cell.level, 0, 1)))
    thickness *= 1 + 0.10 * cell.fine + 0.08 * cell.coarse
    density += thickness[..., None] * kind.cytoplasm
    if kind.blue_rim:
        density += (0.1 * body * np.exp(-((cell.level / 0.12) ** 2)))[..., None] * AZURE
    if kind.granule is not None:
        seeds = rng.random(body.shape) < kind.granule_share
        granules = blur(seeds.astype(np.float64), kind.granule_size)
        granules *= (cell.level > 0.06) / (granules.max() + 1e-9)
        density += (granules * body)[..., None] * kind.granule
    if kind.vacuoles:
        for _ in range(rng.integers(2, 9)):
            away = cell.radius * rng.uniform(0.3, 0.8)
            place = polar(cell.centre, away, rng.uniform(0, 2 * np.pi))
            density *= (1 - 0.45 * body * spot(cell.window, place, rng.uniform(1.5, 3)))[..., None]


def _add_nucleus(rng: np.random.Generator, cell: _Cell, density: Plane) -> None:
    """Stained chromatin, between blue and red purple, in place of most of the cytoplasm."""
    outline = np.minimum(_nucleus(rng, cell), cell.level * cell.radius - 1)
    nucleus = _soft_inside(outline, 0.5)
    clumps = blur(cell.fine, 0.8)
    clumps /= clumps.std() + 1e-6
    stain = 1 + 0.8 * cell.kind.clumping * clumps + 0.1 * cell.coarse
    stain *= cell.kind.density * rng.normal(1, 0.06)
    blueness = np.clip(0.5 + 0.25 * cell.coarse, 0, 1)[..., None]
    density *= 1 - 0.6 * nucleus[..., None]
    density += (nucleus * np.clip(stain, 0.3, 2))[..., None] * (
        blueness * AZURE + (1 - blueness) * CHROMATIN
    )


def _nucleus(rng: np.random.Generator, cell: _Cell) -> Plane:
    """Distance to the nucleus' outline in px, positive inside."""
    if cell.kind.nucleus == "lobes":
        return _lobed_nucleus(rng, cell)
    middle = Point(*(np.array(cell.centre) + rng.normal(0, 0.07 * cell.radius, 2)))
    size = cell.radius * rng.uniform(*cell.kind.nucleus_size)
    if cell.kind.nucleus == "round":
        return size * round_level(rng, cell.window, middle, size, roughness=0.05, elongation=1.1)
    bean = size * round_level(rng, cell.window, middle, size, roughness=0.1, elongation=1.3)
    notch = np.hypot(*offsets(cell.window, polar(middle, size, rng.uniform(0, 2 * np.pi))))
    return np.asarray(np.minimum(bean, notch - 0.55 * size))


def _lobed_nucleus(rng: np.random.Generator, cell: _Cell) -> Plane:
    """Lobes on an arc around the cell's middle, joined by thin threads of chromatin."""
    fewest, most = cell.kind.lobes
    count = int(rng.integers(fewest, most + 1))
    start, arc = rng.uniform(0, 2 * np.pi), rng.uniform(2.0, 4.2)
    away = cell.radius * rng.uniform(0.33, 0.45)
    places = [
        Point(*(np.array(polar(cell.centre, away, start + arc * step)) + rng.normal(0, 2, 2)))
        for step in np.linspace(0, 1, count)
    ]
    few = 1.15 if count < 3 else 1.0
    parts = [
        FILAMENT - _distance_to_segment(cell.window, one, other) for one, other in pairwise(places)
    ]
    for place in places:
        size = few * cell.radius * rng.uniform(*cell.kind.nucleus_size)
        stretch = rng.uniform(1, 1.5)
        lobe = round_level(rng, cell.window, place, size, roughness=0.1, elongation=stretch)
        parts.append(size * lobe)
    return np.asarray(np.max(parts, axis=0))


def _distance_to_segment(window: Window, one: Point, other: Point) -> Plane:
    dy, dx = offsets(window, one)
    run_y, run_x = other.y - one.y, other.x - one.x
    along = np.clip((dy * run_y + dx * run_x) / (run_y**2 + run_x**2 + 1e-6), 0, 1)
    return np.asarray(np.hypot(dy - along * run_y, dx - along * run_x))
