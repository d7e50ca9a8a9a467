"""Whose a container's output folder is: its user's while it runs, the caller's afterwards."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.runners.arguments import OWN_USER_CAPABILITIES
from harness.runners.job import Job

OPEN_TO_ALL = 0o777
TARGET = "/out"


def give(output: Path, owner: tuple[int, int], *, own_user: bool) -> None:
    """Lets the container's user write: as the owner where root may say so, else as anybody.

    `own_user` is for an image that runs as a user that only the image knows.
    """
    if own_user:
        output.chmod(OPEN_TO_ALL)
    elif os.getuid() == 0:
        for path in (output, *output.rglob("*")):
            os.chown(path, *owner, follow_symlinks=False)


def take_back(client: Any, image: str, job: Job, *, rootless: bool) -> None:
    """Makes the caller the owner of what an image's own user wrote, by a container of that image.

    Only root could do it otherwise. An image without `chown` leaves files that the caller may read
    and not delete.
    """
    import docker
    from docker.types import Mount

    if os.getuid() == 0 and not rootless:
        return
    uid, gid = (0, 0) if rootless else (os.getuid(), os.getgid())
    with suppress(docker.errors.DockerException):
        client.containers.run(
            image,
            entrypoint=["chown", "-R", "-h", f"{uid}:{gid}", TARGET],
            command=[],
            mounts=[Mount(target=TARGET, source=str(job.output.resolve()), type="bind")],
            user="0:0",
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            cap_add=list(OWN_USER_CAPABILITIES),
            security_opt=["no-new-privileges"],
            labels={"cellbench": "step", **job.labels},
            remove=True,
        )
