"""Reading microscopy images of every kind that a dataset may hold."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from contract.contrast import has_contrast
from contract.errors import UnreadableImage
from contract.reading import pillow
from contract.reading.failures import reasons
from contract.reading.jpeg import decode_unusual, open_jpeg
from contract.reading.kinds import Kind, kind_of
from contract.reading.limits import check_size, of_size, pixel_limit
from contract.reading.orientation import UPRIGHT
from contract.reading.png import PngFile, decode_sixteen_bit, open_png
from contract.reading.tiff import plane_header, read_plane
from contract.reading.values import Stored, of_plane, plain, with_alpha_considered

READ = "TIFF, PNG, BMP or JPEG"
NO_CONTRAST = "no contrast: every pixel has the same value"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An image as the models are given it, and what they are not given."""

    pixels: npt.NDArray[np.generic]
    """H×W×3, uint8, uint16 or float32; see `read_image`."""
    remarks: tuple[str, ...]
    """Sentences about what was dropped, turned or is odd; none for an ordinary image."""
    orientation: int
    """1 to 8, as in EXIF; the pixels are as stored."""
    pixel_size_um: float | None = None
    """Micrometres a pixel, as a TIFF says; None when it does not say or cannot be right."""


@dataclass(frozen=True, kw_only=True)
class ImageHeader:
    """What an image file says before any pixel is decoded."""

    height: int
    width: int
    format: str
    """TIFF, PNG, JPEG or BMP."""
    depth: str
    """Type of the decoded samples, as "uint16"."""
    channels: int
    """Samples a pixel, alpha included; pages when these are channels."""
    orientation: int
    """1 to 8, as in EXIF."""
    pixel_size_um: float | None = None
    """See `Picture`."""

    @property
    def described(self) -> str:
        """Format, type of the samples and how many a pixel has, as "PNG, uint8, grey"."""
        kinds = {1: "grey", 2: "2 channels", 3: "colour", 4: "colour and alpha"}
        return (
            f"{self.format}, {self.depth}, {kinds.get(self.channels, f'{self.channels} channels')}"
        )


def read_picture(path: Path, *, max_pixels: int | None = None) -> Picture:
    """Reads an image as `read_image` does, and says what the file holds beside its pixels."""
    limit = pixel_limit() if max_pixels is None else max_pixels
    with reasons(path):
        stored, orientation, pixel_size_um = _stored(path, limit)
        stored = plain(with_alpha_considered(stored))
        pixels, dropped = three_channels(stored)
        remarks = [*stored.remarks, *dropped]
        if not has_contrast(pixels):
            remarks.insert(0, NO_CONTRAST)
    if orientation != UPRIGHT:
        remarks.append(orientation_remark(orientation))
    return Picture(
        pixels=pixels,
        remarks=tuple(remarks),
        orientation=orientation,
        pixel_size_um=pixel_size_um,
    )


def read_image(path: Path, *, max_pixels: int | None = None) -> npt.NDArray[np.generic]:
    """Reads one 2-D image as H×W×3.

    Accepts TIFF, PNG, BMP and JPEG, told apart by content, not by name: 1 to 16-bit integers,
    wider integers or floats; grey, grey with alpha, two channels, RGB, RGBA, more channels,
    planar TIFF, palettes.

    * Only this file is opened, whatever it says of others, and the pages that it holds decide,
      whatever its description says. Pages are channels where the file says so.
    * Grey becomes three equal channels; two channels become (1st, 2nd, 0); of more than four the
      first three are taken. Alpha is dropped, and colours are not multiplied by it; where all
      colours are the same and alpha is not, alpha is the picture.
    * Palettes, in PNG and TIFF, give their 8-bit colours, but those of ImageJ's and OME's files
      are for display, and the stored values are given. CMYK becomes RGB.
    * White-is-zero TIFFs are turned, so that larger is brighter as elsewhere: unsigned integers
      are taken from the highest value of their bits, in signed ones and floats the lowest and
      highest value change places.
    * Thumbnails, smaller pages and previews behind the first image are passed over.
    * The orientation that a camera noted is not applied: masks lie on the stored pixels.

    Returns an array of shape (H, W, 3) and dtype uint8, uint16 or float32. Values are the file's
    own, but NaN and infinities are 0 and 1-bit images hold 0 and 255. Integers that are signed or
    wider than 16 bits become float32, exact up to 2²⁴; float64 beyond float32's range counts as
    infinite; where float32 would swallow the differences, the lowest value is taken off first.
    `max_pixels` is the limit on H·W, `pixel_limit()` when left out. `read_picture` also says
    which of these rules it applied.

    Raises UnreadableImage, with the reason, for a file that is missing, truncated, no image,
    empty, in a colour space not named above, or of more pixels than the limit; its subclass
    SeveralPlanes for stacks, animations and files of several images. MemoryError passes through.
    """
    return read_picture(path, max_pixels=max_pixels).pixels


