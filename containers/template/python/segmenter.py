"""Connected pieces above, or below, a brightness that was learned."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field
from scipy import ndimage

from contract import (
    Image,
    Kinds,
    SettingsModel,
    TrainCall,
    TrainingSummary,
    read_image,
    read_mask,
    serve,
    take,
    write_json,
)

# Replace the settings, what train learns and keeps, and what predict does with it.


class Settings(SettingsModel):
    """What can be set of a training."""

    levels: int = Field(default=41, ge=2, le=1000)
    """Brightnesses that are tried, evenly over four standard deviations."""


class Segmenter:
    """Learns which brightness parts cells from background, and on which side cells are."""

    settings: ClassVar[Kinds] = (Settings,)

    def __init__(self, weights: Path | None, threads: int) -> None:
        self._rule = None if weights is None else json.loads((weights / "rule.json").read_text())

    def train(self, call: TrainCall) -> TrainingSummary:
        """Tries every level on all training images and keeps the one with the best Dice."""
        levels = np.linspace(-2, 2, take(call.settings, Settings).levels)
        rules = [(sign, level) for sign in (1, -1) for level in levels]
        pairs = [pair for pair in call.pairs if pair.subset == "train"]
        dice = np.zeros(len(rules))
        for done, pair in enumerate(pairs, start=1):
            bright, truth = brightness(read_image(pair.image)), read_mask(pair.label) > 0
            for place, (sign, level) in enumerate(rules):
                found = sign * bright > level
                dice[place] += 2 * (found & truth).sum() / max(1, found.sum() + truth.sum())
            call.progress(done, len(pairs), pair.image.name)
        sign, level = rules[dice.argmax()]
        write_json(call.weights / "rule.json", {"sign": sign, "level": float(level)})
        return TrainingSummary(parameters=2, steps=len(pairs), pretrained="none")

    def predict(self, image: Image) -> np.ndarray:
        """H×W labels: each connected piece is a cell."""
        assert self._rule is not None, "a segmenter built to train cannot predict"
        found = self._rule["sign"] * brightness(image.pixels) > self._rule["level"]
        return ndimage.label(ndimage.binary_opening(found))[0]


def brightness(pixels: np.ndarray) -> np.ndarray:
    """(H, W) grey values in standard deviations from the image's mean."""
    grey = pixels.mean(axis=2)
    return np.asarray((grey - grey.mean()) / max(grey.std(), 1e-6))


if __name__ == "__main__":
    serve(Segmenter)
