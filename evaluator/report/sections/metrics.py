"""What other metrics than F1 say, and how far the order of the models depends on the metric."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, Text, blocks, note, prose
from evaluator.report.tables import MODEL, Column, Row, Table, Value, compact, shown, shown_mean
from evaluator.statistics.intervals import median_interval
from evaluator.statistics.means import ModelMean, model_means

OF_CELLS = {"f1": "F1", "ap": "AP", "pq": "PQ", "aji": "AJI", "aji_plus": "AJI+", "seg": "SEG"}
"""Scores that count missed cells, so that they run over all images."""
OF_OUTLINES = {"sq": "SQ", "matched_dice": "Matched Dice", "boundary_f1": "Boundary F1"}
"""Scores of the cells that were found, which say nothing where none was."""
TIE = 1e-9
CELLS = (
    "A failed image counts 0. AP is found cells over the sum of found, unmatched true and"
    " unmatched predicted cells. PQ is, on each image, F1 times the mean overlap of the found"
    " cells. AJI, AJI+ and SEG go by pixels and do not depend on the IoU threshold; SEG looks at"
    " true cells alone, so that spurious ones cost nothing, and only images with true cells count."
)
OUTLINES = (
    "These describe the outlines of found cells and pass over the rest, so a model that finds only"
    " easy cells looks good here: read them beside F1. Each model is measured on its own images,"
    " those on which it found a cell with every training. SQ is the mean overlap (IoU); boundary"
    " F1 allows 2 pixels; the Hausdorff distance is that of all but the worst 5 % of an outline,"
    " averaged over the cells of an image; given is the median over images."
)
COUNTS = (
    "Predicted minus true number of cells over the larger of the two, as a mean over the images"
    " that were scored: below 0 a model counts too few. The second column leaves out the sign, so"
    " that errors do not cancel. Neither asks whether the right cells were counted."
)
ORDERS = (
    "These are orders of means, not verdicts: which differences are settled is said under"
    " Certainty, and of F1 alone."
)


def section(numbers: Numbers) -> Section | None:
    """None unless the scores have the further columns."""
    if not numbers.data.has_further or not numbers.of_model:
        return None
    cells = {score: numbers.means(score) for score in OF_CELLS}
    found = _of_found_cells(numbers)
    outlines = {score: _model_means(numbers, found, score) for score in OF_OUTLINES}
    return Section(
        id="metrics",
        title="Further metrics",
        blocks=blocks(
            _cells_table(numbers, cells),
            note(CELLS),
            *_orders(numbers, {**cells, **outlines}),
            _outlines_table(numbers, outlines, found),
            note(OUTLINES),
            _counts_table(numbers),
            note(COUNTS),
        ),
    )


def _of_found_cells(numbers: Numbers) -> pd.DataFrame:
    """The rows at the base, with nothing said of outlines where no cell was found."""
    rows = numbers.rows.copy()
    rows.loc[rows["tp"] == 0, [*OF_OUTLINES, "hausdorff_95"]] = np.nan
    return rows


def _model_means(numbers: Numbers, rows: pd.DataFrame, score: str) -> Mapping[str, ModelMean]:
    matrix = numbers.matrix_of(rows, numbers.with_masks, score)
    return {one.model: one for one in model_means(matrix)}


def _cells_table(numbers: Numbers, means: Mapping[str, Mapping[str, ModelMean]]) -> Table:
    return Table(
        name="further-metrics",
        caption=f"Means over all images at IoU {numbers.data.base:g}, with 95 % intervals",
        columns=(MODEL, *(Column(label=label) for label in OF_CELLS.values())),
        rows=tuple(
            Row(
                cells=(
                    model.name,
                    *(shown_mean(means[score].get(model.name)) for score in OF_CELLS),
                ),
                role="control" if model.is_control else "",
            )
            for model in numbers.order
        ),
        sortable=True,
    )


def _outlines_table(
    numbers: Numbers, means: Mapping[str, Mapping[str, ModelMean]], found: pd.DataFrame
) -> Table:
    distances = numbers.matrix_of(found, numbers.with_masks, "hausdorff_95")
    overlaps = numbers.matrix_of(found, numbers.with_masks, "sq")
    rows = []
    for model in numbers.order:
        name = model.name
        known = name in numbers.with_masks
        rows.append(
            Row(
                cells=(
                    name,
                    *(shown_mean(means[score].get(name)) for score in OF_OUTLINES),
                    _median(numbers, distances.values(name)) if known else None,
                    int((~np.isnan(overlaps.values(name))).sum()) if known else None,
                ),
                role="control" if model.is_control else "",
            )
        )
    return compact(
        name="outlines",
        caption=f"Outlines of the cells found at IoU {numbers.data.base:g}, with 95 % intervals",
        columns=(
            MODEL,
            *(Column(label=label, optional=True) for label in OF_OUTLINES.values()),
            Column(label="Hausdorff 95 %, px", digits=2, optional=True),
            Column(label="Images with a found cell", kind="count"),
        ),
        rows=tuple(rows),
        sortable=True,
    )


def _median(numbers: Numbers, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Value:
    """The median over the images that have a value, as `Numbers.median`."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    middle = float(np.median(known))
    found = median_interval(known) if numbers.groups is None else None
    return shown(middle, found)


