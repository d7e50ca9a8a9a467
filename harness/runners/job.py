"""What a runner is asked to do, and what it says of it: the same for every runner."""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from contract import CellbenchError, ExitCode
from contract.events import parse_event
from contract.shown import shown, visible
from evaluator.runs.records import Usage
from evaluator.runs.words import RunnerName, StepName, StepOutcome
from harness.models.overrides import Overrides
from harness.models.registry import Model

EventHandler = Callable[[Mapping[str, Any]], None]

EXIT_MEANINGS: Mapping[int, StepOutcome] = {
    ExitCode.DONE: "done",
    ExitCode.FAILURES: "done",
    ExitCode.OUT_OF_MEMORY: "out_of_memory",
}
"""The contract's exit codes; any other one is a crash."""
LONGEST_LINE = 2**20
"""Bytes of a line that are waited for; a longer one is cut."""
LONGEST_LOG = 32 * 2**20
"""Bytes of log.txt; a flood of words must not fill the disk."""
LAST_BYTES = 2**14
"""Of a log, looked through for its last words."""


DISK = 20 * 2**30
"""Bytes that a step may write when nothing else is asked for."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one step may use; memory and disk in bytes, `timeout` in seconds."""

    memory: int
    timeout: float
    cores: int
    disk: int = DISK
    """Of the folder that it writes to."""
    gpu: bool = False
    device: str | None = None
    """The only GPU that it may use; None: all."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One verb of one model over mounted folders.

    `input` is mounted read-only at /in, `output` at /out, `weights` at /weights and `truth` at
    /truth, both read-only. `options` follow the two folders on the command line, and after them
    come `settings`, whose files the model may read. The verb describe is given no folders.
    """

    model: Model
    verb: StepName | Literal["describe"]
    input: Path
    output: Path
    log: Path
    limits: Limits
    weights: Path | None = None
    truth: Path | None = None
    options: tuple[str, ...] = ()
    settings: Overrides = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a job ended; `message` says why when it is not done."""

    outcome: StepOutcome
    exit_code: int | None
    usage: Usage
    message: str = ""
    hint: str = ""
    """What the container seems to have tried and may not do, with the remedy."""


class RunnerGone(CellbenchError):
    """The runner can run nothing any more, whatever the model."""


class Runner(Protocol):
    """Runs jobs to their end, whatever the end is; never leaves a process or container behind."""

    name: RunnerName
    ignored: tuple[str, ...]
    """Limits that it cannot enforce, in words."""

    def prepare(self, model: Model, say: Callable[[str], None]) -> None:
        """Makes the model ready to run (builds or finds its image, and says so).

        Raises CallError if it cannot.
        """
        ...

    def identity(self, model: Model) -> str:
        """A hash of the code that will run: of the sources, or a foreign image's digest."""
        ...

    def digest(self, model: Model) -> str | None:
        """The id of the model's image, which is the hash of its content; None without images."""
        ...

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        """Runs one job, handing on its events; raises RunnerGone."""
        ...

    def remove_leftovers(self, run: Path) -> int:
        """Removes what a killed harness left running for this run folder; returns how many."""
        ...


