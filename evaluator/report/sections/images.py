"""F1 of every model on every image."""

from dataclasses import replace

from evaluator.report.frames import lookup
from evaluator.report.numbers import Numbers
from evaluator.report.section import Fold, Section, blocks, prose
from evaluator.report.tables import Column, Row, Table

UNFOLDED = 25
"""A table of at most so many images is shown from the start."""
LISTED = 1000
"""As many images at most are rows of the page."""


def section(numbers: Numbers) -> Section:
    """All images, or of many those with the lowest scores; tables/images.csv has them all."""
    table = _table(numbers)
    whole, some = table.csv(), None
    if len(table.rows) > LISTED:
        some = prose(
            f"The page lists the {LISTED:,} images with the lowest mean F1 of {len(table.rows):,},"
            " so that it stays small; all are in tables/images.csv beside it."
        )
        table = replace(table, rows=_lowest(numbers, table.rows))
    folded = Fold(
        title="F1 of every model on every image",
        blocks=(replace(table, stored=False),),
        open=len(table.rows) <= UNFOLDED,
    )
    return Section(
        id="images", title="Every image", blocks=blocks(some, folded), files={"images": whole}
    )


def _lowest(numbers: Numbers, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Those of the images with the lowest mean over the contenders, in the dataset's order."""
    mean = numbers.contender_rows.groupby("image")["f1"].mean().to_dict()
    names = sorted(
        (str(row.cells[0]) for row in rows), key=lambda name: (mean.get(name, 0.0), name)
    )
    kept = set(names[:LISTED])
    return tuple(row for row in rows if row.cells[0] in kept)


def _table(numbers: Numbers) -> Table:
    """Each image with the means over each model's seeds."""
    data, order = numbers.data, numbers.order
    values = lookup(numbers.image_means, "image", "f1")
    cells = numbers.true_cells.to_dict()
    modality = any(image.modality for image in data.images)
    rows = [
        Row(
            cells=(
                image.name,
                *([image.modality] if modality else []),
                cells.get(image.name),
                *(values.get((model.name, image.name)) for model in order),
            )
        )
        for image in data.images
    ]
    return Table(
        name="images",
        caption=f"F1 at IoU {data.base:g} on every image",
        columns=(
            Column(label="Image", kind="text"),
            *([Column(label="Modality", kind="text")] if modality else []),
            Column(label="True cells", kind="count"),
            *(Column(label=model.name) for model in order),
        ),
        rows=tuple(rows),
        sortable=True,
        filterable=True,
    )
