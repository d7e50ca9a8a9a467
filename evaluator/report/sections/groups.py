"""Mean F1 inside groups of images: by count range, by modality, by columns of the manifest."""

from collections.abc import Iterable

import pandas as pd

from evaluator.report.data import ReportData
from evaluator.report.numbers import Numbers, lookup
from evaluator.report.section import Fold, Section, blocks
from evaluator.report.summary import by_group
from evaluator.report.tables import Column, Row, Table
from evaluator.scores.strata import COUNT_RANGES, count_range

MOST_GROUPS = 12
SHOWN = 3
"""Further tables are folded."""
NOT_RECORDED = "not recorded"


def section(numbers: Numbers) -> Section:
    tables = [_count_ranges(numbers), *_modalities(numbers)]
    for name in stratum_columns(numbers.data):
        values = {image.name: image.strata.get(name) for image in numbers.data.images}
        stratum = pd.Series({image: value or NOT_RECORDED for image, value in values.items()})
        label = name.replace("_", " ")
        tables.append(_by_column(numbers, stratum, f"stratum-{len(tables)}", label, label))
    folded = (
        Fold(title="By other columns of the manifest", blocks=tuple(tables[SHOWN:]))
        if len(tables) > SHOWN
        else None
    )
    return Section(
        id="groups",
        title="Groups of images",
        blocks=blocks(*tables[:SHOWN], folded),
        files={"count_ranges": numbers.count_ranges.to_csv(index=False)},
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


def _count_ranges(numbers: Numbers) -> Table:
    return _group_table(
        numbers,
        numbers.count_ranges,
        numbers.true_cells.map(count_range),
        name="count-ranges",
        caption=f"Mean F1 at IoU {numbers.data.base:g} by the true number of cells",
        label="Cells",
        names=COUNT_RANGES,
        stored=False,
    )


def _modalities(numbers: Numbers) -> list[Table]:
    """The table by modality, when there are several."""
    rows = numbers.rows
    modality = rows.groupby("image")["modality"].first().replace("", NOT_RECORDED)
    if modality.nunique() < 2:
        return []
    return [_by_column(numbers, modality, "modalities", "modality", "Modality")]


def _by_column(numbers: Numbers, group: pd.Series, name: str, words: str, label: str) -> Table:
    """Mean F1 by a group of each image, indexed by image name."""
    rows = numbers.rows
    return _group_table(
        numbers,
        by_group(rows, rows["image"].map(group), "group"),
        group,
        name=name,
        caption=f"Mean F1 at IoU {numbers.data.base:g} by {words}",
        label=label,
        names=sorted(group.unique()),
    )


def _group_table(
    numbers: Numbers,
    means: pd.DataFrame,
    group: pd.Series,
    *,
    name: str,
    caption: str,
    label: str,
    names: Iterable[str],
    stored: bool = True,
) -> Table:
    """Mean F1 of every model inside groups of images, and a total row that adds up.

    `means` is what `summary.by_group` returns; its second column names the group. `group` holds
    that of each image of the dataset, and `names` the groups in the order of the rows.
    """
    values = lookup(means, means.columns[1], "mean_f1")
    members = {str(value): set(images.index) for value, images in group.groupby(group)}
    rows = []
    for value in names:
        inside = members.get(value)
        if not inside:
            continue
        found = [
            numbers.estimate(model.name, values.get((model.name, value)), images=inside)
            for model in numbers.order
        ]
        rows.append(Row(cells=(value, len(inside), *found)))
    total = [
        numbers.estimate(model.name, numbers.mean_f1.get(model.name)) for model in numbers.order
    ]
    return Table(
        name=name,
        caption=caption,
        columns=(
            Column(label=label, kind="text"),
            Column(label="Images", kind="count"),
            *(Column(label=model.name) for model in numbers.order),
        ),
        rows=(*rows, Row(cells=("All images", len(group), *total), role="total")),
        sortable=True,
        stored=stored,
    )
