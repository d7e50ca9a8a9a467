"""What is kept of an image to find it again, cut, turned, resized or in another contrast."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract import UnreadableImage
from contract.guarded import read_image

SIDE = 256
"""Pixels of the longer side of the small picture in which images are compared."""
POINTS = 100
"""Keypoints of an image, the strongest ones."""
WEAKEST, LONGEST_EDGE = 0.01, 20
"""Lower than SIFT's defaults (0.04) and higher (10): outlines of cells are weak, long edges."""
CUT = (0.5, 99.5)
"""Percentiles between which a small picture's contrast lies, for bit depths to make no odds."""
LEAST_PIXELS = 8
"""Images with a shorter side have nothing to be known by but their pixels."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """An image's pixels as a hash, and its keypoints."""

    pixels_sha256: str
    """Of what is decoded, whatever file format and integer type hold it."""
    points: npt.NDArray[np.float32]
    """(n, 4): x, y, diameter in pixels of the small picture, and angle in radians."""
    descriptors: npt.NDArray[np.uint8]
    """(n, 128) of SIFT: 4×4 places with 8 directions each (Lowe 2004, doi
    10.1023/B:VISI.0000029664.99615.94)."""


def signature(path: Path) -> Signature | None:
    """The signature of an image file; None when it is unreadable."""
    try:
        pixels = read_image(path)
    except UnreadableImage:
        return None
    points, descriptors = keypoints(small_picture(pixels))
    return Signature(pixels_sha256=pixels_sha256(pixels), points=points, descriptors=descriptors)


def pixels_sha256(pixels: npt.NDArray[Any]) -> str:
    """SHA-256 over the size and the values of H×W×3 pixels; three equal channels are one."""
    if (pixels[..., :1] == pixels).all():
        pixels = pixels[..., 0]
    if pixels.dtype.kind in "iu" and pixels.size and pixels.min() >= 0:
        pixels = pixels.astype(np.min_scalar_type(int(pixels.max())))
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def small_picture(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """H×W×3 pixels of any type in grey, at most SIDE pixels long, contrast stretched to 0…255.

    A small image is enlarged, so that it has keypoints too.
    """
    import cv2

    grey = pixels.astype(np.float32).mean(axis=-1)
    height, width = grey.shape
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    low, high = np.percentile(grey, CUT)
    if high <= low:
        low, high = grey.min(), grey.max()
    stretched = (grey - low) * (255 / max(float(high - low), 1e-9))
    return np.asarray(np.clip(np.round(stretched), 0, 255), np.uint8)


def keypoints(
    picture: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """The points and descriptors of an H×W picture, as in `Signature`."""
    import cv2

    found: Any = ()
    descriptors: Any = None
    if min(picture.shape) >= LEAST_PIXELS:
        sift = cv2.SIFT.create(
            nfeatures=POINTS, contrastThreshold=WEAKEST, edgeThreshold=LONGEST_EDGE
        )
        found, descriptors = sift.detectAndCompute(picture, None)
    if descriptors is None:
        return np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8)
    points = [(*point.pt, point.size, np.deg2rad(point.angle)) for point in found[:POINTS]]
    return np.array(points, np.float32), descriptors[:POINTS].astype(np.uint8)


def mirrored(descriptors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The (n, 128) descriptors of the same points in the mirrored picture."""
    places = descriptors.reshape(-1, 4, 4, 8)[:, ::-1]
    return places[..., [0, 7, 6, 5, 4, 3, 2, 1]].reshape(-1, 128)


def inverted(descriptors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The (n, 128) descriptors of the same points in the picture's negative.

    Every gradient turns round, the point's own direction with it.
    """
    return descriptors.reshape(-1, 4, 4, 8)[:, ::-1, ::-1].reshape(-1, 128)
