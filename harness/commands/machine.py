"""Commands about the models and the machine that runs them: models, build, bake, doctor."""

from pathlib import Path
from typing import Annotated

import typer

from contract import ExitCode
from harness.commands.options import Seed

app = typer.Typer()


@app.command()
def models() -> None:
    """List the models there are, where they come from, and which runner can run them."""
    from harness.commands.listing import print_models

    print_models()


@app.command()
def build(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Default: all models but peers."),
    ] = None,
) -> None:
    """Build the models' images, the base first."""
    from harness.models.build import build_images
    from harness.models.registry import choose_models
    from harness.runners.docker import connect

    build_images(connect(), choose_models(models), typer.echo)


@app.command()
def bake(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    run: Annotated[Path, typer.Option("--run", metavar="RUN", help="Run that trained it.")],
    seed: Seed = 0,
    i_may: Annotated[
        bool, typer.Option("--i-may", help="Though the weights are not for everybody to have.")
    ] = False,
) -> None:
    """Put a run's weights into cellbench/MODEL:latest, so that it predicts as it stands."""
    from harness.models.bake import bake_weights
    from harness.models.registry import choose_models
    from harness.runners.docker import connect
    from harness.work.predict_folder import find_weights

    (chosen,) = choose_models([model])
    weights = find_weights(chosen, run, None, seed)
    bake_weights(connect(), chosen, weights, run, typer.echo, i_may=i_may)


@app.command()
def doctor() -> None:
    """Check what this machine has and what the harness needs; exit 1 when it cannot run."""
    from harness.commands.doctor import print_checkup

    raise typer.Exit(ExitCode.DONE if print_checkup() else ExitCode.ERROR)
