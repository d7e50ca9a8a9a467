"""PNG: the chunks that hold the picture, and none of the others."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from contract.errors import SeveralPlanes, UnreadableImage
from contract.reading.limits import check_content, check_size
from contract.reading.orientation import UPRIGHT, exif_orientation

PNG_MAGIC = b"\x89PNG"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
PICTURE_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
"""Text, colour profiles and the like may be large and damaged; they are passed over."""
LONGEST_EXIF = 1 << 20
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Stored samples a pixel by PNG's colour type."""
PALETTE = 3


@dataclass(frozen=True, kw_only=True)
class PngFile:
    """A PNG before it is decoded."""

    height: int
    width: int
    depth: int
    """Bits per sample."""
    colour: int
    """PNG's colour type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA."""
    orientation: int
    samples: int
    """A pixel, as they are decoded; 3 for a palette."""
    data: bytes
    """A PNG of the chunks that hold the picture; empty when only the header was asked for."""
    remarks: tuple[str, ...]


def open_png(
    path: Path, max_pixels: int | None, expected: tuple[int, int] | None = None
) -> PngFile:
    """Reads the chunks of a PNG; with `max_pixels` None the header and the orientation alone.

    Raises UnreadableImage for a damaged file, SeveralPlanes for an animation.
    """
    with path.open("rb") as stream:
        if stream.read(8) != SIGNATURE:
            raise UnreadableImage("the file is damaged: the first bytes are not quite those of PNG")
        return _read(stream, max_pixels, expected)


def decode_sixteen_bit(png: PngFile) -> npt.NDArray[np.generic]:
    """H×W or H×W×S uint16; Pillow would cut all but plain grey to 8 bits."""
    import imagecodecs

    return np.asarray(imagecodecs.png_decode(png.data))


def _read(stream: BinaryIO, max_pixels: int | None, expected: tuple[int, int] | None) -> PngFile:
    kept = io.BytesIO()
    kept.write(SIGNATURE)
    header: tuple[int, ...] = ()
    orientation, room, remarks = UPRIGHT, 0, []
    compressed: list[bytes] = []
    broken = False
    for name, length in _chunks(stream):
        if name == b"eXIf" and length <= LONGEST_EXIF:
            orientation = exif_orientation(stream.read(length))
        if name == b"acTL" and length >= 4:
            (frames,) = struct.unpack(">I", stream.read(4))
            if frames > 1:
                raise SeveralPlanes(f"several frames in one file ({frames}), not one 2-D image")
        if name not in PICTURE_CHUNKS:
            continue
        if name == b"IDAT" and max_pixels is None:
            continue
        room -= length
        if header and room < 0:
            raise UnreadableImage("the file is damaged: more data than its pixels can need")
        data = stream.read(length)
        checksum = stream.read(4)
        if name == b"IHDR" and length == 13 and not header:
            header = struct.unpack(">IIBB", data[:10])
            room = _most_bytes(*header)
            if max_pixels is not None:
                check_size(header[1], header[0], max_pixels, expected=expected)
        right = struct.pack(">I", zlib.crc32(name + data))
        broken |= len(checksum) == 4 and checksum != right
        whole = right if len(checksum) == 4 else checksum
        kept.write(struct.pack(">I", length) + name + data + whole)
        if name == b"IDAT":
            compressed.append(data)
    if not header:
        raise UnreadableImage("the file is damaged: a PNG without its header")
    if broken:
        _refuse_damage(compressed)
        remarks.append("a checksum in the file is wrong, but its pixels are whole")
    width, height, depth, colour = header
    if max_pixels is not None:
        row = width * depth * SAMPLES.get(colour, 4) // 8
        check_content(height * row, sum(len(data) for data in compressed))
    return PngFile(
        height=height,
        width=width,
        depth=depth,
        colour=colour,
        orientation=orientation,
        samples=3 if colour == PALETTE else SAMPLES.get(colour, 4),
        data=b"" if max_pixels is None else kept.getvalue(),
        remarks=tuple(remarks),
    )


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Name and length of each chunk up to the end, the stream standing at its data."""
    at = stream.tell()
    name = b""
    while name != b"IEND":
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head)
        yield name, length
        at += 12 + length


def _most_bytes(width: int, height: int, depth: int, colour: int) -> int:
    """More than the chunks of such a picture can need: deflate hardly grows what it packs."""
    row = width * depth * SAMPLES.get(colour, 4) // 8 + 8
    return 2 * height * row + (1 << 20)


def _refuse_damage(compressed: list[bytes]) -> None:
    """A wrong checksum of a chunk does no harm as long as that of the pixels is right."""
    inflate = zlib.decompressobj()
    try:
        for data in compressed:
            while data:
                inflate.decompress(data, 1 << 20)
                data = inflate.unconsumed_tail
    except zlib.error as error:
        raise UnreadableImage(f"the file is damaged: its checksums are wrong ({error})") from error
    if not inflate.eof:
        raise UnreadableImage("the file is damaged or cut off: its checksums are wrong")
