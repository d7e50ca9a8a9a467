"""Words of the command line."""

import os

import pytest

from contract import CallError
from harness.commands import options


def test_names_are_trimmed_and_unique() -> None:
    assert options.names(" unet, otsu,unet ") == ["unet", "otsu"]
    assert options.names(None) is None


def test_seeds() -> None:
    assert options.seeds("0, 2,2") == (0, 2)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1.5h", 5400), ("7", 7)]
)
def test_durations(text: str, seconds: float) -> None:
    assert options.duration(text) == seconds


@pytest.mark.parametrize(
    "call",
    [
        lambda: options.names(" , "),
        lambda: options.seeds("one"),
        lambda: options.seeds("-1"),
        lambda: options.seeds("0,"),
        lambda: options.seeds("²"),
        lambda: options.seeds(str(2**32)),
        lambda: options.duration("0s"),
        lambda: options.duration("soon"),
        lambda: options.limits("lots", "2h", "20g", gpu=False),
        lambda: options.limits("8", "2h", "20g", gpu=False),
    ],
)
def test_anything_else_is_a_wrong_call(call: object) -> None:
    with pytest.raises(CallError) as caught:
        call()  # type: ignore[operator]
    assert caught.value.do


def test_threads_asked_for_are_no_more_than_the_machine_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "10000")
    assert options.limits(None, "2h", "20g", gpu=False).cores == os.cpu_count()
