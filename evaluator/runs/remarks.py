"""What a report has to say about files that were used all the same, from run.json or score.json."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from contract.names import printable, some
from evaluator.runs.folder import OVERLAPS, REMARKS_JSON, RUN_JSON, SCORE_JSON, RunFolder
from evaluator.runs.read import read_mask_remarks, read_record
from evaluator.runs.records import Remark, RunRecord, ScoreRecord

SHOWN = 12
"""So many remarks are shown; the rest are counted."""


def remarks(source: Path) -> list[str]:
    """Sentences about the files behind a run, or behind what `evaluator score` wrote."""
    if run := read_record(source / RUN_JSON, RunRecord):
        masks = (
            f"{model}, seed {seed}: {sentence}"
            for model, facts in run.models.items()
            for seed in facts.seeds
            for sentence in _of_masks(RunFolder(source).overlaps(model, seed))
        )
        return [*run_remarks(run), *_shortened(masks, f"{OVERLAPS}/{REMARKS_JSON}")]
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


def _of_masks(overlaps: Path) -> list[str]:
    return told_of_masks(read_mask_remarks(overlaps))


def told_of_masks(found: Mapping[str, tuple[str, ...]]) -> list[str]:
    """One sentence for each thing to say of masks, with the images that it is said of."""
    images: dict[str, list[str]] = defaultdict(list)
    for image, texts in found.items():
        for text in texts:
            images[text].append(printable(image))
    return [
        f"{names[0]}: {text}" if len(names) == 1 else f"{len(names)} images ({some(names)}): {text}"
        for text, names in images.items()
    ]


def run_remarks(record: RunRecord) -> list[str]:
    """Sentences about the dataset of a run."""
    return _shortened(told(record.dataset.remarks), RUN_JSON)


def score_remarks(record: ScoreRecord) -> list[str]:
    """Sentences about the two folders that were compared, those about masks first."""
    masks = told_of_masks(record.warnings)
    return _shortened([*masks, *map(": ".join, record.passed_over.items())], SCORE_JSON)


def _shortened(sentences: Iterable[str], file: str) -> list[str]:
    found = [f"{sentence}." for sentence in sentences]
    rest = len(found) - SHOWN
    if rest <= 1:
        return found
    return [*found[:SHOWN], f"{rest} more remarks of this kind are in {file}."]
