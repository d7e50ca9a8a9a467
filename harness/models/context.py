"""Build contexts packed in memory: exactly the files of an image, wherever they lie."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

NOT_PACKED = ("__pycache__", ".pyc")


def pack(parts: Mapping[str, Path | str]) -> io.BytesIO:
    """A tar with each file or folder (Path) or text (str) under its name; byte code stays out.

    Everything in it belongs to root and can be read by every user.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, part in parts.items():
            if isinstance(part, Path):
                tar.add(part, name, filter=_readable)
            else:
                entry = tarfile.TarInfo(name)
                entry.size = len(part.encode())
                tar.addfile(entry, io.BytesIO(part.encode()))
    stream.seek(0)
    return stream


def _readable(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if entry.name.endswith(NOT_PACKED):
        return None
    entry.mode = 0o755 if entry.isdir() else 0o644
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
