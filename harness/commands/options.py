"""Options that several commands have, and turning their words into values."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_args

import psutil
import typer

from contract import CallError
from contract.errors import did_you_mean
from contract.schema import Freedom
from harness.models.registry import Model
from harness.runners.arguments import parse_size
from harness.runners.choose import RunnerChoice
from harness.runners.job import Limits

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Dataset with Training-labeled/ and Tuning/. Left out: a simulated one.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="RUN", help="Run folder; default runs/<dataset>-<profile>."),
]
Profile = Annotated[
    str,
    typer.Option(help="Training settings: tiny, quick, report, upstream, or shipped: no training."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="[MODEL.]KEY=VALUE",
        help="Override one setting of the profile; may be repeated. A path is a file to hand over.",
    ),
]
Seeds = Annotated[str, typer.Option(help="Seeds, separated by commas.")]
Seed = Annotated[int, typer.Option(help="Which of the run's seeds.")]
RunnerOption = Annotated[RunnerChoice, typer.Option("--runner", help="How models are run.")]
Memory = Annotated[
    str | None,
    typer.Option("--limit-memory", metavar="SIZE", help="Memory of one step, such as 8g."),
]
Timeout = Annotated[
    str, typer.Option(metavar="TIME", help="Time limit of one step, such as 90s, 30m or 2h.")
]
Disk = Annotated[
    str, typer.Option("--limit-disk", metavar="SIZE", help="What one step may write, such as 20g.")
]
Relax = Annotated[
    str | None,
    typer.Option(
        "--relax",
        metavar="A,B",
        help="Freedoms for images that were not built here: root (runs as the image's own user),"
        " write (may write to its own files), home (has its own HOME). The report names them.",
    ),
]
Gpu = Annotated[bool, typer.Option("--gpu", help="Let models use this machine's GPUs.")]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        help="Items at a time on this machine; default one per GPU, or per 4 cores and 8 GiB.",
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS|slurm",
        help="Hand the work to a Dask cluster, such as tcp://host:8786, or to Slurm jobs.",
    ),
]
ClusterOptions = Annotated[
    Path | None,
    typer.Option("--cluster-options", metavar="FILE", help="YAML: jobs, cores, memory, queue, …"),
]
ClusterWait = Annotated[
    str,
    typer.Option(
        "--cluster-wait", metavar="TIME", help="How long to wait for a worker that is fit at all."
    ),
]

MEMORY_SHARE = 0.9
"""Of the machine's memory, for one step, when no limit is given."""
LEAST_MEMORY = 64 * 2**20
"""Bytes that no model's interpreter can do without."""
SEEDS = 2**32
FREEDOMS: tuple[Freedom, ...] = get_args(Freedom)
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def names(text: str | None) -> list[str] | None:
    """Names separated by commas; None stays None."""
    if text is None:
        return None
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise CallError("--models names no model.", do="write names separated by commas")
    return list(dict.fromkeys(found))


def relaxed(models: Sequence[Model], text: str | None) -> list[Model]:
    """The models, those that are ready images with the freedoms of --relax.

    Raises CallError for a word that is no freedom, and where no model is a ready image.
    """
    if text is None:
        return list(models)
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in FREEDOMS:
            raise CallError(
                f"--relax {text}: there is no freedom {word!r}{did_you_mean(word, FREEDOMS)}",
                "only single points of the isolation can be given up, and the network never",
                f"write one or more of {', '.join(FREEDOMS)}, separated by commas",
            )
    if all(model.is_built_here for model in models):
        raise CallError(
            f"--relax {text} would change nothing.",
            "it is for images that were not built here, and no such image is among the models",
            "declare `relax: [...]` in the model.yaml of the model that needs it",
        )
    freedoms = [freedom for freedom in FREEDOMS if freedom in words]
    return [model if model.is_built_here else model.relaxed(freedoms) for model in models]


def seeds(text: str) -> tuple[int, ...]:
    """Whole numbers from 0 to 2³² − 1, separated by commas, without repetitions."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) < SEEDS for part in parts):
        raise CallError(
            f"--seeds {text!r} is no list of seeds.",
            f"a seed is a whole number from 0 to {SEEDS - 1}",
            "write e.g. 0,1,2",
        )
    return tuple(dict.fromkeys(int(part) for part in parts))


def duration(text: str) -> float:
    """Seconds of a time such as "90s", "30m", "1.5h" or "2d"; a bare number is seconds."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text.lower())
    if match is None or float(match[1]) == 0:
        raise CallError(f"{text!r} is no time.", do="write a number and a unit, such as 90s or 2h")
    return float(match[1]) * SECONDS[match[2]]


def limits(memory: str | None, timeout: str, disk: str, *, gpu: bool) -> Limits:
    """The limits of one step; without a memory limit nine tenths of the machine's."""
    from contract.serve import usable_cores

    total = psutil.virtual_memory().total
    size = parse_size(memory) if memory else int(total * MEMORY_SHARE)
    if size < LEAST_MEMORY:
        raise CallError(
            f"--limit-memory {memory} is too little for any model.",
            "a number without a unit is bytes",
            "write a number with a unit, such as 512m or 8g",
        )
    return Limits(
        memory=size,
        timeout=duration(timeout),
        disk=parse_size(disk),
        cores=min(usable_cores(), os.cpu_count() or 1),
        gpu=gpu,
    )
