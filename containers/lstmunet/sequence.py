"""A still image as a short sequence, whose last frame is the image itself."""

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, interpolate

from containers.lstmunet.settings import Sequence

DARKEST, BRIGHTEST = 1.4, 0.7
"""Exponents between which the earlier frames of a photometric sequence lie."""


def make_sequence(image: torch.Tensor, kind: Sequence, frames: int) -> list[torch.Tensor]:
    """`frames` images of the shape of `image` (B×C×H×W, values in [0, 1]), the last one unchanged.

    coarse_to_fine: blurred by 2^(frames-1), …, 4, 2, 1, each by averaging squares of that many
    pixels and going back by bilinear interpolation. photometric: earlier frames raised to powers
    spread evenly (as factors) between `BRIGHTEST` and `DARKEST`; the geometry is shared.
    repetition: the image again and again. Nothing is random, so training and prediction see the
    same sequence and threads cannot disturb its order.
    """
    if kind == "repetition" or frames == 1:
        return [image] * frames
    if kind == "photometric":
        powers = np.geomspace(BRIGHTEST, DARKEST, frames - 1)
        return [*(image ** float(power) for power in powers), image]
    return [*(_blurred(image, 2**power) for power in range(frames - 1, 0, -1)), image]


def _blurred(image: torch.Tensor, factor: int) -> torch.Tensor:
    height, width = image.shape[2:]
    small = avg_pool2d(image, factor, ceil_mode=True)
    return interpolate(small, scale_factor=factor, mode="bilinear")[..., :height, :width]
