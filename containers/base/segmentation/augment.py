"""Random changes of a training crop; every draw comes from the generator that is passed in."""

from math import ceil

import numpy as np
from scipy.ndimage import gaussian_filter

from containers.base.segmentation.settings import Settings

STEEPEST = 1 / 3
"""Of a slope of light, from one side of the crop to the other."""


def flip_turn(
    image: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One of the eight mirror images and quarter turns of a square crop, both arrays alike."""
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    return (image[:, ::-1], labels[:, ::-1]) if mirrored else (image, labels)


def change_intensities(
    image: np.ndarray, settings: Settings, rng: np.random.Generator
) -> np.ndarray:
    """Inversion, colour, gamma, histogram shift, slope, blur and noise, each by its probability.

    `image` is H×W×3 float32 in [0, 1]; so is the result.
    """
    if rng.random() < settings.invert_probability:
        image = 1 - image
    if rng.random() < settings.colour_probability:
        image = _change_colour(image, rng)
    if rng.random() < settings.gamma_probability:
        image = image ** np.float32(2.0 ** rng.uniform(-1, 1))
    if rng.random() < settings.histogram_probability:
        image = _shift_histogram(image, rng)
    if rng.random() < settings.gradient_probability:
        image = _add_slope(image, rng)
    if rng.random() < settings.blur_probability:
        image = blur(image, float(rng.uniform(0.5, 1.5)))
    if rng.random() < settings.noise_probability:
        strength = np.float32(rng.uniform(0, 0.1))
        image = image + strength * rng.standard_normal(image.shape, np.float32)
    clipped: np.ndarray = np.clip(image, 0, 1)
    return clipped.astype(np.float32, copy=False)


def _change_colour(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.5:
        return np.repeat(image.mean(2, keepdims=True), 3, axis=2)
    gain = rng.uniform(0.7, 1.3, 3).astype(np.float32)
    return np.clip(image * gain, 0, 1)


def _shift_histogram(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Monotonic piecewise linear change through three random inner control points."""
    knots = np.linspace(0, 1, 5, dtype=np.float32)
    moved = knots.copy()
    moved[1:4] = np.sort(np.clip(knots[1:4] + rng.uniform(-0.15, 0.15, 3), 0, 1))
    shifted: np.ndarray = np.interp(image, knots, moved)
    return shifted.astype(np.float32)


def _add_slope(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A plane of light on top, steepest in a random direction, with mean 0."""
    angle, height = rng.uniform(0, 2 * np.pi), rng.uniform(0, STEEPEST)
    rows, columns = (np.linspace(-0.5, 0.5, size, dtype=np.float32) for size in image.shape[:2])
    slope = np.cos(angle) * rows[:, None] + np.sin(angle) * columns[None, :]
    sloped: np.ndarray = image + np.float32(height) * slope[..., None].astype(np.float32)
    clipped: np.ndarray = np.clip(sloped, 0, 1)
    return clipped


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """H×W×3 float32 under a Gaussian of `sigma` pixels, cut off at 2.5 of them; edges repeated."""
    return gaussian_filter(image, sigma, mode="nearest", radius=ceil(2.5 * sigma), axes=(0, 1))
