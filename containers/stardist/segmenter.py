"""StarDist, by its own class, behind the contract."""

from pathlib import Path
from typing import ClassVar

import numpy as np

from containers.stardist.settings import Settings
from contract import Image, Kinds, TrainCall, TrainingSummary, serve


class Segmenter:
    """Trains with `StarDist2D.train` and predicts with `StarDist2D.predict_instances`."""

    settings: ClassVar[Kinds] = (Settings,)

    def __init__(self, weights: Path | None, threads: int) -> None:
        self._model = None
        if weights is not None:
            from containers.stardist.package import load

            self._model = load(weights, threads)

    def train(self, call: TrainCall) -> TrainingSummary:
        """See `containers.stardist.package.train`."""
        from containers.stardist.package import train

        return train(call)

    def predict(self, image: Image) -> np.ndarray:
        """H×W labels, at the package's defaults."""
        from containers.stardist.package import segment

        assert self._model is not None, "a segmenter built to train cannot predict"
        return segment(self._model, image.pixels)


if __name__ == "__main__":
    serve(Segmenter)
