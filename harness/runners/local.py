"""Runs a model's own Python sources as a subprocess: no engine needed, and no isolation."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

from contract import CallError
from evaluator.runs.words import RunnerName, StepOutcome
from harness.models.registry import Model
from harness.runners.confine import DiskWatch, bytes_below, confine
from harness.runners.job import (
    EXIT_MEANINGS,
    LONGEST_LINE,
    Clock,
    Ended,
    EventHandler,
    Job,
    explain,
    keep_short,
    make_visible,
    take_line,
)
from harness.runners.signals import held_back

POLL_SECONDS = 0.1
END_SECONDS = 20
LEASH = Path(__file__).with_name("leash.py")


class LocalRunner:
    """Subprocesses in the project's own environment, watched for time and resident memory."""

    name: RunnerName = "local"
    ignored: tuple[str, ...] = ()

    def prepare(self, model: Model, say: Callable[[str], None]) -> None:
        """Checks that there are Python sources to run, and the packages that they need."""
        if not model.runs_locally:
            raise CallError(
                f"The local runner cannot run {model.name}.",
                "it is an image, or its model.yaml names no Python file of this folder",
                "use --runner docker",
            )
        if model.lacks_packages:
            raise CallError(
                f"{model.name} needs packages of its own, and {model.packages} does not hold them.",
                "they ask for other versions than the models of cellbench, so they lie apart",
                f"run `make peer-{model.name}` in a checkout, or use --runner docker",
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
        """Runs the verb on a leash and leaves no process behind."""
        clock = Clock(on_event)
        with job.log.open("a+b", buffering=0) as log, _process(job, log) as process:
            reader = threading.Thread(target=_read, args=(process, clock, log), daemon=True)
            reader.start()
            outcome = _watch(process, clock, job, log)
            _end(process)
            reader.join(timeout=5)
            keep_short(log)
            make_visible(log)
        code: int | None = process.returncode
        if outcome == "crashed":
            code = None
        outcome = outcome or EXIT_MEANINGS.get(process.returncode, "crashed")
        confine(job.output, job.limits.disk)
        return clock.ended(self.name, outcome, code, explain(outcome, code, job.limits, job.log))


def command(job: Job) -> list[str]:
    """The process's arguments: the contract's command line with this machine's paths."""
    arguments = [sys.executable, "-m", job.model.module, job.verb]
    if job.verb != "describe":
        arguments += [str(job.input), str(job.output)]
    if job.weights is not None:
        arguments += ["--weights", str(job.weights)]
    if job.truth is not None:
        arguments += ["--truth", str(job.truth)]
    settings = [word for override in job.settings for word in ("--set", override.text)]
    return [*arguments, *job.options, *settings]


def environment(job: Job) -> dict[str, str]:
    """The harness's own environment with the model's import path, threads and GPU choice."""
    variables = dict(os.environ)
    variables["PYTHONPATH"] = job.model.python_path
    variables.setdefault("OMP_NUM_THREADS", str(job.limits.cores))
    variables["PYTHONUNBUFFERED"] = "1"
    if not job.limits.gpu:
        variables["CUDA_VISIBLE_DEVICES"] = ""
    elif job.limits.device is not None:
        variables["CUDA_VISIBLE_DEVICES"] = job.limits.device
    return variables


@contextmanager
def _process(job: Job, log: IO[bytes]) -> "Iterator[subprocess.Popen[bytes]]":
    process: subprocess.Popen[bytes] | None = None
    try:
        with held_back():
            process = subprocess.Popen(
                [sys.executable, "-I", str(LEASH), str(os.getpid()), *command(job)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(job),
                start_new_session=True,
            )
        yield process
    finally:
        with held_back():
            if process is not None:
                _end(process)


def _read(process: "subprocess.Popen[bytes]", clock: Clock, log: IO[bytes]) -> None:
    """Takes the process's stdout, line by line, to its end."""
    assert process.stdout is not None
    with process.stdout, suppress(ValueError, OSError):  # a log closed meanwhile, or a full disk
        while line := process.stdout.readline(LONGEST_LINE):
            take_line(line.removesuffix(b"\n"), clock, log)


def _watch(
    process: "subprocess.Popen[bytes]", clock: Clock, job: Job, log: IO[bytes]
) -> StepOutcome | None:
    """Waits for the end; returns why the process has to be killed, or None if it ended itself."""
    disk = DiskWatch(lambda: bytes_below(job.output))
    while process.poll() is None:
        in_use = _resident_bytes(process.pid)
        clock.memory(in_use)
        if in_use > job.limits.memory:
            return "out_of_memory"
        if clock.elapsed > job.limits.timeout:
            return "timeout"
        if disk.used() > job.limits.disk:
            return "crashed"
        keep_short(log)
        time.sleep(POLL_SECONDS)
    return None


def _resident_bytes(leash: int) -> int:
    """Resident memory of all below the leash, in bytes; shared pages count for each process."""
    total = 0
    with suppress(psutil.Error):
        for process in psutil.Process(leash).children(recursive=True):
            with suppress(psutil.Error):
                total += process.memory_info().rss
    return total


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Has the leash kill all that runs below it, and kills the group should it not answer."""
    process.terminate()
    try:
        process.wait(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
