"""Nothing is left behind, however a run ends."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.datasets import make_dataset
from tests.integration.harness_fixtures import (
    began_to_hang,
    containers,
    start_harness,
    steps,
    wait_until,
)
from tests.programs import run


def start(data: Path, out: Path, runner: str) -> subprocess.Popen[str]:
    return start_harness(
        "run-all", "--data", data, "--out", out, "--models", "naughty", "--runner", runner
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_and_its_step(
    tmp_path: Path, runner: str, number: signal.Signals, request: pytest.FixtureRequest
) -> None:
    data = make_dataset(tmp_path / "data", test=["good_1.png", "hang_1.png"])
    folder = tmp_path / "run"
    process = start(data, folder, runner)
    wait_until(lambda: began_to_hang(folder))
    process.send_signal(number)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 130, words
    assert f"Interrupted by {number.name}" in words
    assert not steps(folder)
    if runner == "docker":
        assert not containers(request.getfixturevalue("engine"), folder)


def test_a_timeout_leaves_no_container(tmp_path: Path, engine: Any) -> None:
    data = make_dataset(tmp_path / "data", test=["hang_1.png"])
    folder = tmp_path / "run"
    done = run(
        "harness", "run-all", "--data", data, "--out", folder, "--models", "naughty",
        "--runner", "docker", "--timeout", "5s",
    )  # fmt: skip
    assert done.returncode == 3
    assert "timeout" in done.stdout
    assert not containers(engine, folder)


def test_containers_of_a_killed_harness_are_removed_at_the_next_start(
    tmp_path: Path, engine: Any
) -> None:
    data = make_dataset(tmp_path / "data", test=["good_1.png", "hang_1.png"])
    folder = tmp_path / "run"
    process = start(data, folder, "docker")
    wait_until(lambda: began_to_hang(folder))
    process.kill()
    process.communicate()
    assert containers(engine, folder)
    (data / "Tuning/images/hang_1.png").rename(data / "Tuning/images/hang_1.png.away")
    done = run(
        "harness", "run-all", "--data", data, "--out", folder, "--models", "naughty",
        "--runner", "docker", "--timeout", "10s",
    )  # fmt: skip
    assert "removed 1 containers" in done.stderr
    assert not containers(engine, folder)


def test_scores_and_run_json_speak_of_one_protocol_at_any_moment(tmp_path: Path) -> None:
    """Also while a long step of another model goes on after the protocol was changed."""
    data = make_dataset(tmp_path / "data", test=["good_1.png", "hang_1.png"])
    folder = tmp_path / "run"
    first = run("harness", "run-all", "--data", data, "--out", folder, "--models", "oracle",
                "--runner", "local", "--protocol", "plain")  # fmt: skip
    assert first.returncode == 0, first.stderr
    plain = (folder / "scores.csv").read_bytes()
    process = start(data, folder, "local")
    wait_until(lambda: began_to_hang(folder))
    process.kill()
    process.communicate()
    assert '"protocol": "challenge"' in (folder / "run.json").read_text()
    assert (folder / "scores.csv").read_bytes() != plain


def test_a_local_step_dies_with_its_harness(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", test=["good_1.png", "hang_1.png"])
    folder = tmp_path / "run"
    process = start(data, folder, "local")
    wait_until(lambda: began_to_hang(folder))
    assert steps(folder)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_until(lambda: not steps(folder), 10)


def test_a_second_harness_is_refused_and_a_dead_ones_lock_is_taken_over(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", test=["good_1.png", "hang_1.png"])
    folder = tmp_path / "run"
    process = start(data, folder, "local")
    try:
        wait_until(lambda: began_to_hang(folder))
        second = run("harness", "run-all", "--data", data, "--out", folder, "--models", "naughty",
                     "--runner", "local")  # fmt: skip
        assert second.returncode == 2
        assert f"in use by process {process.pid}" in second.stderr
    finally:
        process.kill()
        process.communicate()
    third = run("harness", "run-all", "--data", data, "--out", folder, "--models", "naughty",
                "--runner", "local", "--timeout", "5s")  # fmt: skip
    assert third.returncode == 3, third.stderr
