"""Every error that a user can meet, with its exit code and a message in three parts."""

import difflib
import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import ClassVar

LITTLE_SPACE = 2**20
"""Bytes; a disk with less free space counts as full."""


class ExitCode(IntEnum):
    """How every program here ends, containers included."""

    DONE = 0
    ERROR = 1
    WRONG_CALL = 2
    """Nothing was done."""
    FAILURES = 3
    """Done, but something that was asked for failed or does not hold."""
    OUT_OF_MEMORY = 4
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    """Whoever read stdout has gone."""


class CellbenchError(Exception):
    """What happened, why that is likely, and what to do about it.

    `str(error)` joins the three parts, one a line; `what` alone is one sentence.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.ERROR

    def __init__(self, what: str, why: str = "", do: str = "") -> None:
        super().__init__(what, why, do)
        self.what = what
        self.why = why
        self.do = do

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"  likely why: {self.why}")
        if self.do:
            lines.append(f"  do this:    {self.do}")
        return "\n".join(lines)


class CallError(CellbenchError):
    """The call is wrong: nothing was done."""

    exit_code = ExitCode.WRONG_CALL


class OutOfMemory(CellbenchError):
    """The work needed more memory than there was."""

    exit_code = ExitCode.OUT_OF_MEMORY


class Interrupted(CellbenchError):
    """The user or the system asked the program to stop."""

    exit_code = ExitCode.INTERRUPTED


class UnreadableImage(CellbenchError):
    """An image that cannot be used as input; `what` is the reason."""


class SeveralPlanes(UnreadableImage):
    """A stack, an animation or several images in one file."""


class UnreadableMask(CellbenchError):
    """A mask file that cannot be opened or decoded."""


class WrongMaskType(CellbenchError):
    """A mask that was decoded but is no H×W map of whole, non-negative ids."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """How a sentence about an unknown word ends: with the known one most like it, if any is."""
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else "."


def os_error(error: OSError) -> CellbenchError:
    """The three-part form of an operating system's refusal to read or write."""
    where = f" {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        target = error.filename2 or error.filename
        asked = [name for name in (error.filename2, error.filename) if isinstance(name, str)]
        full = full_disk(
            *map(Path, asked), Path(os.environ.get("TMPDIR") or "/tmp"), Path(_cwd() or "/")
        )
        return CellbenchError(
            f"The disk is full: {full or target or 'a file could not be written'}.",
            "no space is left there"
            if full
            else "its file system has no space left, or a quota is used up",
            "free some space and give the same command again; finished work is kept",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return CallError(
            f"No permission for{where or ' a file'}.",
            "the folder belongs to another user or is mounted read-only",
            "choose another folder, or give yourself write permission",
        )
    if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG):
        return CallError(
            f"Cannot use{where or ' a path'}: {error.strerror}.",
            "a file stands where a folder is needed, or the name is too long",
            "choose another path",
        )
    return CellbenchError(f"{error.strerror or error}:{where}" if where else str(error))


def broken_off(error: OSError) -> CellbenchError:
    """The words of `os_error` for a call that had begun: its exit code is not a wrong call's."""
    known = os_error(error)
    return CellbenchError(known.what, known.why, known.do)


def full_disk(*paths: Path) -> str:
    """Where the first of the full disks is mounted that these paths lie on; "" if none is full.

    A system's refusal names the file that was read, of a copy, and none at all for a temporary one.
    """
    for path in paths:
        place = path.absolute()
        while not place.exists():
            place = place.parent
        if shutil.disk_usage(place).free < LITTLE_SPACE:
            while not place.is_mount():
                place = place.parent
            return str(place)
    return ""


def unwritable(out: Path, error: OSError) -> CallError:
    """The refusal of an output folder, found before any work."""
    return CallError(
        f"Cannot write to {out}: {error.strerror}.",
        "the folder belongs to another user, is mounted read-only, or is no folder",
        "mount a folder that this user may write to, or run as its owner (--user)",
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: Python's, the system's, or torch's."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in text or "out of memory" in text.lower() or "ALLOC_FAILED" in text
    )


@contextmanager
def within_memory(what: str, why: str, do: str) -> Iterator[None]:
    """Raises OutOfMemory with these words for whatever is raised within since memory ran out."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise OutOfMemory(f"{what}: {error}", why, do) from error
        raise


def run_cli(app: Callable[[], object]) -> None:
    """Runs a command line to its end: the only place that prints an error and picks the exit code.

    Programming errors keep their traceback.
    """
    try:
        _refuse_undecodable(sys.argv[1:])
        app()
        sys.stdout.flush()
    except CellbenchError as error:
        _leave(error)
    except KeyboardInterrupt:
        _leave(Interrupted("Interrupted."))
    except MemoryError:
        _leave(
            OutOfMemory(
                "Out of memory.",
                "the images or the model need more than this machine or container was given",
                "give more memory, or use a smaller profile",
            )
        )
    except BrokenPipeError:
        # what is still in stdout's buffer has nowhere to go when the interpreter flushes it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.BROKEN_PIPE)
    except OSError as error:
        _leave(os_error(error))


def undecodable(what: str, name: str) -> CallError:
    """The refusal of a name that cannot be read as text: it stands in files and messages."""
    stored = os.fsencode(name)
    where = f"{what} {stored!r}"
    try:
        stored.decode("utf-8")
    except UnicodeDecodeError:
        return CallError(
            f"{where} is no valid UTF-8.",
            "it comes from a system with another encoding of names",
            "rename it",
        )
    return CallError(
        f"{where} cannot be read as text.",
        "it is UTF-8, but this system's language settings say that names are something else",
        "set the variable PYTHONUTF8=1, or LC_ALL=C.UTF-8, and give the same command again",
    )


def _refuse_undecodable(words: Sequence[str]) -> None:
    """Paths stand in records and messages, so what is no text is refused before any work."""
    for what, name in (*(("The argument", word) for word in words), ("The folder", _cwd())):
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise undecodable(what, name) from error


def _cwd() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return ""


def _leave(error: CellbenchError) -> None:
    print(f"error: {error}", file=sys.stderr, flush=True)
    sys.exit(error.exit_code)
