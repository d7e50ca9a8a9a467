"""Parts of a TIFF's page: only the tiles or strips that a part meets are decoded."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.reading.limits import check_content
from contract.reading.tiff import MOST_PACKED_KNOWN, layout
from contract.reading.values import JPEG_COMPRESSIONS

LARGEST_SEGMENT = 1 << 28
"""Bytes of a decoded strip or tile; what comes in larger ones is not read by parts."""


def has_parts(page: Any) -> bool:
    """Whether parts of the page can be decoded without decoding all of it."""
    if page.is_memmappable:
        return True
    if int(page.planarconfig) not in (1, 2) or page.imagedepth != 1:
        return False
    length, width = _segment(page)
    samples = page.samplesperpixel if int(page.planarconfig) == 1 else 1
    return int(length * width * samples * page.dtype.itemsize) <= LARGEST_SEGMENT


def read_part(page: Any, rows: slice, columns: slice) -> npt.NDArray[np.generic]:
    """The part [rows, columns] of a page for which `has_parts` holds, as h×w or h×w×S.

    Equals that part of the whole page; the dtype is the file's, in this machine's byte order.
    """
    _, _, samples = layout(page)
    if page.is_memmappable:
        pixels = _mapped(page)[:, rows, columns]
        pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    else:
        pixels = _decoded(page, rows, columns)
    part = np.moveaxis(pixels, 0, -1) if int(page.planarconfig) == 2 else pixels[0]
    part = part.reshape(rows.stop - rows.start, columns.stop - columns.start, samples)
    return np.ascontiguousarray(part[..., 0] if samples == 1 else part)


def _mapped(page: Any) -> npt.NDArray[np.generic]:
    """The page as planes × H × W × samples of a plane, in the file itself."""
    handle = page.parent.filehandle
    dtype = np.dtype(page.parent.byteorder + page._dtype.char)
    whole = np.memmap(handle._fh, dtype, "r", page.dataoffsets[0], (math.prod(page.shape),))
    return whole.reshape(_planes(page), page.imagelength, page.imagewidth, -1)


def _decoded(page: Any, rows: slice, columns: slice) -> npt.NDArray[np.generic]:
    length, width = _segment(page)
    down, across = -(-int(page.imagelength) // length), -(-int(page.imagewidth) // width)
    planes = _planes(page)
    samples = 1 if planes > 1 else page.samplesperpixel
    shape = (planes, rows.stop - rows.start, columns.stop - columns.start, samples)
    out = np.zeros(shape, page.dtype)
    tables = {}
    if int(page.compression) in JPEG_COMPRESSIONS:
        tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
    handle, decode = page.parent.filehandle, page.decode
    for plane in range(planes):
        for row in range(rows.start // length, -(-rows.stop // length)):
            for column in range(columns.start // width, -(-columns.stop // width)):
                index = (plane * down + row) * across + column
                packed = page.databytecounts[index]
                if int(page.compression) in MOST_PACKED_KNOWN:
                    check_content(length * width * samples * page.dtype.itemsize, packed)
                handle.seek(page.dataoffsets[index])
                data = handle.read(packed)
                found, place, _ = decode(data, index, _fullsize=page.is_tiled, **tables)
                if found is not None:
                    _lay(out[plane], found[0], place[2:4], (rows, columns))
    return out


def _lay(
    out: npt.NDArray[np.generic],
    segment: npt.NDArray[np.generic],
    place: tuple[int, int],
    part: tuple[slice, slice],
) -> None:
    """Copies what a segment at `place` of the page holds of `part` into `out`, that part."""
    theirs, ours = [], []
    for first, size, wanted in zip(place, segment.shape, part, strict=False):
        start, stop = max(first, wanted.start), min(first + size, wanted.stop)
        theirs.append(slice(start - first, max(start, stop) - first))
        ours.append(slice(start - wanted.start, max(start, stop) - wanted.start))
    out[tuple(ours)] = segment[tuple(theirs)]


def _segment(page: Any) -> tuple[int, int]:
    """Height and width of a tile or strip."""
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth)


def _planes(page: Any) -> int:
    return int(page.samplesperpixel) if int(page.planarconfig) == 2 else 1
