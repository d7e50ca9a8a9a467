"""Running programs as a user does: the console programs, a model, a few lines of Python."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEST_MODELS = ROOT / "tests" / "models"
PROGRAMS = {"harness": "harness.commands.cli", "evaluator": "evaluator.cli"}


def environment() -> dict[str, str]:
    """The environment of programs under test: one thread, and this checkout on the path."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def module(name: str, *arguments: object) -> list[str]:
    """The words that start a Python module as a program."""
    return [sys.executable, "-m", name, *map(str, arguments)]


def code(text: str, *arguments: object) -> list[str]:
    """The words that run a few lines of Python in a process of their own."""
    return [sys.executable, "-B", "-c", text, *map(str, arguments)]


def command(program: str, *arguments: object) -> list[str]:
    """The words that start `harness` or `evaluator`."""
    return module(PROGRAMS[program], *arguments)


def model_command(model: str, *arguments: object) -> list[str]:
    """The words that start a model as its container does."""
    return module(f"containers.{model}.segmenter", *arguments)


def generator_command(generator: str, *arguments: object) -> list[str]:
    """The words that start a generator as its container does."""
    return module(f"containers.{generator}.generator", *arguments)


def finish(
    words: Sequence[str],
    *,
    cwd: Path = ROOT,
    timeout: float = 300,
    env: Mapping[str, str] | None = None,
    before: Callable[[], object] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; `before` is called in the child, to limit it."""
    variables = dict(environment() if env is None else env)
    if before:  # a limited program could not write down what `make coverage` measures
        variables.pop("COVERAGE_PROCESS_CONFIG", None)
    return subprocess.run(
        words, cwd=cwd, env=variables, preexec_fn=before,
        capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip


def start(
    words: Sequence[str],
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    stdout: int = subprocess.DEVNULL,
    stderr: int = subprocess.DEVNULL,
) -> subprocess.Popen[str]:
    """Starts a command that goes on beside the test, in a session of its own."""
    return subprocess.Popen(
        words, cwd=cwd, env=environment() if env is None else env, stdout=stdout, stderr=stderr,
        text=True, start_new_session=True,
    )  # fmt: skip


def run(
    program: str, *arguments: object, cwd: Path = TEST_MODELS, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Runs `harness` or `evaluator` to its end; `cwd` decides which containers/ is found first."""
    return finish(command(program, *arguments), cwd=cwd, timeout=timeout)


def run_model(model: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs a model of this repository to its end."""
    return finish(model_command(model, *arguments))


def run_generator(generator: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs a generator of this repository to its end."""
    return finish(generator_command(generator, *arguments))


def docker(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What a person types after `docker run --rm`."""
    return finish(["docker", "run", "--rm", *map(str, arguments)])
