"""The control that is always right: it returns the truth."""

from pathlib import Path

import numpy as np

from contract import CallError, Image, read_mask, serve


class Segmenter:
    """Needs the truth; takes neither weights nor training."""

    def __init__(self, weights: Path | None, threads: int) -> None:
        pass

    def predict(self, image: Image) -> np.ndarray:
        """The true labels of the image, H×W, in the label file's own integer dtype."""
        if image.truth is None:
            raise CallError(
                f"There is no truth for {image.name}.",
                why="the folder of labels lacks it, or none was given",
                do="give the folder of label masks with --truth, or mount it at /truth",
            )
        labels = read_mask(image.truth)
        region = image.region
        return labels if region is None else labels[region.rows, region.columns]


if __name__ == "__main__":
    serve(Segmenter)
