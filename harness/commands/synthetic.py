"""The command run-synthetic: whether synthetic images help a model, or what more real ones buy."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from contract import CallError
from evaluator.runs.words import SHIPPED
from harness.commands import options
from harness.commands.options import (
    Cluster,
    ClusterOptions,
    ClusterWait,
    Data,
    Disk,
    Gpu,
    Memory,
    Out,
    Profile,
    RunnerOption,
    Set,
    Timeout,
    Workers,
)

if TYPE_CHECKING:
    from harness.models.registry import Model

app = typer.Typer()

SHARES = {"tiny": "0.25,1"}
SEEDS = {"tiny": "0,1"}
GENERATORS = {"tiny": "pix2pix"}
STEPS = {"tiny": 120}
"""By profile: what is done when nothing is asked for, so that a demonstration stays one; other
profiles have the defaults below, all generators and their own number of steps."""
ALL_SHARES, ALL_SEEDS = "0.1,0.25,1", "0,1,2,3,4"


@app.command("run-synthetic")
def run_synthetic(
    data: Data = None,
    out: Out = None,
    model: Annotated[str, typer.Option(help="The model that is trained in every arm.")] = "maunet",
    generators: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help=f"Generators to try; default all, {GENERATORS['tiny']} at tiny. Left empty, as"
            ' "", shares of real images alone are compared.',
        ),
    ] = None,
    real: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help=f"Shares of the training images; default {ALL_SHARES}, {SHARES['tiny']} at tiny.",
        ),
    ] = None,
    ratio: Annotated[float, typer.Option(help="Synthetic images for each real one.")] = 1.0,
    primary_real: Annotated[
        float, typer.Option(help="The share at which the one declared number is taken.")
    ] = 0.25,
    margin: Annotated[float, typer.Option(help="Difference in mean F1 that would matter.")] = 0.02,
    profile: Profile = "quick",
    settings: Set = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            help=f"Seeds, separated by commas; default {ALL_SEEDS}, {SEEDS['tiny']} at tiny."
        ),
    ] = None,
    runner: RunnerOption = "auto",
    limit_memory: Memory = None,
    limit_disk: Disk = "20g",
    timeout: Timeout = "2h",
    gpu: Gpu = False,
    workers: Workers = None,
    cluster: Cluster = None,
    cluster_options: ClusterOptions = None,
    cluster_wait: ClusterWait = "10m",
) -> None:
    """Train one model on real images with and without synthetic ones; say whether they help.

    Every arm has the same number of optimiser steps, the same validation and the same test images.
    Exit codes as of run-all; 1 when two arms differ in more than their training images.
    """
    from harness.commands.crewed import carry_out
    from harness.models.overrides import checked_overrides
    from harness.models.registry import choose_models
    from harness.runners.choose import choose_runner
    from harness.work.request import Request
    from harness.work.trial.plan import TrialRequest
    from harness.work.trial.run import run_trial

    (trained,) = choose_models([model])
    makers = _generators(GENERATORS.get(profile) if generators is None else generators)
    shares = _shares(real or SHARES.get(profile, ALL_SHARES), primary_real)
    _refuse(trained, profile, ratio, margin)
    limits = options.limits(limit_memory, timeout, limit_disk, gpu=gpu)
    asked = TrialRequest(
        base=Request(
            data=data,
            out=out,
            models=[trained],
            profile=profile,
            settings=checked_overrides(
                [*_shorter(trained, profile), *(settings or [])], [trained, *makers], profile
            ),
            seeds=options.seeds(seeds or SEEDS.get(profile, ALL_SEEDS)),
            protocol=None,
            limits=limits,
            memory_asked=limit_memory,
            kind="synthetic",
        ),
        generators=makers,
        shares=shares,
        primary_share=primary_real,
        ratio=ratio,
        margin=margin,
    )
    carry_out(
        lambda show, crew: run_trial(asked, choose_runner(runner), show, crew),
        limits,
        memory_asked=limit_memory is not None,
        workers=workers,
        cluster=cluster,
        cluster_options=cluster_options,
        cluster_wait=cluster_wait,
    )


def _shorter(trained: "Model", profile: str) -> list[str]:
    """What makes the trainings of a demonstration as short as many of them must be."""
    most = STEPS.get(profile)
    steps = trained.profile(profile).get("steps") if most and trained.learns else None
    if most is None or not isinstance(steps, int) or steps <= most:
        return []
    return [f"{trained.name}.steps={most}"]


def _generators(text: str | None) -> "list[Model]":
    """The named generators, all when none is named, and with any of them the controls."""
    from harness.models.registry import all_models, choose_models

    if text is not None and not text.strip():
        return []
    known = [model for model in all_models().values() if model.generates]
    controls = [model for model in known if model.card.kind == "control"]
    if text is None:
        return known
    named = choose_models(options.names(text))
    for model in named:
        if not model.generates:
            raise CallError(
                f"{model.name} generates no images.",
                do=f"choose from: {', '.join(model.name for model in known)}",
            )
    chosen = {model.name: model for model in (*named, *controls)}
    return list(chosen.values())


def _shares(text: str, primary: float) -> tuple[float, ...]:
    """Numbers in (0, 1] separated by commas, ascending; CallError without the primary one."""
    try:
        found = sorted({float(part) for part in text.split(",")})
    except ValueError:
        found = []
    if not found or not all(0 < share <= 1 for share in found):
        raise CallError(
            f"--real {text!r} is no list of shares.",
            "a share of the training images lies above 0 and is at most 1",
            "write e.g. 0.1,0.25,1",
        )
    if primary not in found:
        raise CallError(
            f"--primary-real {primary:g} is not among the shares {text}.",
            "the one number of a trial is taken at a share that is trained",
            "name one of them, or add it to --real",
        )
    return tuple(found)


def _refuse(trained: "Model", profile: str, ratio: float, margin: float) -> None:
    if not trained.learns or profile == SHIPPED:
        raise CallError(
            f"{trained.name} would not be trained, so that no image can help it.",
            do="choose a model that learns with --model, and another profile than shipped",
        )
    if not 0 < ratio < math.inf:
        raise CallError(
            f"--ratio {ratio:g} asks for no synthetic image.", do="give a number above 0"
        )
    if not 0 < margin < 1:
        raise CallError(
            f"--margin {margin:g} is no difference of mean F1.", do="give a number from 0 to 1"
        )
