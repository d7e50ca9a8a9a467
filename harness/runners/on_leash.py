"""Runs a command as a process of this machine: on a leash, watched for time, memory and disk."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

from evaluator.runs.words import RunnerName, StepOutcome
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


def run_on_leash(
    job: Job,
    on_event: EventHandler,
    command: Sequence[str],
    environment: Mapping[str, str],
    runner: RunnerName,
    image: str | None = None,
) -> Ended:
    """Runs a job by this command to its end and leaves no process behind.

    `image` is the id of the image that runs, where there is one.
    """
    clock = Clock(on_event)
    clock.image = image
    with job.log.open("a+b", buffering=0) as log, _process(command, environment, log) as process:
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
    return clock.ended(runner, outcome, code, explain(outcome, code, job.limits, job.log))


@contextmanager
def _process(
    command: Sequence[str], environment: Mapping[str, str], log: IO[bytes]
) -> "Iterator[subprocess.Popen[bytes]]":
    process: subprocess.Popen[bytes] | None = None
    try:
        with held_back():
            process = subprocess.Popen(
                [sys.executable, "-I", str(LEASH), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
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
