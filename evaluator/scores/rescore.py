"""Other thresholds and protocols from the stored overlap tables, without the masks."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from contract import CellbenchError, label_stem, stem
from contract.guarded import read_mask
from evaluator.overlap.table import OverlapTable, overlap_table
from evaluator.runs.folder import OVERLAPS, SCORES_CSV, RunFolder
from evaluator.runs.read import read_run
from evaluator.runs.records import RunRecord
from evaluator.runs.words import (
    DEFAULT_METRICS,
    DEFAULT_PROTOCOL,
    DEFAULT_THRESHOLDS,
    Metrics,
    Outcome,
    Protocol,
)
from evaluator.scores.incomplete import finished, is_sparse
from evaluator.scores.rows import ScoreRow, read_scores, rows_for
from evaluator.scores.sources import open_source


def rescore_folder(
    source: Path,
    *,
    thresholds: Iterable[float] = DEFAULT_THRESHOLDS,
    protocol: Protocol = DEFAULT_PROTOCOL,
    border: bool = False,
    metrics: Metrics = DEFAULT_METRICS,
) -> list[ScoreRow]:
    """The rows of a run folder, or of what `score_folders` wrote, under other rules.

    Images, outcomes and modalities are those of `source`/scores.csv, and so is the order. A run
    stores no table of an image that failed: its true cells are counted from the label file that
    run.json names. Nothing is written. With `metrics` "all" the rows have the further columns; what
    these say of outlines is read from the masks, where they are still there.

    Raises FileNotFoundError without a scores.csv, CellbenchError when an image has neither table
    nor label, UnreadableTable when a table is damaged, ValueError for a threshold outside (0, 1].
    """
    thresholds = tuple(thresholds)
    opened = open_source(source) if metrics == "all" else None
    found = []
    for stored in stored_tables(source):
        rows = rows_for(
            stored.table,
            model=stored.model,
            seed=stored.seed,
            image=stored.image,
            modality=stored.modality,
            outcome=stored.outcome,
            thresholds=thresholds,
            protocol=protocol,
            border=border,
        )
        no_files = source, None  # they are read for the further columns alone
        found += finished(
            rows,
            stored.table,
            opened.pair(rows[0]) if opened is not None and rows else no_files,
            sparse=stored.sparse,
            protocol=protocol,
            border=border,
            metrics=metrics,
        )
    return found


@dataclass(frozen=True, kw_only=True)
class StoredTable:
    """The overlap table of one model, seed and image."""

    model: str
    seed: int
    image: str
    modality: str
    outcome: Outcome
    sparse: bool
    """Whether only some of the true cells are labelled."""
    table: OverlapTable
    """Of the truth alone, or with a prediction that does not count, unless the outcome is
    "scored"."""


def stored_tables(source: Path) -> Iterator[StoredTable]:
    """The tables of a run folder, or of what `score_folders` wrote, in the order of scores.csv.

    Read one at a time, as they are asked for. Raises what `rescore_folder` does.
    """
    images: dict[tuple[str, int, str], ScoreRow] = {}
    for row in read_scores(source / SCORES_CSV):  # one per threshold
        images.setdefault((row.model, row.seed, row.image), row)
    record = read_run(source)
    load = _run_tables(source, record) if record else _folder_tables(source)
    for row in images.values():
        yield StoredTable(
            model=row.model,
            seed=row.seed,
            image=row.image,
            modality=row.modality,
            outcome=row.outcome,
            sparse=is_sparse(row),
            table=load(row),
        )


_Load = Callable[[ScoreRow], OverlapTable]
"""Gives the table of a row's model, seed and image."""


def _folder_tables(source: Path) -> _Load:
    def load(row: ScoreRow) -> OverlapTable:
        path = source / OVERLAPS / f"{label_stem(row.image)}.npz"
        if not path.exists():
            raise _no_table(path)
        return OverlapTable.load(path)

    return load


def _run_tables(source: Path, record: RunRecord) -> _Load:
    run = RunFolder(source)
    labels = {image.image: Path(image.label_path) for image in record.dataset.images}

    def load(row: ScoreRow) -> OverlapTable:
        path = run.overlaps(row.model, row.seed) / f"{stem(row.image)}.npz"
        if row.outcome == "scored":
            if not path.exists():
                raise _no_table(path)
            return OverlapTable.load(path)
        label = labels.get(row.image)
        if label is None or not label.exists():
            raise _no_table(path)
        return overlap_table(read_mask(label))

    return load


def _no_table(path: Path) -> CellbenchError:
    return CellbenchError(
        f"No overlap table {path}.",
        "it was deleted, or the folder was copied without its overlaps",
        "score the masks again",
    )
