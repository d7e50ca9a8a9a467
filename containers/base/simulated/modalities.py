"""The modalities that can be drawn, and drawing one picture of any size."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from containers.base.simulated.dic import simulate_dic
from containers.base.simulated.fluorescence import simulate_fluorescence
from containers.base.simulated.image import Shape, SimulatedImage
from containers.base.simulated.phase import simulate_phase
from containers.base.simulated.shapes import tidy_labels
from containers.base.simulated.smear import simulate_smear

Modality = Literal["fluorescence", "smear", "phase", "dic"]

SMALLEST_SIZE = 64
"""px"""
SMALLEST_FIELD = 192
"""A smaller picture is drawn so large, in px, and binned, so that it still shows whole cells."""
SMALLEST_BINNED_CELL = 9
"""px"""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a modality is drawn, called in the manifest, and stored."""

    simulate: Callable[[np.random.Generator, Shape], SimulatedImage]
    title: str
    suffixes: tuple[str, ...]
    """File types, taken in turn."""


RECIPES: dict[Modality, Recipe] = {
    "fluorescence": Recipe(
        simulate=simulate_fluorescence, title="fluorescence", suffixes=(".png",)
    ),
    "smear": Recipe(simulate=simulate_smear, title="brightfield", suffixes=(".png",)),
    "phase": Recipe(simulate=simulate_phase, title="phase contrast", suffixes=(".tif", ".bmp")),
    "dic": Recipe(simulate=simulate_dic, title="DIC", suffixes=(".tif",)),
}
MODALITIES: tuple[Modality, ...] = tuple(RECIPES)


def simulate_image(modality: Modality, seed: int | Sequence[int], size: int) -> SimulatedImage:
    """Draws one picture of `size`×`size` px (at least 64) with its truth.

    The same modality, seed (whole numbers ≥ 0) and size give the same pixels and labels.
    Fluorescence and phase are H×W uint8, smear is H×W×3 uint8, DIC is H×W uint16.
    """
    factor = math.ceil(SMALLEST_FIELD / size)
    field = (size * factor, size * factor)
    picture = RECIPES[modality].simulate(np.random.default_rng(seed), field)
    return picture if factor == 1 else binned(picture, factor)


def binned(picture: SimulatedImage, factor: int) -> SimulatedImage:
    """The picture at 1/`factor` of its side length: pixels averaged as a camera bins them."""
    height, width = (side // factor for side in picture.labels.shape)
    pixels = picture.pixels.reshape(height, factor, width, factor, -1).mean(axis=(1, 3))
    labels = picture.labels[factor // 2 :: factor, factor // 2 :: factor]
    return SimulatedImage(
        pixels=np.rint(pixels)
        .astype(picture.pixels.dtype)
        .reshape(height, width, *picture.pixels.shape[2:]),
        labels=tidy_labels(labels, smallest=SMALLEST_BINNED_CELL),
    )
