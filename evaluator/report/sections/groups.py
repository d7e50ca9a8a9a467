"""Mean F1 inside groups of images: by count range, by modality, by columns of the manifest."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from evaluator.report.data import ReportData
from evaluator.report.frames import lookup
from evaluator.report.numbers import Numbers
from evaluator.report.section import Fold, Section, Text, blocks, note
from evaluator.report.summary import by_group
from evaluator.report.tables import Column, Row, Table, shown
from evaluator.runs.words import GROUP, STRATUM
from evaluator.scores.strata import COUNT_RANGES, SIZE_CLASSES, count_range
from evaluator.statistics.intervals import FEWEST
from evaluator.statistics.means import independent_images

MOST_GROUPS = 12
"""Values of a column that one can still read as a table."""
SHOWN = 3
"""Further tables are folded."""
NOT_RECORDED = "not recorded"
INSIDE = (
    "Inside groups: all comparisons of one table are one family, in which any false claim has a"
    " chance of at most 5 %; the tables are not corrected for each other. Groups of fewer than"
    " {fewest} images settle nothing and are left out."
)
FEW = (
    "Grey lines are groups of fewer than {fewest} images: their means say next to nothing and have"
    " no interval."
)
TWO_BY_TWO = "Models two by two inside groups of images"
NO_CELL = "no counted cell"
CONFOUNDED = (
    "Groups by cell count, modality, cell size or other columns overlap: what looks like an effect"
    " of one may be one of another."
)
NO_SIZES = (
    "There is no table by the size of an image's cells, since cells are not followed on all images."
)


def section(numbers: Numbers) -> Section:
    tables = [_count_ranges(numbers)]
    inside: list[Table] = []
    sizes = _sizes(numbers)
    modality = _modalities(numbers)
    if modality is not None:
        tables.append(_by_column(numbers, modality, "modalities", "modality", "Modality"))
        inside += _inside(numbers, modality, "modalities", "Modality")
    if sizes is not None:
        words = "the median size of an image's cells"
        names = (*SIZE_CLASSES, NO_CELL)
        tables.append(_by_column(numbers, sizes, "image-sizes", words, "Cell size", names))
        inside += _inside(numbers, sizes, "cell sizes", "Cell size")
    used, unused = strata_columns(numbers.data)
    for number, name in enumerate(used, start=1):
        values = {image.name: image.strata.get(name) for image in numbers.data.images}
        stratum = pd.Series({image: value or NOT_RECORDED for image, value in values.items()})
        label = name.replace("_", " ")
        tables.append(_by_column(numbers, stratum, f"stratum-{number}", label, label))
        inside += _inside(numbers, stratum, f"groups of {label}", label)
    few = any(row.role == "few" for table in tables for row in table.rows)
    folded = (
        Fold(title="By other columns of the manifest", blocks=tuple(tables[SHOWN:]))
        if len(tables) > SHOWN
        else None
    )
    return Section(
        id="groups",
        title="Groups of images",
        blocks=blocks(
            *tables[:SHOWN],
            folded,
            note(FEW.format(fewest=FEWEST)) if few else None,
            note(CONFOUNDED) if len(tables) > 1 else None,
            Fold(title=TWO_BY_TWO, blocks=tuple(inside)) if inside else None,
            note(INSIDE.format(fewest=FEWEST)) if inside else None,
            _columns(numbers, unused),
            note(NO_SIZES) if numbers.follows else None,
        ),
        files={"count_ranges": numbers.count_ranges.to_csv(index=False)},
    )


def strata_columns(data: ReportData) -> tuple[list[str], dict[str, str]]:
    """Columns of the manifest that group the images, and why each of the others does not.

    Used are those with 2 to 12 different values on two images each on average, whether words or
    numbers. The modality has a table of its own, and `group` is what images belong together by.
    """
    names = dict.fromkeys(name for image in data.images for name in image.strata)
    modalities = {image.modality for image in data.images}
    used, unused = [], {}
    for name in names:
        if name == GROUP:
            continue
        values = [image.strata.get(name, "") for image in data.images]
        different = len(set(values))
        pairs = {(image.modality, image.strata.get(name, "")) for image in data.images}
        if len(pairs) == len(modalities) == different:
            unused[name] = "the modalities under other names"
        elif different < 2:
            unused[name] = "one value for all images"
        elif different > min(MOST_GROUPS, len(values) // 2):
            unused[name] = f"{different} values for {len(values)} images"
        else:
            used.append(name)
    return used, unused


def _columns(numbers: Numbers, unused: dict[str, str]) -> Text | None:
    """What became of the manifest's other columns."""
    lines = []
    if numbers.groups is not None:
        units = len(set(numbers.groups.values()))
        lines.append(
            f"The column {GROUP} names {units} group{'s' if units != 1 else ''} of images that"
            " belong together; each counts"
            f" as one draw. {_worth(numbers)}".strip()
        )
    if numbers.fixed_mix is not None:
        parts = len(set(numbers.fixed_mix.values()))
        lines.append(
            f"The column {STRATUM} fixes the mix of {parts} kinds of images: intervals are those of"
            " other images in the same mix."
        )
    if unused:
        listed = "; ".join(f"{name} ({reason})" for name, reason in unused.items())
        lines.append(f"Columns of the manifest that are not used: {listed}.")
    return note(*lines) if lines else None


