"""The process that decodes for `contract.guarded`: started once, asked for one file at a time.

A request is a line of JSON on stdin. The answer is a line of JSON on stdout; when there is an
array, its bytes stand at the beginning of a nameless file that both processes have open: one in
memory, or, for what is large, one on the disk that is written some rows at a time.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from contract.errors import CellbenchError
from contract.images import Picture, read_header, read_picture
from contract.large import LargePicture, bands, by_parts, is_large_file
from contract.mask_bands import mask_by_parts
from contract.masks import mask_size, open_mask
from contract.reading import limits

BASE_BYTES = 512 << 20
"""For reading a header and for libraries that are loaded on first use."""
BYTES_A_PIXEL = 96
"""Three samples of the widest type, and what is made of them until they have a simple one."""
CHUNK = 1 << 30
"""Bytes written in one go; systems refuse more than 2 GB."""
BASE_SECONDS = 20
PIXELS_A_SECOND = 1_000_000
"""Of processor time, a small part of what any decoder here reaches."""

Array: TypeAlias = npt.NDArray[Any]


def main(shared: int, disk: int) -> None:
    """Answers requests until stdin ends; the arguments are the two nameless files' descriptors."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries print what they like
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limits.on_size = _limit
    with suppress(OSError):  # when memory runs out, this process goes, not the one that asks
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    for line in sys.stdin.buffer:
        document, array = _answer(json.loads(line), disk)
        if array is not None:
            document |= _put(array, shared, 0)
        answers.write(json.dumps(document).encode() + b"\n")
        answers.flush()


def _answer(request: dict[str, Any], disk: int) -> tuple[dict[str, Any], Array | None]:
    path = Path(os.fsdecode(bytes.fromhex(request["path"])))
    try:
        return _done(request, path, disk)
    except CellbenchError as error:
        return {
            "error": type(error).__name__,
            "parts": [error.what, error.why, error.do],
            "size": getattr(error, "size", None),
        }, None
    except MemoryError:
        return {"error": "MemoryError"}, None
    except OSError as error:  # of this process's own files; those of the file have become reasons
        what = f"{path.name} cannot be decoded into the folder of temporary files: {error.strerror}"
        do = "free some space there, or name another folder in the variable TMPDIR"
        return {"error": "CallError", "parts": [what, "it is full", do]}, None


def _done(request: dict[str, Any], path: Path, disk: int) -> tuple[dict[str, Any], Array | None]:
    expected = tuple(request["expected"]) if request["expected"] else None
    limit = request["max_pixels"]
    _limit(0)
    match request["what"]:
        case "header":
            header = read_header(path)
            return {"header": vars(header)}, None
        case "mask size":
            return {"size": mask_size(path)}, None
        case "picture":
            return _picture(path, limit, disk)
        case _:
            return _mask(path, limit, expected, disk)


def _picture(path: Path, limit: int, disk: int) -> tuple[dict[str, Any], Array | None]:
    if is_large_file(path):
        with by_parts(path, limit) as large:
            if large is not None:
                document = _told(large)
                return document | _lay(bands(large), (*large.shape, 3), disk), None
    picture = read_picture(path, max_pixels=limit)
    return _told(picture), picture.pixels


def _told(picture: Picture | LargePicture) -> dict[str, Any]:
    """All that is known of a picture beside its pixels."""
    return {
        "remarks": picture.remarks,
        "orientation": picture.orientation,
        "pixel_size_um": picture.pixel_size_um,
    }


def _mask(
    path: Path, limit: int, expected: tuple[int, int] | None, disk: int
) -> tuple[dict[str, Any], Array | None]:
    with mask_by_parts(path, limit, expected) as large:
        if large is not None:
            return {"remarks": large.remarks} | _lay(large.bands, large.shape, disk), None
    mask = open_mask(path, max_pixels=limit, expected=expected)
    return {"remarks": mask.remarks}, mask.labels


def _limit(pixels: int) -> None:
    """Allows memory and processor time for an image of so many pixels from now on."""
    seconds = resource.getrusage(resource.RUSAGE_SELF)
    used = seconds.ru_utime + seconds.ru_stime
    allowed = int(used) + BASE_SECONDS + pixels // PIXELS_A_SECOND
    _set(resource.RLIMIT_CPU, allowed)
    _set(resource.RLIMIT_AS, _used_bytes() + BASE_BYTES + BYTES_A_PIXEL * pixels)


def _set(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with suppress(ValueError, OSError):  # not every system limits memory like this
        resource.setrlimit(limit, (value, hard))


def _used_bytes() -> int:
    with suppress(OSError):
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
        return int(pages) * resource.getpagesize()
    return 4 << 30


def _lay(parts: Iterable[Array], shape: tuple[int, ...], disk: int) -> dict[str, Any]:
    """Writes the parts of an array one behind the other; what the answer says of it."""
    at, dtype = 0, ""
    for part in parts:
        dtype = part.dtype.str
        at += _put(part, disk, at)["bytes"]
    return {"shape": shape, "dtype": dtype, "disk": True}


def _put(array: Array, file: int, at: int) -> dict[str, Any]:
    """Writes an array's bytes at a place of a file; what the answer says of it."""
    array = np.ascontiguousarray(array)
    view, done = array.data.cast("B") if array.size else memoryview(b""), 0
    while done < len(view):
        done += os.pwrite(file, view[done : done + CHUNK], at + done)
    return {"shape": array.shape, "dtype": array.dtype.str, "bytes": done}
