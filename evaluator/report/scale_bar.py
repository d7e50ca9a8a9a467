"""A scale bar in the corner of a picture."""

import math

import numpy as np
import numpy.typing as npt

WIDEST = 0.25
"""Of the picture's width."""
STEPS = (5, 2, 1)
MARGIN = 8
HEIGHT = 4


def bar_length(reach: float) -> float:
    """The longest of 1, 2 and 5 times a power of ten that is not longer than `reach` (above 0).

    >>> from evaluator.report.scale_bar import bar_length
    >>> bar_length(70.0), bar_length(0.3), bar_length(2.0)
    (50.0, 0.2, 2.0)
    """
    power = 10.0 ** math.floor(math.log10(reach))
    # A ten-billionth of tolerance, since 0.3 / 0.1 is a little less than 3.
    step = next(step for step in (10, *STEPS) if step * power <= reach * (1 + 1e-10))
    return float(f"{step * power:.6g}")


def scaled(
    picture: npt.NDArray[np.uint8], pixel_size_um: float
) -> tuple[npt.NDArray[np.uint8], float]:
    """A copy of an H×W×3 picture with a white bar on black, lower left, and the bar's length in µm.

    `pixel_size_um` is that of the picture's own pixels. A picture too small for a bar has none
    drawn.
    """
    height, width = picture.shape[:2]
    length = bar_length(pixel_size_um * width * WIDEST)
    across = round(length / pixel_size_um)
    result = picture.copy()
    if height > 2 * (MARGIN + HEIGHT) and across >= 1:
        top, left = height - MARGIN - HEIGHT, min(MARGIN, width // 8)
        result[top - 1 : top + HEIGHT + 1, left - 1 : left + across + 1] = 0
        result[top : top + HEIGHT, left : left + across] = 255
    return result, length
