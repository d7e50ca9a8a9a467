"""Recall on images of which only some cells are labelled, which other numbers leave out."""

import pandas as pd

from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, note
from evaluator.report.tables import MODEL, Column, Row, Table


def section(numbers: Numbers) -> Section | None:
    data = numbers.data
    if data.sparse.empty:
        return None
    sparse, complete = data.sparse["image"].nunique(), len(data.images)
    return Section(
        id="sparse",
        title="Sparse truth",
        blocks=(
            note(
                f"Of {sparse} of {sparse + complete} test images only some cells are labelled"
                " (labelling is sparse in the manifest). Which predicted cells are wrong is not"
                " known there: precision, F1, Dice and all that follows from them are withheld, for"
                f" every model alike, and carried by the other {complete} images everywhere in this"
                " report. Which labelled cells were found is known, so recall is carried by all."
            ),
            _recall(numbers, sparse, complete),
        ),
    )


def _recall(numbers: Numbers, sparse: int, complete: int) -> Table:
    data = numbers.data
    every = pd.concat([data.scores, data.sparse])
    groups = ((data.sparse, f"{sparse} sparse"), (every, f"all {sparse + complete}"))
    columns = [MODEL]
    means = []
    for threshold in data.thresholds:
        for rows, words in groups:
            columns.append(Column(label=f"IoU {threshold:g}, {words}"))
            at = rows[rows["threshold"] == threshold]
            means.append(
                {str(model): float(own["recall"].mean()) for model, own in at.groupby("model")}
            )
    return Table(
        name="sparse",
        caption=f"Mean recall over {sparse} sparse images and over all {sparse + complete}",
        columns=tuple(columns),
        rows=tuple(
            Row(cells=(model.name, *(mean.get(model.name) for mean in means)))
            for model in numbers.order
        ),
    )
