"""Asking a model itself what can be set of its training, before any of it begins."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from contract import CallError, ExitCode, ModelCard
from harness.models.registry import Model

TIMEOUT = 120
"""Seconds after which a model that does not answer is left to say no when it is trained."""


def describe(model: Model, *options: str) -> ModelCard | None:
    """What the model's `describe` prints, run from its Python sources without loading a network.

    `options` are --profile and --set as `train` takes them. None for a model that cannot say it
    here: an image without sources, or sources that need what only their image holds. Raises
    CallError, with the model's own words, when it refuses the options.
    """
    if not model.runs_locally:
        return None
    with suppress(OSError, subprocess.TimeoutExpired, ValueError):
        ended = subprocess.run(
            [sys.executable, "-m", model.module, "describe", *options],
            env={**os.environ, "PYTHONPATH": model.python_path, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        _, refused, words = f"\n{ended.stderr}".partition("\nerror: ")
        if ended.returncode == ExitCode.WRONG_CALL and refused:
            raise CallError(f"{model.name}: {words.strip()}")
        if ended.returncode == ExitCode.DONE:
            return ModelCard.model_validate_json(ended.stdout)
    return None


def options_of(profile: str, overrides: Sequence[str]) -> list[str]:
    """The words that ask for a profile with KEY=VALUE overrides."""
    return ["--profile", profile, *(word for text in overrides for word in ("--set", text))]
