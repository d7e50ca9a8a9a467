"""Damages valid files of every format at random and reads each twice, as image and as mask.

`python -m tests.benchmarks.fuzz_readers [COUNT] [SEED]` prints what came of COUNT inputs (10 000).
An input must not end this process, not hang, not take memory beyond what its size explains, and
give the same pixels or the same refusal both times. The first input that does not is kept.
"""

import io
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import psutil
from PIL import Image

from contract import CellbenchError, guarded
from tests.image_files import COLOUR, GREY, grey_png, npy, ome, pages, pillow, plane_in, tiff

WIDE = np.kron(GREY, np.ones((5, 5), np.uint8))
LABELS = WIDE // 32
LONGEST = 60.0
"""Seconds for one reading, on a busy machine; guarded processes end by themselves before."""
MOST_MEMORY = 2 << 30
"""Bytes resident in a decoding process after small files, however they were damaged."""
TAGS = (254, 256, 257, 258, 259, 262, 270, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325)
TAGS += (330, 338, 339, 347, 32997, 33628, 33629, 34412, 50838, 50839)


def valid_files() -> dict[str, bytes]:
    """Sixty and more valid files, by a name that tells format and kind."""
    rgb: dict[str, Any] = {"photometric": "rgb"}
    compressions = ("zlib", "lzw", "packbits", "zstd", "lzma", "png", "jpegxl", "jpeg2000", "lerc")
    types = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
    sixteen = np.dstack([COLOUR, GREY]).astype(np.uint16) * 257
    palette = Image.fromarray(COLOUR).quantize(16)
    map_of_colours = np.arange(768, dtype=np.uint16).reshape(3, 256) * 80
    stack = np.stack([GREY, 255 - GREY, GREY])
    own = [plane_in("x.tif", "urn:uuid:1", c=c, ifd=c) for c in range(2)]
    sets = ome(*own, plane_in("other.ome.tif", "urn:uuid:2", t=1), c=2, t=2, uuid="urn:uuid:1")
    files = {f"tif {name}": tiff(WIDE, compression=name) for name in compressions}
    files |= {f"tif {name}": tiff(GREY.astype(name)) for name in types}
    files |= {f"npy {name}": npy(GREY.astype(name)) for name in types}
    files |= {
        "tif labels": tiff(LABELS, compression="zlib"),
        "tif jpeg": tiff(np.kron(COLOUR, np.ones((5, 5, 1), np.uint8)), compression="jpeg", **rgb),
        "tif tiles": tiff(WIDE, tile=(32, 32), compression="zlib"),
        "tif strips": tiff(WIDE, rowsperstrip=7),
        "tif predictor": tiff(WIDE.astype("u2"), compression="zlib", predictor=True),
        "tif big": tiff(GREY, bigtiff=True),
        "tif big end": tiff(GREY.astype("u2"), byteorder=">"),
        "tif RGB": tiff(COLOUR, **rgb),
        "tif RGBA": tiff(sixteen, extrasamples=["unassalpha"], **rgb),
        "tif planar": tiff(np.moveaxis(COLOUR, -1, 0), planarconfig="separate", **rgb),
        "tif white is zero": tiff(GREY, photometric="miniswhite"),
        "tif palette": tiff(GREY, photometric="palette", colormap=map_of_colours),
        "tif bits": pillow(GREY > 99, "TIFF", compression="group4"),
        "tif CMYK": pillow(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"),
        "tif pages": pages(GREY, GREY),
        "tif ImageJ channels": tiff(stack, imagej=True, metadata={"axes": "CYX"}),
        "tif ImageJ, one directory": tiff(stack, imagej=True, metadata={"axes": "TYX"}, truncate=1),
        "tif OME channels": tiff(stack, ome=True, metadata={"axes": "CYX"}),
        "tif OME set": pages(GREY, 255 - GREY, description=sets),
        "png grey": pillow(WIDE, "PNG"),
        "png RGB": pillow(COLOUR, "PNG"),
        "png RGBA": pillow(np.dstack([COLOUR, GREY]), "PNG"),
        "png 16": pillow(GREY.astype("u2") * 200, "PNG"),
        "png RGBA 16": imagecodecs.png_encode(sixteen),
        "png palette": pillow(palette, "PNG"),
        "png bits": pillow(GREY > 99, "PNG"),
        "png chunks": grey_png(GREY, [(b"tEXt", b"a\0b"), (b"eXIf", b"MM\0*\0\0\0\x08\0\0")]),
        "jpg grey": pillow(WIDE, "JPEG"),
        "jpg RGB": pillow(COLOUR, "JPEG"),
        "jpg progressive": pillow(WIDE, "JPEG", progressive=True),
        "jpg CMYK": pillow(Image.fromarray(COLOUR).convert("CMYK"), "JPEG"),
        "jpg lossless": imagecodecs.jpeg_encode(GREY, lossless=True),
        "jpg 12 bits": imagecodecs.jpeg_encode(GREY.astype("u2") * 16, bitspersample=12),
        "jpg camera": _camera(),
        "bmp grey": pillow(GREY, "BMP"),
        "bmp RGB": pillow(COLOUR, "BMP"),
        "bmp palette": pillow(palette, "BMP"),
        "npy bool": npy(GREY > 99),
        "npy turned": npy(np.asfortranarray(GREY)),
    }
    return files


def _camera() -> bytes:
    stream = io.BytesIO()
    preview = Image.fromarray(COLOUR[::2, ::2])
    Image.fromarray(COLOUR).save(stream, "MPO", save_all=True, append_images=[preview])
    return stream.getvalue()


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """One to three damages: bytes changed, cut off, doubled, or, in a TIFF, a tag changed."""
    for _ in range(rng.integers(1, 4)):
        how: Callable[[bytearray, np.random.Generator], bytes] = rng.choice(DAMAGES)
        data = how(bytearray(data), rng)
    return data


def _flip(data: bytearray, rng: np.random.Generator) -> bytes:
    for _ in range(rng.integers(1, 9)):
        data[rng.integers(len(data))] ^= int(rng.integers(1, 256))
    return bytes(data)


def _flip_early(data: bytearray, rng: np.random.Generator) -> bytes:
    """Headers are at the beginning of most files."""
    for _ in range(rng.integers(1, 4)):
        data[rng.integers(min(len(data), 400))] = int(rng.choice([0, 1, 127, 128, 254, 255]))
    return bytes(data)


def _cut(data: bytearray, rng: np.random.Generator) -> bytes:
    return bytes(data[: rng.integers(1, len(data) + 1)])


def _double(data: bytearray, rng: np.random.Generator) -> bytes:
    start, end = sorted(rng.integers(0, len(data) + 1, 2))
    return bytes(data[:end] + data[start:])


def _number(data: bytearray, rng: np.random.Generator) -> bytes:
    """A whole number of two or four bytes becomes one that programs stumble over."""
    form = str(rng.choice(["<H", ">H", "<I", ">I"]))
    size = struct.calcsize(form)
    value = int(rng.choice([0, 1, 2**15, 2**16 - 1, 2**24, 2**31, 2**32 - 1]))
    at = int(rng.integers(max(1, len(data) - size)))
    if len(data) >= size:
        struct.pack_into(form, data, at, value & (256**size - 1))
    return bytes(data)


def _tag(data: bytearray, rng: np.random.Generator) -> bytes:
    """Type, count or value of an entry of the first directory of a little-endian TIFF."""
    if data[:4] != b"II*\0" or len(data) < 10:
        return _flip(data, rng)
    (at,) = struct.unpack_from("<I", data, 4)
    if at + 2 > len(data):
        return _flip(data, rng)
    (entries,) = struct.unpack_from("<H", data, at)
    entry = at + 2 + 12 * int(rng.integers(max(1, min(entries, 40))))
    if entry + 12 > len(data):
        return _flip(data, rng)
    match rng.integers(4):
        case 0:
            struct.pack_into("<H", data, entry, int(rng.choice(TAGS)))
        case 1:
            struct.pack_into("<H", data, entry + 2, int(rng.integers(0, 20)))
        case 2:
            struct.pack_into("<I", data, entry + 4, int(rng.choice([0, 1, 2, 1000, 2**31])))
        case _:
            value = int(rng.choice([0, 1, 2, 3, 7, 8, 5000, 32773, 65535, 2**31, 2**32 - 1]))
            struct.pack_into("<I", data, entry + 8, value)
    return bytes(data)


DAMAGES = np.array([_flip, _flip_early, _cut, _double, _number, _tag, _tag], dtype=object)


@dataclass
class Outcome:
    """What came of the inputs."""

    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    most_memory: int = 0
    faults: list[str] = field(default_factory=list)
    """One sentence for each input that did what no input may do."""


def fuzz(count: int, seed: int, folder: Path) -> Outcome:
    """Reads `count` damaged files twice each; a file with a fault stays in `folder`."""
    rng = np.random.default_rng(seed)
    files = list(valid_files().items())
    outcome = Outcome()
    for number in range(count):
        name, data = files[number % len(files)]
        path = folder / f"{number}.tif"
        path.write_bytes(damaged(data, rng))
        faults = [
            fault
            for read in (guarded.read_picture, guarded.open_mask, guarded.read_header)
            if (fault := _read_twice(read, path, outcome))
        ]
        outcome.faults += [f"{name}, input {number} of seed {seed}: {fault}" for fault in faults]
        if not faults:
            path.unlink()
    return outcome


def _read_twice(read: Callable[[Path], Any], path: Path, outcome: Outcome) -> str:
    """The fault of one reader on one file, or nothing."""
    results = []
    for _ in range(2):
        start = time.monotonic()
        results.append(_result(read, path))
        outcome.slowest = max(outcome.slowest, time.monotonic() - start)
        memory = max(_memory(), default=0)
        outcome.most_memory = max(outcome.most_memory, memory)
    outcome.counts[results[0][0]] += 1
    if results[0] != results[1]:
        return f"{read.__name__} gives {results[0][:2]}, then {results[1][:2]}"
    if outcome.slowest > LONGEST:
        return f"{read.__name__} took {outcome.slowest:.0f} s"
    if outcome.most_memory > MOST_MEMORY:
        return f"{read.__name__} left {outcome.most_memory} bytes in use"
    return ""


def _result(read: Callable[[Path], Any], path: Path) -> tuple[str, ...]:
    try:
        found = read(path)
    except CellbenchError as error:
        for kind in ("crashed", "memory", "longer"):
            if kind in error.what:
                return f"{type(error).__name__}, {kind}", error.what
        return type(error).__name__, error.what
    pixels = getattr(found, "pixels", getattr(found, "labels", None))
    if pixels is None:
        return "read", str(found)
    return "read", f"{pixels.dtype} {pixels.shape} {found.remarks}", pixels.tobytes().hex()


def _memory() -> list[int]:
    return [psutil.Process(child._process.pid).memory_info().rss for child in guarded._idle]


def main() -> None:
    """Prints what came of it; exit code 1 when an input did what none may."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    start = time.monotonic()
    outcome = fuzz(count, seed, folder)
    print(f"{count} inputs from {len(valid_files())} files in {time.monotonic() - start:.0f} s")
    for kind, number in outcome.counts.most_common():
        print(f"  {number:6} {kind}")
    print(f"slowest reading {outcome.slowest:.2f} s, most memory {outcome.most_memory >> 20} MB")
    for fault in outcome.faults:
        print(fault)
    if outcome.faults:
        sys.exit(f"{len(outcome.faults)} faults; the files are in {folder}")
    folder.rmdir()


if __name__ == "__main__":
    main()