class Clock:
    """Times the phases of a job by its events, and keeps the largest memory seen."""

    def __init__(self, on_event: EventHandler) -> None:
        self._start = time.monotonic()
        self._marks: dict[str, float] = {}
        self._on_event = on_event
        self.image: str | None = None
        """The id of the image that ran."""
        self.peak_memory = 0
        self.peak_vram = 0

    @property
    def spoke(self) -> bool:
        """Whether any event came."""
        return bool(self._marks)

    @property
    def elapsed(self) -> float:
        """Seconds since the job was started."""
        return time.monotonic() - self._start

    def line(self, text: str) -> bool:
        """Takes one line of a container's stdout; False when it is no event."""
        event = parse_event(text)
        if event is None:
            return False
        self._marks.setdefault(event["event"], self.elapsed)
        if event["event"] == "finished":
            self.memory(_whole(event.get("peak_memory_bytes")))
            self.peak_vram = max(self.peak_vram, _whole(event.get("peak_vram_bytes")))
        with suppress(OSError):  # whoever watched has gone, and the container goes on
            self._on_event(event)
        return True

    def memory(self, in_use: int) -> None:
        """Takes one sample of memory in use, in bytes."""
        self.peak_memory = max(self.peak_memory, in_use)

    def ended(
        self,
        runner: RunnerName,
        outcome: StepOutcome,
        exit_code: int | None,
        message: str,
        hint: str = "",
    ) -> Ended:
        """The end of the job with its usage."""
        seconds = self.elapsed
        if message and hint:
            message = f"{message}; {hint}"
        started, loaded = self._marks.get("started"), self._marks.get("loaded")
        usage = Usage(
            runner=runner,
            outcome=outcome,
            exit_code=exit_code,
            image_digest=self.image,
            start_seconds=_rounded(started),
            load_seconds=_rounded(loaded - started) if started and loaded else None,
            work_seconds=_rounded(seconds - loaded) if loaded else None,
            seconds=round(seconds, 3),
            peak_memory_bytes=self.peak_memory or None,
            peak_vram_bytes=self.peak_vram or None,
            message=message,
        )
        return Ended(outcome=outcome, exit_code=exit_code, usage=usage, message=message, hint=hint)


def explain(outcome: StepOutcome, exit_code: int | None, limits: Limits, log: Path) -> str:
    """A sentence for people about a job that did not end well; empty for one that did."""
    match outcome:
        case "done" | "missing":
            return ""
        case "timeout":
            return f"stopped after the time limit of {limits.timeout:g} s"
        case "crashed" if exit_code is None:
            return f"stopped: it wrote more than the {limits.disk / 2**30:.3g} GiB it may write"
        case "out_of_memory":
            return f"needed more than the {limits.memory / 2**30:.3g} GiB of memory it was given"
        case "crashed":
            return f"ended with exit code {exit_code}: {last_words(log)}"


def take_line(line: bytes, clock: Clock, log: IO[bytes]) -> None:
    """A line of stdout: an event for the clock, anything else words for the log."""
    if not clock.line(line.decode(errors="replace")):
        write_words(line + b"\n", log)


def write_words(words: bytes, log: IO[bytes]) -> None:
    """Appends to a log opened as "a+b" without a buffer, and keeps it short.

    Control characters are written out: whoever looks at the log has a terminal.
    """
    log.write(visible(_lines(words)).encode())
    keep_short(log)


def make_visible(log: IO[bytes]) -> None:
    """Writes out the control characters of a log that a process wrote to by itself."""
    log.seek(0)
    raw = log.read()
    clean = visible(_lines(raw)).encode()
    if clean != raw:
        log.truncate(0)
        log.write(clean)


def _lines(words: bytes) -> str:
    """As text; what a progress bar wrote over itself becomes lines."""
    return words.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def keep_short(log: IO[bytes]) -> None:
    """Begins a log anew with its last words when it has grown too long."""
    size = os.fstat(log.fileno()).st_size
    if size > LONGEST_LOG:
        tail = os.pread(log.fileno(), LAST_BYTES, max(0, size - LAST_BYTES))
        log.truncate(0)
        log.write(b"(what stood here before was too long to keep)\n" + tail)


def last_words(log: Path) -> str:
    """The last line of a log that is not empty, shortened: what users look for first."""
    words = [line.strip() for line in tail(log).splitlines() if line.strip()]
    error = [line for line in words if line.startswith("error: ")]
    return shown((error or words)[-1], 300) if words else "it printed nothing"


def tail(log: Path) -> str:
    """The last fifty lines of a log; "" without one."""
    if not log.exists():
        return ""
    with log.open("rb") as stream:
        stream.seek(-min(LAST_BYTES, stream.seek(0, os.SEEK_END)), os.SEEK_END)
        return "\n".join(stream.read().decode(errors="replace").splitlines()[-50:])


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
