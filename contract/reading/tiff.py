"""The one 2-D image of a TIFF, of the pages that are present and from this file alone."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.errors import SeveralPlanes, UnreadableImage
from contract.reading.channels import channel_pages, claimed_planes
from contract.reading.directories import Directory, read_directories
from contract.reading.limits import check_content, check_size
from contract.reading.scale import pixel_size

SHOWN_CHANNELS = 3
MOST_PACKED_KNOWN = {1, 5, 6, 7, 8, 32773, 32946}
"""Compressions of which `check_content` knows the bound: none, LZW, JPEG, deflate, PackBits."""
NO_SERIES = {
    f"is_{kind}": False
    for kind in ("lsm", "scanimage", "ndpi", "ome", "mmstack", "ndtiff", "imagej", "shaped", "stk")
}
"""What tifffile need not look for: some of these kinds make it read all pages at once, others
make it read further files, which the file names or which lie beside it."""


@dataclass(frozen=True, kw_only=True)
class Plane:
    """The pixels of one plane as stored, and what is needed to understand them."""

    pixels: npt.NDArray[np.generic]
    """H×W, or H×W×S with S > 1 samples or channels; dtype and byte order of the file."""
    pages: int
    """Pages of the file that are its channels; those behind the third are not read."""
    photometric: int
    """TIFF's PhotometricInterpretation."""
    compression: int
    bits: int
    """Bits per sample in the file; fewer than the dtype's for 1, 2, 4 or 12-bit images."""
    colours: npt.NDArray[np.uint16] | None
    """3×N colour map of a palette image."""
    colours_for_display: bool
    """Whether the colour map only says how the stored values are shown, as in ImageJ's files."""
    extra_samples: tuple[int, ...]
    """The meaning of the samples behind the colours, one each: 1 and 2 are alpha."""
    orientation: int
    """1 to 8, as in EXIF; the pixels are not turned."""
    pixel_size_um: float | None
    """Micrometres a pixel, from the file; None when it does not say or cannot be right."""
    first_bytes: bytes
    """The beginning of the first compressed strip or tile."""
    remarks: tuple[str, ...]
    """What of the file was passed over."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The page or pages of the one image of a TIFF."""

    shown: Sequence[Any]
    """tifffile's pages: one, or the first channels in their order."""
    pages: int
    directory: Directory
    display: bool
    pixel_size_um: float | None
    remarks: tuple[str, ...]


def read_plane(path: Path, max_pixels: int, expected: tuple[int, int] | None = None) -> Plane:
    """The one 2-D image of a TIFF.

    The pages that are present decide, whatever a description in the file says of others. Thumbnails
    and smaller versions are passed over. Several pages are one image only when the file says that
    they are its channels. `expected` is the height and width that the image must have.

    Raises SeveralPlanes for a stack or several images, WrongSize for another size than expected,
    UnreadableImage for a file that is cut off, empty or larger than `max_pixels`, and whatever
    tifffile raises on other damage.
    """
    with opened(path) as found:
        check_found(found, max_pixels, expected)
        return plane_of(found, [_plane(one) for one in found.shown])


def check_found(found: Found, max_pixels: int, expected: tuple[int, int] | None = None) -> None:
    """Refuses what is too large, cut off, or of another size than expected; see `read_plane`."""
    height, width, samples = layout(found.shown[0])
    samples = max(samples, found.pages)
    check_size(height, width, max_pixels, samples=samples, expected=expected)
    for one in found.shown:
        _refuse_missing_segments(one)
        if int(one.compression) in MOST_PACKED_KNOWN:
            check_content(int(one.nbytes), sum(one.databytecounts))


def plane_of(found: Found, planes: Sequence[npt.NDArray[np.generic]]) -> Plane:
    """The plane, or a part of it, of which `planes` are the pixels of the pages shown."""
    page = found.shown[0]
    return Plane(
        pixels=planes[0] if len(planes) == 1 else np.stack(planes, axis=-1),
        pages=found.pages,
        photometric=int(page.photometric),
        compression=int(page.compression),
        bits=int(page.bitspersample),
        colours=page.colormap,
        colours_for_display=found.display,
        extra_samples=tuple(int(kind) for kind in page.extrasamples or ()),
        orientation=found.directory.orientation,
        pixel_size_um=found.pixel_size_um,
        first_bytes=_first_bytes(page),
        remarks=found.remarks,
    )


@dataclass(frozen=True, kw_only=True)
class PlaneHeader:
    """What is known of a TIFF's image before it is decoded."""

    height: int
    width: int
    channels: int
    """Samples a pixel, or pages that are channels."""
    depth: str
    """Type of the values, as "uint16"."""
    orientation: int
    pixel_size_um: float | None


def plane_header(path: Path) -> PlaneHeader:
    """The header of the image that `read_plane` reads; it refuses the same stacks."""
    with opened(path) as found:
        page = found.shown[0]
        height, width, samples = layout(page)
        return PlaneHeader(
            height=height,
            width=width,
            channels=max(samples, found.pages),
            depth=str(page.dtype),
            orientation=found.directory.orientation,
            pixel_size_um=found.pixel_size_um,
        )


