"""A harness that goes on beside a test, and what it leaves in the engine."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

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


def steps(folder: Path) -> list[psutil.Process]:
    """Processes whose command line names this run folder as a model's output."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any("containers.naughty" in word for word in words) and any(
            word.startswith(str(folder)) for word in words
        ):
            found.append(process)
    return found


def began_to_hang(folder: Path) -> bool:
    done = folder / "models/naughty/seed0/predict.part/out/good_1_label.tiff"
    return done.exists()
