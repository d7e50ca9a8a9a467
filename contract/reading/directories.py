"""The directories of a TIFF, one per page, walked before any decoder sees the file."""

import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from contract.errors import SeveralPlanes, UnreadableImage

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MOST_PAGES = 1000
MOST_ENTRIES = 4096
"""Entries of one directory; cameras and microscopes write fewer than 200."""

FIELD_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
FIELD_BYTES |= {16: 8, 17: 8, 18: 8}
WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
FIRST_PRIVATE_TAG = 32768
REDUCED, TRANSPARENCY = 1, 4  # bits of NewSubfileType: a thumbnail, a mask of another page

NEW_SUBFILE_TYPE, SUBFILE_TYPE, WIDTH, HEIGHT, ORIENTATION, PLANES = 254, 255, 256, 257, 274, 33629
"""Tags; the last is MetaMorph's, and its count is the number of planes behind one directory."""


@dataclass(frozen=True, kw_only=True)
class Directory:
    """What the walk notes of one page."""

    page: int
    """Its place in the chain of directories, from 0."""
    width: int
    height: int
    beside: bool
    """Whether the page is marked as a thumbnail or as a mask of another one."""
    orientation: int
    """1 to 8, as in EXIF; 1 when the file says nothing or something else."""
    planes: int
    """Planes that MetaMorph's own tag counts behind this directory, at least 1."""
    used: tuple[int, ...]
    """Where in the file the directory and its values begin."""

    @property
    def pixels(self) -> int:
        """Height times width."""
        return self.height * self.width


def read_directories(stream: BinaryIO, file_size: int) -> list[Directory]:
    """All pages of a TIFF of `file_size` bytes, at most `MOST_PAGES`.

    Decoders leave out pages and tags that lie behind the end of the file, so that a file that is
    cut off passes for a smaller one; here it is refused. Only private tags may point anywhere, as
    some programs write them.

    Raises UnreadableImage for a file that is cut off, and SeveralPlanes for too many pages.
    """
    walk = _Walk(stream, file_size)
    (at,) = walk.read(walk.first, walk.next_format)
    found: list[Directory] = []
    seen = set()
    while at and at not in seen:
        if len(found) == MOST_PAGES:
            raise SeveralPlanes(f"more than {MOST_PAGES} pages, not one 2-D image")
        seen.add(at)
        directory, at = walk.directory(at, len(found))
        found.append(directory)
    return found


class _Walk:
    """Reads fields at positions of one file, in its byte order and its width of offsets."""

    def __init__(self, stream: BinaryIO, file_size: int) -> None:
        self._stream, self._size = stream, file_size
        stream.seek(0)
        magic = stream.read(4)
        self._order = "<" if magic[:2] == b"II" else ">"
        if magic[2:].strip(b"\0") == b"+":
            self.first, self._count_format, entry, self.next_format = 8, "Q", "HHQ8s", "Q"
        else:
            self.first, self._count_format, entry, self.next_format = 4, "H", "HHI4s", "I"
        self._entry = struct.Struct(self._order + entry)

    def read(self, position: int, form: str) -> tuple[Any, ...]:
        length = struct.calcsize(self._order + form)
        return struct.unpack(self._order + form, self._bytes(position, length))

    def directory(self, at: int, page: int) -> tuple[Directory, int]:
        """The directory at a position, and where the next one lies."""
        (entries,) = self.read(at, self._count_format)
        if entries > MOST_ENTRIES:
            raise UnreadableImage(f"the file is damaged: a directory of {entries} entries")
        first = at + struct.calcsize(self._order + self._count_format)
        behind = first + entries * self._entry.size
        values: dict[int, int] = {}
        used = [at]
        planes = 1
        for tag, field, count, value in self._entry.iter_unpack(
            self._bytes(first, entries * self._entry.size)
        ):
            length = FIELD_BYTES.get(field, 0) * count
            if length > len(value):
                (offset,) = struct.unpack(self._order + self.next_format, value)
                used.append(offset)
                if tag < FIRST_PRIVATE_TAG and offset + length > self._size:
                    raise cut_directory(self._size, offset + length)
            elif field in WHOLE_NUMBERS and count:
                form = self._order + WHOLE_NUMBERS[field]
                (values[tag],) = struct.unpack_from(form, value)
            if tag == PLANES:
                planes = max(1, count)
        (next_at,) = self.read(behind, self.next_format)
        orientation = values.get(ORIENTATION, 1)
        marks = values.get(NEW_SUBFILE_TYPE, 0) & (REDUCED | TRANSPARENCY)
        directory = Directory(
            page=page,
            width=values.get(WIDTH, 0),
            height=values.get(HEIGHT, 0),
            beside=bool(marks) or values.get(SUBFILE_TYPE) == 2,
            orientation=orientation if 1 <= orientation <= 8 else 1,
            planes=planes,
            used=tuple(used),
        )
        return directory, int(next_at)

    def _bytes(self, position: int, length: int) -> bytes:
        if position + length > self._size:
            raise cut_directory(self._size, position + length)
        self._stream.seek(position)
        return self._stream.read(length)


def cut_directory(file_size: int, needed: int) -> UnreadableImage:
    """The refusal of a file whose directory points behind its end."""
    return UnreadableImage(
        "cannot be decoded, the file is truncated or damaged: it has"
        f" {file_size} bytes, and its directory points to byte {needed}"
    )