def _counts_table(numbers: Numbers) -> Table:
    size = _model_means(numbers, numbers.rows.assign(size=numbers.count_share.abs()), "size")
    return Table(
        name="counts",
        caption="Numbers of cells, with 95 % intervals",
        columns=(
            MODEL,
            Column(label="Count error, signed"),
            Column(label="Count error, without sign"),
        ),
        rows=tuple(
            Row(
                cells=(
                    model.name,
                    shown_mean(numbers.count_bias.get(model.name)),
                    shown_mean(size.get(model.name)),
                ),
                role="control" if model.is_control else "",
            )
            for model in numbers.order
        ),
        sortable=True,
    )


def _orders(numbers: Numbers, means: Mapping[str, Mapping[str, ModelMean]]) -> list[Table | Text]:
    """The contenders' ranks by each metric; nothing for fewer than two."""
    names = [model.name for model in numbers.contenders]
    labels = {**OF_CELLS, **OF_OUTLINES}
    values = {
        score: [means[score][name].mean for name in names]
        for score in labels
        if all(name in means[score] for name in names)
    }
    if len(names) < 2 or not values:
        return []
    ranks = {
        score: [1 + sum(other > own + TIE for other in column) for own in column]
        for score, column in values.items()
    }
    rows = [
        Row(cells=(name, *(column[place] for column in ranks.values())))
        for place, name in enumerate(names)
    ]
    agreement = {score: _kendall(values["f1"], column) for score, column in values.items()}
    if any(one is not None for one in agreement.values()):
        said = tuple(None if one is None else f"{one:.2f}" for one in agreement.values())
        rows.append(Row(cells=("Agreement with F1 (Kendall's τ)", *said), role="total"))
    table = Table(
        name="ranks-by-metric",
        caption="Rank of each model's mean by each metric",
        columns=(MODEL, *(Column(label=labels[score], kind="count") for score in ranks)),
        rows=tuple(rows),
    )
    return [table, prose(_leaders(names, ranks, labels)), note(ORDERS)]


def _leaders(names: list[str], ranks: Mapping[str, list[int]], labels: Mapping[str, str]) -> str:
    """Who has the highest mean by which metric."""
    first: dict[str, list[str]] = {}
    for score, column in ranks.items():
        ahead = [name for name, rank in zip(names, column, strict=True) if rank == 1]
        first.setdefault(" and ".join(ahead), []).append(labels[score])
    if len(first) == 1:
        (name,) = first
        return f"The highest mean is that of {name} by all {len(ranks)} metrics."
    parts = [f"{name} by {', '.join(by)}" for name, by in first.items()]
    return f"Which model has the highest mean depends on the metric: {'; '.join(parts)}."


def _kendall(one: list[float], other: list[float]) -> float | None:
    """Kendall's τ-b of two orders, in [−1, 1]; None below three models or where all are equal."""
    from scipy import stats

    if len(one) < 3:
        return None
    found = float(stats.kendalltau(one, other).statistic)
    return None if math.isnan(found) else found
