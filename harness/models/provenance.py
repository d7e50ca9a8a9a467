"""What a result was made with: the machine, the versions and the commit."""

import os
import platform
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import psutil

from evaluator.runs.records import Hardware
from harness.models.registry import SOURCES

RECORDED_PACKAGES = ("numpy", "scipy", "scikit-image", "tifffile", "torch", "monai")


class Commit(NamedTuple):
    """The checkout's commit and whether files differ from it; None outside a checkout."""

    sha: str | None
    dirty: bool | None


def hardware() -> Hardware:
    """The processor, usable cores, memory in bytes and GPUs of this machine."""
    return Hardware(
        cpu=_cpu_name(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        gpus=tuple(gpu_names()),
    )


def gpu_names() -> list[str]:
    """The GPUs that NVIDIA's own tool lists; empty without it."""
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return [line.strip() for line in listed.stdout.splitlines() if line.strip()]
    return []


def versions() -> dict[str, str]:
    """Python's version and those of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for name in RECORDED_PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def commit() -> Commit:
    """The commit that this program was checked out at."""
    with suppress(OSError, subprocess.SubprocessError):
        if Path(_git("rev-parse", "--show-toplevel")).resolve() != SOURCES:
            return Commit(None, None)  # installed inside somebody else's repository
        sha = _git("rev-parse", "HEAD")
        return Commit(sha, bool(_git("status", "--porcelain")))
    return Commit(None, None)


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(SOURCES), *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    return done.stdout.strip()


def _cpu_name() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
