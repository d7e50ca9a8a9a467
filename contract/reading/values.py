"""From what a file stores to intensities: larger is brighter, alpha apart, one simple type."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from contract.contrast import has_contrast
from contract.errors import UnreadableImage
from contract.reading.tiff import Plane

Pixels = npt.NDArray[np.generic]

JPEG_COMPRESSIONS = {6, 7, 33007, 34892}  # tifffile gives RGB for these
ALPHA_SAMPLES = {1, 2}  # TIFF's ExtraSamples: associated and unassociated alpha
COARSE = 2**16
"""From this ratio of values to their differences on, float32 leaves fewer than 256 steps."""

TURNED = "white is zero in this file; the values are turned, so that larger is brighter"
DISPLAY = "the colours of its look-up table are for display; the stored values are used"
ALPHA_DROPPED = "the alpha channel is dropped"
ALPHA_TAKEN = "the colours are the same everywhere; the alpha channel is taken as the picture"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """The values of an image and what was done to them."""

    pixels: Pixels
    """H×W or H×W×S without alpha, of the file's type."""
    alpha: Pixels | None = None
    """H×W."""
    channels: int = 1
    """Channels in the file, when they are pages that were not all read."""
    remarks: tuple[str, ...] = ()


def of_plane(plane: Plane) -> Stored:
    """The intensities of a TIFF's plane. UnreadableImage in a colour space that is not read."""
    pixels, alpha = plane.pixels, None
    remarks = plane.remarks
    samples_have_alpha = bool(plane.extra_samples) and plane.extra_samples[-1] in ALPHA_SAMPLES
    if pixels.ndim == 3 and plane.pages == 1 and samples_have_alpha:
        pixels, alpha = pixels[..., :-1], pixels[..., -1]
    if plane.photometric == 3 and plane.colours_for_display:
        return Stored(pixels=pixels, alpha=alpha, remarks=(*remarks, DISPLAY))
    match plane.photometric:
        case 1 | 2 | 4 | 34892:  # black is zero, RGB, a transparency mask, linear raw
            pass
        case 0:
            pixels = turned(pixels, plane.bits)
            remarks = (*remarks, TURNED)
        case 3 if plane.colours is not None and pixels.dtype.kind in "ub":
            pixels = _coloured(pixels, plane.colours)
        case 5 if pixels.ndim == 3 and pixels.shape[-1] >= 4 and pixels.dtype.kind == "u":
            pixels = _without_ink(pixels, plane.bits)
        case 6 if plane.compression in JPEG_COMPRESSIONS:
            pass
        case _:
            raise UnreadableImage(
                "a colour space that is not read (TIFF's PhotometricInterpretation"
                f" {plane.photometric}, {pixels.dtype}); save the image as grey or RGB"
            )
    return Stored(pixels=pixels, alpha=alpha, channels=plane.pages, remarks=remarks)


def turned(pixels: Pixels, bits: int) -> Pixels:
    """Values of a white-is-zero image with white at the top.

    Unsigned ones are taken from the highest value of their bits, as TIFF defines it. For signed
    ones and floats, where there is no such value, the lowest and the highest change places.
    """
    if pixels.dtype.kind in "ub":
        return np.asarray(np.bitwise_xor(pixels, pixels.dtype.type(2**bits - 1)))
    if pixels.dtype.kind not in "if":
        return pixels
    kind, (low, high) = pixels.dtype.type, _extremes(pixels)
    with np.errstate(over="ignore", invalid="ignore"):
        # Whole numbers wrap around twice, if at all, and so end where they should.
        return np.asarray(np.add(np.subtract(kind(high), pixels), kind(low)))


def with_alpha_considered(stored: Stored) -> Stored:
    """Drops alpha, with a remark if it held anything; takes it where the colours hold nothing."""
    if stored.alpha is None or not has_contrast(_finite(stored.alpha[..., None])):
        return replace(stored, alpha=None)
    colours = stored.pixels if stored.pixels.ndim == 3 else stored.pixels[..., None]
    if has_contrast(_finite(colours)):
        return replace(stored, alpha=None, remarks=(*stored.remarks, ALPHA_DROPPED))
    return Stored(pixels=stored.alpha, remarks=(*stored.remarks, ALPHA_TAKEN))


def plain(stored: Stored) -> Stored:
    """The values as uint8, uint16 or float32, finite; UnreadableImage for complex ones."""
    pixels = stored.pixels
    if pixels.dtype == np.bool_:
        return replace(stored, pixels=pixels.astype(np.uint8) * np.uint8(255))
    if pixels.dtype in (np.uint8, np.uint16):
        return replace(stored, pixels=pixels.astype(pixels.dtype.newbyteorder("="), copy=False))
    if pixels.dtype.kind not in "iuf":
        raise UnreadableImage(f"pixels of type {pixels.dtype} are no intensities")
    remarks = stored.remarks
    low, high = _extremes(pixels)
    coarse = max(abs(low), abs(high)) > COARSE * (high - low) > 0
    if coarse and pixels.dtype != np.float32:
        pixels = np.asarray(np.subtract(pixels, pixels.dtype.type(low)))
        remarks = (*remarks, f"the lowest value, {low}, is taken off: float32 is too coarse")
    with np.errstate(over="ignore"):
        single = pixels.astype(np.float32)
    missing = int(np.count_nonzero(~np.isfinite(single))) if pixels.dtype.kind == "f" else 0
    if missing:
        single = np.nan_to_num(single, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        remarks = (*remarks, f"{missing} values are NaN or infinite and count as 0")
    return replace(stored, pixels=single, remarks=remarks)


def _extremes(pixels: Pixels) -> tuple[float, float]:
    """The lowest and the highest value, whole where the type is; float32's finite ones alone."""
    if pixels.dtype.kind != "f":
        return int(pixels.min()), int(pixels.max())
    finite = pixels[np.abs(pixels) <= np.finfo(np.float32).max]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _finite(pixels: Pixels) -> Pixels:
    return np.nan_to_num(pixels) if pixels.dtype.kind == "f" else pixels


def _coloured(indices: Pixels, colours: npt.NDArray[np.uint16]) -> Pixels:
    """H×W×3 uint8 colours of a palette; some programs write its 16-bit entries with 8 bits."""
    eight_bits = colours if int(colours.max()) <= 255 else colours >> 8
    return np.moveaxis(eight_bits.astype(np.uint8)[:, indices.astype(int)], 0, -1)


def _without_ink(pixels: Pixels, bits: int) -> Pixels:
    """RGB of CMYK."""
    ink = pixels[..., :4].astype(np.float32) / (2**bits - 1)
    light = np.rint((1 - ink[..., :3]) * (1 - ink[..., 3:]) * (2**bits - 1))
    return np.asarray(light.astype(pixels.dtype.newbyteorder("=")))
