"""Giving up root inside a container."""

import os
from contextlib import suppress
from pathlib import Path

from contract.errors import CallError

IN_CONTAINER = "CELLBENCH_CONTAINER"
"""Set by the base image; without it, root is somebody at a machine and stays root."""


OUTPUT = Path("/out")
"""Where a container's output folder is mounted."""
MOUNTS = Path("/proc/self/mountinfo")


def refuse_unmounted(folder: Path) -> None:
    """Raises CallError when what a container writes would be lost with it: nothing is at /out.

    Other folders, and processes outside a container, are left alone.
    """
    if IN_CONTAINER not in os.environ or folder != OUTPUT or not MOUNTS.exists():
        return
    places = {line.split()[4] for line in MOUNTS.read_text(encoding="utf-8").splitlines()}
    if str(OUTPUT) not in places:
        raise CallError(
            "No folder is mounted at /out, so all results would be lost with the container.",
            "the second -v is missing, or names another folder than /out",
            "make a folder and mount it: mkdir -p masks, then docker run … -v $PWD/masks:/out",
        )


def become_owner(folder: Path, source: Path) -> None:
    """Turns a container's root into the owner of `folder`, so that its files are the caller's.

    An empty folder of root was made by the engine, for a caller who named one that was not there:
    it is given to the owner of `source`. Does nothing outside a container, for another user, when
    root owns both folders, and when the container may not change its user.
    """
    if os.getuid() != 0 or IN_CONTAINER not in os.environ or not folder.is_dir():
        return
    facts = folder.stat()
    with suppress(OSError):  # not permitted, or a folder that is mounted read-only
        if facts.st_uid == 0:
            if not source.is_dir() or next(folder.iterdir(), None) is not None:
                return
            facts = source.stat()
            os.chown(folder, facts.st_uid, facts.st_gid)
        if facts.st_uid == 0:
            return
        os.setgroups([])
        os.setgid(facts.st_gid)
        os.setuid(facts.st_uid)
