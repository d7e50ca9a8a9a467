"""Reading microscopy images of every kind that a dataset may hold."""

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from contract.errors import CallError, SeveralPlanes, UnreadableImage
from contract.tiff import TIFF_MAGIC, Plane, plane_size, read_plane, refuse_bomb

if TYPE_CHECKING:
    from PIL import Image as Pillow

MAX_PIXELS = 2_000_000_000
MAX_PIXELS_VARIABLE = "CELLBENCH_MAX_PIXELS"
JPEG_COMPRESSIONS = {6, 7, 33007, 34892}  # tifffile gives RGB for these
ALPHA_SAMPLES = {1, 2}  # TIFF's ExtraSamples: associated and unassociated alpha

_pillow_limit = threading.Lock()


@contextmanager
def pillow_without_limit() -> Iterator[None]:
    """Lifts Pillow's own, lower limit on pixels, which is global, while one file is opened."""
    from PIL import Image as Pillow

    with _pillow_limit:
        limit, Pillow.MAX_IMAGE_PIXELS = Pillow.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Pillow.MAX_IMAGE_PIXELS = limit


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


def read_image(path: Path, *, max_pixels: int | None = None) -> npt.NDArray[np.generic]:
    """Reads one 2-D image as H×W×3.

    Accepts TIFF, PNG, BMP and JPEG, told apart by content, not by name: 1 to 16-bit integers,
    wider integers or floats; grey, grey with alpha, two channels, RGB, RGBA, more channels,
    planar TIFF, palettes.

    * Grey becomes three equal channels; two channels become (1st, 2nd, 0); of more than four the
      first three are taken. Alpha is dropped, and colours are not multiplied by it.
    * Palettes, in PNG and TIFF, give their 8-bit colours. CMYK becomes RGB.
    * White-is-zero TIFFs of unsigned integers are inverted, so that larger is brighter as
      elsewhere.
    * A page in a TIFF that is marked as a thumbnail, or smaller than the first one, is passed
      over.
    * The orientation that a camera noted is not applied: masks lie on the stored pixels.

    Returns an array of shape (H, W, 3) and dtype uint8, uint16 or float32. Values are the file's
    own, but NaN and infinities are 0 and 1-bit images hold 0 and 255. Integers that are signed or
    wider than 16 bits become float32, exact up to 2²⁴; float64 beyond float32's range counts as
    infinite. `max_pixels` is the limit on H·W, `pixel_limit()` when left out.

    Raises UnreadableImage, with the reason, for a file that is missing, truncated, no image,
    empty, in a colour space not named above, or of more pixels than the limit; its subclass
    SeveralPlanes for stacks, animations and files of several images. MemoryError passes through.
    """
    limit = pixel_limit() if max_pixels is None else max_pixels
    with reasons(path):
        if first_bytes(path) in TIFF_MAGIC:
            pixels = _intensities(read_plane(path, limit))
        else:
            with open_pillow(path, ("PNG", "BMP", "JPEG"), limit) as image:
                pixels = _pillow_pixels(image, path)
    return _three_channels(_plain_dtype(pixels))


def read_size(path: Path) -> tuple[int, int]:
    """Height and width of an image, in pixels, from its header alone.

    Raises UnreadableImage when the header cannot be read; a file that is cut off behind its
    header passes.
    """
    with reasons(path):
        if first_bytes(path) in TIFF_MAGIC:
            return plane_size(path)
        with open_pillow(path, ("PNG", "BMP", "JPEG"), None) as image:
            return image.height, image.width


