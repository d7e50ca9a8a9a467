"""F1 of every model on every image."""

from evaluator.report.numbers import Numbers, lookup
from evaluator.report.section import Fold, Section
from evaluator.report.tables import Column, Row, Table

UNFOLDED = 25
"""A table of at most so many images is shown from the start."""


def section(numbers: Numbers) -> Section:
    table = _table(numbers)
    folded = Fold(
        title="F1 of every model on every image",
        blocks=(table,),
        open=len(table.rows) <= UNFOLDED,
    )
    return Section(id="images", title="Every image", blocks=(folded,))


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
