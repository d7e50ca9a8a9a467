"""The JSON-lines events that a container prints on stdout; stderr stays for people."""

import json
import os
import sys
from typing import Any, TextIO

EventFields = dict[str, Any]


class Events:
    """Writes events to the process's first stdout.

    Taking the stream over sends everything else that prints (libraries, compiled code, child
    processes) to stderr, so that stdout holds events alone.
    """

    def __init__(self) -> None:
        sys.stdout.flush()
        self._stream: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def emit(self, event: str, **fields: Any) -> None:
        """Prints one event, in ASCII; a reader that has gone away is no reason to stop."""
        self._write(json.dumps({"event": event, **fields}) + "\n")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            self._stream = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115

    def say(self, text: str) -> None:
        """A line for people, on stderr."""
        print(text, file=sys.stderr, flush=True)

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """How far a stage has come, in steps or images."""
        self.emit("progress", stage=stage, done=done, total=total, message=message)


LONGEST_EVENT = 2**16
"""Characters of an event; longer ones are words."""
MOST_DIGITS = 18
"""Of a number in an event: what is larger counts nothing that exists."""


def parse_event(line: str) -> EventFields | None:
    """The event in a line of a container's stdout; None when the line is something else.

    The line may hold anything: one that is too long, nested too deeply or has a number of too
    many digits is no event. Values are texts and numbers; lists and objects are left out.
    """
    if len(line) > LONGEST_EVENT or not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line, parse_int=_whole, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("event"), str):
        return None
    return {name: field for name, field in value.items() if not isinstance(field, dict | list)}


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > MOST_DIGITS:
        raise ValueError("a number of too many digits")
    return int(digits)


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
