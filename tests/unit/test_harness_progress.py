"""Containers may print anything as an event."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from harness.work import progress
from harness.work.progress import BarDisplay, Pace, PlainDisplay

EVENTS = [
    {"event": "progress", "done": "3", "total": None},
    {"event": "progress", "done": float("nan"), "total": [], "message": ["[/bold]"]},
    {"event": "progress"},
    {"event": "image", "image": 3},
    {"event": "progress", "done": 3, "total": 7, "message": "[red] cell.png"},
]


def test_plain_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0)
    handle = PlainDisplay().step("m: train")
    for event in EVENTS:
        handle(event)
    assert capsys.readouterr().err.splitlines()[-1] == "m: train: 3/7 [red] cell.png"


def test_bars() -> None:
    screen = io.StringIO()
    with Progress(console=Console(file=screen, force_terminal=True, width=120)) as bars:
        handle = BarDisplay(bars).step("m: train")
        for event in EVENTS:
            handle(event)
            bars.refresh()
        assert (bars.tasks[0].completed, bars.tasks[0].total) == (3, 7)
    assert "m: train" in screen.getvalue()


def test_a_line_tells_the_rate_and_the_time_left() -> None:
    pace = Pace()
    assert pace.told(100) == ""
    pace.reached(20, 1000.0)  # a resumed step begins with what it had
    assert pace.told(100) == ""
    pace.reached(40, 1010.0)
    assert pace.told(100) == "2/s, 0:00:30 left"
    assert pace.told(None) == pace.told(30) == "2/s"
    pace.reached(None, 1020.0)
    pace.reached(41, 1050.0)
    assert pace.told(100) == "2.38 s each, 0:02:20 left"
    pace.reached(3, 1051.0)
    assert pace.told(100) == "", "another count has begun"
