"""What a report has to say about files that were used all the same, from run.json or score.json."""

from collections.abc import Iterable
from pathlib import Path

from evaluator.runs.folder import RUN_JSON, SCORE_JSON
from evaluator.runs.read import read_record
from evaluator.runs.records import RunRecord, ScoreRecord

SHOWN = 12
"""So many remarks are shown; the rest are counted."""


def remarks(source: Path) -> list[str]:
    """Sentences about the files behind a run, or behind what `evaluator score` wrote."""
    if run := read_record(source / RUN_JSON, RunRecord):
        return run_remarks(run)
    score = read_record(source / SCORE_JSON, ScoreRecord)
    return score_remarks(score) if score else []


def run_remarks(record: RunRecord) -> list[str]:
    """Sentences about the dataset of a run, those about labels that look wrong first."""
    found = sorted(record.dataset.remarks, key=lambda remark: not remark.suspicious)
    return _shortened((f"{one.part}/{one.name}: {one.text}" for one in found), RUN_JSON)


def score_remarks(record: ScoreRecord) -> list[str]:
    """Sentences about the two folders that were compared, those about masks first."""
    masks = (f"{image}: {text}" for image, texts in record.warnings.items() for text in texts)
    files = (f"{path}: {reason}" for path, reason in record.passed_over.items())
    return _shortened([*masks, *files], SCORE_JSON)


def _shortened(sentences: Iterable[str], file: str) -> list[str]:
    found = [f"{sentence}." for sentence in sentences]
    rest = len(found) - SHOWN
    if rest <= 1:
        return found
    return [*found[:SHOWN], f"{rest} more remarks of this kind are in {file}."]