@contextmanager
def opened(path: Path) -> Iterator[Found]:
    """The page or pages of the one image, not yet decoded."""
    import tifffile

    with path.open("rb") as stream:
        directories = read_directories(stream, path.stat().st_size)
        main, *others = _main_pages(directories)
        stream.seek(0)
        with tifffile.TiffFile(stream, **NO_SERIES) as tiff:
            remarks = []
            first = tiff.pages[main.page]
            if others:
                chosen = channel_pages(tiff, [main, *others])
                shown = [tiff.pages[number] for number in chosen[:SHOWN_CHANNELS]]
            else:
                shown = [first]
                _refuse_hidden_planes(first, main, path.stat().st_size)
                claimed = claimed_planes(first)
                if claimed > 1:
                    remarks.append(
                        f"the description speaks of {claimed} planes, but the file holds one"
                    )
            if len(directories) > 1 + len(others):
                remarks.append("thumbnails or smaller versions in the file are passed over")
            yield Found(
                shown=shown,
                pages=1 + len(others),
                directory=main,
                display=first.is_imagej or tiff.pages[0].is_ome,
                pixel_size_um=pixel_size(tiff.pages[0], first),
                remarks=tuple(remarks),
            )


def _main_pages(directories: list[Directory]) -> list[Directory]:
    """The first page that is no thumbnail, and all further ones that are not smaller."""
    if not directories:
        raise UnreadableImage("the TIFF holds no image")
    images = [one for one in directories if not one.beside] or directories[:1]
    main = images[0]
    if main.pixels == 0:
        raise UnreadableImage("the image has no pixels")
    pages = [one for one in images if one.pixels >= main.pixels]
    if any((one.height, one.width) != (main.height, main.width) for one in pages):
        raise SeveralPlanes(f"{len(pages)} images of different sizes, not one 2-D image")
    return pages


def layout(page: Any) -> tuple[int, int, int]:
    """Height, width and samples of a page; SeveralPlanes for a volume."""
    sizes = {
        axis: int(size)
        for axis, size in zip(page.axes, page.shape, strict=True)
        if size != 1 or axis in "YX"
    }
    if set(sizes) - set("YXS"):
        raise SeveralPlanes(f"not one 2-D image (axes {page.axes}, shape {page.shape})")
    if not (sizes["Y"] and sizes["X"] and sizes.get("S", 1)):
        raise UnreadableImage("the image has no pixels")
    return sizes["Y"], sizes["X"], sizes.get("S", 1)


def _plane(page: Any) -> npt.NDArray[np.generic]:
    """A page's pixels as H×W or H×W×S."""
    if int(page.planarconfig) not in (1, 2):
        raise UnreadableImage(
            f"the file is damaged: its PlanarConfiguration is {page.planarconfig}"
        )
    # Where the strips of a damaged file leave a gap there must be zeros, not what memory held.
    out = None if page.is_contiguous else np.zeros(page.shape, page.dtype)
    pixels = np.asarray(page.asarray(out=out))
    pixels = np.moveaxis(pixels, [page.axes.index("Y"), page.axes.index("X")], [0, 1])
    ones = tuple(axis for axis in range(2, pixels.ndim) if pixels.shape[axis] == 1)
    return pixels.squeeze(ones)


def _refuse_hidden_planes(page: Any, directory: Directory, file_size: int) -> None:
    """Some programs write a long stack with one directory: its planes follow the first one's.

    A description without the planes is old, so there must be room for a second one before the end
    of the file and whatever else the directory points to.
    """
    claimed = max(claimed_planes(page), directory.planes)
    if claimed == 1 or not page.is_contiguous:
        return
    start = page.dataoffsets[0]
    end = min([file_size, *(at for at in directory.used if at > start)])
    if end - start >= 2 * page.nbytes:
        raise SeveralPlanes(f"a stack of {claimed} pages, not one 2-D image")


def _refuse_missing_segments(page: Any) -> None:
    """tifffile fills missing strips and tiles with zeros: they must not pass as dark."""
    segments = math.prod(page.chunked)
    if not len(page.dataoffsets) == len(page.databytecounts) == segments:
        raise UnreadableImage(
            f"the file is damaged: {len(page.databytecounts)} of {segments} strips or tiles"
        )
    file_size = page.parent.filehandle.size
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        if offset == 0 or count == 0:
            raise UnreadableImage("the file is damaged: a strip or tile was never written")
        if offset + count > file_size:
            raise UnreadableImage(
                f"the file is truncated: {file_size} bytes of at least {offset + count}"
            )


def _first_bytes(page: Any, length: int = 1024) -> bytes:
    handle = page.parent.filehandle
    handle.seek(page.dataoffsets[0])
    return bytes(handle.read(min(length, page.databytecounts[0])))
