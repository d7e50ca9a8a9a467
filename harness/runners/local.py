"""Runs a model's own Python sources as a subprocess: no engine needed, and no isolation."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from contract import CallError
from evaluator.runs.words import RunnerName
from harness.models.registry import Model
from harness.runners.job import Ended, EventHandler, Job
from harness.runners.on_leash import run_on_leash


class LocalRunner:
    """Subprocesses in the project's own environment, watched for time and resident memory."""

    name: RunnerName = "local"
    ignored: tuple[str, ...] = ()

    def prepare(self, model: Model, say: Callable[[str], None]) -> None:
        """Checks that there are Python sources to run, and the packages that they need."""
        if not model.runs_locally:
            raise CallError(
                f"The local runner cannot run {model.name}.",
                "it is an image, or its model.yaml names no Python file of this folder",
                "use --runner docker",
            )
        if model.lacks_packages:
            raise CallError(
                f"{model.name} needs packages of its own, and {model.packages} does not hold them.",
                "they ask for other versions than the models of cellbench, so they lie apart",
                f"run `make peer-{model.name}` in a checkout, or use --runner docker",
            )

    def identity(self, model: Model) -> str:
        """The hash of the model's sources."""
        return model.code_sha256() or ""

    def digest(self, model: Model) -> None:
        """None: there is no image."""

    def remove_leftovers(self, run: Path) -> int:
        """Nothing to do: a local step dies with its harness."""
        return 0

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        """Runs the verb on a leash and leaves no process behind."""
        return run_on_leash(job, on_event, command(job), environment(job), self.name)


def command(job: Job) -> list[str]:
    """The process's arguments: the contract's command line with this machine's paths."""
    arguments = [sys.executable, "-m", job.model.module, job.verb]
    if job.verb != "describe":
        arguments += [str(job.input), str(job.output)]
    if job.weights is not None:
        arguments += ["--weights", str(job.weights)]
    if job.truth is not None:
        arguments += ["--truth", str(job.truth)]
    settings = [word for override in job.settings for word in ("--set", override.text)]
    return [*arguments, *job.options, *settings]


def environment(job: Job) -> dict[str, str]:
    """The harness's own environment with the model's import path, threads and GPU choice."""
    variables = dict(os.environ)
    variables["PYTHONPATH"] = job.model.python_path
    variables.setdefault("OMP_NUM_THREADS", str(job.limits.cores))
    variables["PYTHONUNBUFFERED"] = "1"
    if not job.limits.gpu:
        variables["CUDA_VISIBLE_DEVICES"] = ""
    elif job.limits.device is not None:
        variables["CUDA_VISIBLE_DEVICES"] = job.limits.device
    return variables
