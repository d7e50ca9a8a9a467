"""Turning the signals that end a program into an exception, so that clean-up runs."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from contract import Interrupted

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[None]:
    """Raises Interrupted at its end when SIGINT, SIGTERM or SIGHUP came.

    Inside it travels as KeyboardInterrupt, which no `except Exception` holds up. SIGHUP stays
    ignored under nohup; SIGINT does not, though shells ignore it for what they start with `&`.
    """
    before = {number: signal.getsignal(number) for number in ENDING}
    heeded = [
        number for number in ENDING if number != signal.SIGHUP or before[number] != signal.SIG_IGN
    ]
    came: list[signal.Signals] = []

    def handle(number: int, frame: FrameType | None) -> None:
        came.append(signal.Signals(number))
        raise KeyboardInterrupt

    for number in heeded:
        signal.signal(number, handle)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted by {came[0].name if came else 'Ctrl-C'}.",
            do="give the same command again: it goes on where this one stopped",
        ) from None
    finally:
        for number in heeded:  # a program that is ending is not to be disturbed
            signal.signal(number, signal.SIG_IGN if came else before[number])


@contextmanager
def held_back() -> Iterator[None]:
    """Lets those signals wait until the block has ended: for what must not be cut in two.

    Blocking them in the kernel would not do: another thread takes them, and the handler still runs
    in the main one. In other threads nothing is interrupted, and nothing needs to be done.
    """
    waiting: list[int] = []
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in ENDING:
            before[number] = signal.signal(number, lambda each, _: waiting.append(each))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if waiting:
            signal.raise_signal(waiting[0])
