"""The local runner: the logs it keeps, the codes it gives, and what it leaves behind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from contract import ModelCard
from harness.models.registry import Model
from harness.runners import job as jobs
from harness.runners.job import Ended, Job, Limits, last_words
from harness.runners.local import LocalRunner


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path


def run(
    place: Path,
    program: str,
    *,
    timeout: float = 300,
    events: list[Mapping[str, Any]] | None = None,
) -> Ended:
    """Runs a model whose whole program is `program`."""
    folder = place / "containers" / "tiny"
    folder.mkdir(parents=True)
    (folder / "segmenter.py").write_text(program)
    card = ModelCard(name="tiny", title="t", kind="segmenter", verbs=("predict",))
    job = Job(
        model=Model(card=card, folder=folder),
        verb="predict",
        input=place,
        output=place / "out",
        log=place / "log.txt",
        limits=Limits(memory=2**30, timeout=timeout, cores=1),
    )
    return LocalRunner().run(job, (events if events is not None else []).append)


def test_words_go_to_the_log_and_events_to_the_handler(place: Path) -> None:
    events: list[Mapping[str, Any]] = []
    ended = run(
        place,
        'import sys\nprint("hello")\nprint(\'{"event": "progress", "done": 1}\')\n'
        'print("{no event}")\nprint("to stderr", file=sys.stderr)\nprint("no newline", end="")\n',
        events=events,
    )
    assert (ended.outcome, ended.exit_code) == ("done", 0)
    assert [event["done"] for event in events] == [1]
    words = (place / "log.txt").read_text().splitlines()
    assert sorted(words) == ["hello", "no newline", "to stderr", "{no event}"]


@pytest.mark.parametrize(
    ("program", "outcome", "code"),
    [
        ("import sys; sys.exit(3)", "done", 3),
        ("import sys; sys.exit(4)", "out_of_memory", 4),
        ("import sys; sys.exit('it broke')", "crashed", 1),
        ("import os; os.abort()", "crashed", 134),
    ],
)
def test_exit_codes_are_those_of_an_engine(
    place: Path, program: str, outcome: str, code: int
) -> None:
    ended = run(place, program)
    assert (ended.outcome, ended.exit_code) == (outcome, code)


def test_a_daemon_that_a_model_starts_ends_with_it(place: Path) -> None:
    """Also one that has left the process group and holds the model's stdout open."""
    ended = run(
        place,
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', 'infinity'], start_new_session=True)\n"
        "print(child.pid)\n",
    )
    assert ended.outcome == "done"
    assert not psutil.pid_exists(int((place / "log.txt").read_text()))


def test_a_model_that_ignores_signals_ends_at_its_time_limit(place: Path) -> None:
    ended = run(
        place,
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(os.getpid(), flush=True)\ntime.sleep(300)\n",
        timeout=2,
    )
    assert ended.outcome == "timeout"
    assert not psutil.pid_exists(int((place / "log.txt").read_text()))


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_words_is_cut(place: Path, monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    monkeypatch.setattr(jobs, "LONGEST_LOG", 100_000)
    ended = run(
        place,
        f"import sys\nprint('y' * 3_000_000, file=sys.{stream})\n"
        f"for _ in range(5000): print('x' * 99, file=sys.{stream})\n"
        "sys.stdout.flush()\nraise SystemExit('error: the end')\n",
    )
    assert (place / "log.txt").stat().st_size < 200_000
    assert ended.message.startswith("ended with exit code 1: ")
    if stream == "stderr":
        assert "error: the end" in ended.message


def test_last_words_of_a_long_log_are_its_last_error(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    assert last_words(log) == "it printed nothing"
    log.write_bytes(b"error: an old one\n" + b"\xff noise\n" * 10_000 + b"error: the one\nbye\n\n")
    assert last_words(log) == "error: the one"
    log.write_text("short")
    assert last_words(log) == "short"
