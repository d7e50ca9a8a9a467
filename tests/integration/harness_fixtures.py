"""A harness that goes on beside a test, and what it leaves in the engine."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.programs import TEST_MODELS, command, start


def start_harness(*arguments: object) -> subprocess.Popen[str]:
    """Starts `harness` in a session of its own; its messages can be read."""
    return start(command("harness", *arguments), cwd=TEST_MODELS, stderr=subprocess.PIPE)


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Returns once `condition` holds; fails when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.1)


def containers(engine: Any, run_folder: Path) -> list[Any]:
    """The containers of a run folder, running or not."""
    label = f"cellbench.run={run_folder.resolve()}"
    found: list[Any] = engine.containers.list(all=True, filters={"label": label})
    return found
