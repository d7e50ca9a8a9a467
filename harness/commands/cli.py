"""The harness's command line: thin commands over the functions that do the work."""

from pathlib import Path
from typing import Annotated

import typer

from contract.errors import run_cli

app = typer.Typer(
    name="harness",
    help="Benchmark cell instance segmentation models, each in a container of its own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Make, check and import datasets.", no_args_is_help=True)
app.add_typer(data_app, name="data")

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
Profile = Annotated[str, typer.Option(help="Training settings: tiny, quick, report or upstream.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="[MODEL.]KEY=VALUE",
        help="Override one setting of the profile; may be repeated. A path is a file to hand over.",
    ),
]
Seeds = Annotated[str, typer.Option(help="Seeds, separated by commas.")]
RunnerOption = Annotated[
    str, typer.Option("--runner", metavar="auto|docker|local", help="How models are run.")
]
Memory = Annotated[
    str | None,
    typer.Option("--limit-memory", metavar="SIZE", help="Memory of one step, such as 8g."),
]
Timeout = Annotated[
    str, typer.Option(metavar="TIME", help="Time limit of one step, such as 90s, 30m or 2h.")
]
Gpu = Annotated[bool, typer.Option("--gpu", help="Let models use this machine's GPUs.")]


@app.command("run-all")
def run_all_command(
    data: Data = None,
    out: Out = None,
    models: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Models or images; default all segmenters and controls."),
    ] = None,
    profile: Profile = "quick",
    settings: Set = None,
    seeds: Seeds = "0",
    runner: RunnerOption = "auto",
    protocol: Annotated[
        str, typer.Option(metavar="challenge|plain", help="Rules by which masks become scores.")
    ] = "challenge",
    limit_memory: Memory = None,
    timeout: Timeout = "2h",
    gpu: Gpu = False,
) -> None:
    """Train, predict and score every model; render the report. Finished steps are reused.

    Exit code 0: every image was scored; 2: wrong call; 3: finished, but some images failed or were
    left out because of the dataset.
    """
    from harness.commands import options
    from harness.commands.summary import print_summary
    from harness.models.overrides import parse_overrides
    from harness.models.registry import choose_models
    from harness.runners.choose import choose_runner
    from harness.runners.signals import interruptible
    from harness.work.progress import display
    from harness.work.request import Request
    from harness.work.run_all import run_all

    chosen = choose_models(options.names(models))
    request = Request(
        data=data,
        out=out,
        models=chosen,
        profile=profile,
        settings=parse_overrides(settings or [], chosen),
        seeds=options.seeds(seeds),
        protocol=options.protocol(protocol),
        limits=options.limits(limit_memory, timeout, gpu=gpu),
        memory_asked=limit_memory,
    )
    with interruptible():
        with display() as show:
            result = run_all(request, choose_runner(options.runner(runner)), show)
        print_summary(result)
    raise typer.Exit(result.exit_code)


@app.command()
def build(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Default: all models.")
    ] = None,
) -> None:
    """Build the models' images, the base first."""
    from harness.models.build import build_images
    from harness.models.registry import choose_models
    from harness.runners.docker import connect

    build_images(connect(), choose_models(models), typer.echo)


@app.command()
def models() -> None:
    """List the models there are, where they come from, and which runner can run them."""
    from harness.commands.listing import print_models

    print_models()


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
    timeout: Timeout = "2h",
    gpu: Gpu = False,
) -> None:
    """Train one model; its weights lie in the run folder, for predict and bake."""
    from harness.commands import options
    from harness.models.overrides import parse_overrides
    from harness.models.registry import choose_models
    from harness.runners.choose import choose_runner
    from harness.runners.signals import interruptible
    from harness.work.progress import display
    from harness.work.request import Request
    from harness.work.run_all import train_only

    chosen = choose_models([model])
    request = Request(
        data=data,
        out=out,
        models=chosen,
        profile=profile,
        settings=parse_overrides(settings or [], chosen),
        seeds=options.seeds(seeds),
        protocol=None,
        limits=options.limits(limit_memory, timeout, gpu=gpu),
        memory_asked=limit_memory,
    )
    with interruptible(), display() as show:
        folders = train_only(request, choose_runner(options.runner(runner)), show)
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
    seed: Annotated[int, typer.Option(help="Which of the run's seeds.")] = 0,
    runner: RunnerOption = "auto",
    limit_memory: Memory = None,
    timeout: Timeout = "2h",
    gpu: Gpu = False,
) -> None:
    """Write a label mask for every image in a folder; only masks of earlier calls are replaced."""
    from harness.commands import options
    from harness.models.registry import choose_models
    from harness.runners.choose import choose_runner
    from harness.runners.signals import interruptible
    from harness.work.predict_folder import find_weights, predict_folder
    from harness.work.progress import display

    chosen_model = choose_models([model])[0]
    found = find_weights(chosen_model, run, weights, seed)
    with interruptible(), display() as show:
        code = predict_folder(
            chosen_model,
            images,
            out,
            weights=found,
            chosen=choose_runner(options.runner(runner)),
            limits=options.limits(limit_memory, timeout, gpu=gpu),
            show=show,
        )
    raise typer.Exit(code)


@app.command()
def bake(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    run: Annotated[Path, typer.Option("--run", metavar="RUN", help="Run that trained it.")],
    seed: Annotated[int, typer.Option(help="Which of the run's seeds.")] = 0,
) -> None:
    """Put a run's weights into cellbench/MODEL:latest, so that it predicts as it stands."""
    from harness.models.bake import bake_weights
    from harness.models.registry import choose_models
    from harness.runners.docker import connect
    from harness.work.predict_folder import find_weights

    chosen = choose_models([model])[0]
    weights = find_weights(chosen, run, None, seed)
    bake_weights(connect(), chosen, weights, run, typer.echo)


@app.command()
def why(
    run: Annotated[Path, typer.Argument(metavar="RUN")],
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    step: Annotated[str, typer.Argument(metavar="STEP", help="train or predict")],
    seed: Annotated[int, typer.Option(help="Which of the run's seeds.")] = 0,
) -> None:
    """Say whether the next run-all reuses a step, and which input changed if it does not."""
    from harness.commands import options
    from harness.work.why import explain_step

    for line in explain_step(run, model, options.step(step), seed):
        typer.echo(line)


@app.command()
def doctor() -> None:
    """Check what this machine has and what the harness needs; exit 1 when it cannot run."""
    from harness.commands.doctor import print_checkup

    raise typer.Exit(0 if print_checkup() else 1)


@data_app.command("simulate")
def data_simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    images: Annotated[int, typer.Option(help="Images in all, a quarter of them in Tuning.")] = 24,
    size: Annotated[int, typer.Option(help="Height and width, in pixels.")] = 256,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
) -> None:
    """Simulate a labelled dataset of four modalities."""
    from harness.datasets.simulated.dataset import simulate_dataset

    simulate_dataset(folder, images=images, size=size, seed=seed)
    typer.echo(f"{images} images of {size}×{size} pixels in {folder}")


@data_app.command("check")
def data_check(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Open every image and label; exit 3 when some cannot be used or a label looks wrong."""
    from harness.datasets.check import check_dataset

    raise typer.Exit(check_dataset(folder))


def main() -> None:
    """The console script."""
    run_cli(app)


if __name__ == "__main__":
    main()
