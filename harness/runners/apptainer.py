"""Runs a model's image by Apptainer, for clusters that have no Docker.

Images are SIF files, NAME.sif in ./images or in the folder that CELLBENCH_IMAGES names. They are
made from Docker's; how is said where one is missing.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from contract import CallError, sha256_file
from evaluator.runs.words import RunnerName
from harness.models.registry import Model
from harness.runners.arguments import (
    MOUNT_POINTS,
    binds,
    command_line,
    user,
    variables,
)
from harness.runners.confine import confine, remove_tree
from harness.runners.job import Ended, EventHandler, Job
from harness.runners.on_leash import run_on_leash
from harness.runners.ownership import give

PROGRAM = "apptainer"
FOLDER = "CELLBENCH_IMAGES"
"""The variable that names the folder of images."""
SOURCES_LABEL = "cellbench.sources"
ASKING_SECONDS = 60
NOT_CONFINED = (
    "cores: a model is told its share and may use more",
    "the number of processes",
    "memory at once: what a model holds is looked at ten times a second, and /dev/shm is not in it",
    "what a model writes to /tmp, which lies on the disk",
)
"""What Apptainer cannot be trusted to limit for a user who is not root, in words."""


class ApptainerRunner:
    """Processes in containers of Apptainer, on a leash."""

    name: RunnerName = "apptainer"
    ignored: tuple[str, ...] = NOT_CONFINED

    def __init__(self) -> None:
        if version() is None:
            raise CallError(
                "There is no program apptainer here.",
                "it is not installed, or a module has to be loaded first",
                "load it (`module load apptainer`), or use another --runner",
            )

    def prepare(self, model: Model, say: Callable[[str], None]) -> None:
        """Finds the model's image; CallError when there is none, or one of other sources."""
        if model.card.contract == "grand-challenge":
            raise CallError(
                f"Apptainer cannot run {model.name}.",
                "an image of Apptainer does not keep the folder in which its program starts",
                "use --runner docker",
            )
        image = image_of(model)
        if not image.exists():
            raise CallError(
                f"No image {image} for {model.name}.",
                "Apptainer runs images of its own kind, which are made from Docker's",
                f"docker save {model.image} -o {model.name}.tar; apptainer build {image}"
                f" docker-archive:{model.name}.tar",
            )
        built, sources = _labels(image).get(SOURCES_LABEL), model.sources_sha256()
        if sources is not None and built != sources:
            raise CallError(
                f"{image} is not of the present sources of {model.name}.",
                "the sources have changed since it was made, or it is another model's",
                f"harness build {model.name}, and make {image} anew from it",
            )

    def identity(self, model: Model) -> str:
        """The hash of the model's sources, or of a foreign image's file."""
        return model.code_sha256() or self.digest(model)

    def digest(self, model: Model) -> str:
        """The hash of the image's file."""
        return f"sha256:{sha256_file(image_of(model))}"

    def remove_leftovers(self, run: Path) -> int:
        """Nothing to do: a step dies with its harness."""
        return 0

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        """Runs the verb in a container; its scratch folder goes with it."""
        confine(job.output, job.limits.disk)
        give(job.output, user(), own_user="root" in job.model.card.relax)
        scratch = Path(tempfile.mkdtemp(prefix="cellbench-"))
        try:
            for name in ("home", "work"):
                (scratch / name).mkdir()
            give(scratch, user(), own_user=False)
            command = apptainer_arguments(job, image=image_of(job.model), scratch=scratch)
            digest = self.digest(job.model)
            return run_on_leash(job, on_event, command, environment(), self.name, digest)
        finally:
            remove_tree(scratch)


def apptainer_arguments(job: Job, *, image: Path, scratch: Path) -> list[str]:
    """The command line for one job, with every flag of isolation.

    Nothing of this machine is seen but the job's binds: no home, no environment, no working
    folder, no network, processes of its own, a read-only image. /tmp and the home are folders of
    `scratch`. What the model's card relaxes is left out, and nothing else. A GPU only when asked
    for.
    """
    points = MOUNT_POINTS[job.model.card.contract]
    relaxed = job.model.card.relax
    arguments = [PROGRAM, "--silent", "run" if points.command is None else "exec"]
    arguments += ["--containall", "--cleanenv", "--no-eval", "--no-mount", "bind-paths"]
    arguments += ["--net", "--network", "none"]
    arguments += ["--workdir", str(scratch / "work"), "--home", f"{scratch / 'home'}:/home/model"]
    arguments += ["--pwd", "/workspace" if job.model.card.contract == "neurips22" else "/tmp"]
    if "write" in relaxed:
        arguments.append("--writable-tmpfs")
    if "root" in relaxed:
        arguments.append("--fakeroot")
    else:
        arguments += ["--no-privs"]
        if os.getuid() == 0:
            uid, gid = user()
            arguments += ["--security", f"uid:{uid}", "--security", f"gid:{gid}"]
    if job.limits.gpu:
        arguments.append("--nv")
    for bind in binds(job):
        fields = ["type=bind", f"src={bind.source.resolve()}", f"dst={bind.target}"]
        if bind.read_only:
            fields.append("ro")
        arguments += ["--mount", ",".join(map(_quoted, fields))]
    seen = {name: value for name, value in variables(job).items() if name != "HOME"}
    if job.limits.gpu and job.limits.device is not None:
        seen["CUDA_VISIBLE_DEVICES"] = job.limits.device
    for name, value in seen.items():
        arguments += ["--env", f"{name}={value}"]
    command = command_line(job) if points.command is None else list(points.command)
    return [*arguments, str(image), *command]


def environment() -> dict[str, str]:
    """What Apptainer itself sees of the caller's environment: none of the variables for it."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("APPTAINER", "SINGULARITY"))
        or name.endswith(("_TMPDIR", "_CACHEDIR"))
    }


def image_of(model: Model) -> Path:
    """Where the model's image lies, or should."""
    return Path(os.environ.get(FOLDER, "images")).absolute() / f"{model.name}.sif"


def version() -> str | None:
    """What the program says of itself; None when there is none that works."""
    if shutil.which(PROGRAM) is None:
        return None
    return _asked("--version").strip() or None


def _labels(image: Path) -> Mapping[str, Any]:
    """The labels of an image, those of Docker's included; empty when they cannot be read."""
    try:
        found = json.loads(_asked("inspect", "--json", "--labels", str(image)))
        return dict(found["data"]["attributes"]["labels"])
    except (ValueError, KeyError, TypeError):
        return {}


def _asked(*arguments: str) -> str:
    """What the program answers; empty when it fails."""
    try:
        return subprocess.run(
            [PROGRAM, *arguments],
            capture_output=True,
            text=True,
            timeout=ASKING_SECONDS,
            env=environment(),
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _quoted(field: str) -> str:
    """A field of a mount, which is a line of CSV: paths may hold commas and quotes."""
    doubled = field.replace('"', '""')
    return f'"{doubled}"' if set(field) & set(',"') else field
