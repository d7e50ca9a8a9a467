"""Adherent cells in a phase contrast microscope."""

import numpy as np

from containers.base.simulated.adherent import Culture, grow_cells
from containers.base.simulated.camera import (
    add_specks,
    blur,
    blur_mix,
    count_per_area,
    expose,
    power_law_field,
    uneven_light,
)
from containers.base.simulated.image import Plane, Shape, SimulatedImage, to_uint8

RADIUS = (19.0, 27.0)
"""Typical cell radius, px; one value per image, the smaller the more cells are spindles."""
SPINDLE_SHARE = (0.75, 0.35)
"""At the smallest and at the largest radius."""
RADIANS_PER_PATH = 1.15
"""Phase advance of light per unit of optical path."""
RING = ((0.35, 4.0), (0.40, 9.0), (0.25, 22.0))
"""What the phase ring of finite width takes for undiffracted light: (weight, sigma in px)."""
RING_AMPLITUDE = 0.5
"""Transmission of the ring's absorbing layer, for the amplitude."""
LENS_BLUR = 0.9
PHOTONS = 700.0
READ_NOISE = 8.0
GLASS_GREY = 0.46
"""Grey level of bare glass in the picture, 0…1."""
GAMMA = 0.8


def simulate_phase(rng: np.random.Generator, shape: Shape) -> SimulatedImage:
    """Dark cells with bright halos on grey, rounded cells bright, H×W uint8."""
    radius = rng.uniform(*RADIUS)
    culture = Culture(
        radius=radius,
        crowding=rng.uniform(0.16, 0.22),
        spindle_share=float(np.interp(radius, RADIUS, SPINDLE_SHARE)),
        clustered=0.45,
        spacing=0.9,
        edge_path=0.22,
        edge_width=1.8,
        body_path=0.60,
    )
    cells = grow_cells(rng, shape, culture)
    path = cells.path + 0.02 * power_law_field(rng, shape, exponent=2.5, longest=80)
    debris = count_per_area(rng, shape, 12, 40)
    add_specks(rng, path, debris, sigma=(0.7, 1.7), strength=(0.4, 2.2))

    light = blur(phase_contrast(path), LENS_BLUR)
    light *= uneven_light(rng, shape, tilt=0.25, falloff=0.15)
    light *= 1 + 0.02 * power_law_field(rng, shape, exponent=3.0)
    signal = expose(rng, light, photons=PHOTONS, read_noise=READ_NOISE)
    display = GLASS_GREY * np.clip(signal / np.median(signal), 0, None) ** GAMMA
    return SimulatedImage(pixels=to_uint8(display), labels=cells.labels)


def phase_contrast(path: Plane) -> Plane:
    """Intensity of Zernike's positive phase contrast, 1 on bare glass.

    The ring delays the undiffracted light by a quarter wave and dims it. It has a width, so light
    diffracted by little is treated alike: undiffracted light is a low-pass of the field rather than
    its mean, which gives the halo and the shade-off of real pictures.
    """
    field = np.exp(1j * RADIANS_PER_PATH * path)
    undiffracted = blur_mix(field.real, RING) + 1j * blur_mix(field.imag, RING)
    image = (field - undiffracted) + RING_AMPLITUDE * np.exp(-0.5j * np.pi) * undiffracted
    return np.asarray((np.abs(image) / RING_AMPLITUDE) ** 2)
