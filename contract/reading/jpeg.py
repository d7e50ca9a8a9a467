"""JPEG: what its markers say, read before any decoder sees the file."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from contract.errors import SeveralPlanes, UnreadableImage
from contract.reading.directories import TIFF_MAGIC
from contract.reading.limits import check_content, check_size
from contract.reading.orientation import UPRIGHT, exif_orientation

JPEG_MAGIC = b"\xff\xd8\xff"
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers that begin a frame header."""
LOSSLESS = 0xC3
SCAN, END = 0xDA, 0xD9
BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
APP1, APP2 = 0xE1, 0xE2
IMAGES_TAG = 0xB002
"""The entry of a multi-picture index that lists the pictures, 16 bytes each."""
MOST_PICTURES = 100


@dataclass(frozen=True, kw_only=True)
class JpegFile:
    """A JPEG before it is decoded."""

    height: int
    width: int
    bits: int
    """Per sample: 8 nearly always."""
    lossless: bool
    channels: int
    orientation: int
    remarks: tuple[str, ...]

    @property
    def is_ordinary(self) -> bool:
        """Whether Pillow decodes it: 8 bits, not lossless."""
        return self.bits == 8 and not self.lossless


@dataclass(frozen=True, kw_only=True)
class _Header:
    height: int
    width: int
    bits: int
    lossless: bool
    channels: int
    exif: bytes
    further: tuple[int, ...]
    """Where the further pictures of a multi-picture file begin."""


def open_jpeg(
    path: Path, max_pixels: int | None, expected: tuple[int, int] | None = None
) -> JpegFile:
    """The header of a JPEG.

    Smaller pictures behind the first one, such as a camera's preview, are passed over. Raises
    SeveralPlanes for further pictures of the same size, UnreadableImage for a damaged header.
    """
    with path.open("rb") as stream:
        header = _header(stream, 0)
        if max_pixels is not None:
            check_size(header.height, header.width, max_pixels, expected=expected)
            check_content(header.height * header.width, path.stat().st_size)
        behind = [_pixels(stream, at) for at in header.further[:MOST_PICTURES]]
    if any(pixels >= header.height * header.width for pixels in behind):
        raise SeveralPlanes(
            f"several frames in one file ({1 + len(behind)} pictures), not one 2-D image"
        )
    return JpegFile(
        height=header.height,
        width=header.width,
        bits=header.bits,
        lossless=header.lossless,
        channels=header.channels,
        orientation=exif_orientation(header.exif) if header.exif else UPRIGHT,
        remarks=("a smaller picture behind the first one is passed over",) * any(behind),
    )


def decode_unusual(path: Path) -> npt.NDArray[np.generic]:
    """H×W or H×W×3 pixels of a JPEG of more than 8 bits, or of a lossless one."""
    import imagecodecs

    return np.asarray(imagecodecs.jpeg_decode(path.read_bytes()))


def _pixels(stream: BinaryIO, at: int) -> int:
    """Pixels of the picture that begins at a position; 0 when there is none."""
    try:
        header = _header(stream, at)
    except UnreadableImage:
        return 0
    return header.height * header.width


def _header(stream: BinaryIO, start: int) -> _Header:
    exif = b""
    further: tuple[int, ...] = ()
    for marker, at, length in _segments(stream, start):
        if marker in FRAMES:
            bits, height, width, channels = struct.unpack(">BHHB", _exactly(stream, 6))
            return _Header(
                height=height,
                width=width,
                bits=bits,
                lossless=marker == LOSSLESS,
                channels=channels,
                exif=exif,
                further=further,
            )
        if marker == APP1 and not exif:
            block = stream.read(length)
            exif = block[6:] if block.startswith(b"Exif\0") else b""
        if marker == APP2 and not further and stream.read(4) == b"MPF\0":
            further = _further_pictures(stream.read(length - 4), at + 4)
    raise UnreadableImage("the file is damaged or cut off: a JPEG without a frame")


def _segments(stream: BinaryIO, start: int) -> Iterator[tuple[int, int, int]]:
    """Marker, position and length of the data of each segment before the first scan."""
    stream.seek(start)
    if stream.read(2) != b"\xff\xd8":
        return
    at = start + 2
    while True:
        stream.seek(at)
        lead = stream.read(2)
        if len(lead) < 2 or lead[0] != 0xFF:
            return
        marker = lead[1]
        if marker == 0xFF:  # fill bytes
            at += 1
            continue
        if marker in BARE:
            at += 2
            continue
        if marker in (SCAN, END):
            return
        (length,) = struct.unpack(">H", _exactly(stream, 2))
        yield marker, at + 4, max(0, length - 2)
        at += 2 + max(2, length)


def _further_pictures(index: bytes, base: int) -> tuple[int, ...]:
    """Where the pictures behind the first one begin, from a multi-picture index (CIPA DC-007)."""
    if index[:4] not in TIFF_MAGIC[:2]:
        return ()
    order = "<" if index[:2] == b"II" else ">"
    try:
        (directory,) = struct.unpack_from(f"{order}I", index, 4)
        (entries,) = struct.unpack_from(f"{order}H", index, directory)
        for number in range(entries):
            tag, _, size, offset = struct.unpack_from(
                f"{order}HHII", index, directory + 2 + 12 * number
            )
            if tag == IMAGES_TAG:
                places = [
                    struct.unpack_from(f"{order}II", index, offset + 16 * picture + 4)[1]
                    for picture in range(min(size // 16, MOST_PICTURES))
                ]
                return tuple(base + place for place in places if place)
    except struct.error:
        pass
    return ()


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise UnreadableImage("the file is damaged or cut off: a JPEG that ends in its header")
    return data
