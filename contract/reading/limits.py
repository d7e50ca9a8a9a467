"""How large an image may be, asked of its header before anything is decoded."""

import os
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from contract.errors import CallError, UnreadableImage

MAX_PIXELS = 2_000_000_000
MAX_PIXELS_VARIABLE = "CELLBENCH_MAX_PIXELS"


MOST_PACKED = 1500
on_size: Callable[[int], None] | None = None
"""Told the pixels of an image, each sample beyond the third counted as half of one, before they
are decoded; the process that decodes for others sets its limits by them."""


class WrongSize(UnreadableImage):
    """An image of another size than the caller expects; `size` is its own height and width."""

    def __init__(self, size: tuple[int, int], expected: tuple[int, int]) -> None:
        super().__init__(
            f"{size[0]}×{size[1]} pixels (height × width), not {expected[0]}×{expected[1]}"
        )
        self.size = size


def pixel_limit() -> int:
    """The most pixels an image may have: CELLBENCH_MAX_PIXELS when set, else two gigapixels.

    Raises CallError when the variable is set to anything but a whole number above 0.
    """
    asked = os.environ.get(MAX_PIXELS_VARIABLE, "")
    if not asked:
        return MAX_PIXELS
    if not (asked.isascii() and asked.isdigit() and int(asked) > 0):
        raise CallError(
            f"{MAX_PIXELS_VARIABLE} is {asked!r}, which is no number of pixels.",
            do=f"give a whole number above 0, or unset it for {MAX_PIXELS}",
        )
    return int(asked)


def check_size(
    height: int,
    width: int,
    max_pixels: int,
    *,
    samples: int = 1,
    expected: tuple[int, int] | None = None,
) -> None:
    """Raises UnreadableImage without pixels and above `max_pixels`.

    Each further four samples of a pixel count as a pixel. Raises WrongSize when another height
    and width is expected.
    """
    if height == 0 or width == 0:
        raise UnreadableImage("the image has no pixels")
    if expected is not None and (height, width) != expected:
        raise WrongSize((height, width), expected)
    if height * width * -(-samples // 4) > max_pixels:
        raise UnreadableImage(
            f"{height}×{width} pixels are more than the limit of {max_pixels}; the file may be"
            " a decompression bomb"
        )
    if on_size is not None:
        on_size(height * width * max(2, samples - 1) // 2)


def check_content(unpacked: int, packed: int) -> None:
    """Raises UnreadableImage when so many packed bytes cannot hold so many unpacked ones.

    Deflate, LZW and JPEG cannot pack better than `MOST_PACKED` to 1 (RFC 1951, TIFF 6.0, T.81): a
    header that says more is damaged, and decoders would make room for it.
    """
    if unpacked > MOST_PACKED * packed + (1 << 20):
        raise UnreadableImage(
            f"the file is truncated or damaged: {packed} bytes cannot hold the {unpacked} that its"
            " header speaks of"
        )


def of_size(pixels: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[Any]:
    """The decoded pixels, if they have the size that the header told; else UnreadableImage."""
    if pixels.shape[:2] != (height, width):
        raise UnreadableImage(
            f"the file is damaged: its pixels have the shape {pixels.shape}, but its header says"
            f" {height}×{width}"
        )
    return pixels
