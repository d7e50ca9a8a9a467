"""Interruptions reach the end of the program, and wait where they must."""

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from contract import Interrupted
from harness.runners.signals import ENDING, held_back, interruptible


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Each test begins with the usual handlers, also under nohup, and leaves what it found."""
    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupted(work: Callable[[], object]) -> str:
    """What the program says that was interrupted in the middle of `work`."""
    with pytest.raises(Interrupted) as caught:
        _do(work)
    return caught.value.what


def _do(work: Callable[[], object]) -> None:
    with interruptible():
        work()


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_passes_whatever_would_swallow_errors(number: signal.Signals) -> None:
    swallowed = []

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
        except Exception as error:
            swallowed.append(error)

    assert number.name in interrupted(work)
    assert not swallowed


def test_a_signal_waits_for_the_end_of_what_must_be_whole() -> None:
    done = []

    def work() -> None:
        with held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("clean-up")
        done.append("never")

    interrupted(work)
    assert done == ["clean-up"]


def test_a_second_signal_waits_too() -> None:
    done = []

    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            with held_back():
                os.kill(os.getpid(), signal.SIGTERM)
                done.append("clean-up")

    assert "SIGINT" in interrupted(work)
    assert done == ["clean-up"]


def test_a_second_signal_does_not_change_how_the_program_ends() -> None:
    interrupted(lambda: os.kill(os.getpid(), signal.SIGTERM))
    os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_what_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interruptible():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_run_in_the_background_of_a_script_can_be_interrupted() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert "SIGINT" in interrupted(lambda: os.kill(os.getpid(), signal.SIGINT))


def test_handlers_are_put_back() -> None:
    before = {number: signal.getsignal(number) for number in ENDING}
    with interruptible():
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in ENDING} == before
