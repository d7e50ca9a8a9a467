"""What is kept of an image to find it again, cut, turned, resized or in another contrast."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
THREADS = max(1, min(4, os.cpu_count() or 1))


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


@contextmanager
def many_at_once() -> Iterator[ThreadPoolExecutor]:
    """Threads that look at an image each."""
    from threadpoolctl import threadpool_limits

    # Threads of numpy's inside each of these would wait for each other more than they compute.
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        yield pool


def look(path: Path) -> tuple[Signature, npt.NDArray[np.uint8]] | None:
    """The signature and the small picture of an image file; None when it is unreadable."""
    try:
        pixels = read_image(path)
    except UnreadableImage:
        return None
    picture = small_picture(pixels)
    points, descriptors = keypoints(picture)
    digest = pixels_sha256(pixels)
    return Signature(pixels_sha256=digest, points=points, descriptors=descriptors), picture


def signature(path: Path) -> Signature | None:
    """The signature of an image file; None when it is unreadable."""
    looked = look(path)
    return None if looked is None else looked[0]


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
    grey = resized(pixels.astype(np.float32).mean(axis=-1), SIDE)
    low, high = np.percentile(grey, CUT)
    if high <= low:
        low, high = grey.min(), grey.max()
    stretched = (grey - low) * (255 / max(float(high - low), 1e-9))
    return np.asarray(np.clip(np.round(stretched), 0, 255), np.uint8)


def resized(picture: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """The H×W picture with `side` pixels on its longer side, of the same type."""
    import cv2

    height, width = picture.shape
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=how))


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
