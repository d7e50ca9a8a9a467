"""Tables of mean F1 inside groups of images."""

from collections.abc import Iterable

import pandas as pd

from evaluator.report.certainty import estimate
from evaluator.report.data import Model, ReportData
from evaluator.report.sections import lookup
from evaluator.report.summary import by_model
from evaluator.report.tables import Column, Row, Table
from evaluator.scores.strata import count_range

MOST_GROUPS = 12


def group_table(
    data: ReportData,
    groups: pd.DataFrame,
    images: pd.Series,
    order: list[Model],
    *,
    name: str,
    caption: str,
    label: str,
    names: Iterable[str],
) -> Table:
    """Mean F1 of every model inside groups of images, and a total row that adds up.

    Parameters
    ----------
    groups : DataFrame
        What `summary.by_group` returns; its second column names the group.
    images : Series
        The group of each image of the dataset, once per image.
    names : iterable of str
        The groups in the order of the rows.
    """
    values = lookup(groups, groups.columns[1], "mean_f1")
    counts = images.value_counts().to_dict()
    rows = [
        Row(
            cells=(
                group,
                counts[group],
                *(
                    estimate(
                        data.at_base[data.at_base["image"].map(images) == group],
                        model.name,
                        values.get((model.name, group)),
                    )
                    for model in order
                ),
            )
        )
        for group in names
        if counts.get(group, 0)
    ]
    overall = dict(by_model(data.at_base)[["model", "mean_f1"]].to_numpy().tolist())
    total = (
        "All images",
        len(images),
        *(estimate(data.at_base, model.name, overall.get(model.name)) for model in order),
    )
    return Table(
        name=name,
        caption=caption,
        columns=(
            Column(label=label, kind="text"),
            Column(label="Images", kind="count"),
            *(Column(label=model.name) for model in order),
        ),
        rows=(*rows, Row(cells=total, role="total")),
        sortable=True,
    )


def stratum_columns(data: ReportData) -> list[str]:
    """Columns of the manifest that group the images otherwise than modality does.

    They hold words, not numbers, 2 to 12 different ones, on two images each on average.
    """
    names = dict.fromkeys(name for image in data.images for name in image.strata)
    modalities = {image.modality for image in data.images}
    chosen = []
    for name in names:
        values = [image.strata.get(name, "") for image in data.images]
        different = set(values)
        numbers = all(value.replace(".", "", 1).isdigit() for value in different)
        pairs = {(image.modality, image.strata.get(name, "")) for image in data.images}
        if len(pairs) == len(modalities) == len(different):
            continue  # the modalities under other names
        if 2 <= len(different) <= min(MOST_GROUPS, len(values) // 2) and not numbers:
            chosen.append(name)
    return chosen


def image_ranges(data: ReportData) -> pd.Series:
    """The count range of each image, indexed by image name."""
    cells = data.at_base.groupby("image")["true_cells"].max()
    return cells.map(count_range)
