"""The process that decodes for `contract.guarded`: started once, asked for one file at a time.

A request is a line of JSON on stdin. The answer is a line of JSON on stdout; when there is an
array, its bytes stand at the beginning of a nameless file that both processes have open.
"""

import json
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from contract.errors import CellbenchError
from contract.images import read_header, read_picture
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


def main(shared: int) -> None:
    """Answers requests until stdin ends; `shared` is the descriptor of the nameless file."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries print what they like
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limits.on_size = _limit
    with suppress(OSError):  # when memory runs out, this process goes, not the one that asks
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    for line in sys.stdin.buffer:
        document, array = _answer(json.loads(line))
        _send(answers, document, array, shared)


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], npt.NDArray[Any] | None]:
    path = Path(os.fsdecode(bytes.fromhex(request["path"])))
    try:
        return _done(request, path)
    except CellbenchError as error:
        return {
            "error": type(error).__name__,
            "parts": [error.what, error.why, error.do],
            "size": getattr(error, "size", None),
        }, None
    except MemoryError:
        return {"error": "MemoryError"}, None


def _done(request: dict[str, Any], path: Path) -> tuple[dict[str, Any], npt.NDArray[Any] | None]:
    expected = tuple(request["expected"]) if request["expected"] else None
    _limit(0)
    match request["what"]:
        case "header":
            header = read_header(path)
            return {"header": vars(header)}, None
        case "mask size":
            return {"size": mask_size(path)}, None
        case "picture":
            picture = read_picture(path, max_pixels=request["max_pixels"])
            document = {"remarks": picture.remarks, "orientation": picture.orientation}
            return document, picture.pixels
        case _:
            mask = open_mask(path, max_pixels=request["max_pixels"], expected=expected)
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


def _send(
    answers: BinaryIO, document: dict[str, Any], array: npt.NDArray[Any] | None, shared: int
) -> None:
    if array is not None:
        array = np.ascontiguousarray(array)
        document |= {"shape": array.shape, "dtype": array.dtype.str}
        view, at = array.data.cast("B") if array.size else memoryview(b""), 0
        while at < len(view):
            at += os.pwrite(shared, view[at : at + CHUNK], at)
    answers.write(json.dumps(document).encode() + b"\n")
    answers.flush()
