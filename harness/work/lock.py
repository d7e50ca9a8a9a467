"""One harness at a time works on a run folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contract import CallError

LOCK = ".lock"
OWNER = "process "


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds `folder`/.lock; the kernel frees it when its owner dies, however that happens."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:  # what virtual file systems answer
        raise CallError(
            f"Cannot make the folder {folder}.",
            "its file system takes no new folders",
            "choose another folder with --out",
        ) from error
    with (folder / LOCK).open("a+", encoding="utf-8", errors="replace") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            owner = stream.read().strip() or "another process"
            raise CallError(
                f"{folder} is in use by {owner}.",
                "another harness is working on this run",
                "wait for it to end, or choose another folder with --out",
            ) from error
        stream.seek(0)
        if stream.read(len(OWNER)) not in ("", OWNER):
            raise CallError(
                f"{folder / LOCK} is a file of another program.",
                "cellbench would write there who is at work in the folder",
                "choose another folder",
            )
        stream.truncate(0)
        stream.write(f"{OWNER}{os.getpid()} on {os.uname().nodename}")
        stream.flush()
        yield


def owner_of(folder: Path) -> str | None:
    """Who holds the lock of `folder`; None when nobody does, or there are no locks."""
    with suppress(OSError), (folder / LOCK).open(encoding="utf-8", errors="replace") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return stream.read(200).strip() or "another process"
    return None
