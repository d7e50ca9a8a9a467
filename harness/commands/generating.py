"""Commands that make labelled images: generate."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands import options
from harness.commands.options import Disk, Gpu, Memory, RunnerOption, Timeout

app = typer.Typer()


@app.command()
def generate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A generator.")],
    data: Annotated[
        Path,
        typer.Option("--data", metavar="DIR", help="Dataset; only its training images are used."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the images.")],
    count: Annotated[int, typer.Option(metavar="N", help="How many images.")],
    seed: Annotated[int, typer.Option(help="Random seed: the same one makes the same images.")] = 0,
    masks: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="Where their masks come from: real, replaced, sampled, procedural or moved, as far"
            " as the generator knows it.",
        ),
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="Use the weights of this run.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Use the weights in this folder.")
    ] = None,
    runner: RunnerOption = "auto",
    limit_memory: Memory = None,
    limit_disk: Disk = "20g",
    timeout: Timeout = "2h",
    gpu: Gpu = False,
) -> None:
    """Make labelled images out of training images: a training folder. Finished ones are kept.

    Exit code 0: as many as were asked for; 2: wrong call; 3: fewer, each failure is named.
    """
    from harness.models.registry import choose_models
    from harness.runners.choose import choose_runner
    from harness.runners.signals import interruptible
    from harness.work.generate_folder import generate_folder, refuse_call
    from harness.work.predict_folder import find_weights
    from harness.work.progress import display

    (chosen,) = choose_models([model])
    refuse_call(chosen, count, seed, masks)
    found = find_weights(chosen, run, weights, 0)
    with interruptible(), display() as show:
        code = generate_folder(
            chosen,
            data,
            out,
            count=count,
            seed=seed,
            masks=masks,
            weights=found,
            chosen=choose_runner(runner),
            limits=options.limits(limit_memory, timeout, limit_disk, gpu=gpu),
            show=show,
        )
    raise typer.Exit(code)
