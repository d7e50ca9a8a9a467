"""What kinds of error the models make, summed over all images from the stored overlap tables."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from contract import CellbenchError, stem
from evaluator.overlap.cell_fates import Fate, fates
from evaluator.overlap.table import OverlapTable
from evaluator.report.data import Model, ReportData, SeedRun
from evaluator.report.tables import Column, Row, Table

Counts = npt.NDArray[np.int64]


class Errors(NamedTuple):
    """How many cells met each `Fate`, indexed by it."""

    truth: Counts
    predicted: Counts
    images: int
    most: dict[Fate, str]
    """The image with the most cells of each fate that occurs."""


def count_errors(data: ReportData, run: SeedRun) -> Errors:
    """The fates of all cells of one seed, over the images whose overlap table can be read."""
    truth = np.zeros(max(Fate) + 1, np.int64)
    predicted = np.zeros(max(Fate) + 1, np.int64)
    images = 0
    highest: dict[Fate, tuple[int, str]] = {}
    for image in data.images:
        if run.overlaps is None:
            break
        try:
            table = OverlapTable.load(run.overlaps / f"{stem(image.name)}.npz")
        except (CellbenchError, OSError):
            continue
        found = fates(table, data.base)
        truth += np.bincount(found.truth, minlength=len(truth))
        predicted += np.bincount(found.predicted, minlength=len(predicted))
        images += 1
        for fate in Fate:
            counts = found.predicted_counts if fate is Fate.SPURIOUS else found.true_counts
            if counts[fate] > highest.get(fate, (0, ""))[0]:
                highest[fate] = (counts[fate], image.name)
    return Errors(truth, predicted, images, {fate: name for fate, (_, name) in highest.items()})


def errors_table(data: ReportData, order: list[Model]) -> Table | None:
    """Shares of cells by fate, means over seeds; None when no overlap table was stored."""
    rows = []
    for model in order:
        found = [errors for run in model.runs if (errors := count_errors(data, run)).images]
        if not found:
            continue
        truth = np.sum([errors.truth for errors in found], axis=0)
        predicted = np.sum([errors.predicted for errors in found], axis=0)
        cells = (
            model.name,
            max(errors.images for errors in found),
            *(_percent(truth, fate) for fate in (Fate.MATCHED, Fate.MISSED, Fate.SPLIT)),
            _percent(truth, Fate.MERGED),
            _percent(predicted, Fate.SPURIOUS),
        )
        rows.append(Row(cells=cells, role="control" if model.is_control else ""))
    if not rows:
        return None
    return Table(
        name="errors",
        caption=f"What became of the cells at IoU {data.base:g}, in percent of true cells",
        columns=(
            Column(label="Model", kind="text"),
            Column(label="Images", kind="count"),
            Column(label="Found", digits=1),
            Column(label="Missed", digits=1),
            Column(label="Split", digits=1),
            Column(label="Merged", digits=1),
            Column(label="Spurious", digits=1),
        ),
        rows=tuple(rows),
        sortable=True,
    )


def _percent(counts: Counts, fate: Fate) -> float | None:
    total = counts.sum()
    return 100 * float(counts[fate] / total) if total else None
