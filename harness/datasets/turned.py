"""Whether a label was drawn on the picture as a viewer turns it, not as it is stored."""

from typing import Any

import numpy as np
import numpy.typing as npt

from contract.reading.orientation import ON_ITS_SIDE, UPRIGHT

CLEAR = 0.05
"""Part of the picture's variance that lies between cells and background where a label fits."""
BETTER = 2.0
"""So many times more of it than as stored, and the label belongs to the turned picture."""
FITS_TURNED = (
    "the label fits the turned picture: turn the pixels and save them with orientation 1, or turn"
    " the label back"
)


def turned(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """H×W… pixels as a viewer shows them that heeds the orientation (TIFF 6.0, EXIF 2.3)."""
    if orientation in ON_ITS_SIDE:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def fits_turned(
    pixels: npt.NDArray[Any], labels: npt.NDArray[np.integer[Any]], orientation: int
) -> bool:
    """Whether H×W labels fit H×W×3 pixels better when these are turned by `orientation`.

    The size decides where turning changes it; else how well the cells stand out.
    """
    if orientation == UPRIGHT:
        return False
    grey = pixels.mean(axis=-1, dtype=np.float64)
    other = turned(grey, orientation)
    if other.shape != labels.shape:
        return False
    if grey.shape != labels.shape:
        return True
    cells = labels != 0
    fit = _parted(other, cells)
    return fit > CLEAR and fit > BETTER * _parted(grey, cells)


def _parted(grey: npt.NDArray[np.float64], cells: npt.NDArray[np.bool_]) -> float:
    """Share of the variance of H×W values that lies between cells and the rest, 0 to 1."""
    if not cells.any() or cells.all() or np.ptp(grey) == 0:
        return 0.0
    return float(np.corrcoef(grey.ravel(), cells.ravel())[0, 1] ** 2)
