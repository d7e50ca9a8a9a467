"""Image and mask files made in memory, byte for byte where the usual writers would not."""

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tifffile
from PIL import Image

H, W = 24, 20
rng = np.random.default_rng(0)
GREY = rng.integers(1, 255, (H, W), np.uint8)
COLOUR = rng.integers(1, 255, (H, W, 3), np.uint8)


def three(grey: np.ndarray) -> np.ndarray:
    return np.stack([grey] * 3, axis=-1)


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def pages(*pages: np.ndarray, description: str = "", **options: Any) -> bytes:
    """A TIFF of single pages, the description on the first one."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for number, pixels in enumerate(pages):
            text = description if number == 0 else None
            writer.write(pixels, description=text or None, metadata=None, **options)
    return stream.getvalue()


def pillow(image: np.ndarray | Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(stream, kind, **options)
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int,
    height: int,
    depth: int,
    colour: int,
    rows: bytes,
    interlace: int = 0,
    before: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """A PNG of filtered rows, with further chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    chunks = [(b"IHDR", header), *before, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def grey_png(grey: np.ndarray, before: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    return png(grey.shape[1], grey.shape[0], 8, 0, rows, before=before)


def ome(
    *data: str, c: int = 1, z: int = 1, t: int = 1, uuid: str = "", size: tuple[int, int] = (H, W)
) -> str:
    """OME-XML of one image with the given TiffData elements."""
    own = f' UUID="{uuid}"' if uuid else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{own}>'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8"'
        f' SizeX="{size[1]}" SizeY="{size[0]}" SizeC="{c}" SizeZ="{z}" SizeT="{t}">'
        f"{''.join(data)}</Pixels></Image></OME>"
    )


def plane_in(file_name: str, uuid: str, *, c: int = 0, z: int = 0, t: int = 0, ifd: int = 0) -> str:
    """A TiffData element that places a plane in another file."""
    return (
        f'<TiffData IFD="{ifd}" FirstC="{c}" FirstZ="{z}" FirstT="{t}" PlaneCount="1">'
        f'<UUID FileName="{file_name}">{uuid}</UUID></TiffData>'
    )
