"""Commands about the weights of the models: weights list, weights card, weights fetch."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Look at the weights that come with the models.", no_args_is_help=True)


@app.command("list")
def list_weights() -> None:
    """List which models come with weights, what these learned from and under which licence."""
    from rich.console import Console
    from rich.table import Table

    from harness.models.registry import all_models
    from harness.weights.card import read_card

    table = Table("model", "weights", "learned from", "licence", "size", "F1@0.5, validation")
    for model in all_models().values():
        if not model.learns or model.card.kind == "control":
            continue
        folder = model.shipped_weights
        card = read_card(folder) if folder else None
        size = sum(path.stat().st_size for path in folder.iterdir()) if folder else 0
        table.add_row(
            model.name,
            "none" if folder is None else card.date if card else "no card",
            f"{card.images} images of {len(card.data)} sources" if card else "",
            card.licence if card else "",
            f"{size / 10**6:.1f} MB" if folder else "",
            f"{card.validation_f1[0]:.2f}" if card else "",
        )
    Console().print(table)


@app.command("card")
def card(model: Annotated[str, typer.Argument(metavar="MODEL")]) -> None:
    """Print what a model's weights are made of, how well they do and what they are not for."""
    from contract import CallError
    from harness.models.registry import choose_models
    from harness.weights.card import read_card, told_card

    (chosen,) = choose_models([model])
    folder = chosen.shipped_weights
    found = read_card(folder) if folder else None
    if found is None:
        raise CallError(
            f"{model} comes with no weights that have a card.",
            do="`harness weights list` names the models that do",
        )
    typer.echo(told_card(found), nl=False)


@app.command("fetch")
def fetch_weights(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Default weights/<model>.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="A zip file; default the one that model.yaml names.")
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="Of that file; 64 hex digits.")] = None,
) -> None:
    """Get a larger set of weights, verified, for predict --weights and --set start_from.

    An interrupted transfer goes on where it was. A path or file:// works without a network.
    """
    from harness.models.registry import choose_models
    from harness.weights.fetch import fetch, which_set

    (chosen,) = choose_models([model])
    wanted = which_set(chosen.card, url, sha256)
    folder = fetch(
        wanted, out or Path("weights") / chosen.name, lambda text: typer.echo(text, err=True)
    )
    typer.echo(folder)
