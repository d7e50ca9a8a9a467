"""A stained blood smear in brightfield: white cells to be found among red ones."""

import numpy as np
from scipy import ndimage

from containers.base.simulated.blood import AZURE, add_leukocyte, add_platelet, add_red_cell
from containers.base.simulated.camera import (
    blur,
    count_per_area,
    expose,
    power_law_field,
    uneven_light,
)
from containers.base.simulated.image import Bytes, Plane, Shape, SimulatedImage, to_uint8
from containers.base.simulated.shapes import Point, scatter, spot, tidy_labels, window_around

RED_CELL_RADIUS = (19.0, 23.0)
"""px, one value per image."""
RED_CELLS = (85, 135)
LEUKOCYTES = (10, 18)
PLATELETS = (6, 18)
PRECIPITATE = (0, 14)
"""Counts in a frame of 512×512 px."""
LEUKOCYTE_SPACING = 60.0
"""Smallest distance between the middles of two leukocytes, px."""
FEWEST_LEUKOCYTES = 2
"""In any frame."""
FILM = np.array([0.5, 0.75, 0.45])
"""Colour of the dried plasma, optical density per unit in red, green and blue."""
FREE_FILM = 0.35
"""Summed optical density of the three channels below which there is no cell."""
WHITE = np.array([0.955, 0.93, 0.925])
"""The lamp's white in the camera."""
CHANNEL_BLUR = (0.85, 0.85, 0.97)
CHANNEL_SHIFT = ((-0.3, 0.2), (0.0, 0.0), (0.3, -0.2))
"""Blur and sideways colour error of the lens in red, green and blue, px."""
PHOTONS = 4500.0
READ_NOISE = 18.0
SHARPENING = 0.35
"""Strength of the camera's unsharp mask, of radius 1.3 px."""
SMALLEST_LEUKOCYTE = 60


def simulate_smear(rng: np.random.Generator, shape: Shape) -> SimulatedImage:
    """Leukocytes (labelled) among red cells and platelets (not labelled), H×W×3 uint8.

    Stains are mixed as optical densities, which add up along the light's way; transmission follows
    from the Beer–Lambert law, T = 10^(−density), per colour channel.
    """
    density = np.zeros((*shape, 3))
    labels = np.zeros(shape, np.int32)
    fine = power_law_field(rng, shape, exponent=1.8, longest=14)
    coarse = power_law_field(rng, shape, exponent=2.6, longest=40)

    radius = rng.uniform(*RED_CELL_RADIUS)
    count = count_per_area(rng, shape, *RED_CELLS)
    for centre in scatter(rng, shape, count, clustered=0.25, spread=70, spacing=1.55 * radius):
        add_red_cell(rng, density, centre, radius)

    centres = scatter(
        rng,
        shape,
        max(FEWEST_LEUKOCYTES, count_per_area(rng, shape, *LEUKOCYTES)),
        clustered=0.25,
        spread=90,
        spacing=LEUKOCYTE_SPACING,
        inside=FEWEST_LEUKOCYTES,
    )
    for label, centre in enumerate(centres, start=1):
        window, level = add_leukocyte(rng, density, centre, fine, coarse)
        labels[window][level > 0] = label

    for _ in range(count_per_area(rng, shape, *PLATELETS)):
        add_platelet(rng, density, _anywhere(rng, shape), fine, clear_below=FREE_FILM)
    for _ in range(count_per_area(rng, shape, *PRECIPITATE)):
        centre = _anywhere(rng, shape)
        window = window_around(centre, 3, shape)
        density[window] += rng.uniform(0.4, 1.2) * spot(window, centre, 0.7)[..., None] * AZURE
    return SimulatedImage(
        pixels=_photograph(rng, density), labels=tidy_labels(labels, smallest=SMALLEST_LEUKOCYTE)
    )


def _anywhere(rng: np.random.Generator, shape: Shape) -> Point:
    return Point(rng.uniform(0, shape[0]), rng.uniform(0, shape[1]))


def _photograph(rng: np.random.Generator, density: Plane) -> Bytes:
    """Film, staining strength, light, lens and colour camera."""
    shape = density.shape[0], density.shape[1]
    film = 0.045 + 0.012 * power_law_field(rng, shape, exponent=3.2)
    film += 0.006 * power_law_field(rng, shape, exponent=1.0)
    density = np.clip(density + film[..., None] * FILM, 0, None) * rng.uniform(0.85, 1.1)
    transmitted = 10**-density
    light = uneven_light(rng, shape, falloff=0.18)
    white = WHITE * rng.normal(1, 0.012, 3)
    seen = np.stack(
        [
            ndimage.shift(
                blur(transmitted[..., channel], CHANNEL_BLUR[channel]),
                CHANNEL_SHIFT[channel],
                order=1,
                mode="nearest",
            )
            * light
            * white[channel]
            for channel in range(3)
        ],
        axis=-1,
    )
    signal = np.clip(expose(rng, np.clip(seen, 0, 1), photons=PHOTONS, read_noise=READ_NOISE), 0, 1)
    soft = ndimage.gaussian_filter(signal, (1.3, 1.3, 0))
    return to_uint8(signal + SHARPENING * (signal - soft))
