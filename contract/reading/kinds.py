"""Which format a file has, by its first bytes, whatever its name says."""

from pathlib import Path
from typing import Literal

from contract.errors import UnreadableImage
from contract.reading.directories import TIFF_MAGIC
from contract.reading.jpeg import JPEG_MAGIC
from contract.reading.png import PNG_MAGIC

Kind = Literal["tiff", "png", "jpeg", "bmp", "npy"]
NPY_MAGIC = b"\x93NUMPY"
OTHERS = (
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"JXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (8, b"avif", "AVIF"),
    (4, b"ftyp", "HEIC or video"),
    (0, b"ZISRAWFILE", "CZI of Zeiss"),
    (0, b"\xda\xce\xbe\x0a", "ND2 of Nikon"),
    (0, b"\x70\0\0\0\x2a", "LIF of Leica"),
    (0, b"\x89HDF", "HDF5"),
    (0, b"SIMPLE", "FITS"),
    (128, b"DICM", "DICOM"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"<svg", "SVG"),
    (0, b"<?xml", "XML"),
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the file itself"),
)
"""Position, bytes and name of formats that are not read."""


def kind_of(path: Path, read: str) -> Kind:
    """The format of a file; UnreadableImage for an empty one and for formats not read here.

    `read` names the formats that the caller reads, for the message.
    """
    if not path.is_file() and path.exists() and not path.is_dir():
        raise UnreadableImage("neither a file nor a folder, but a pipe, a socket or a device")
    with path.open("rb") as stream:
        start = stream.read(132)
    if not start:
        raise UnreadableImage("the file is empty (0 bytes)")
    if start[:4] in TIFF_MAGIC:
        return "tiff"
    if start.startswith(PNG_MAGIC):
        return "png"
    if start.startswith(JPEG_MAGIC):
        return "jpeg"
    if start.startswith(b"BM"):
        return "bmp"
    if start.startswith(NPY_MAGIC):
        return "npy"
    for at, magic, name in OTHERS:
        if start[at : at + len(magic)] == magic:
            raise UnreadableImage(
                f"not an image that is read: the content is {name}, whatever the name {path.name}"
                f" says; save it as {read}"
            )
    raise UnreadableImage(
        f"not an image: the content cannot be decoded as {read}, whatever the name {path.name} says"
    )
