"""The overlap tables of a run, of failed pairs too, for what is computed from all of them."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd

from contract import CellbenchError
from contract.guarded import read_mask
from evaluator.overlap.table import overlap_table
from evaluator.report.cells import ImageCells, RunCells, cells_of
from evaluator.report.data import SCORED, Model, ReportData, SeedRun
from evaluator.scores.rescore import StoredTable

CellsOf = Callable[[Model, SeedRun], RunCells]


def cells_of_truth(data: ReportData, cells: CellsOf) -> Mapping[str, ImageCells]:
    """By image the cells of some model, whose truth is that of all, else of the label alone.

    Images of which neither table nor label can be read are left out.
    """
    runs = [cells(model, run) for model in data.models for run in model.runs]
    found = {}
    for image in data.images:
        known = next((one for run in runs if (one := run.of(image.name))), None)
        known = known or _of_label(image.label, data)
        if known is not None:
            found[image.name] = known
    return found


def _of_label(label: Path | None, data: ReportData) -> ImageCells | None:
    if label is None:
        return None
    try:
        return cells_of(overlap_table(read_mask(label)), data.base, data.protocol)
    except (CellbenchError, OSError):
        return None


def stored_tables(
    data: ReportData,
    models: Iterable[Model],
    rows: pd.DataFrame,
    cells: CellsOf,
    truth: Mapping[str, ImageCells],
) -> tuple[StoredTable, ...] | None:
    """The table of every seed of `models` and every image, None when one is not there.

    `rows` are at one threshold and say how each pair ended; a failed one has a table for its true
    cells alone.
    """
    keys = zip(rows["model"], rows["seed"], rows["image"], strict=True)
    outcomes = dict(zip(keys, rows["outcome"], strict=True))
    found = []
    for model in models:
        for run in model.runs:
            own = cells(model, run)
            for image in data.images:
                outcome = outcomes.get((model.name, run.seed, image.name))
                known = own.of(image.name) if outcome == SCORED else truth.get(image.name)
                if outcome is None or known is None:
                    return None
                found.append(
                    StoredTable(
                        model=model.name,
                        seed=run.seed,
                        image=image.name,
                        modality=image.modality,
                        outcome=outcome,
                        sparse=False,
                        table=known.table,
                    )
                )
    return tuple(found)
