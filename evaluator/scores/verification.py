"""Checks stored scores by scoring a sample of the masks again."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluator.runs.folder import SCORES_CSV
from evaluator.scores.rows import SCORE_COLUMNS, ScoreRow, read_scores, rows_for
from evaluator.scores.score import score_pair
from evaluator.scores.sources import Source, open_source

SAMPLE = 20

NO_MASK = ("out_of_memory", "timeout", "crashed", "missing", "unreadable")
"""Outcomes that may come from the run rather than from a mask file."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What came of scoring a sample again."""

    checked: int
    """Pairs of model (and seed) and image."""
    of: int
    """All that scores.csv has."""
    differing: tuple[str, ...]
    """A sentence for each number of scores.csv that the masks do not give."""


def verify(source: Path, *, sample: int = SAMPLE, seed: int = 0) -> Verification:
    """Scores up to `sample` random pairs of a run, or of a folder of scores, from their masks.

    All thresholds of a pair are compared, every column but modality, to the last digit, under the
    protocol that the folder records. For a pair that failed the zeros and the true cells are
    checked. `seed` draws another sample. Nothing is written.

    Raises CallError when `source` is no such folder, FileNotFoundError without a scores.csv,
    TruthFault when a true label is gone or damaged.
    """
    opened = open_source(source)
    pairs: dict[tuple[str, int, str], list[ScoreRow]] = {}
    for row in read_scores(source / SCORES_CSV):
        pairs.setdefault((row.model, row.seed, row.image), []).append(row)
    keys = list(pairs)
    drawn = np.random.default_rng(seed).permutation(len(keys))[:sample]
    differing = [line for place in sorted(drawn) for line in _differing(opened, pairs[keys[place]])]
    return Verification(checked=len(drawn), of=len(keys), differing=tuple(differing))


def _differing(source: Source, stored: list[ScoreRow]) -> Iterable[str]:
    first = stored[0]
    result = score_pair(*source.pair(first))
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
    for old, new in zip(stored, fresh, strict=True):
        for name in SCORE_COLUMNS:
            if getattr(old, name) != getattr(new, name):
                yield (
                    f"{old.model}, seed {old.seed}, {old.image}, IoU {old.threshold:g}: {name} is"
                    f" {getattr(old, name)} in scores.csv, {getattr(new, name)} from the mask"
                )
