"""The rows of scores.csv, and reading and writing them."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from contract import CellbenchError, write_text
from evaluator.overlap.table import OverlapTable
from evaluator.runs.words import (
    DEFAULT_PROTOCOL,
    DEFAULT_THRESHOLDS,
    OUTCOMES,
    Outcome,
    Protocol,
)
from evaluator.scores.further import FURTHER_COLUMNS, Further, further, of_failed, read_masks
from evaluator.scores.protocols import count


class MalformedScores(CellbenchError):
    """A scores.csv that does not have the columns and values of one."""


Key = tuple[str, int, str, float]
"""Model, seed, image and threshold of a row."""


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """One model, seed, image and threshold; the fields are the columns of scores.csv in order.

    The further columns, where they were asked for, follow the others.
    """

    model: str
    seed: int
    image: str
    """File name of the image (of the truth, when two folders were scored)."""
    threshold: float
    """The smallest intersection over union that counts as found."""
    outcome: Outcome
    true_cells: int
    """By the protocol: without the cells on the border under `challenge`."""
    predicted_cells: int
    tp: int
    fp: int
    fn: int
    precision: float
    recall: float
    f1: float
    dice: float
    """Of the foreground, the same at every threshold."""
    modality: str
    further: Further | None = None
    """The further columns; None where they were not asked for."""

    @property
    def key(self) -> Key:
        """What no two rows of a scores.csv share."""
        return self.model, self.seed, self.image, self.threshold


WITHHELD = ("precision", "f1", "dice")
"""NaN, and empty in scores.csv, for an image on which only some of the cells are labelled."""
SCORE_COLUMNS = tuple(field.name for field in fields(ScoreRow) if field.name != "further")


def rows_for(
    table: OverlapTable,
    *,
    model: str,
    image: str,
    seed: int = 0,
    modality: str = "",
    outcome: Outcome = "scored",
    thresholds: Iterable[float] = DEFAULT_THRESHOLDS,
    protocol: Protocol = DEFAULT_PROTOCOL,
    border: bool = False,
) -> list[ScoreRow]:
    """One row per threshold.

    With another outcome than "scored" the pair failed: everything is 0 but true_cells and fn,
    which come from the table's truth, whatever its prediction; `overlap_table(labels)` of the
    truth alone will do. Raises ValueError unless every threshold lies above 0 and is at most 1.
    """
    rows = []
    for threshold in thresholds:
        counts = count(table, threshold, protocol=protocol, border=border)
        scored = outcome == "scored"
        rows.append(
            ScoreRow(
                model=model,
                seed=seed,
                image=image,
                threshold=threshold,
                outcome=outcome,
                true_cells=counts.true_cells,
                predicted_cells=counts.predicted_cells if scored else 0,
                tp=counts.tp if scored else 0,
                fp=counts.fp if scored else 0,
                fn=counts.fn if scored else counts.true_cells,
                precision=counts.precision if scored else 0.0,
                recall=counts.recall if scored else 0.0,
                f1=counts.f1 if scored else 0.0,
                dice=counts.dice if scored else 0.0,
                modality=modality,
            )
        )
    return rows


def with_further(
    rows: Sequence[ScoreRow],
    table: OverlapTable,
    files: tuple[Path, Path | None],
    *,
    protocol: Protocol = DEFAULT_PROTOCOL,
    border: bool = False,
) -> list[ScoreRow]:
    """The rows of one image, one per threshold, with the further columns.

    `table` and the rules are those that `rows_for` was given; `files` are truth and mask, which are
    read for the outlines of found cells: where one is not there, nothing is said of those.
    """
    if not rows:
        return []
    if rows[0].outcome != "scored":
        return [replace(row, further=of_failed(row.true_cells)) for row in rows]
    found = further(
        table,
        [row.threshold for row in rows],
        masks=read_masks(*files, table.shape),
        protocol=protocol,
        border=border,
    )
    return [replace(row, further=found[row.threshold]) for row in rows]


def write_scores(path: Path, rows: Iterable[ScoreRow]) -> None:
    """Replaces `path` by the rows as UTF-8 CSV with a header, in one step.

    Floats are written so that reading them gives the same number. Where any row has further
    columns the file has them; what a metric does not say is an empty cell.
    """
    rows = list(rows)
    more = FURTHER_COLUMNS if any(row.further for row in rows) else ()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*SCORE_COLUMNS, *more))
    writer.writerows(
        [
            *(_cell(row, name) for name in SCORE_COLUMNS),
            *(getattr(row.further, name, None) for name in more),
        ]
        for row in rows
    )
    write_text(path, text.getvalue())


def _cell(row: ScoreRow, name: str) -> Any:
    value = getattr(row, name)
    return "" if name in WITHHELD and math.isnan(value) else value


def read_scores(path: Path) -> list[ScoreRow]:
    """The rows of a scores.csv; columns that it need not have are passed over.

    Raises MalformedScores, naming the line, also where a model, seed, image and threshold come
    twice, and FileNotFoundError.
    """
    rows = read_every_row(path)
    seen: set[Key] = set()
    for row in rows:
        if row.key in seen:
            raise MalformedScores(
                f"{path} has more than one row for {told(row.key)}.",
                "rows were copied by hand, or two files were joined",
                "remove the row that does not belong, or score the masks again",
            )
        seen.add(row.key)
    return rows


def told(key: Key) -> str:
    """A row's model, seed, image and threshold in words."""
    model, seed, image, threshold = key
    return f"{model}, seed {seed}, {image}, IoU {threshold:g}"


def read_every_row(path: Path) -> list[ScoreRow]:
    """What `read_scores` gives, rows that come twice included."""
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in SCORE_COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise MalformedScores(
                f"{path} is no scores.csv: it has no column {', '.join(missing)}.",
                "it was written by another program, or cut short",
                "score the masks again",
            )
        more = set(FURTHER_COLUMNS) <= set(reader.fieldnames or ())
        rows = []
        for line, cells in enumerate(reader, start=2):
            try:
                rows.append(_row(cells, more))
            except (TypeError, ValueError) as error:
                raise MalformedScores(
                    f"{path}, line {line}: {error}.",
                    "the file was edited or cut short",
                    "score the masks again",
                ) from error
    return rows


_NUMBERS: dict[str, Callable[[str], Any]] = {
    field.name: kind for field in fields(ScoreRow) for kind in (int, float) if field.type is kind
}


_WHOLE = frozenset(field.name for field in fields(Further) if field.type == int | None)


def _row(cells: dict[str, str], more: bool) -> ScoreRow:
    if cells["outcome"] not in OUTCOMES:
        raise ValueError(f"{cells['outcome']!r} is no outcome")
    if not any(cells[name] for name in WITHHELD):
        cells = {**cells, **dict.fromkeys(WITHHELD, "nan")}
    values: dict[str, Any] = {name: _NUMBERS.get(name, str)(cells[name]) for name in SCORE_COLUMNS}
    return ScoreRow(**values, further=_further(cells) if more else None)


def _further(cells: dict[str, str]) -> Further:
    found: dict[str, Any] = {
        name: (int if name in _WHOLE else float)(cells[name]) if cells[name] else None
        for name in FURTHER_COLUMNS
    }
    return Further(**found)
