"""Progress of steps: bars on a terminal, plain lines anywhere else."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol

from contract.shown import shown
from harness.runners.job import EventHandler

LONGEST_LINE = 1000
"""Characters of a line that people read."""
PLAIN_SECONDS = 10
"""At most one plain line a step in this many seconds."""


class Display(Protocol):
    """Shows what is going on, to people, on stderr."""

    def say(self, text: str) -> None:
        """One line that stays."""
        ...

    def step(self, name: str) -> EventHandler:
        """A handler for the events of one step that begins now."""
        ...

    def ended(self, name: str, *, well: bool) -> None:
        """The item of this name has ended."""
        ...


class PlainDisplay:
    """Lines for logs and pipes."""

    def say(self, text: str) -> None:
        """Prints the line."""
        print(shown(text, LONGEST_LINE), file=sys.stderr, flush=True)

    def step(self, name: str) -> EventHandler:
        """Prints progress with rate and time left, but not more often than people read it."""
        last = time.monotonic()
        pace = Pace()

        def handle(event: Mapping[str, Any]) -> None:
            nonlocal last
            if event["event"] != "progress":
                return
            done, total = _whole(event.get("done")), _whole(event.get("total"))
            pace.reached(done, time.monotonic())
            if time.monotonic() - last < PLAIN_SECONDS:
                return
            last = time.monotonic()
            count = "" if done is None else f"{done}/{'?' if total is None else total} "
            told = f"({pace.told(total)}) " if pace.told(total) else ""
            self.say(f"{name}: {count}{told}{shown(str(event.get('message', '')))}".rstrip())

        return handle

    def ended(self, name: str, *, well: bool) -> None:
        """Nothing more: the lines have said it."""


class Pace:
    """How fast one step gets on, from what its events say is done."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None
        self._done, self._at = 0, 0.0

    def reached(self, done: int | None, at: float) -> None:
        """Takes a count and the time in seconds; one that goes back begins anew."""
        if done is None:
            return
        if self._first is None or done < self._done:
            self._first = done, at
        self._done, self._at = done, at

    @property
    def rate(self) -> float | None:
        """Units a second since the first count, which a resumed step had from before."""
        if self._first is None or self._done <= self._first[0] or self._at <= self._first[1]:
            return None
        return (self._done - self._first[0]) / (self._at - self._first[1])

    def told(self, total: int | None) -> str:
        """Rate and time left, as far as they are known."""
        rate = self.rate
        if rate is None:
            return ""
        speed = f"{rate:.3g}/s" if rate >= 1 else f"{1 / rate:.3g} s each"
        if total is None or total < self._done:
            return speed
        return f"{speed}, {words((total - self._done) / rate)} left"


def words(seconds: float | None) -> str:
    """Hours, minutes and seconds; "" where they are not known."""
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))


class BarDisplay:
    """Bars for a terminal, one for each step that runs."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._bars: dict[str, Any] = {}

    def say(self, text: str) -> None:
        """Prints the line above the bars."""
        self._progress.console.print(shown(text, LONGEST_LINE), markup=False, highlight=False)

    def step(self, name: str) -> EventHandler:
        """Adds a bar."""
        self.ended(name, well=True)
        bar = self._bars[name] = self._progress.add_task(name, total=None, message="starting")

        def handle(event: Mapping[str, Any]) -> None:
            if event["event"] == "progress":
                self._progress.update(
                    bar,
                    completed=_whole(event.get("done")),
                    total=_whole(event.get("total")),
                    message=shown(str(event.get("message", ""))),
                )

        return handle

    def ended(self, name: str, *, well: bool) -> None:
        """Removes the bar."""
        bar = self._bars.pop(name, None)
        if bar is not None:
            self._progress.remove_task(bar)


def _whole(value: object) -> int | None:
    """The number in an event, if it is one: containers may print anything."""
    return value if isinstance(value, int) else None


@contextmanager
def display() -> Iterator[Display]:
    """Bars when stderr is a terminal, else plain lines."""
    if not sys.stderr.isatty():
        yield PlainDisplay()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.3g}/s" if speed else "", style="dim")

    class Message(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(str(task.fields.get("message", ""))[:60], style="dim")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        Message(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield BarDisplay(progress)
