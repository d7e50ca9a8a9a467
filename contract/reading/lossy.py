"""Which compressions of a TIFF change values, told from the beginning of the packed data.

What the marks mean: JPEG in ITU-T T.81, JPEG 2000 in T.800 (A.6.1), JPEG XL in ISO/IEC 18181-1
(annexes A and D), WebP in RFC 9649, LERC in Esri's description of its version 2.
"""

import struct
import zlib
from contextlib import suppress

NAMES = {
    **dict.fromkeys((6, 7, 33007, 34892), "JPEG"),
    **dict.fromkeys((33003, 33004, 33005, 34712), "JPEG 2000"),
    **dict.fromkeys((34927, 50001), "WebP"),
    **dict.fromkeys((50002, 52546), "JPEG XL"),
    **dict.fromkeys((22610, 34934), "JPEG XR"),
    34887: "LERC",
}
"""By TIFF's Compression."""


def lossy_compression(compression: int, start: bytes) -> str | None:
    """A remark when a mask was packed so that ids may have changed; None when it was not.

    `compression` is TIFF's Compression, `start` the beginning of the first strip or tile.
    """
    name = NAMES.get(compression)
    if name is None:
        return None
    lossy = _is_lossy(name, start)
    if lossy is False:
        return None
    return (
        f"the mask is compressed by {name}, which {'changes' if lossy else 'may change'} values:"
        " ids at the edges of cells may be wrong; save it with zlib, LZW or uncompressed"
    )


def _is_lossy(name: str, start: bytes) -> bool | None:
    """None when the data do not tell."""
    match name:
        case "JPEG":
            return b"\xff\xc3" not in start
        case "WebP" if b"VP8" in start:
            return b"VP8L" not in start
        case "JPEG 2000":
            return _jpeg_2000(start)
        case "JPEG XL":
            return _jpeg_xl(start)
        case "LERC":
            return _lerc(start)
        case _:
            return None


def _jpeg_2000(start: bytes) -> bool | None:
    """From the marker COD: transformation 1 is the reversible one."""
    at = start.find(b"\xff\x52")
    return None if at < 0 or at + 14 > len(start) else start[at + 13] != 1


def _lerc(start: bytes) -> bool | None:
    """From the blob's largest error, a float64; 0.5 keeps whole numbers."""
    if start[:1] == b"x":  # packed once more, by deflate
        with suppress(zlib.error):
            start = zlib.decompressobj().decompress(start, 64)
    if start[:6] != b"Lerc2 " or len(start) < 10:
        return None
    (version,) = struct.unpack_from("<i", start, 6)
    at = {1: 34, 2: 34, 3: 38, 4: 42, 5: 42, 6: 50}.get(version)
    if at is None or len(start) < at + 8:
        return None
    (error,) = struct.unpack_from("<d", start, at)
    return bool(error > 0.5)


def _jpeg_xl(start: bytes) -> bool | None:
    """From the flag xyb_encoded behind the size: colours made for the eye are not kept exactly."""
    at = start.find(b"\xff\x0a")
    if at < 0:
        return None
    try:
        return _is_xyb(_Bits(start[at + 2 : at + 64]))
    except IndexError:
        return None


class _Bits:
    """Whole numbers from a stream of bits, the lowest bit of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._bits = [byte >> place & 1 for byte in data for place in range(8)]
        self._at = 0

    def take(self, count: int) -> int:
        value = sum(self._bits[self._at + place] << place for place in range(count))
        self._at += count
        return value

    def choice(self, *lengths: int) -> int:
        """Skips a number of one of four lengths and returns which it was."""
        chosen = self.take(2)
        self.take(lengths[chosen])
        return chosen


def _is_xyb(bits: _Bits) -> bool | None:
    small = bool(bits.take(1))
    _skip_side(bits, small)
    if not bits.take(3):  # else the width follows from a ratio
        _skip_side(bits, small)
    if bits.take(1):  # everything at its default
        return True
    if bits.take(1):  # orientation, preview, animation
        return None
    floats = bits.take(1)
    bits.choice(0, 0, 0, 6)
    if floats:
        bits.take(4)
    bits.take(1)  # buffers of 16 bits
    return None if bits.choice(0, 0, 4, 12) else bool(bits.take(1))


def _skip_side(bits: _Bits, small: bool) -> None:
    if small:
        bits.take(5)
    else:
        bits.choice(9, 13, 18, 30)