def read_header(path: Path) -> ImageHeader:
    """Size, format and orientation of an image, from its header alone.

    Raises UnreadableImage when the header cannot be read; a file that is cut off behind its
    header passes.
    """
    with reasons(path):
        match kind_of_image(path):
            case "tiff":
                plane = plane_header(path)
                header = _header(plane, "TIFF", plane.depth, plane.channels, plane.orientation)
                return replace(header, pixel_size_um=plane.pixel_size_um)
            case "png":
                png = open_png(path, None)
                depth = "uint16" if png.depth == 16 else "uint8"
                return _header(png, "PNG", depth, png.samples, png.orientation)
            case "jpeg":
                jpeg = open_jpeg(path, None)
                depth = "uint8" if jpeg.bits == 8 else "uint16"
                return _header(jpeg, "JPEG", depth, jpeg.channels, jpeg.orientation)
            case _:
                with pillow.opened(path, "BMP") as image:
                    return _header(image, "BMP", "uint8", len(image.getbands()), UPRIGHT)


def read_size(path: Path) -> tuple[int, int]:
    """Height and width of an image, in pixels; see `read_header`."""
    header = read_header(path)
    return header.height, header.width


class _Sized(Protocol):
    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...


def _header(
    image: _Sized, format_name: str, depth: str, channels: int, orientation: int
) -> ImageHeader:
    if not (image.height and image.width):
        raise UnreadableImage("the image has no pixels")
    return ImageHeader(
        height=image.height,
        width=image.width,
        format=format_name,
        depth=depth,
        channels=channels,
        orientation=orientation,
    )


def kind_of_image(path: Path) -> Kind:
    """The format of an image by its content; UnreadableImage for what is none."""
    kind = kind_of(path, READ)
    if kind == "npy":
        raise UnreadableImage(f"not an image: the content is a numpy array; save it as {READ}")
    return kind


def _stored(path: Path, limit: int) -> tuple[Stored, int, float | None]:
    """What the file stores, its orientation, and its micrometres a pixel."""
    match kind_of_image(path):
        case "tiff":
            plane = read_plane(path, limit)
            return of_plane(plane), plane.orientation, plane.pixel_size_um
        case "png":
            png = open_png(path, limit)
            return _of_png(png), png.orientation, None
        case "jpeg":
            jpeg = open_jpeg(path, limit)
            if not jpeg.is_ordinary:
                pixels = of_size(decode_unusual(path), jpeg.height, jpeg.width)
                return Stored(pixels=pixels, remarks=jpeg.remarks), jpeg.orientation, None
            with pillow.opened(path, "JPEG") as image:
                decoded, _ = pillow.decoded(image)
            return Stored(pixels=decoded, remarks=jpeg.remarks), jpeg.orientation, None
        case _:
            with pillow.opened(path, "BMP") as image:
                check_size(image.height, image.width, limit)
                decoded, opacity = pillow.decoded(image)
            return Stored(pixels=decoded, alpha=opacity), UPRIGHT, None


def _of_png(png: PngFile) -> Stored:
    if png.depth == 16:
        pixels = of_size(decode_sixteen_bit(png), png.height, png.width)
        if pixels.ndim == 3 and pixels.shape[-1] in (2, 4):
            colours, alpha = pixels[..., :-1], pixels[..., -1]
            return Stored(pixels=colours, alpha=alpha, remarks=png.remarks)
        return Stored(pixels=pixels, remarks=png.remarks)
    with pillow.opened(png.data, "PNG") as image:
        decoded, opacity = pillow.decoded(image)
    return Stored(pixels=decoded, alpha=opacity, remarks=png.remarks)


def orientation_remark(orientation: int) -> str:
    """What is said of a picture that a camera held otherwise."""
    return f"the file's orientation is {orientation}, not 1; the pixels are used as stored"


def three_channels(stored: Stored) -> tuple[npt.NDArray[np.generic], tuple[str, ...]]:
    """H×W×3, and a remark if there were more channels than that."""
    pixels = stored.pixels if stored.pixels.ndim == 3 else stored.pixels[..., None]
    channels = max(stored.channels, pixels.shape[-1])
    match pixels.shape[-1]:
        case 1:
            pixels = np.repeat(pixels, 3, axis=-1)
        case 2:
            pixels = np.concatenate([pixels, np.zeros_like(pixels[..., :1])], axis=-1)
        case _:
            pixels = pixels[..., :3]
    dropped = (f"the first 3 of {channels} channels are used",) if channels > 3 else ()
    return np.ascontiguousarray(pixels), dropped
