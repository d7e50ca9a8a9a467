"""An image's rows as scores.csv has them: of sparse truth, what needs all cells is withheld."""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from contract import stem
from contract.names import normal
from evaluator.overlap.table import OverlapTable
from evaluator.runs.words import Metrics, Protocol
from evaluator.scores.further import FURTHER_COLUMNS, Further
from evaluator.scores.rows import ScoreRow, with_further

LABELLING, SPARSE = "labelling", "sparse"
"""The manifest's column, and what it says where only some of the cells are labelled."""

NOTHING = Further(**dict.fromkeys(FURTHER_COLUMNS, None))


def finished(
    rows: Sequence[ScoreRow],
    table: OverlapTable,
    files: tuple[Path, Path | None],
    *,
    sparse: bool,
    protocol: Protocol,
    border: bool = False,
    metrics: Metrics,
) -> list[ScoreRow]:
    """What `rows_for` gave of an image, with the further columns where `metrics` asks for them.

    Where the truth is `sparse` they and the other scores that need all cells are withheld. `table`,
    `files` and the rules are as in `rows.with_further`.
    """
    if metrics == "all":
        if sparse:  # nothing is measured that would not be shown
            rows = [replace(row, further=NOTHING) for row in rows]
        else:
            rows = with_further(rows, table, files, protocol=protocol, border=border)
    return withhold(rows) if sparse else list(rows)


def is_sparse(row: ScoreRow) -> bool:
    """Whether what needs a complete truth is withheld from a row."""
    return math.isnan(row.f1)


def withhold(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    """The rows without the scores that need every cell to be labelled, failed images too."""
    return [
        replace(
            row,
            precision=math.nan,
            f1=math.nan,
            dice=math.nan,
            further=None if row.further is None else NOTHING,
        )
        for row in rows
    ]


def with_complete_truth(rows: Iterable[ScoreRow]) -> list[ScoreRow]:
    """The rows of images whose truth is complete."""
    return [row for row in rows if not is_sparse(row)]


def sparse_stems(folder: Path) -> frozenset[str]:
    """The stems of images that manifest.csv in a folder of truths, or beside it, calls sparse.

    Only `image` and `labelling` are read, commas between; `harness data check` says what is wrong
    with a manifest.
    """
    for path in (folder / "manifest.csv", folder.parent / "manifest.csv"):
        if path.is_file():
            with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
                return frozenset(
                    normal(stem(row.get("image") or ""))
                    for row in csv.DictReader(stream)
                    if (row.get(LABELLING) or "").strip().lower() == SPARSE
                )
    return frozenset()
