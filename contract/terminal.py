"""What a person sees of a call in a terminal: one line that moves, and what stays above it."""

import os
import shutil
import sys
import time
from typing import Any

from contract.events import Events
from contract.shown import shown

BAR = 20
"""Characters of the bar."""
NARROW = 40
"""Columns of the narrowest terminal that is thought of."""
CLEAR = "\r\x1b[K"
AGAIN_SECONDS = 0.2
"""Between two pictures of the line."""
UNITS = {"predict": "images", "generate": "images", "train": "steps"}


class TerminalEvents(Events):
    """Shows progress with rate and time left in place of events; machines get `Events`."""

    def __init__(self) -> None:
        super().__init__()
        self._first: tuple[float, int] | None = None
        self._drawn = 0.0
        self._moving = False

    def emit(self, event: str, **fields: Any) -> None:
        """Loading takes seconds, which should not look like a standstill."""
        if event == "started":
            self._draw("loading …")
        elif event == "finished":
            self._clear()

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Draws the line anew, not more often than people can read."""
        now = time.monotonic()
        if self._first is None or done < self._first[1]:
            self._first = now, done
        if now - self._drawn < AGAIN_SECONDS and done < total:
            return
        self._drawn = now
        began, before = self._first
        self._draw(progress_line(stage, done, total, message, now - began, done - before))

    def say(self, text: str) -> None:
        """A line that stays, above the one that moves."""
        self._clear()
        super().say(text)

    def _clear(self) -> None:
        if self._moving:
            self._write(CLEAR)
        self._moving = False

    def _draw(self, line: str) -> None:
        columns = max(NARROW, shutil.get_terminal_size().columns)
        self._moving = True
        self._write(f"{CLEAR}{shown(line, columns - 1)}")


def progress_line(
    stage: str, done: int, total: int, message: str, seconds: float, since: int
) -> str:
    """One line: a bar, how many of how many, how fast, how long still, and what it is about.

    `since` of the `done` took `seconds`, which is where rate and remaining time come from.

    >>> from contract.terminal import progress_line
    >>> progress_line("predict", 5, 20, "b.png", 10.0, 4)
    '[#####...............] 5 of 20 images, 2.5 s each, 38 s left: b.png'
    """
    filled = round(BAR * done / total) if total else 0
    parts = [f"{done:,} of {total:,} {UNITS.get(stage, 'done')}"]
    if since > 0 and seconds > 0:
        each = seconds / since
        parts.append(f"{each:.1f} s each" if each >= 1 else f"{1 / each:.1f} a second")
        if done < total:
            parts.append(f"{_duration(each * (total - done))} left")
    about = f": {message}" if message else ""
    return f"[{'#' * filled}{'.' * (BAR - filled)}] {', '.join(parts)}{about}"


def events_for(*, as_json: bool) -> Events:
    """JSON lines unless stdout is a terminal that a person looks at, and did not ask for them."""
    if as_json or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return Events()
    return TerminalEvents()


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes / 60:.1f} h"
