"""The arguments of a container, built by one pure function so that isolation can be tested."""

import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract import CallError
from harness.runners.job import Job

UNPRIVILEGED = 10001
"""The uid and gid of containers when the harness itself runs as root."""
PIDS_LIMIT = 512
TMP_SHARE = 4
"""/tmp takes at most one part in this many of the memory limit."""
ENGINE_LOG = "16m"
"""What the engine keeps of a container's words; log.txt has them anyway."""
RUN_LABEL = "cellbench.run"
FILES = "/files"
"""Where the files that settings name are mounted, each in a folder of its own."""
PASSED_ON = ("CELLBENCH_MAX_PIXELS",)
"""Variables of the caller that models behind the contract understand."""
VARIABLES = {
    "USER": "cellbench",
    "LOGNAME": "cellbench",
    "HOME": "/tmp",
    "XDG_CACHE_HOME": "/tmp/cache",
    "MPLCONFIGDIR": "/tmp/matplotlib",
    "TORCH_HOME": "/tmp/torch",
    "NUMBA_CACHE_DIR": "/tmp/numba",
    "TORCHINDUCTOR_CACHE_DIR": "/tmp/inductor",
}
"""A name for a uid that the image does not know, and every cache in /tmp."""
OWN_USER_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
"""Of an image that runs as its own user: over files, those of its mounts included."""


@dataclass(frozen=True)
class MountPoints:
    """Where a contract expects its folders, and the command it is started with."""

    input: str
    output: str
    command: tuple[str, ...] | None
    """None: the contract's own command line is used."""


MOUNT_POINTS = {
    "cellbench-1": MountPoints("/in", "/out", None),
    "neurips22": MountPoints(
        "/workspace/inputs", "/workspace/outputs", ("/bin/sh", "-c", "sh predict.sh")
    ),
    "grand-challenge": MountPoints("/input", "/output", ()),
}


def user(*, rootless: bool = False) -> tuple[int, int]:
    """The uid and gid for containers: the caller's, or unprivileged ones when that is root.

    A rootless engine has the caller's name inside for root, who is nobody special outside.
    """
    if rootless:
        return 0, 0
    if os.getuid() == 0:
        return UNPRIVILEGED, UNPRIVILEGED
    return os.getuid(), os.getgid()


def container_name(job: Job) -> str:
    """A unique name that says what the container does."""
    return f"cellbench-{job.model.card.name}-{job.verb}-{uuid.uuid4().hex[:12]}"


@dataclass(frozen=True)
class Bind:
    """A file or folder of this machine inside a container."""

    source: Path
    target: str
    read_only: bool = True


def binds(job: Job) -> list[Bind]:
    """What a job's container sees of this machine: nothing but these."""
    points = MOUNT_POINTS[job.model.card.contract]
    found = [Bind(job.input, points.input), Bind(job.output, points.output, read_only=False)]
    if job.weights is not None:
        found.append(Bind(job.weights, "/weights"))
    if job.truth is not None:
        found.append(Bind(job.truth, "/truth"))
    for number, override in enumerate(job.settings):
        if override.file is not None:
            found.append(Bind(override.file, _target(number, override.file)))
    return found


def command_line(job: Job) -> list[str]:
    """The contract's own command line, with the folders and files where the container sees them."""
    points = MOUNT_POINTS[job.model.card.contract]
    folders = () if job.verb == "describe" else (points.input, points.output)
    settings: list[str] = []
    for number, override in enumerate(job.settings):
        file = override.file
        text = override.text if file is None else f"{override.key}={_target(number, file)}"
        settings += ["--set", text]
    return [job.verb, *folders, *job.options, *settings]


def variables(job: Job) -> dict[str, str]:
    """The environment of a job's container, beside what its image sets."""
    return {
        **({} if "home" in job.model.card.relax else VARIABLES),
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        "OMP_NUM_THREADS": str(job.limits.cores),
    }


def _target(number: int, file: Path) -> str:
    return f"{FILES}/{number}/{file.name}"


def container_arguments(
    job: Job, *, name: str, image: str, rootless: bool = False, volumes: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Keyword arguments for docker's `containers.create`, with every isolation flag.

    No network, read-only root, /in read-only, a bounded tmpfs on /tmp, no capabilities, no new
    privileges, limits on memory (swap none), processes, cores and /dev/shm, an init process, an
    unprivileged user, and a GPU only when asked for. `volumes` are folders that the image declares
    as such: they become bounded memory, as /tmp is, save where a mount lies. What the model's card
    relaxes is left out, and nothing else.
    """
    from docker.types import DeviceRequest, LogConfig, Mount

    points = MOUNT_POINTS[job.model.card.contract]
    mounts = [
        Mount(
            target=bind.target,
            source=str(bind.source.resolve()),
            type="bind",
            read_only=bind.read_only,
        )
        for bind in binds(job)
    ]
    relaxed = job.model.card.relax
    uid, gid = user(rootless=rootless)
    arguments: dict[str, Any] = {
        "image": image,
        "name": name,
        "labels": {"cellbench": "step", **job.labels},
        "mounts": mounts,
        "user": f"{uid}:{gid}",
        "network_mode": "none",
        "read_only": "write" not in relaxed,
        "tmpfs": {
            folder: f"rw,nosuid,nodev,size={job.limits.memory // TMP_SHARE}"
            for folder in ("/tmp", *volumes)
            if folder not in {mount["Target"] for mount in mounts}
        },
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "pids_limit": PIDS_LIMIT,
        "mem_limit": job.limits.memory,
        "memswap_limit": job.limits.memory,
        "shm_size": parse_size(job.model.card.shm),
        "nano_cpus": job.limits.cores * 10**9,
        "init": True,
        "environment": variables(job),
        "log_config": LogConfig(type=LogConfig.types.JSON, config={"max-size": ENGINE_LOG}),
        "detach": True,
    }
    if points.command is None:
        arguments["command"] = command_line(job)
    elif points.command:
        arguments["entrypoint"] = list(points.command)
    if "root" in relaxed:
        del arguments["user"]
        arguments["cap_add"] = list(OWN_USER_CAPABILITIES)
    if job.limits.gpu:
        device = job.limits.device
        which = {"count": -1} if device is None else {"device_ids": [device]}
        arguments["device_requests"] = [DeviceRequest(**which, capabilities=[["gpu"]])]
    return arguments


def parse_size(text: str) -> int:
    """Bytes of a size like "512m", "1.5g" or "2GiB"; CallError for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", text.lower())
    if match is None or float(match[1]) == 0:
        raise CallError(
            f"{text!r} is no size.", do="write a number with a unit, such as 512m or 8g"
        )
    return int(float(match[1]) * 1024 ** " kmgt".index(match[2] or " "))
