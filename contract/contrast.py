"""What counts as contrast: any difference that a number can show, at whatever scale."""

import numpy as np
import numpy.typing as npt

ROUNDING = 4 * 2.0**-24
"""Relative error of a difference of two float32 values and of what is computed from it."""


def differ(low: float, high: float) -> bool:
    """Whether two values of a picture are apart by more than rounding.

    There is no absolute scale: what holds for a picture holds for all its multiples.
    """
    return high - low > ROUNDING * max(abs(low), abs(high))


def has_contrast(pixels: npt.NDArray[np.generic]) -> bool:
    """Whether any channel of H×W×S finite pixels holds two different values."""
    return any(
        differ(float(pixels[..., channel].min()), float(pixels[..., channel].max()))
        for channel in range(pixels.shape[-1])
    )
