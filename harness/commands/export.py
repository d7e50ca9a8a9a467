"""Masks in the formats of other programs: export."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.options import Seed

app = typer.Typer()


@app.command()
def export(
    masks: Annotated[
        Path, typer.Argument(metavar="MASKS", help="Folder of masks, or a run (with --model).")
    ],
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Each format gets a folder in it.")],
    formats: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="A,B",
            help="imagej, qupath, coco, ome-zarr, cellpose, napari, csv.",
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The images, to measure in and to write beside masks."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Which model's masks of a run.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Write masks for Fiji, QuPath, napari, Cellpose, as COCO, OME-Zarr or a table of cells.

    Exit code 0: all is written; 2: wrong call; 3: some files could not be read or held.
    """
    from harness.datasets.exporters.formats import chosen_formats
    from harness.work.exporting import export_masks, find_masks
    from harness.work.progress import display

    chosen = chosen_formats(formats)
    found = find_masks(masks, images, model, seed)
    with display() as show:
        code = export_masks(found, out, chosen, show)
    raise typer.Exit(code)
