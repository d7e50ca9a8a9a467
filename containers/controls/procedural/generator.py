"""Simulated pictures that are like the training images in modality, size and scale alone."""

import math
from pathlib import Path

import numpy as np
from scipy import ndimage

from containers.base.generation.pictures import Picture, median_area, read_pair
from containers.base.simulated.image import SimulatedImage
from containers.base.simulated.modalities import (
    RECIPES,
    SMALLEST_FIELD,
    SMALLEST_SIZE,
    Modality,
    simulate_image,
)
from containers.base.simulated.shapes import tidy_labels
from contract import GenerateCall, Sample, serve

SAME_SCALE = 1.33
"""Cells up to so many times as wide, or as narrow, as the real ones are left as they are."""
LARGEST_FIELD = 1024
"""px; a picture is not drawn larger, however small its cells must be."""
SMALLEST_CELL = 9
"""px"""
DARK = 0.35
"""Of the range of grey levels: a grey image whose median is below is taken for fluorescence."""


class Generator:
    """Takes neither weights nor training."""

    def __init__(self, weights: Path | None, threads: int) -> None:
        pass

    def prepare(self, call: GenerateCall) -> None:
        """Keeps the call: images are looked at one at a time."""
        self._call = call

    def generate(self, index: int) -> Sample:
        """A picture like one of the training images; none of its pixels or cells is real."""
        random = self._call.random(index)
        model = read_pair(self._call.pairs[random.integers(len(self._call.pairs))])
        modality = modality_of(model)
        drawn = draw(modality, int(random.integers(2**32)), model)
        return Sample(
            pixels=drawn.pixels,
            labels=drawn.labels,
            modality=model.modality or RECIPES[modality].title,
        )


def modality_of(model: Picture) -> Modality:
    """What the manifest says of an image; without a word that is known, by its colour and light."""
    for modality, recipe in RECIPES.items():
        if model.modality.lower() == recipe.title.lower():
            return modality
    if model.pixels.ndim == 3:
        return "smear"
    level = float(np.median(model.pixels)) / np.iinfo(model.pixels.dtype).max
    return "fluorescence" if level < DARK else "phase"


def draw(modality: Modality, seed: int, model: Picture) -> SimulatedImage:
    """A simulated picture of the size of `model`, with cells of about the width of its cells."""
    height, width = model.labels.shape
    side = max(height, width, SMALLEST_SIZE)
    picture = simulate_image(modality, seed, side)
    wanted, found = median_area(model.labels), median_area(picture.labels)
    zoom = (wanted / found) ** 0.5 if wanted and found else 1.0
    if not 1 / SAME_SCALE <= zoom <= SAME_SCALE:
        unbinned = side * math.ceil(SMALLEST_FIELD / side)
        field = int(np.clip(round(unbinned / zoom), SMALLEST_SIZE, LARGEST_FIELD))
        random = np.random.default_rng(seed)
        picture = resized(RECIPES[modality].simulate(random, (field, field)), side)
    return SimulatedImage(
        pixels=picture.pixels[:height, :width],
        labels=tidy_labels(picture.labels[:height, :width], smallest=SMALLEST_CELL),
    )


def resized(picture: SimulatedImage, side: int) -> SimulatedImage:
    """The picture at `side`×`side` px: pixels by linear interpolation, labels by nearest ones."""
    rows, columns = np.mgrid[:side, :side] * (picture.labels.shape[0] / side)
    at = np.stack([rows, columns])
    planes = np.atleast_3d(picture.pixels).astype(np.float64)
    shrink = max(0.0, (picture.labels.shape[0] / side - 1) / 2)
    values = [
        ndimage.map_coordinates(ndimage.gaussian_filter(plane, shrink), at, order=1, mode="nearest")
        for plane in np.moveaxis(planes, 2, 0)
    ]
    pixels = np.rint(np.stack(values, axis=2)).astype(picture.pixels.dtype)
    nearest = np.minimum(np.rint(at), picture.labels.shape[0] - 1).astype(int)
    return SimulatedImage(
        pixels=pixels if picture.pixels.ndim == 3 else pixels[..., 0],
        labels=picture.labels[nearest[0], nearest[1]],
    )


if __name__ == "__main__":
    serve(Generator)
