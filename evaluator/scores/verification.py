"""Checks stored scores and overlap tables by scoring the masks again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluator.overlap.table import OverlapTable, UnreadableTable
from evaluator.runs.folder import SCORES_CSV
from evaluator.runs.read import read_overlap_index
from evaluator.scores.further import FURTHER_COLUMNS
from evaluator.scores.incomplete import finished
from evaluator.scores.regions import pair_hashes
from evaluator.scores.row_set import row_faults
from evaluator.scores.rows import (
    SCORE_COLUMNS,
    ScoreRow,
    read_every_row,
    rows_for,
    told,
)
from evaluator.scores.score import PairResult, score_pair
from evaluator.scores.sources import Source, open_source

NO_MASK = ("out_of_memory", "timeout", "crashed", "missing", "unreadable")
"""Outcomes that may come from the run rather than from a mask file."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What came of scoring masks again."""

    checked: int
    """Pairs of model (and seed) and image."""
    of: int
    """All that scores.csv has."""
    differing: tuple[str, ...]
    """A sentence for each row that should not be as it is, each number that the masks do not give,
    and each overlap table or hash that is not that of its mask."""


def verify(source: Path, *, sample: int | None = None, seed: int = 0) -> Verification:
    """Scores the pairs of a run, or of a folder of scores, from their masks again.

    The rows must be those that run.json or score.json asks for, each once. Of a pair all
    thresholds are compared, every column but modality, to the last digit, under the protocol that
    the folder records; of one that failed the zeros and the true cells. Its overlap table must be
    that of truth and mask, and the recorded hashes those of the files. With `sample` only so many
    random pairs are scored again, other ones with another `seed`. Nothing is written.

    Raises CallError when `source` is no such folder, FileNotFoundError without a scores.csv,
    TruthFault when a true label is gone or damaged.
    """
    opened = open_source(source)
    rows = read_every_row(source / SCORES_CSV)
    differing = list(row_faults(rows, opened.rows))
    wanted = set(opened.rows)
    pairs: dict[tuple[str, int, str], list[ScoreRow]] = {}
    for row in rows:
        if row.key in wanted:
            pairs.setdefault((row.model, row.seed, row.image), []).append(row)
    keys = list(pairs)
    drawn = np.random.default_rng(seed).permutation(len(keys))[:sample]
    for place in sorted(drawn):
        differing += _differing(opened, pairs[keys[place]])
    return Verification(checked=len(drawn), of=len(keys), differing=tuple(differing))


def _differing(source: Source, stored: list[ScoreRow]) -> Iterator[str]:
    first = stored[0]
    truth, mask = source.pair(first)
    result = score_pair(truth, mask)
    yield from _numbers(source, stored, result, (truth, mask))
    where = f"{first.model}, seed {first.seed}, {first.image}"
    recorded = source.truth_sha256.get(first.image)
    if recorded and recorded != result.truth_sha256:
        yield f"{where}: the truth is not the one whose hash is recorded"
    path = source.table(first)
    if result.outcome == "scored" == first.outcome or (source.run is None and path.exists()):
        yield from (f"{where}: {text}" for text in _table(path, result.truth_table))
    if result.outcome == "scored" == first.outcome and source.run is not None and mask is not None:
        hashes = read_overlap_index(path.parent).get(first.image)
        if hashes != pair_hashes(truth, mask):
            absent = "are not recorded" if hashes is None else "are not those recorded"
            yield f"{where}: the hashes of truth and mask {absent} beside the overlap table"


def _numbers(
    source: Source, stored: list[ScoreRow], result: PairResult, files: tuple[Path, Path | None]
) -> Iterable[str]:
    first = stored[0]
    # A model that crashed left no mask: then the recorded outcome says more than "missing".
    failed = first.outcome in NO_MASK and result.outcome in NO_MASK
    fresh = rows_for(
        result.truth_table,
        model=first.model,
        seed=first.seed,
        image=first.image,
        modality=first.modality,
        outcome=first.outcome if failed else result.outcome,
        thresholds=[row.threshold for row in stored],
        protocol=source.protocol,
        border=source.border,
    )
    fresh = finished(
        fresh,
        result.truth_table,
        files,
        sparse=first.image in source.sparse,
        protocol=source.protocol,
        border=source.border,
        metrics=source.metrics,
    )
    for old, new in zip(stored, fresh, strict=True):
        for name in SCORE_COLUMNS:
            yield from _told(old, name, getattr(old, name), getattr(new, name))
        for name in FURTHER_COLUMNS if new.further else ():
            yield from _told(
                old, name, getattr(old.further, name, None), getattr(new.further, name)
            )


def _told(row: ScoreRow, name: str, stored: object, fresh: object) -> Iterator[str]:
    """What is said of a number that is not that of the mask; None is an empty cell."""
    both_withheld = stored != stored and fresh != fresh  # only NaN is not itself
    if stored != fresh and not both_withheld:
        has, gives = ("empty" if value is None else value for value in (stored, fresh))
        yield f"{told(row.key)}: {name} is {has} in scores.csv, {gives} from the mask"


def _table(path: Path, fresh: OverlapTable) -> Iterable[str]:
    try:
        stored = OverlapTable.load(path)
    except FileNotFoundError:
        yield f"no overlap table {path.name}"
    except UnreadableTable as error:
        yield error.what
    else:
        if not stored.same(fresh):
            yield f"the overlap table {path.name} is not that of its truth and mask"
