"""Scores on the validation images: small ones while training, then the choice of a decoding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from containers.base.segmentation.crops import working_scale
from containers.base.segmentation.data import Pool
from containers.base.segmentation.match import dice, f1_scores
from containers.base.segmentation.predict import Predictor
from containers.base.segmentation.resample import resize_image, resize_labels, scaled_shape
from containers.base.segmentation.settings import Settings
from containers.base.segmentation.task import Decoding

LARGEST = 512
"""Side, in working pixels, of the part of an image that is looked at."""
THRESHOLDS = (0.5, 0.7, 0.9)


@dataclass(frozen=True, kw_only=True)
class _Part:
    image: np.ndarray
    labels: np.ndarray
    shape: tuple[int, int]
    """Of the part in working pixels."""


class Validator:
    """The middle of each validation image, at most `LARGEST` working pixels wide and high."""

    def __init__(self, pool: Pool, settings: Settings, typical: float) -> None:
        self._parts = []
        for index in range(len(pool)):
            sample = pool[index]
            diameter = pool.facts[index].diameter or typical
            scale = working_scale(diameter, settings.cell_diameter)
            side = max(1, round(LARGEST / scale))
            tops = [max(0, (size - side) // 2) for size in sample.labels.shape]
            window = slice(tops[0], tops[0] + side), slice(tops[1], tops[1] + side)
            image, labels = sample.image[window].copy(), sample.labels[window].copy()
            shape = scaled_shape((labels.shape[0], labels.shape[1]), scale)
            self._parts.append(_Part(image=image, labels=labels, shape=shape))

    def __len__(self) -> int:
        return len(self._parts)

    def score(self, predictor: Predictor[Any], index: int) -> list[float]:
        """F1 at IoU 0.5 and Dice of one image, shown at its true scale."""
        part = self._parts[index]
        image = resize_image(part.image, part.shape)
        maps = predictor.look(image, plainly=True)
        found = predictor.decode(image, maps, [predictor.decoding])[0]
        truth = resize_labels(part.labels, part.shape)
        return [*f1_scores(truth, found, (0.5,)), dice(truth, found)]

    def compare(
        self, predictor: Predictor[Decoding], index: int, decodings: Sequence[Decoding]
    ) -> list[float]:
        """For each candidate the mean F1 over `THRESHOLDS` of one image.

        Seen as in prediction (mirrored, if set), at its true scale and decoded in working pixels.
        """
        part = self._parts[index]
        image = resize_image(part.image, part.shape)
        truth = resize_labels(part.labels, part.shape)
        return [
            float(np.mean(f1_scores(truth, found, THRESHOLDS)))
            for found in predictor.decode(image, predictor.look(image), decodings)
        ]
