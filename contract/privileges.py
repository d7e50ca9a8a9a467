"""Giving up root inside a container."""

import os
from contextlib import suppress
from pathlib import Path

IN_CONTAINER = "CELLBENCH_CONTAINER"
"""Set by the base image; without it, root is somebody at a machine and stays root."""


def become_owner(folder: Path) -> None:
    """Turns a container's root into the owner of `folder`, so that its files are the caller's.

    Does nothing outside a container, for another user, when root owns the folder, and when the
    container may not change its user.
    """
    if os.getuid() != 0 or IN_CONTAINER not in os.environ or not folder.is_dir():
        return
    facts = folder.stat()
    if facts.st_uid == 0:
        return
    with suppress(PermissionError):
        os.setgroups([])
        os.setgid(facts.st_gid)
        os.setuid(facts.st_uid)
