"""Hands each picture to program.sh and takes labels back; there is nothing to replace here."""

import io
import subprocess
from pathlib import Path

import numpy as np

from contract import Image, serve

PROGRAM = Path(__file__).with_name("program.sh")
BRIGHTEST = 65535


class Segmenter:
    """Takes neither weights nor training."""

    def __init__(self, weights: Path | None, threads: int) -> None:
        pass

    def predict(self, image: Image) -> np.ndarray:
        """H×W labels, as the program printed them; RuntimeError with its words when it failed."""
        grey = image.pixels.mean(axis=2, dtype=np.float64)
        height, width = grey.shape
        span = max(float(np.ptp(grey)), 1e-12)
        text = io.StringIO()
        np.savetxt(text, (grey - grey.min()) / span * BRIGHTEST, fmt="%.0f")
        ended = subprocess.run(
            ["/bin/sh", str(PROGRAM), str(width), str(height)],
            input=text.getvalue(),
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode != 0:
            raise RuntimeError(f"program.sh: exit code {ended.returncode}: {ended.stderr[-500:]}")
        return np.array(ended.stdout.split(), np.int64).reshape(height, width)


if __name__ == "__main__":
    serve(Segmenter)