@contextmanager
def reasons(path: Path) -> Iterator[None]:
    """Turns whatever decoders raise on `path` into UnreadableImage; silences their warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (UnreadableImage, MemoryError):
        raise
    except FileNotFoundError as error:
        raise UnreadableImage(
            "a link to a file that is not there" if path.is_symlink() else "there is no such file"
        ) from error
    except IsADirectoryError as error:
        raise UnreadableImage("a folder, not a file") from error
    except PermissionError as error:
        raise UnreadableImage("no permission to read the file") from error
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnreadableImage(
            f"cannot be decoded, the file may be damaged or cut off: {reason}"
        ) from error


def first_bytes(path: Path) -> bytes:
    """The four bytes that tell formats apart; UnreadableImage when there are none."""
    with path.open("rb") as stream:
        magic = stream.read(4)
    if not magic:
        raise UnreadableImage("the file is empty (0 bytes)")
    return magic


@contextmanager
def open_pillow(
    path: Path, formats: tuple[str, ...], max_pixels: int | None
) -> Iterator["Pillow.Image"]:
    """Opens an image of one frame, not yet decoded, refusing what is too large or no image."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with pillow_without_limit():
            opened = Pillow.open(path, formats=formats)
    except UnidentifiedImageError as error:
        raise UnreadableImage(
            f"not an image: the content cannot be decoded as TIFF, {', '.join(formats)},"
            f" whatever the name {path.name} says"
        ) from error
    with opened as image:
        width, height = image.size
        if width == 0 or height == 0:
            raise UnreadableImage("the image has no pixels")
        if max_pixels is not None:
            refuse_bomb(height, width, max_pixels)
        if getattr(image, "n_frames", 1) > 1:
            raise SeveralPlanes("several frames in one file, not one 2-D image")
        yield image


def _intensities(plane: Plane) -> npt.NDArray[np.generic]:
    """H×W or H×W×S values where larger is brighter, without alpha."""
    pixels = plane.pixels
    if pixels.ndim == 3 and plane.extra_samples and plane.extra_samples[-1] in ALPHA_SAMPLES:
        pixels = pixels[..., :-1]
    match plane.photometric:
        case 1 | 2 | 4 | 34892:  # black is zero, RGB, a transparency mask, linear raw
            return pixels
        case 0:
            if pixels.dtype.kind not in "ub":
                return pixels
            return np.asarray(np.bitwise_xor(pixels, pixels.dtype.type(2**plane.bits - 1)))
        case 3 if plane.colours is not None and pixels.dtype.kind in "ub":
            return np.moveaxis((plane.colours >> 8).astype(np.uint8)[:, pixels.astype(int)], 0, -1)
        case 5 if pixels.ndim == 3 and pixels.shape[-1] >= 4 and pixels.dtype.kind == "u":
            ink = pixels[..., :4].astype(np.float32) / (2**plane.bits - 1)
            light = (1 - ink[..., :3]) * (1 - ink[..., 3:])
            light = np.rint(light * (2**plane.bits - 1))
            return np.asarray(light.astype(pixels.dtype.newbyteorder("=")))
        case 6 if plane.compression in JPEG_COMPRESSIONS:
            return pixels
    raise UnreadableImage(
        f"a colour space that is not read (TIFF's PhotometricInterpretation {plane.photometric},"
        f" {pixels.dtype}); save the image as grey or RGB"
    )


def _pillow_pixels(image: "Pillow.Image", path: Path) -> npt.NDArray[np.generic]:
    image.load()
    if image.format == "PNG" and _sixteen_bit(path):
        return _decode_png(path)
    if image.mode in ("P", "CMYK", "YCbCr", "LAB", "HSV", "PA"):
        return np.asarray(image.convert("RGB"))
    return np.asarray(image.getchannel(0) if image.mode in ("LA", "La") else image)


def _sixteen_bit(path: Path) -> bool:
    """Pillow cuts 16-bit PNG to 8 bits unless it is plain grey; byte 24, in IHDR, tells."""
    with path.open("rb") as stream:
        return stream.read(25)[24] == 16


def _decode_png(path: Path) -> npt.NDArray[np.generic]:
    import imagecodecs

    pixels = np.asarray(imagecodecs.png_decode(path.read_bytes()))
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 2 else pixels


def _plain_dtype(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.dtype.kind in "iu":
        return pixels.astype(np.float32)
    if pixels.dtype.kind == "f":
        with np.errstate(over="ignore"):
            single = pixels.astype(np.float32)
        return np.nan_to_num(single, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    raise UnreadableImage(f"pixels of type {pixels.dtype} are no intensities")


def _three_channels(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    match pixels.shape[-1]:
        case 1:
            pixels = np.repeat(pixels, 3, axis=-1)
        case 2:
            pixels = np.concatenate([pixels, np.zeros_like(pixels[..., :1])], axis=-1)
        case _:
            pixels = pixels[..., :3]
    return np.ascontiguousarray(pixels)
