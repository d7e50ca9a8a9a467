"""Runs a model's own Python sources as a subprocess: no engine needed, and no isolation."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from contract import CallError
from harness.registry import Model
from harness.runners.job import (
    EXIT_MEANINGS,
    Clock,
    Ended,
    EventHandler,
    Job,
    Outcome,
    RunnerName,
    explain,
)

POLL_SECONDS = 0.1
LEASH = Path(__file__).with_name("leash.py")


class LocalRunner:
    """Subprocesses in the project's own environment, watched for time and resident memory."""

    name: RunnerName = "local"

    def prepare(self, model: Model) -> None:
        """Checks that there are Python sources to run."""
        if not model.runs_locally:
            raise CallError(
                f"The local runner cannot run {model.name}.",
                "it is an image, or its model.yaml names no Python file of this folder",
                "use --runner docker",
            )

    def identity(self, model: Model) -> str:
        """The hash of the model's sources."""
        return model.code_sha256() or ""

    def digest(self, model: Model) -> None:
        """None: there is no image."""

    def remove_leftovers(self, run: Path) -> int:
        """Nothing to do: a local step dies with its harness."""
        return 0

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        """Runs the verb in a process group of its own and kills the group at the end."""
        clock = Clock(on_event)
        with job.log.open("ab") as log, _process(job, log.fileno()) as process:
            reader = threading.Thread(target=_read_events, args=(process, clock), daemon=True)
            reader.start()
            outcome = _watch(process, clock, job)
            _kill_group(process)
            reader.join(timeout=5)
        code = process.returncode
        outcome = outcome or EXIT_MEANINGS.get(code, "crashed")
        return clock.ended(self.name, outcome, code, explain(outcome, code, job.limits, job.log))


def command(job: Job) -> list[str]:
    """The process's arguments: the contract's command line with this machine's paths."""
    arguments = [sys.executable, "-m", job.model.module, job.verb, str(job.input), str(job.output)]
    if job.weights is not None:
        arguments += ["--weights", str(job.weights)]
    if job.truth is not None:
        arguments += ["--truth", str(job.truth)]
    return [*arguments, *job.options]


def environment(job: Job) -> dict[str, str]:
    """The harness's own environment with the model's import path, threads and GPU choice."""
    variables = dict(os.environ)
    roots = [str(job.model.import_root), str(LEASH.parents[2]), variables.get("PYTHONPATH", "")]
    variables["PYTHONPATH"] = os.pathsep.join(root for root in dict.fromkeys(roots) if root)
    variables.setdefault("OMP_NUM_THREADS", str(job.limits.cores))
    variables["PYTHONUNBUFFERED"] = "1"
    if not job.limits.gpu:
        variables["CUDA_VISIBLE_DEVICES"] = ""
    return variables


@contextmanager
def _process(job: Job, log: int) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        [sys.executable, "-I", str(LEASH), str(os.getpid()), *command(job)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment(job),
        start_new_session=True,
        text=True,
        errors="replace",
    )
    try:
        yield process
    finally:
        _kill_group(process)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _read_events(process: "subprocess.Popen[str]", clock: Clock) -> None:
    with suppress(ValueError):  # the stream is closed under a reader that was given up
        for line in process.stdout or ():
            clock.line(line)


def _watch(process: "subprocess.Popen[str]", clock: Clock, job: Job) -> Outcome | None:
    """Waits for the end; returns why the process has to be killed, or None if it ended itself."""
    while process.poll() is None:
        in_use = _resident_bytes(process.pid)
        clock.memory(in_use)
        if in_use > job.limits.memory:
            return "out_of_memory"
        if clock.elapsed > job.limits.timeout:
            return "timeout"
        time.sleep(POLL_SECONDS)
    return None


def _resident_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants, in bytes; shared pages count for each."""
    total = 0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_info().rss
    return total


def _kill_group(process: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
