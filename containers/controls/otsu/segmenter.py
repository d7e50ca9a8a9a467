"""The control that any model has to beat: a global threshold and a watershed."""

from pathlib import Path

import numpy as np

from contract import Image, serve


class Segmenter:
    """Takes neither weights nor training."""

    def __init__(self, weights: Path | None, threads: int) -> None:
        pass

    def predict(self, image: Image) -> np.ndarray:
        """H×W int32 labels; see `containers.controls.otsu.threshold`."""
        from containers.controls.otsu.threshold import segment

        return segment(image.pixels, image.region)


if __name__ == "__main__":
    serve(Segmenter)
