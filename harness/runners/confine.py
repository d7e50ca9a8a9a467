"""What a container leaves in its folder, made safe to read, to move and to delete."""

import os
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

DEEPEST = 40
"""Folders below one another; what lies deeper is removed."""
MOST_ENTRIES = 200_000
"""Files and folders that are looked at; a folder that holds more is emptied."""
DISK_SECONDS = 2.0
"""Between two looks at a folder's size."""
SAFE = stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH
"""Mode of files: readable by all, nobody's set-user-id."""
SAFE_FOLDER = SAFE | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def confine(output: Path, largest: int) -> tuple[str, ...]:
    """Removes what may lead a reader astray and mends modes; returns what was done, in words.

    Removed are links out of the folder, which mean other files on this side of the mount, what is
    neither file nor folder, folders nested too deeply, and files that claim more than `largest`
    bytes, as sparse ones do. What its owner cannot read is made readable. Not recursive, and it
    follows no link, whatever the folder holds.
    """
    root = output.resolve()
    done: dict[str, int] = {}
    _open_up(root)
    entries = 0
    todo = [(root, 0)]
    while todo:
        folder, depth = todo.pop()
        with os.scandir(folder) as found:
            for entry in list(found):
                entries += 1
                path = Path(entry.path)
                if entries > MOST_ENTRIES:
                    remove_tree(path)
                    _count(done, f"files beyond {MOST_ENTRIES:,} were removed")
                elif entry.is_symlink():
                    if not Path(os.path.realpath(path)).is_relative_to(root):
                        path.unlink()
                        _count(done, "links out of the folder were removed")
                elif entry.is_dir(follow_symlinks=False):
                    if depth + 1 > DEEPEST:
                        remove_tree(path)
                        _count(done, f"folders more than {DEEPEST} deep were removed")
                        continue
                    _open_up(path)
                    todo.append((path, depth + 1))
                elif not entry.is_file(follow_symlinks=False):
                    path.unlink()
                    _count(done, "devices, pipes or sockets were removed")
                elif entry.stat(follow_symlinks=False).st_size > largest:
                    path.unlink()
                    _count(done, f"files of more than {largest / 2**30:.3g} GiB were removed")
                else:
                    _mend(path, entry.stat(follow_symlinks=False))
    return tuple(f"{count} {what}" for what, count in done.items())


def remove_tree(path: Path) -> None:
    """Removes a file, link or folder, however deep it is nested and whatever its modes.

    By `rm`, whose descent has no limit, while that of shutil ends at Python's recursion.
    """
    if not path.is_symlink() and path.is_dir():
        subprocess.run(["chmod", "-R", "u+rwX", "--", path], capture_output=True, check=False)
    subprocess.run(["rm", "-rf", "--", path], capture_output=True, check=False)


def bytes_below(folder: Path) -> int:
    """What the files below a folder take on the disk, in bytes; holes do not count.

    Stops counting at MOST_ENTRIES entries; what vanishes or cannot be read meanwhile is left out.
    """
    total = 0
    for entry in islice(_entries(folder), MOST_ENTRIES):
        with suppress(OSError):
            total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


class DiskWatch:
    """Measures now and then what is used: the more there is, the longer that takes."""

    def __init__(self, measure: Callable[[], int]) -> None:
        self._measure = measure
        self._used = 0
        self._next = 0.0

    def used(self) -> int:
        """Bytes on the disk, as of a few seconds ago."""
        now = time.monotonic()
        if now >= self._next:
            self._used = self._measure()
            took = time.monotonic() - now
            self._next = now + max(DISK_SECONDS, 50 * took)
        return self._used


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    todo = [str(folder)]
    while todo:
        with suppress(OSError), os.scandir(todo.pop()) as found:
            for entry in found:
                yield entry
                if entry.is_dir(follow_symlinks=False) and entry.path.count("/") < 500:
                    todo.append(entry.path)


def _open_up(folder: Path) -> None:
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & stat.S_IRWXU != stat.S_IRWXU or mode & (stat.S_ISUID | stat.S_IWOTH):
        folder.chmod(SAFE_FOLDER)


def _mend(path: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & SAFE != SAFE or mode & ~0o775:
        path.chmod(SAFE)


def _count(done: dict[str, int], what: str) -> None:
    done[what] = done.get(what, 0) + 1
