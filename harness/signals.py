"""Turning the signals that end a program into an exception, so that clean-up runs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from contract import Interrupted


@contextmanager
def interruptible() -> Iterator[None]:
    """Raises Interrupted on the first SIGINT, SIGTERM or SIGHUP; further ones wait for clean-up."""
    before = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }

    def handle(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(
            f"Interrupted by {signal.Signals(number).name}.",
            do="give the same command again: it goes on where this one stopped",
        )

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
