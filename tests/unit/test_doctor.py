"""`harness doctor` and `harness models` on a machine without an engine."""

import subprocess

from harness.models.registry import all_models
from tests.programs import code, environment, finish

NOWHERE = {"DOCKER_HOST": "unix:///no/engine", "COLUMNS": "200"}


def harness(verb: str, first: str = "pass") -> subprocess.CompletedProcess[str]:
    """Runs a verb after a line of Python that changes the program's surroundings."""
    words = code(f"{first}; from harness.commands.cli import main; main()", verb)
    return finish(words, env={**environment(), **NOWHERE})


def test_doctor_finds_the_local_runner_and_says_what_is_missing() -> None:
    done = harness("doctor")
    assert done.returncode == 0, done.stderr
    lines = {line.split("│")[1].strip(): line for line in done.stdout.splitlines() if "│" in line}
    assert "torch and the model libraries" in lines["local runner"]
    assert "missing" in lines["docker engine"]
    assert all(name in done.stdout for name in all_models())


def test_doctor_names_a_file_system_without_locks() -> None:
    """As an old network file system answers."""
    none = "import fcntl; fcntl.flock = lambda *_: (_ for _ in ()).throw(OSError(37, 'no'))"
    assert "no file can be made and locked: no" in harness("doctor", none).stdout


def test_doctor_fails_where_no_runner_can_work() -> None:
    done = harness("doctor", "import sys; sys.modules['torch'] = None")
    assert done.returncode == 1
    assert "torch not installed" in done.stdout
    assert "pip install 'cellbench[models]'" in done.stdout
    assert "Neither runner can work here" in done.stderr


def test_models_are_listed_with_what_can_run_them() -> None:
    done = harness("models")
    assert done.returncode == 0, done.stderr
    for name, model in all_models().items():
        (line,) = [line for line in done.stdout.splitlines() if f"│ {name} " in line]
        assert ("peer" if model.card.peer else model.card.kind) in line
        assert "no engine" in line
