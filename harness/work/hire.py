"""Finding who carries out a run's items: as many processes as the machine has room for, or a
cluster."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from contract import CallError
from harness.models.provenance import gpu_names
from harness.runners.job import Limits
from harness.runners.signals import ENDING
from harness.work.crew import Beside, Crew, InTurn
from harness.work.progress import Display

CORES_EACH = 4
"""A model makes good use of so many; with fewer left over there is no further worker."""
MEMORY_EACH = 8 * 2**30
"""Bytes that a worker needs for a model that is not known, when no limit is given."""
SLURM = "slurm"


def fitting_workers(limits: Limits, *, memory_asked: bool, gpus: int = 0) -> int:
    """How many items run beside each other when nobody says so.

    One for each GPU that may be used, else one for every CORES_EACH cores as far as the memory
    goes; always at least one.
    """
    if limits.gpu and gpus:
        return gpus
    if memory_asked:
        import psutil

        room = psutil.virtual_memory().total // limits.memory
    else:
        room = limits.memory // MEMORY_EACH
    return max(1, min(limits.cores // CORES_EACH, room))


def share(limits: Limits, workers: int, *, memory_asked: bool) -> Limits:
    """What each of some workers may use of what one could; a memory that was asked for stays."""
    return replace(
        limits,
        cores=max(1, limits.cores // workers),
        memory=limits.memory if memory_asked else limits.memory // workers,
    )


@contextmanager
def hired(
    limits: Limits,
    show: Display,
    *,
    memory_asked: bool,
    workers: int | None = None,
    cluster: str | None = None,
    cluster_options: Path | None = None,
    patience: float = 600,
) -> Iterator[Crew]:
    """The crew that was asked for; nothing of it is left at the end.

    Raises CallError for a cluster that cannot be reached, or options that it does not know.
    """
    if cluster is not None:
        if workers is not None:
            raise CallError(
                "--workers and --cluster contradict each other.",
                "the first is for this machine, the second for others",
                "give one of them",
            )
        with _client(cluster, cluster_options) as client:
            from harness.work.cluster import Cluster

            yield Cluster(client, limits, show, memory_asked=memory_asked, patience=patience)
        return
    if cluster_options is not None:
        raise CallError("--cluster-options without a cluster.", do="add --cluster slurm")
    gpus = gpu_names() if limits.gpu else []
    if workers is None:
        workers = fitting_workers(limits, memory_asked=memory_asked, gpus=len(gpus))
    if workers == 1:
        yield InTurn(show)
        return
    each = share(limits, workers, memory_asked=memory_asked)
    show.say(f"{workers} workers, each with {each.cores} cores, {each.memory / 2**30:.3g} GiB")
    devices = tuple(str(number % len(gpus)) for number in range(workers)) if gpus else ()
    yield Beside(workers, each, show, devices)


@contextmanager
def _client(cluster: str, options: Path | None) -> Iterator[Any]:
    try:
        import distributed
    except ImportError as error:
        raise CallError(
            "Dask is not installed here.",
            "clusters are an extra of cellbench",
            "pip install 'cellbench[cluster]'",
        ) from error
    with ExitStack() as stack:
        address: Any = cluster
        if cluster == SLURM:
            address = _slurm(options)
            stack.callback(address.close)  # as a context it would swallow an interruption
        elif options is not None:
            raise CallError(
                "--cluster-options are for clusters that are started here.",
                f"{cluster} runs already",
                "leave them out, or use --cluster slurm",
            )
        try:
            client = distributed.Client(address, timeout="15s", set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise CallError(
                f"No Dask scheduler answers at {cluster}.",
                str(error) or "it is not running, or a firewall is between",
                "start it with `dask scheduler`, and give the address that it prints",
            ) from error
        stack.callback(client.close)
        yield client


def _slurm(options: Path | None) -> Any:
    """A cluster whose workers are jobs of Slurm; closing it cancels them."""
    before = {number: signal.getsignal(number) for number in ENDING}
    from dask_jobqueue import SLURMCluster

    for number, handler in before.items():  # the import has taken some of them
        signal.signal(number, handler)
    words = read_options(options)
    jobs = words.pop("jobs", 1)
    if not isinstance(jobs, int) or jobs < 1:
        raise CallError(f"{options}: jobs is {jobs!r}.", do="write how many jobs to start")
    try:
        made = SLURMCluster(**{"cores": 1, "memory": "8GiB", "dashboard_address": None, **words})
        made.scale(jobs=jobs)
    except (TypeError, ValueError, OSError, RuntimeError) as error:
        raise CallError(
            f"Slurm workers cannot be started: {error}.",
            "an option has a typing error, or this machine cannot submit jobs",
            "see docs/clusters.md for the options",
        ) from error
    return made


def read_options(path: Path | None) -> dict[str, Any]:
    """A YAML mapping of options; empty without a file. Raises CallError for anything else."""
    if path is None:
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CallError(f"{path} cannot be read as YAML: {error}.") from error
    if found is None:
        return {}
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise CallError(f"{path} holds no options.", do="write lines such as `jobs: 4`")
    return dict(found)
