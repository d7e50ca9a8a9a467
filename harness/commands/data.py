"""Commands about datasets: data simulate, data check."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make and check datasets.", no_args_is_help=True)


@app.command("simulate")
def simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    images: Annotated[int, typer.Option(help="Images in all, a quarter of them in Tuning.")] = 24,
    size: Annotated[int, typer.Option(help="Height and width, in pixels.")] = 256,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
) -> None:
    """Simulate a labelled dataset of four modalities."""
    from harness.datasets.simulated.dataset import simulate_dataset

    simulate_dataset(folder, images=images, size=size, seed=seed)
    typer.echo(f"{images} images of {size}×{size} pixels in {folder}")


@app.command("check")
def check(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Open every image and label; exit 3 when some cannot be used or a label looks wrong."""
    from harness.datasets.check import check_dataset

    raise typer.Exit(check_dataset(folder))
