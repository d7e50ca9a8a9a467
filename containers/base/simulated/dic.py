"""Adherent cells in a differential interference contrast (DIC) microscope."""

import numpy as np
from scipy import ndimage

from containers.base.simulated.adherent import Culture, grow_cells
from containers.base.simulated.camera import (
    add_specks,
    blur_mix,
    count_per_area,
    expose,
    power_law_field,
    uneven_light,
)
from containers.base.simulated.image import Plane, Shape, SimulatedImage, to_uint16

RADIUS = (23.0, 34.0)
"""Typical cell radius, px; one value per image."""
RADIANS_PER_PATH = 1.9
"""Phase advance of light per unit of optical path."""
HALF_SHEAR = 0.9
"""Half the distance between the two wavefronts, px."""
SHEAR_DIRECTION = (30.0, 60.0)
BIAS = (70.0, 100.0)
"""Direction of the shear and phase bias between the wavefronts, degrees; one value per image."""
STRAY_LIGHT = 0.04
LENS_BLUR = ((0.9, 0.8), (0.1, 3.0))
"""(weight, sigma in px)"""
PHOTONS = 4000.0
READ_NOISE = 12.0
CONTRAST = 0.84
"""Grey levels (of 0…1) per relative change of the light; bare glass is 0.5."""


def simulate_dic(rng: np.random.Generator, shape: Shape) -> SimulatedImage:
    """Cells in relief, lit from one side, on grey of the same mean, H×W uint16."""
    culture = Culture(
        radius=rng.uniform(*RADIUS),
        crowding=rng.uniform(0.18, 0.25),
        spindle_share=0.1,
        clustered=0.3,
        spacing=1.15,
        edge_path=0.34,
        edge_width=2.5,
        body_path=0.85,
    )
    cells = grow_cells(rng, shape, culture)
    phase = RADIANS_PER_PATH * cells.path
    phase += 0.05 * power_law_field(rng, shape, exponent=3.0, longest=60)
    debris = count_per_area(rng, shape, 5, 20)
    add_specks(rng, phase, debris, sigma=(0.8, 1.8), strength=(0.2, 1.0))

    light = sheared_interference(
        phase,
        direction=np.deg2rad(rng.uniform(*SHEAR_DIRECTION)),
        bias=np.deg2rad(rng.uniform(*BIAS)),
    )
    light = blur_mix(light + STRAY_LIGHT, LENS_BLUR)
    light *= uneven_light(rng, shape, tilt=0.3)
    light *= 1 + 0.012 * power_law_field(rng, shape, exponent=3.0)
    signal = expose(rng, light / np.median(light), photons=PHOTONS, read_noise=READ_NOISE)
    return SimulatedImage(pixels=to_uint16(0.5 + CONTRAST * (signal - 1)), labels=cells.labels)


def sheared_interference(phase: Plane, *, direction: float, bias: float) -> Plane:
    """Intensity (0…1) where two copies of a wavefront, sheared against each other, interfere.

    I = sin²((φ(x + s) − φ(x − s) + bias) / 2), the two-beam model of Nomarski's DIC; `phase`,
    `direction` of the shear and `bias` in radians.
    """
    half_shear = HALF_SHEAR * np.array([np.sin(direction), np.cos(direction)])
    ahead = ndimage.shift(phase, half_shear, order=3, mode="nearest")
    behind = ndimage.shift(phase, -half_shear, order=3, mode="nearest")
    return np.asarray(np.sin((ahead - behind + bias) / 2) ** 2)
