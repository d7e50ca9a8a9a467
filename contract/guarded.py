"""The readers of `contract`, in a process of their own with limits on memory and time.

What containers write, and what users bring, may be damaged or hostile, and decoders written in C
crash, hang or grow on such files. Here that ends the decoding process, and the file counts as
unreadable. The functions take and give what their namesakes in `contract` do; programs that read
the files of others use these. Only an error of the file is raised: MemoryError never.

What is larger than `contract.large.MOST_WHOLE` and can be read by parts comes as an array that is
mapped to a file on the disk, in the folder of temporary files: what is looked at is in memory, and
the system takes it back when it needs to. Such an array can be written to; the file is not.

Linux holds the process to its memory; other systems to its time alone.
"""

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from contract.errors import (
    CallError,
    CellbenchError,
    SeveralPlanes,
    UnreadableImage,
    UnreadableMask,
    WrongMaskType,
)
from contract.images import ImageHeader, Picture
from contract.masks import MaskFile, WrongMaskSize
from contract.reading.limits import pixel_limit

MOST_SECONDS = 600
"""For one file, by the clock; the process itself stops earlier when it works all the time."""
KEPT_BYTES = 64 << 20
"""Of the file through which arrays come; what a larger one took is given back at once."""
LONGEST_ANSWER = 1 << 20
CHUNK = 1 << 30
"""Bytes read in one go; systems refuse more than 2 GB."""
THREADS = max(1, min(4, (os.cpu_count() or 1) // 2))
ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "TIFFFILE_NUM_THREADS": str(THREADS),
}
"""Threads would reserve memory that counts against the limit."""

START = (
    "import sys, types;"
    " package = types.ModuleType('contract');"
    " package.__path__ = [sys.argv[1]];"
    " sys.modules['contract'] = package;"
    " from contract.reading.child import main;"
    " main(int(sys.argv[2]), int(sys.argv[3]))"
)
"""Starts `contract.reading.child` without the package's own __init__, which loads much more."""

What = Literal["header", "picture", "mask", "mask size"]


def read_header(path: Path) -> ImageHeader:
    """See `contract.read_header`."""
    document, _ = _ask("header", path)
    return ImageHeader(**document["header"])


def read_size(path: Path) -> tuple[int, int]:
    """See `contract.read_size`."""
    header = read_header(path)
    return header.height, header.width


def read_picture(path: Path, *, max_pixels: int | None = None) -> Picture:
    """See `contract.read_picture`."""
    document, pixels = _ask("picture", path, max_pixels=max_pixels)
    return Picture(
        pixels=pixels,
        remarks=tuple(document["remarks"]),
        orientation=document["orientation"],
        pixel_size_um=document["pixel_size_um"],
    )


def read_image(path: Path, *, max_pixels: int | None = None) -> npt.NDArray[np.generic]:
    """See `contract.read_image`."""
    return read_picture(path, max_pixels=max_pixels).pixels


def mask_size(path: Path) -> tuple[int, int]:
    """See `contract.mask_size`."""
    document, _ = _ask("mask size", path)
    height, width = document["size"]
    return height, width


def open_mask(
    path: Path, *, max_pixels: int | None = None, expected: tuple[int, int] | None = None
) -> MaskFile:
    """See `contract.open_mask`."""
    document, labels = _ask("mask", path, max_pixels=max_pixels, expected=expected)
    return MaskFile(labels=labels, remarks=tuple(document["remarks"]))


def read_mask(
    path: Path, *, max_pixels: int | None = None, expected: tuple[int, int] | None = None
) -> npt.NDArray[np.integer]:
    """See `contract.read_mask`."""
    return open_mask(path, max_pixels=max_pixels, expected=expected).labels


def start() -> None:
    """Starts the process ahead of the first request; nothing when one is idle already."""
    _give_back(_take())


class _Gone(Exception):
    """The process ended, or was ended, before it answered."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Child:
    """One decoding process; it answers one request at a time."""

    def __init__(self) -> None:
        path = os.pathsep.join(place for place in sys.path if place)
        self.owner = os.getpid()
        self._shared = tempfile.TemporaryFile(buffering=0, dir=_memory())  # noqa: SIM115
        self._disk = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        files = self._shared.fileno(), self._disk.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", START, str(Path(__file__).parent), *map(str, files)],
            pass_fds=files,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": path},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout.fileno()

    def ask(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], npt.NDArray[Any]]:
        """The document and the array (empty if there is none) that answer a request."""
        until = time.monotonic() + MOST_SECONDS
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        except OSError as error:
            raise _Gone(self._ending()) from error
        document: dict[str, Any] = json.loads(self._line(until))
        return document, self._array(document)

    def is_ready(self) -> bool:
        """Whether it is alive and this process's own: one from before a fork answers another."""
        return self.owner == os.getpid() and self._process.poll() is None

    def end(self) -> None:
        """Ends the process, whatever it does."""
        if self.owner == os.getpid():
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._shared, self._disk):
            with suppress(OSError):
                stream and stream.close()

    def _line(self, until: float) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._answers], [], [], max(0, until - time.monotonic()))
            if not ready:
                raise _Gone(f"decoding it took more than {MOST_SECONDS} s")
            got = os.read(self._answers, 1 << 16)
            if not got or len(line) > LONGEST_ANSWER:
                raise _Gone(self._ending())
            line += got
        return bytes(line)

    def _array(self, document: Mapping[str, Any]) -> npt.NDArray[Any]:
        if document.get("disk"):
            shape = tuple(document["shape"])
            # the mapping keeps the file when both processes have closed it
            return np.memmap(self._disk, document["dtype"], "c", shape=shape)
        array = np.empty(document.get("shape", 0), document.get("dtype", "u1"))
        view, at = array.data.cast("B") if array.size else memoryview(b""), 0
        while at < len(view):
            got = os.preadv(self._shared.fileno(), [view[at : at + CHUNK]], at)
            if got == 0:
                raise _Gone("the decoder gave too little of it")
            at += got
        if len(view) > KEPT_BYTES:
            self._shared.truncate(0)
        return array

    def _ending(self) -> str:
        code = self._process.wait()
        match -code:
            case signal.SIGXCPU:
                return "decoding it took far longer than its size explains"
            case signal.SIGKILL:
                return "the system ended the decoder, probably because memory ran out"
            case _:
                ending = f"signal {-code}" if code < 0 else f"exit code {code}"
                return f"the decoder crashed on it ({ending}); the file is damaged"


