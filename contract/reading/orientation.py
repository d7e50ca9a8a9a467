"""How a camera was held: EXIF's orientation, which is told but never applied."""

import io

from contract.errors import UnreadableImage
from contract.reading.directories import TIFF_MAGIC, read_directories

UPRIGHT = 1
ON_ITS_SIDE = frozenset({5, 6, 7, 8})
"""Orientations that swap height and width."""


def exif_orientation(block: bytes) -> int:
    """1 to 8 from an EXIF block, which is a small TIFF; 1 when it is absent or damaged."""
    if block[:4] not in TIFF_MAGIC:
        return UPRIGHT
    try:
        directories = read_directories(io.BytesIO(block), len(block))
    except UnreadableImage:
        return UPRIGHT
    return directories[0].orientation if directories else UPRIGHT
