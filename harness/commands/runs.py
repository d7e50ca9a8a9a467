"""Commands that work on a run or look at one: run-all, train, predict, status, why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluator.runs.words import DEFAULT_PROTOCOL, Metrics, Protocol, StepName
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
    Relax,
    RunnerOption,
    Seed,
    Seeds,
    Set,
    Timeout,
    Workers,
)

if TYPE_CHECKING:
    from harness.runners.job import Limits
    from harness.work.request import Request

app = typer.Typer()


@app.command("run-all")
def run_all_command(
    data: Data = None,
    out: Out = None,
    models: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Models or images; default all but peers; `all` has them too."
        ),
    ] = None,
    profile: Profile = "quick",
    settings: Set = None,
    seeds: Seeds = "0",
    runner: RunnerOption = "auto",
    protocol: Annotated[
        Protocol, typer.Option(help="Rules by which masks become scores.")
    ] = DEFAULT_PROTOCOL,
    metrics: Annotated[
        Metrics | None,
        typer.Option(
            help="all: further metrics as columns of scores.csv and in the report; left out, as in"
            " the run so far."
        ),
    ] = None,
    limit_memory: Memory = None,
    limit_disk: Disk = "20g",
    timeout: Timeout = "2h",
    relax: Relax = None,
    gpu: Gpu = False,
    workers: Workers = None,
    cluster: Cluster = None,
    cluster_options: ClusterOptions = None,
    cluster_wait: ClusterWait = "10m",
) -> None:
    """Train, predict and score every model; render the report. Finished steps are reused.

    Exit code 0: every image was scored; 2: wrong call; 3: finished, but some images failed or were
    left out because of the dataset.
    """
    from harness.commands.crewed import carry_out
    from harness.models.registry import refuse_generators
    from harness.runners.choose import choose_runner
    from harness.work.run_all import run_all

    request = _request(
        options.names(models),
        data=data,
        out=out,
        profile=profile,
        settings=settings,
        seeds=seeds,
        protocol=protocol,
        metrics=metrics,
        limits=options.limits(limit_memory, timeout, limit_disk, gpu=gpu),
        memory_asked=limit_memory,
        relax=relax,
    )
    refuse_generators(request.models)
    carry_out(
        lambda show, crew: run_all(request, choose_runner(runner), show, crew),
        request.limits,
        memory_asked=limit_memory is not None,
        workers=workers,
        cluster=cluster,
        cluster_options=cluster_options,
        cluster_wait=cluster_wait,
    )


@app.command()
def train(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Dataset to train on.")],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Run folder.")],
    profile: Profile = "quick",
    settings: Set = None,
    seeds: Seeds = "0",
    runner: RunnerOption = "auto",
    limit_memory: Memory = None,
    limit_disk: Disk = "20g",
    timeout: Timeout = "2h",
    gpu: Gpu = False,
) -> None:
    """Train one model; its weights lie in the run folder, for predict and bake."""
    from harness.runners.choose import choose_runner
    from harness.runners.signals import interruptible
    from harness.work.progress import display
    from harness.work.run_all import train_only

    request = _request(
        [model],
        data=data,
        out=out,
        profile=profile,
        settings=settings,
        seeds=seeds,
        limits=options.limits(limit_memory, timeout, limit_disk, gpu=gpu),
        memory_asked=limit_memory,
    )
    with interruptible(), display() as show:
        folders = train_only(request, choose_runner(runner), show)
    for folder in folders:
        typer.echo(folder)


@app.command()
def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    images: Annotated[Path, typer.Argument(metavar="IN", help="Folder of images.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the masks.")],
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="Use the weights of this run.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Use the weights in this folder.")
    ] = None,
    also: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Export the masks too, into OUT/<format>/; see harness export."
        ),
    ] = None,
    cell_diameter: Annotated[
        float | None,
        typer.Option(metavar="PX", help="Width of a typical cell in pixels, if you know it."),
    ] = None,
    seed: Seed = 0,
    runner: RunnerOption = "auto",
    limit_memory: Memory = None,
    limit_disk: Disk = "20g",
    timeout: Timeout = "2h",
    relax: Relax = None,
    gpu: Gpu = False,
) -> None:
    """Write a label mask for every image in a folder; only masks of earlier calls are replaced."""
    from harness.datasets.exporters.formats import prepared_formats
    from harness.models.registry import choose_models, refuse_generators
    from harness.runners.choose import choose_runner
    from harness.runners.signals import interruptible
    from harness.work.exporting import export_predicted
    from harness.work.predict_folder import find_weights, predict_folder
    from harness.work.progress import display

    formats = None if also is None else prepared_formats(also, "--also")
    (chosen_model,) = options.relaxed(choose_models([model]), relax)
    refuse_generators([chosen_model])
    found = find_weights(chosen_model, run, weights, seed)
    with interruptible(), display() as show:
        if found is not None and found == chosen_model.shipped_weights:
            show.say(f"weights: those that come with it; see harness weights card {model}")
        code = predict_folder(
            chosen_model,
            images,
            out,
            weights=found,
            chosen=choose_runner(runner),
            limits=options.limits(limit_memory, timeout, limit_disk, gpu=gpu),
            show=show,
            cell_diameter=cell_diameter,
        )
        if formats is not None:
            code = max(code, export_predicted(images, out, formats, show))
    raise typer.Exit(code)


@app.command()
def status(run: Annotated[Path, typer.Argument(metavar="RUN")]) -> None:
    """Say how far a run is, from another shell or machine: steps, failures, the time that is left.

    Exit code 0: finished; 3: finished, with failures; 75: going on; 130: interrupted.
    """
    from harness.commands.status import print_status
    from harness.work.status import run_status

    found = run_status(run)
    print_status(found)
    raise typer.Exit(found.exit_code)


@app.command()
def why(
    run: Annotated[Path, typer.Argument(metavar="RUN")],
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    step: Annotated[StepName, typer.Argument(metavar="STEP", help="train, predict or generate")],
    seed: Seed = 0,
) -> None:
    """Say whether the next run-all reuses a step, and which input changed if it does not."""
    from harness.work.why import explain_step

    for line in explain_step(run, model, step, seed):
        typer.echo(line)


def _request(
    models: list[str] | None,
    *,
    data: Path | None,
    out: Path | None,
    profile: str,
    settings: list[str] | None,
    seeds: str,
    limits: "Limits",
    memory_asked: str | None,
    protocol: Protocol | None = None,
    metrics: Metrics | None = None,
    relax: str | None = None,
) -> "Request":
    from harness.models.overrides import checked_overrides
    from harness.models.registry import choose_models
    from harness.work.request import Request

    chosen = options.relaxed(choose_models(models), relax)
    return Request(
        data=data,
        out=out,
        models=chosen,
        profile=profile,
        settings=checked_overrides(settings or [], chosen, profile),
        seeds=options.seeds(seeds),
        protocol=protocol,
        metrics=metrics,
        limits=limits,
        memory_asked=memory_asked,
    )
