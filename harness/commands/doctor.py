"""A check-up of this machine: each line says what was found, and what to do when it is not well."""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

import psutil
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contract import CallError, CellbenchError
from harness.models.build import BASE_IMAGE, sources_label
from harness.models.provenance import gpu_names
from harness.models.registry import all_models, base_sha256
from harness.runners.engine import ignored_limits

Verdict = Literal["ok", "warning", "missing"]
LEAST_DISK = 10 * 2**30
LEAST_MEMORY = 4 * 2**30
GIB = 2**30
FINE_TIME = 1_500_000_000_123_456_789
"""Nanoseconds; some moment that is no whole second."""


@dataclass(frozen=True)
class Finding:
    """One line of the check-up."""

    what: str
    verdict: Verdict
    found: str
    do: str = ""


def print_checkup() -> bool:
    """Prints every finding; True when at least one runner can work."""
    findings = list(examine())
    table = Table("check", "verdict", "found", "do this")
    for finding in findings:
        words = (finding.what, finding.verdict, finding.found, finding.do)
        table.add_row(*map(escape, words))
    Console().print(table)
    verdicts = {finding.what: finding.verdict for finding in findings}
    if any(verdicts[what] != "missing" for what in ("docker engine", "local runner", "apptainer")):
        return True
    Console(stderr=True).print("Neither runner can work here: see the lines above.")
    return False


def examine() -> Iterator[Finding]:
    """All findings, from the machine to the images."""
    yield Finding("python", "ok", sys.version.split()[0])
    memory = psutil.virtual_memory()
    yield _enough("memory", memory.available, LEAST_MEMORY, "close other programs")
    disk = shutil.disk_usage(Path.cwd())
    yield _enough("disk here", disk.free, LEAST_DISK, "free some space: images take about 3 GiB")
    yield _file_system(Path.cwd())
    yield _local()
    gpus = gpu_names()
    found = ", ".join(gpus) or "none; models use the processor"
    yield Finding("gpu", "ok", found, "pass --gpu to use it" if gpus else "")
    yield _models()
    yield from _docker(gpus)
    yield from _apptainer()


def _enough(what: str, bytes_free: int, least: int, do: str) -> Finding:
    found = f"{bytes_free / GIB:.1f} GiB free"
    return (
        Finding(what, "ok", found) if bytes_free >= least else Finding(what, "warning", found, do)
    )


def _file_system(folder: Path) -> Finding:
    """Whether locks hold and times are fine where runs would lie."""
    what = "file system here"
    try:
        with TemporaryFile(dir=folder) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.utime(stream.fileno(), ns=(FINE_TIME, FINE_TIME))
            fine = os.fstat(stream.fileno()).st_mtime_ns % 10**9 != 0
    except OSError as error:
        found = f"no file can be made and locked: {error.strerror}"
        do = "keep runs elsewhere, or see that one harness at a time works on a run folder"
        return Finding(what, "warning", found, do)
    if not fine:
        do = "wait a second before files of a dataset are changed again"
        return Finding(what, "warning", "it keeps times in whole seconds", do)
    return Finding(what, "ok", "it has locks, and times finer than a second")


def _local() -> Finding:
    lacking = [name for name in ("torch", "monai", "safetensors") if find_spec(name) is None]
    if lacking:
        found = f"{', '.join(lacking)} not installed"
        return Finding("local runner", "missing", found, "pip install 'cellbench[models]'")
    return Finding("local runner", "ok", "torch and the model libraries are installed")


def _models() -> Finding:
    try:
        return Finding("models", "ok", ", ".join(all_models()) or "none")
    except CellbenchError as error:
        return Finding("models", "warning", error.what, error.do)


def _docker(gpus: list[str]) -> Iterator[Finding]:
    from harness.runners.docker import connect

    try:
        client = connect()
    except CallError as error:
        yield Finding("docker engine", "missing", f"{error.what} {error.why}", error.do)
        return
    info = client.info()
    yield Finding("docker engine", "ok", f"{info.get('ServerVersion')}, {info.get('Driver')}")
    for limit in ignored_limits(info):
        yield Finding(
            "limits in docker",
            "warning",
            f"not enforced: {limit}",
            "a model may take more than it is given; use an engine with control groups v2",
        )
    root = Path(str(info.get("DockerRootDir", "/")))
    if root.exists():
        free = shutil.disk_usage(root).free
        yield _enough("disk of docker", free, LEAST_DISK, "docker image prune")
    if gpus and "nvidia" not in info.get("Runtimes", {}):
        yield Finding(
            "gpu in docker", "warning", "no nvidia runtime", "install nvidia-container-toolkit"
        )
    yield from _images(client)


def _apptainer() -> Iterator[Finding]:
    from harness.runners.apptainer import NOT_CONFINED, version

    found = version()
    if found is None:
        do = "clusters without Docker have it; elsewhere it is not needed"
        yield Finding("apptainer", "missing", "there is no program apptainer", do)
        return
    yield Finding("apptainer", "ok", found, "--runner apptainer")
    for limit in NOT_CONFINED:
        do = "ask the batch system for these limits, such as Slurm's --cpus-per-task and --mem"
        yield Finding("limits in apptainer", "warning", f"not enforced: {limit}", do)


def _images(client: Any) -> Iterator[Finding]:
    base = sources_label(client, BASE_IMAGE)
    yield _image("base image", base, base_sha256(), "harness build")
    for model in all_models().values():
        sources = model.sources_sha256()
        if sources is not None:
            label = sources_label(client, model.image)
            yield _image(f"image of {model.name}", label, sources, f"harness build {model.name}")


def _image(what: str, built: str | None, sources: str, do: str) -> Finding:
    if built is None:
        return Finding(what, "warning", "not built; run-all builds it when needed", do)
    if built != sources:
        return Finding(what, "warning", "older than its sources; run-all renews it", do)
    return Finding(what, "ok", "built from the present sources")
