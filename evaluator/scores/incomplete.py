"""Images of which only some cells are labelled: what needs a complete truth is withheld."""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from contract import stem
from contract.names import normal
from evaluator.scores.further import FURTHER_COLUMNS, Further
from evaluator.scores.rows import ScoreRow

LABELLING, SPARSE = "labelling", "sparse"
"""The manifest's column, and what it says where only some of the cells are labelled."""


def is_sparse(row: ScoreRow) -> bool:
    """Whether what needs a complete truth is withheld from a row."""
    return math.isnan(row.f1)


def withhold(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    """The rows without the scores that need every cell to be labelled, failed images too."""
    nothing = Further(**dict.fromkeys(FURTHER_COLUMNS, None))
    return [
        replace(
            row,
            precision=math.nan,
            f1=math.nan,
            dice=math.nan,
            further=None if row.further is None else nothing,
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
