"""What every simulated modality returns."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float64]
"""A floating-point map: H×W, or H×W×3 where a docstring says so."""

Labels = npt.NDArray[np.int32]
"""H×W cell ids, 0 for background."""

Mask = npt.NDArray[np.bool_]
"""H×W, True inside."""

Bytes = npt.NDArray[np.uint8]

Shape = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True, kw_only=True)
class SimulatedImage:
    """A picture and its truth."""

    pixels: Bytes | npt.NDArray[np.uint16]
    """H×W or H×W×3, as the microscope's camera would store it."""
    labels: Labels
    """H×W int32; ids 1…n without a gap, each one 4-connected piece."""


def to_uint8(display: Plane) -> Bytes:
    """Display values in [0, 1] as 8-bit grey levels; what lies outside is clipped."""
    return np.rint(np.clip(display, 0, 1) * 255).astype(np.uint8)


def to_uint16(display: Plane) -> npt.NDArray[np.uint16]:
    """Display values in [0, 1] as 16-bit grey levels; what lies outside is clipped."""
    return np.rint(np.clip(display, 0, 1) * 65535).astype(np.uint16)
