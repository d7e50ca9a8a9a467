"""Reading one 2-D plane from a TIFF, and refusing what is cut off or holds several planes."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from contract.errors import SeveralPlanes, UnreadableImage

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
STACK_AXES = {"Z": "focal planes", "T": "time points", "Q": "pages", "I": "pages"}

FIELD_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
FIELD_BYTES |= {16: 8, 17: 8, 18: 8}
FIRST_PRIVATE_TAG = 32768
REDUCED, TRANSPARENCY = 1, 4  # bits of NewSubfileType: a thumbnail, a mask of another page


@dataclass(frozen=True, kw_only=True)
class Plane:
    """The pixels of one plane as stored, and what is needed to understand them."""

    pixels: npt.NDArray[np.generic]
    """H×W, or H×W×S with S > 1 samples or channels; dtype and byte order of the file."""
    photometric: int
    """TIFF's PhotometricInterpretation."""
    compression: int
    bits: int
    """Bits per sample in the file; fewer than the dtype's for 1, 2, 4 or 12-bit images."""
    colours: npt.NDArray[np.uint16] | None
    """3×N colour map of a palette image."""
    extra_samples: tuple[int, ...]
    """The meaning of the samples behind the colours, one each: 1 and 2 are alpha."""


def read_plane(path: Path, max_pixels: int) -> Plane:
    """The one 2-D image of a TIFF.

    Thumbnails and smaller versions beside it are passed over. Raises SeveralPlanes for a stack or
    several images, UnreadableImage for a file that is cut off, empty or larger than `max_pixels`,
    and whatever tifffile raises on other damage.
    """
    import tifffile

    with path.open("rb") as stream:
        _refuse_cut_directories(stream, path.stat().st_size)
    with tifffile.TiffFile(path) as tiff:
        series = _main_series(tiff.series)
        axes = [(axis, size) for axis, size in zip(series.axes, series.shape, strict=True)]
        if any(size == 0 for _, size in axes):
            raise UnreadableImage("the image has no pixels")
        axes = [(axis, size) for axis, size in axes if size > 1 or axis in "YX"]
        for axis, size in axes:
            if axis in STACK_AXES:
                raise SeveralPlanes(
                    f"a stack of {size} {STACK_AXES[axis]}, not one 2-D image (axes {series.axes})"
                )
        kinds = "".join(axis for axis, _ in axes)
        if sorted(kinds) not in (["X", "Y"], ["S", "X", "Y"], ["C", "X", "Y"]):
            raise SeveralPlanes(f"not one 2-D image (axes {series.axes}, shape {series.shape})")
        sizes: dict[str, int] = dict(axes)
        samples = sizes.get("S") or sizes.get("C") or 1
        refuse_bomb(sizes["Y"], sizes["X"], max_pixels, samples=samples)
        _refuse_missing_segments(series.pages)
        pixels = np.asarray(series.asarray()).reshape([size for _, size in axes])
        page = series.keyframe
        return Plane(
            pixels=np.moveaxis(pixels, [kinds.index("Y"), kinds.index("X")], [0, 1]),
            photometric=int(page.photometric),
            compression=int(page.compression),
            bits=int(page.bitspersample),
            colours=page.colormap,
            extra_samples=tuple(int(kind) for kind in page.extrasamples or ()) * ("S" in sizes),
        )


def plane_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels of the image that `read_plane` reads, from the header alone."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        series = _main_series(tiff.series)
        sizes = dict(zip(series.axes, series.shape, strict=True))
        return sizes["Y"], sizes["X"]


def refuse_bomb(height: int, width: int, max_pixels: int, *, samples: int = 1) -> None:
    """Raises UnreadableImage above `max_pixels`; each further four samples count as a pixel."""
    if height * width * -(-samples // 4) > max_pixels:
        raise UnreadableImage(
            f"{height}×{width} pixels are more than the limit of {max_pixels}; the file may be"
            " a decompression bomb"
        )


def _main_series(found: list[Any]) -> Any:
    """The first image that is no thumbnail; SeveralPlanes when another one is as large."""
    if not found:
        raise UnreadableImage("the TIFF holds no image")
    beside = REDUCED | TRANSPARENCY
    images = [one for one in found if not int(one.keyframe.subfiletype) & beside] or found[:1]
    main, *others = images
    if any(other.size >= main.size for other in others):
        raise SeveralPlanes(f"{len(images)} images of different kinds, not one 2-D image")
    return main


def _refuse_missing_segments(pages: Iterable[Any]) -> None:
    """tifffile fills missing strips, tiles and files with zeros: they must not pass as dark."""
    for page in pages:
        if page is None:
            raise UnreadableImage("parts of the image lie in other files, which are not there")
        segments = int(np.prod(page.chunked))
        if not len(page.dataoffsets) == len(page.databytecounts) == segments:
            raise UnreadableImage(
                f"the file is damaged: {len(page.databytecounts)} of {segments} strips or tiles"
            )
        file_size = page.parent.filehandle.size
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            if offset == 0 or count == 0:
                raise UnreadableImage("the file is damaged: a strip or tile was never written")
            if offset + count > file_size:
                raise _truncated(file_size, offset + count)


def _refuse_cut_directories(stream: BinaryIO, file_size: int) -> None:
    """Walks the image directories: tifffile leaves out pages and tags that lie behind the end.

    Private tags may point anywhere, some programs write such files.
    """
    magic = stream.read(4)
    order = "<" if magic[:2] == b"II" else ">"
    if magic[2:].strip(b"\0") == b"+":
        offset_at, count_format, entry_format, next_format = 8, "Q", "HHQ8s", "Q"
    else:
        offset_at, count_format, entry_format, next_format = 4, "H", "HHI4s", "I"
    entry_bytes = struct.calcsize(order + entry_format)

    def at(position: int, form: str) -> tuple[Any, ...]:
        needed = struct.calcsize(order + form)
        if position + needed > file_size:
            raise _cut_directory(file_size, position + needed)
        stream.seek(position)
        return struct.unpack(order + form, stream.read(needed))

    (directory,) = at(offset_at, next_format)
    seen = set()
    while directory and directory not in seen:
        seen.add(directory)
        (entries,) = at(directory, count_format)
        first = directory + struct.calcsize(order + count_format)
        if first + entries * entry_bytes > file_size:
            raise _cut_directory(file_size, first + entries * entry_bytes)
        for number in range(entries):
            tag, field, count, value = at(first + number * entry_bytes, entry_format)
            length = FIELD_BYTES.get(field, 0) * count
            if length > len(value) and tag < FIRST_PRIVATE_TAG:
                (offset,) = struct.unpack(order + next_format, value)
                if offset + length > file_size:
                    raise _cut_directory(file_size, offset + length)
        (directory,) = at(first + entries * entry_bytes, next_format)


def _truncated(file_size: int, needed: int) -> UnreadableImage:
    return UnreadableImage(f"the file is truncated: {file_size} bytes of at least {needed}")


def _cut_directory(file_size: int, needed: int) -> UnreadableImage:
    return UnreadableImage(
        "cannot be decoded, the file is truncated or damaged: it has"
        f" {file_size} bytes, and its directory points to byte {needed}"
    )
