"""Score files of the challenge's own script as the report's data: one file per model and threshold.

The columns are those of baseline/compute_metric.py in JunMa11/NeurIPS-CellSeg: names, true_num,
pred_num, correct_num(TP), missed_num(FN), wrong_num(FP), precision, recall, dice, F1.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from contract import CallError
from evaluator.report.data import DatasetImage, Model, ReportData, Rules, SeedRun, score_frame
from evaluator.report.read.run import assemble
from evaluator.scores.rows import ScoreRow

COUNTS = ("true_num", "pred_num", "correct_num(TP)")
SCORES = ("precision", "recall", "dice", "F1")


class ChallengeFile(NamedTuple):
    model: str
    threshold: float
    path: Path


def parse_entry(text: str) -> ChallengeFile:
    """Reads `MODEL:THRESHOLD=FILE`; the file's name may hold any character.

    Raises CallError when a part is missing or the threshold is not a number in (0, 1].
    """
    left, equals, path = text.partition("=")
    model, colon, number = left.rpartition(":")
    try:
        threshold = float(number)
    except ValueError:
        threshold = 0.0
    if not (model and colon and equals and path and 0 < threshold <= 1):
        raise CallError(
            f"{text} does not name a score file.",
            "a model, a threshold above 0 and at most 1, and a file are needed",
            "write MODEL:THRESHOLD=FILE, such as unet:0.5=unet-0.5.csv",
        )
    return ChallengeFile(model, threshold, Path(path))


def load_challenge_csv(entries: Sequence[str]) -> ReportData:
    """The report's data from score files given as `MODEL:THRESHOLD=FILE`.

    The images are those of all files together; one that a file leaves out counts as missing there,
    where the challenge's script would have dropped it from the mean.

    Raises CallError when no entry is given, two name the same model and threshold, or a file cannot
    be used.
    """
    files = [parse_entry(entry) for entry in entries]
    if not files:
        raise CallError("No score file is given.", do="give --challenge-csv MODEL:THRESHOLD=FILE")
    for key, number in Counter((file.model, file.threshold) for file in files).items():
        if number > 1:
            raise CallError(f"{key[0]} has {number} score files for threshold {key[1]:g}.")
    rows = [row for file in files for row in _rows(file)]
    images = tuple(DatasetImage(name=name) for name in sorted({row.image for row in rows}))
    models = tuple(
        Model(name=name, title=name, kind="unknown", runs=(_NO_RUN,), record=None)
        for name in dict.fromkeys(file.model for file in files)
    )
    return assemble(
        title="Score files of the challenge",
        source=None,
        run=None,
        rules=Rules(protocol="challenge"),
        scores=score_frame(rows),
        models=models,
        images=images,
        notes=_disagreements(rows),
    )


_NO_RUN = SeedRun(
    seed=0,
    training={},
    history=(),
    train_usage=None,
    predict_usage=None,
    predictions=(),
    masks=None,
    overlaps=None,
)


def _rows(file: ChallengeFile) -> list[ScoreRow]:
    try:
        with file.path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            absent = {"names", *COUNTS, *SCORES} - set(reader.fieldnames or ())
            if absent:
                raise _unusable(file, f"it has no column {', '.join(sorted(absent))}")
            rows = [_row(file, cells, line) for line, cells in enumerate(reader, start=2)]
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _unusable(file, "there is no such file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unusable(file, f"it is no CSV file: {error}") from error
    twice = [name for name, number in Counter(row.image for row in rows).items() if number > 1]
    if twice:
        raise _unusable(file, f"it names {twice[0]} twice")
    if not rows:
        raise _unusable(file, "it holds no image")
    return rows


def _row(file: ChallengeFile, cells: dict[str, str | None], line: int) -> ScoreRow:
    try:
        true_cells, predicted_cells, tp = (int(float(cells[name] or "")) for name in COUNTS)
        # The script leaves a score empty where it divided by 0, and counts it as 0.
        precision, recall, dice, f1 = (float(cells[name] or 0) for name in SCORES)
    except ValueError as error:
        raise _unusable(file, f"line {line} holds a value that is no number") from error
    return ScoreRow(
        model=file.model,
        seed=0,
        image=cells["names"] or "",
        threshold=file.threshold,
        outcome="scored",
        true_cells=true_cells,
        predicted_cells=predicted_cells,
        tp=tp,
        fp=predicted_cells - tp,
        # missed_num is 0 in the script where nothing was predicted; this is what was missed.
        fn=true_cells - tp,
        precision=precision,
        recall=recall,
        f1=f1,
        dice=dice,
        modality="",
    )


def _disagreements(rows: Iterable[ScoreRow]) -> list[str]:
    """A note when files count different numbers of true cells: they belong to other images then."""
    counts: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        counts[row.image].add(row.true_cells)
    odd = sorted(name for name, numbers in counts.items() if len(numbers) > 1)
    if not odd:
        return []
    note = f"The files do not agree on the true number of cells of {len(odd)} images ({odd[0]} …);"
    return [note + " they may have been made from different images."]


def _unusable(file: ChallengeFile, why: str) -> CallError:
    return CallError(
        f"{file.path} cannot be used as a score file.",
        why,
        "give a CSV file as the challenge's compute_metric.py writes it",
    )
