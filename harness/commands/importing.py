"""harness data import."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import typer

from contract import ExitCode
from contract.names import printable, some

Planes = Literal["max", "middle", "each"]


def import_dataset(
    format_name: Annotated[
        str, typer.Argument(metavar="FORMAT", help="A format (see the docs), or auto.")
    ],
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Folder, file or zip archive.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New folder for the dataset.")],
    test_share: Annotated[
        float | None,
        typer.Option(help="Share of images for Tuning, in whole groups; else 0.2, or SRC's split."),
    ] = None,
    split: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Table image,subset (train or test).")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Import so many images, spread evenly.")] = None,
    convert: Annotated[bool, typer.Option("--convert", help="Cut planes out of stacks.")] = False,
    planes: Annotated[Planes, typer.Option(help="Which planes of a stack.")] = "middle",
    components: Annotated[
        bool, typer.Option("--components", help="Masks are foreground: number its pieces.")
    ] = False,
    images: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="pairs: images, such as 'raw/{}.tif'.")
    ] = None,
    masks: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="pairs: masks, such as 'm/{}_mask.png'.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Which of several truths.")] = None,
    modality: Annotated[str, typer.Option(help="For the manifest, where SRC has none.")] = "",
    origin: Annotated[str, typer.Option("--source", help="Likewise; else SRC's name.")] = "",
    licence: Annotated[str, typer.Option(help="Likewise.")] = "",
) -> None:
    """Import a dataset of another layout; exit 3 when something was left out."""
    from harness.datasets.importers import importing
    from harness.datasets.importers.layout import Handling
    from harness.datasets.importers.record import Choices
    from harness.work.progress import display

    call = importing.Call(
        format_name=format_name,
        source=source,
        folder=folder,
        choices=Choices(images=images, masks=masks, target=target),
        handling=Handling(convert=convert, planes=planes, components=components),
        share=test_share,
        split=split,
        limit=limit,
        modality=modality,
        origin=origin,
        licence=licence,
    )
    with display() as shown:
        handle = shown.step("import")
        imported = importing.import_dataset(
            call,
            progress=lambda done, total, message: handle(
                {"event": "progress", "done": done, "total": total, "message": message}
            ),
            say=shown.say,
        )
    for line in _grouped((one.name, one.reason) for one in imported.left):
        typer.echo(f"left out: {line}")
    for line in _grouped(imported.remarks):
        typer.echo(f"note: {line}")
    parts = ", ".join(f"{count} in {part}" for part, count in imported.images.items())
    total = sum(imported.images.values())
    typer.echo(f"{total} images with {imported.cells} cells in {folder}: {parts}")
    if imported.left:
        typer.echo(f"{len(imported.left)} left out, listed in {folder / 'left_out.csv'}")
        raise typer.Exit(ExitCode.FAILURES)


def _grouped(found: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each sentence, with the names of which it holds."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, text in found:
        names[text].append(printable(name))
    return [
        printable(text if own == [""] else f"{some(own)}: {text}") for text, own in names.items()
    ]