def _memory() -> str | None:
    """A folder whose files stay in memory, where there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


_idle: list[_Child] = []
_lock = threading.Lock()


def _ask(
    what: What,
    path: Path,
    *,
    max_pixels: int | None = None,
    expected: tuple[int, int] | None = None,
) -> tuple[dict[str, Any], npt.NDArray[Any]]:
    request = {
        "what": what,
        "path": os.fsencode(path.absolute()).hex(),
        "max_pixels": pixel_limit() if max_pixels is None else max_pixels,
        "expected": expected,
    }
    child = _take()
    try:
        document, array = child.ask(request)
    except _Gone as gone:
        child.end()
        raise _unreadable(what, path, gone.reason) from gone
    except BaseException:
        child.end()
        raise
    if document.get("disk"):
        child.end()  # the array has taken its file
    else:
        _give_back(child)
    if "error" in document:
        raise _error(what, path, expected, document)
    return document, array


def _take() -> _Child:
    """An idle process that is alive, or a new one."""
    with _lock:
        while _idle:
            child = _idle.pop()
            if child.is_ready():
                return child
            child.end()
    return _Child()


def _give_back(child: _Child) -> None:
    with _lock:
        _idle.append(child)


def _error(
    what: What, path: Path, expected: tuple[int, int] | None, document: Mapping[str, Any]
) -> CellbenchError:
    """The error that the reader raised in its process."""
    kinds: dict[str, type[CellbenchError]] = {
        kind.__name__: kind
        for kind in (CallError, SeveralPlanes, UnreadableImage, UnreadableMask, WrongMaskType)
    }
    name = document["error"]
    if name == WrongMaskSize.__name__:
        height, width = document["size"]
        return WrongMaskSize(path.name, (height, width), expected or (height, width))
    if name not in kinds:
        return _unreadable(what, path, "decoding it takes far more memory than its size explains")
    return kinds[name](*document["parts"])


def _unreadable(what: What, path: Path, reason: str) -> CellbenchError:
    if what in ("mask", "mask size"):
        return UnreadableMask(f"{path.name}: {reason}")
    return UnreadableImage(reason)


@atexit.register
def _end_all() -> None:
    for child in _idle:
        child.end()
