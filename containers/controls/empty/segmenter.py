"""The control that finds nothing."""

from pathlib import Path

import numpy as np

from contract import Image, serve


class Segmenter:
    """Takes neither weights nor training."""

    def __init__(self, weights: Path | None, threads: int) -> None:
        pass

    def predict(self, image: Image) -> np.ndarray:
        """H×W zeros."""
        return np.zeros(image.pixels.shape[:2], np.uint8)


if __name__ == "__main__":
    serve(Segmenter)
