"""What a report has to say about files that were used all the same, from run.json or score.json."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from contract.names import printable, some
from evaluator.runs.folder import RUN_JSON, SCORE_JSON
from evaluator.runs.read import read_record
from evaluator.runs.records import Remark, RunRecord, ScoreRecord

SHOWN = 12
"""So many remarks are shown; the rest are counted."""


def remarks(source: Path) -> list[str]:
    """Sentences about the files behind a run, or behind what `evaluator score` wrote."""
    if run := read_record(source / RUN_JSON, RunRecord):
        return run_remarks(run)
    score = read_record(source / SCORE_JSON, ScoreRecord)
    return score_remarks(score) if score else []


def told(found: Iterable[Remark], *, every: bool = False) -> list[str]:
    """One sentence for each thing to say, with the files that it is said of.

    Those about labels that look wrong come first. `every` names all files, not just a few.
    """
    names: dict[tuple[bool, str, str], list[str]] = defaultdict(list)
    for one in found:
        names[not one.suspicious, one.part, one.text].append(printable(one.name))
    return [
        f"{part}/{files[0]}: {text}"
        if len(files) == 1
        else f"{part}, {len(files)} files ({', '.join(files) if every else some(files)}): {text}"
        for (_, part, text), files in sorted(names.items(), key=lambda item: item[0][0])
    ]


def run_remarks(record: RunRecord) -> list[str]:
    """Sentences about the dataset of a run."""
    return _shortened(told(record.dataset.remarks), RUN_JSON)


def score_remarks(record: ScoreRecord) -> list[str]:
    """Sentences about the two folders that were compared, those about masks first."""
    images: dict[str, list[str]] = defaultdict(list)
    for image, texts in record.warnings.items():
        for text in texts:
            images[text].append(printable(image))
    masks = (
        f"{files[0]}: {text}" if len(files) == 1 else f"{len(files)} images ({some(files)}): {text}"
        for text, files in images.items()
    )
    return _shortened([*masks, *map(": ".join, record.passed_over.items())], SCORE_JSON)


def _shortened(sentences: Iterable[str], file: str) -> list[str]:
    found = [f"{sentence}." for sentence in sentences]
    rest = len(found) - SHOWN
    if rest <= 1:
        return found
    return [*found[:SHOWN], f"{rest} more remarks of this kind are in {file}."]
