"""What a model sees from inside its container."""

import json
import os
from typing import Any

import pytest

from harness.runners.arguments import PIDS_LIMIT, UNPRIVILEGED
from tests.datasets import make_dataset
from tests.programs import run

READ_ONLY = "OSError 30"
MEMORY = 600 * 2**20


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, engine: Any) -> dict[str, Any]:
    """What the model `probe` reports from a container under run-all's own limits."""
    folder = tmp_path_factory.mktemp("isolation")
    data = make_dataset(folder / "data", test=["cell_1.png"])
    done = run(
        "harness", "run-all", "--data", data, "--out", folder / "run", "--models", "probe",
        "--runner", "docker", "--limit-memory", "600m",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    log = folder / "run/models/probe/seed0/predict/log.txt"
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    seen: dict[str, Any] = json.loads(lines[0])
    return seen


def test_there_is_no_network(seen: dict[str, Any]) -> None:
    assert seen["interfaces"] == ["lo"]
    assert seen["network"] != "allowed"


def test_the_root_and_the_input_are_read_only(seen: dict[str, Any]) -> None:
    assert seen["root"] == READ_ONLY
    assert seen["in"] == READ_ONLY


def test_tmp_is_the_only_scratch(seen: dict[str, Any]) -> None:
    assert seen["tmp"] == "allowed"
    assert seen["home"] == "/tmp"
    assert seen["tmp_size"] <= MEMORY // 4


def test_it_has_no_privileges(seen: dict[str, Any]) -> None:
    assert seen["capabilities"] == 0
    assert seen["no_new_privileges"] == "1"
    expected = UNPRIVILEGED if os.getuid() == 0 else os.getuid()
    assert seen["uid"] == expected
    assert seen["gid"] != 0


def test_memory_and_processes_are_limited(seen: dict[str, Any]) -> None:
    assert seen["memory"] == str(MEMORY)
    assert seen["swap"] in (str(MEMORY), "0")
    assert seen["pids"] == str(PIDS_LIMIT)
    assert seen["shm"] == 64 * 2**20


def test_an_init_process_reaps_children(seen: dict[str, Any]) -> None:
    assert "python" not in seen["init"]


def test_threads_follow_the_cores_given(seen: dict[str, Any]) -> None:
    assert seen["threads"] == 1