def _worth(numbers: Numbers) -> str:
    """How many independent images those of the groups are worth, by the contenders' F1."""
    scores = numbers.matrix
    worth = []
    for model in scores.models:
        values = scores.values(model)
        if not np.isnan(values).any():
            worth.append(independent_images(values, scores.groups))
    if not worth:
        return ""
    low, high = round(min(worth)), round(max(worth))
    said = f"about {low}" if low == high else f"{low} to {high}, depending on the model,"
    chosen = "image" if low == high == 1 else "images"
    return f"The {len(scores.images)} images are worth {said} {chosen} chosen one by one."


def _inside(numbers: Numbers, group: pd.Series, words: str, label: str) -> list[Table]:
    """Every two contenders inside each group of five images or more."""
    if group.nunique() < 2 or len(numbers.matrix.models) < 2:
        return []
    found = [
        (stratum, pair)
        for stratum in numbers.pairs_within(
            {str(image): str(name) for image, name in group.items()}
        )
        for pair in stratum.comparisons
    ]
    if not found:
        return []
    table = Table(
        name=f"inside-{words.replace(' ', '-')}",
        caption=f"Paired differences in mean F1 at IoU {numbers.data.base:g} inside {words}",
        columns=(
            Column(label=label, kind="text"),
            Column(label="Models", kind="text"),
            Column(label="Difference, simultaneous 95 % interval"),
            Column(label="Verdict on the first", kind="text"),
            Column(label="Adjusted p"),
            Column(label="Images", kind="count"),
        ),
        rows=tuple(
            Row(
                cells=(
                    stratum.stratum,
                    f"{pair.first} − {pair.second}",
                    shown(pair.difference, pair.interval),
                    pair.verdict,
                    pair.p,
                    pair.images,
                )
            )
            for stratum, pair in found
        ),
        sortable=True,
    )
    return [table]


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


def _modalities(numbers: Numbers) -> pd.Series | None:
    """The modality of each image, when there are several."""
    modality = numbers.rows.groupby("image")["modality"].first().replace("", NOT_RECORDED)
    return modality if modality.nunique() > 1 else None


def _sizes(numbers: Numbers) -> pd.Series | None:
    """The size class of each image's cells, when there are several and all truths are known.

    None as well where only some images' cells are followed.
    """
    if numbers.followed is not numbers:
        return None
    images = list(dict.fromkeys(numbers.rows["image"]))
    if any(image not in numbers.truth for image in images):
        return None
    sizes = pd.Series({image: numbers.image_sizes.get(image, NO_CELL) for image in images})
    return sizes if sizes.nunique() > 1 else None


def _by_column(
    numbers: Numbers,
    group: pd.Series,
    name: str,
    words: str,
    label: str,
    names: Iterable[str] | None = None,
) -> Table:
    """Mean F1 by a group of each image, indexed by image name."""
    rows = numbers.rows
    return _group_table(
        numbers,
        by_group(rows, rows["image"].map(group), "group"),
        group,
        name=name,
        caption=f"Mean F1 at IoU {numbers.data.base:g} by {words}",
        label=label,
        names=sorted(group.unique()) if names is None else names,
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
        few = len(inside) < FEWEST
        rows.append(Row(cells=(value, len(inside), *found), role="few" if few else ""))
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
