"""What lies between the cells and the stored picture: textures, uneven light, dirt and noise."""

import numpy as np
from scipy import ndimage

from containers.base.simulated.image import Plane, Shape
from containers.base.simulated.shapes import Point, spot, window_around


def power_law_field(
    rng: np.random.Generator, shape: Shape, *, exponent: float, longest: float = np.inf
) -> Plane:
    """A random texture with power spectrum 1/f^`exponent`, mean 0 and standard deviation 1.

    The spectrum is flat for wavelengths above `longest` px, so that no larger structure stands out.
    """
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])
    lowest = max(1 / longest, 1 / max(shape))
    amplitude = np.maximum(frequency, lowest) ** (-exponent / 2)
    amplitude[0, 0] = 0
    waves = rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)
    field = np.fft.irfft2(waves * amplitude, s=shape)
    return np.asarray(field / field.std())


def blur(plane: Plane, sigma: float) -> Plane:
    """Gaussian blur, `sigma` in px."""
    return np.asarray(ndimage.gaussian_filter(plane, sigma))


def blur_mix(plane: Plane, parts: tuple[tuple[float, float], ...]) -> Plane:
    """A weighted sum of Gaussian blurs; `parts` are (weight, sigma in px)."""
    return np.asarray(sum(weight * blur(plane, sigma) for weight, sigma in parts))


def uneven_light(
    rng: np.random.Generator, shape: Shape, *, tilt: float = 0.0, falloff: float = 0.0
) -> Plane:
    """Relative illumination, about 1 at the centre.

    `tilt` bounds the linear change across the whole frame, `falloff` is the loss in the corners;
    the bright spot lies somewhere near the middle.
    """
    y = np.linspace(-0.5, 0.5, shape[0])[:, None]
    x = np.linspace(-0.5, 0.5, shape[1])[None, :]
    slope_y, slope_x = rng.uniform(-tilt, tilt, 2)
    spot_y, spot_x = rng.uniform(-0.15, 0.15, 2)
    squared_distance = (y - spot_y) ** 2 + (x - spot_x) ** 2
    return np.asarray(1 + slope_y * y + slope_x * x - 2 * falloff * squared_distance)


def add_specks(
    rng: np.random.Generator,
    plane: Plane,
    count: int,
    *,
    sigma: tuple[float, float],
    strength: tuple[float, float],
) -> None:
    """Adds `count` Gaussian dirt specks in place; `sigma` (px) and `strength` are ranges."""
    height, width = plane.shape
    for _ in range(count):
        centre = Point(rng.uniform(0, height), rng.uniform(0, width))
        size = rng.uniform(*sigma)
        window = window_around(centre, 4 * size, (height, width))
        plane[window] += rng.uniform(*strength) * spot(window, centre, size)


def expose(rng: np.random.Generator, light: Plane, *, photons: float, read_noise: float) -> Plane:
    """Camera signal for `light` (1 = full scale), in units of full scale.

    Poisson shot noise of `photons` electrons at full scale plus Gaussian `read_noise` (electrons).
    """
    electrons = rng.poisson(np.clip(light, 0, None) * photons)
    return np.asarray((electrons + rng.normal(0, read_noise, light.shape)) / photons)


def count_per_area(rng: np.random.Generator, shape: Shape, low: float, high: float) -> int:
    """A random count for this frame, from a range that holds for a frame of 512×512 px."""
    return int(rng.uniform(low, high) * shape[0] * shape[1] / 512**2 + 0.5)
