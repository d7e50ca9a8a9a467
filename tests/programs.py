"""Running the console programs as a user does."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEST_MODELS = ROOT / "tests" / "models"
PROGRAMS = {"harness": "harness.commands.cli", "evaluator": "evaluator.cli"}


def environment() -> dict[str, str]:
    """The environment of programs under test: one thread, and this checkout on the path."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def command(program: str, *arguments: object) -> list[str]:
    """The arguments of `harness` or `evaluator`."""
    return [sys.executable, "-m", PROGRAMS[program], *map(str, arguments)]


def run(
    program: str, *arguments: object, cwd: Path = TEST_MODELS, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end; `cwd` decides which containers/ is found first."""
    return subprocess.run(
        command(program, *arguments),
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
