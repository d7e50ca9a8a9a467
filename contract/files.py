"""Writing files so that a reader never sees half of one, and hashing them."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any


def write_aside(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary path beside `path`, then moves the result into place.

    The temporary name keeps `path`'s suffix, because writers choose a format by it. Survives a
    killed process (the old file stays whole); a power cut may lose the newest version.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".aside-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        write(aside)
        aside.chmod(0o666 & ~_umask())
        aside.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            aside.unlink()
        raise


def write_text(path: Path, text: str) -> None:
    """Replaces `path` by `text` (UTF-8) in one step."""
    write_aside(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Replaces `path` by `value` as indented JSON; NaN is refused with ValueError."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_line(path: Path, value: Any) -> None:
    """Appends `value` as one JSON line and hands it to the disk before returning."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def read_lines(path: Path) -> list[Any]:
    """The values of a JSON-lines file; a last line cut short by a kill is left out."""
    if not path.exists():
        return []
    values = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
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


def _ignored(relative: Path) -> bool:
    return relative.suffix == ".pyc" or any(
        part.startswith(".") or part == "__pycache__" for part in relative.parts
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
