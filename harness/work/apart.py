"""Carrying out an item in a process of its own, which whoever waits for it can stop or lose.

The process dies with the thread that started it, and ends its step and container before it does.
Run as a module it is that process: it reads a Task from stdin and writes what it has to say, and
how the item ended, as a stream of pickles to stdout.
"""

import ctypes
import fcntl
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from contract import CellbenchError, Interrupted
from harness.models.registry import SOURCES, python_path
from harness.runners.job import EventHandler, RunnerGone
from harness.runners.leash import PR_SET_PDEATHSIG
from harness.runners.signals import interruptible
from harness.work.items import Done, Item, carry_out, recorded
from harness.work.progress import Display

POLL_SECONDS = 0.25
EVENT_SECONDS = 0.5
"""At most one event of progress in this many seconds is handed on."""
LOCK_SECONDS = 60
"""How long the process of an item waits for one that was lost to have ended."""

Message = tuple[Literal["say", "step", "event", "done", "error"], Any]
"""What the process says: a line, the name of a step that begins, an event, how it ended."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """An item on its way to another process; `code` is the hash of its model's sources here."""

    item: Item
    code: str | None = None
    prepare: bool = False
    """Whether the model must be made ready where the item is carried out."""


class Lost(CellbenchError):
    """The process that carried out an item has gone without a word."""


class Stopped(Exception):
    """Nobody waits for the item any more; its process has ended."""


def carry_out_apart(
    task: bytes, hear: Callable[[Message], None], stopped: Callable[[], bool]
) -> Done:
    """Carries out a pickled Task in a process of its own, handing on what it says.

    Raises Stopped once `stopped` says so and the process has ended, Lost when it ended before its
    item, and RunnerGone as the item did.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "harness.work.apart", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path(SOURCES)},
        start_new_session=True,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError), process.stdin as stream:
            stream.write(task)
        for message in _messages(process.stdout, stopped):
            match message:
                case ("done", done):
                    return done  # type: ignore[no-any-return]  # what the process was started for
                case ("error", error):
                    raise error
                case _:
                    hear(message)
    finally:
        process.terminate()
        process.wait()
    raise Lost(f"The process of an item ended with code {process.returncode}.")


def _messages(stream: Any, stopped: Callable[[], bool]) -> Iterator[Message]:
    """What the process says, until it says no more; raises Stopped."""
    heard: queue.SimpleQueue[Message | None] = queue.SimpleQueue()

    def read() -> None:
        with suppress(Exception):  # cut short when the process was killed
            while True:
                heard.put(pickle.load(stream))  # noqa: S301  # a process started here
        heard.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            message = heard.get(timeout=POLL_SECONDS)
        except queue.Empty:
            message = ("say", "")
        if stopped():
            raise Stopped
        if message is None:
            return
        if message != ("say", ""):
            yield message


class _Piped:
    """A display whose words go to the process that waits for the item."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        with self._lock, suppress(OSError):  # whoever waited has gone
            pickle.dump(message, self._stream)
            self._stream.flush()

    def say(self, text: str) -> None:
        self.send(("say", text))

    def step(self, name: str) -> EventHandler:
        last = 0.0
        self.send(("step", name))

        def handle(event: Mapping[str, Any]) -> None:
            nonlocal last
            if event["event"] == "progress" and time.monotonic() - last > EVENT_SECONDS:
                last = time.monotonic()
                self.send(("event", dict(event)))

        return handle

    def ended(self, name: str, *, well: bool) -> None:
        """The process that waits learns it from the item's end."""


class Relay:
    """Shows on a display what the process of one item says."""

    def __init__(self, show: Display) -> None:
        self._show = show
        self._handle: EventHandler = lambda _: None

    def __call__(self, message: Message) -> None:
        """Takes one message."""
        match message:
            case ("say", text):
                self._show.say(text)
            case ("step", name):
                self._handle = self._show.step(name)
            case ("event", event):
                self._handle(event)
            case _:  # how it ended is its caller's to show
                pass


def main() -> None:
    """The process of one item: its parent's id is the only argument."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is for people
    show = _Piped(stream)
    try:
        with interruptible():
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != int(sys.argv[1]):
                return
            task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301  # from the parent
            show.send(("done", _do(task, show)))
    except Interrupted:
        sys.exit(Interrupted.exit_code)
    except RunnerGone as error:
        show.send(("error", error))


def _do(task: Task, show: Display) -> Done:
    try:
        with _alone(task.item.place):
            if task.prepare:
                _make_ready(task, show)
            return carry_out(task.item, show)
    except (Interrupted, RunnerGone):
        raise
    except (CellbenchError, OSError) as error:
        message = error.what if isinstance(error, CellbenchError) else str(error)
        return Done(outcome="crashed", message=message, recorded=recorded(task.item, message))


def _make_ready(task: Task, show: Display) -> None:
    """Raises CellbenchError where this machine has other sources, or cannot run the model."""
    model = task.item.runs
    if model is None:
        return
    if model.code_sha256() != task.code:
        raise CellbenchError(
            f"{os.uname().nodename} has other sources of {model.name} than the run.",
            "another version of cellbench is installed there",
            "install the same version, at the same path, on every machine",
        )
    task.item.context.runner.prepare(model, show.say)


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Waits until no other process works on this model and seed, where the file system has locks.

    A lost worker's step ends a moment after the worker.
    """
    with suppress(OSError):
        place.mkdir(parents=True, exist_ok=True)
    try:
        stream = (place / ".lock").open("a")
    except OSError:
        yield
        return
    with stream:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise CellbenchError(f"Another process works on {place}.") from error
                time.sleep(POLL_SECONDS)
            except OSError:  # no locks here; doctor says so
                break
            else:
                break
        yield


if __name__ == "__main__":
    main()
