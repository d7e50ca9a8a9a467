"""Writing files so that a reader never sees half of one, and hashing them."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from typing import Any

ASIDE = ".aside-"


def write_aside(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary path beside `path`, then moves the result into place.

    The temporary name starts with ASIDE and keeps `path`'s suffix, because writers choose a
    format by it. The contents are on the disk before the move, so after a kill or a power cut
    the file is the old or the new one; a killed process may leave the temporary file behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=ASIDE, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        write(aside)
        with aside.open("rb") as stream:
            os.fsync(stream.fileno())
        aside.chmod(0o666 & ~_umask())
        aside.replace(path)
    except BaseException as error:
        with suppress(FileNotFoundError):
            aside.unlink()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            error.filename, error.filename2 = str(path), None  # not known to a stream, or another's
        raise


def write_text(path: Path, text: str) -> None:
    """Replaces `path` by `text` (UTF-8) in one step."""
    write_aside(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Replaces `path` by `value` as indented JSON; NaN is refused with ValueError."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_line(path: Path, value: Any) -> None:
    """Appends `value` as one JSON line and hands it to the disk before returning.

    The line goes out in one piece. What a killed writer left of a line is cut off first, and
    what a full disk took of this one is cut off again. NaN is refused with ValueError.
    """
    line = (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()
    with path.open("a+b", buffering=0) as stream:
        end = _end_of_lines(stream)
        stream.truncate(end)
        if stream.write(line) != len(line):
            stream.truncate(end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(stream.fileno())


def read_lines(path: Path) -> list[Any]:
    """The values of a JSON-lines file; a line cut short by a kill is left out."""
    if not path.exists():
        return []
    values = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        with suppress(json.JSONDecodeError):
            values.append(json.loads(line))
    return values


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON: the same for equal values, whatever the key order."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_tree(folder: Path, names: Iterable[Path] | None = None) -> str:
    """SHA-256 over relative names and contents of all files below `folder`.

    `names` restricts it to those paths. Hidden files, byte code and caches do not count.
    """
    paths = sorted(folder.rglob("*") if names is None else names)
    lines = [
        f"{path.relative_to(folder).as_posix()} {sha256_file(path)}"
        for path in paths
        if path.is_file() and not _ignored(path.relative_to(folder))
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _end_of_lines(stream: RawIOBase) -> int:
    """The position behind the last newline; the search goes backwards, a block at a time."""
    block = 4096
    end = stream.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - block)
        stream.seek(start)
        newline = (stream.read(end - start) or b"").rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _ignored(relative: Path) -> bool:
    return relative.suffix == ".pyc" or any(
        part.startswith(".") or part == "__pycache__" for part in relative.parts
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
