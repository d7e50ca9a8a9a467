"""Commands for those who bring a model: new-model, check."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from contract.schema import Contract
from harness.commands.options import Gpu, Memory, RunnerOption, Set, limits
from harness.models.new import Origin
from harness.models.platforms import Platform

app = typer.Typer()


@app.command("new-model")
def new_model_command(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    origin: Annotated[
        Origin,
        typer.Option(
            "--from",
            help="python: a learned threshold; unet: a network in torch; shell: any program.",
        ),
    ] = "python",
) -> None:
    """Write ./containers/NAME, a model that runs as it stands, to be changed line by line."""
    from harness.models.new import new_model

    folder = new_model(name, origin, Path("containers"))
    typer.echo(f"{folder} written; next:")
    typer.echo(f"  harness check {name} --quick --runner local")
    typer.echo(f"  harness run-all --models {name},otsu,oracle --profile tiny --runner local")


@app.command("describe-as")
def describe_as_command(
    platform: Annotated[Platform, typer.Argument(metavar="PLATFORM")],
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Default platforms/<platform>-<model>."),
    ] = None,
) -> None:
    """Write what grand-challenge, bilayers or biaflows asks for beside the image of a model."""
    from harness.models.platforms import describe_as, image_of
    from harness.models.registry import choose_models

    (chosen,) = choose_models([model])
    folder = out or Path("platforms") / f"{platform}-{chosen.name}"
    for path in describe_as(platform, chosen, folder):
        typer.echo(path)
    if chosen.learns:
        typer.echo(f"{image_of(chosen)} must carry weights: harness bake {chosen.name} --run RUN")


@app.command()
def check(
    model: Annotated[str, typer.Argument(metavar="MODEL|IMAGE")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For the report card; default checks/<model>."),
    ] = None,
    contract: Annotated[
        Contract, typer.Option(help="How an image that has no model.yaml here is called.")
    ] = "cellbench-1",
    profile: Annotated[
        str | None, typer.Option(help="By which it is trained; default tiny, or its first.")
    ] = None,
    settings: Set = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Predict with these weights.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out slow checks.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Print what was passed, too.")] = False,
    runner: RunnerOption = "auto",
    limit_memory: Memory = None,
    gpu: Gpu = False,
) -> None:
    """Say whether a model or image is sound: odd pictures and names, wrong calls, kills, isolation.

    Exit code 0: sound; 1: it has faults, each named with what to do; 2: it could not be checked.
    """
    from harness.conformance.card import write_card
    from harness.conformance.carry_out import examine
    from harness.conformance.show import page, print_card
    from harness.conformance.subject import SECONDS, Subject
    from harness.models.needs import CHECKS
    from harness.models.overrides import checked_overrides
    from harness.models.registry import choose_models, spoken
    from harness.runners.choose import choose_runner
    from harness.runners.signals import interruptible

    (chosen,) = choose_models([model])
    chosen = spoken(chosen, contract)
    overrides = checked_overrides(settings or [], [chosen], profile or "tiny")
    found = choose_runner(runner)
    folder = out or CHECKS / chosen.name
    with interruptible(), tempfile.TemporaryDirectory(prefix="cellbench-check-") as place:
        Path(place).chmod(0o755)
        subject = Subject(
            model=chosen,
            runner=found.runner,
            limits=limits(limit_memory, f"{SECONDS:g}", "20g", gpu=gpu),
            place=Path(place),
            quick=quick,
            profile=profile,
            settings=overrides.get(chosen.name, ()),
            given_weights=None if weights is None else weights.resolve(),
            say=lambda text: typer.echo(text, err=True),
        )
        card = examine(subject)
    written = write_card(card, page(card), folder)
    print_card(card, everything=everything)
    typer.echo(written)
    raise typer.Exit(card.exit_code)
