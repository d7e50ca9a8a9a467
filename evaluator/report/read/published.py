"""Published scores to set beside a run's own, from a CSV file that the user names.

Its columns, a row for each published number:

* `model`: the model's name in this run
* `dataset_sha256`: which images the number is for, as run.json and the report's section on
  provenance state it
* `protocol`: `challenge` or `plain`
* `threshold`: the IoU, above 0 and at most 1
* `f1`: the published mean F1 over the images, in [0, 1]
* `source`: where it was published, in words

Further columns are passed over. A number is shown beside a model only if dataset, protocol and
threshold are those of the run, so one file can hold the scores of several benchmarks.
"""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from contract import CallError
from evaluator.report.data import ReportData
from evaluator.runs.words import PROTOCOLS

COLUMNS = ("model", "dataset_sha256", "protocol", "threshold", "f1", "source")


@dataclass(frozen=True, kw_only=True)
class PublishedScore:
    """One row of the file."""

    model: str
    dataset_sha256: str
    protocol: str
    threshold: float
    f1: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a file of published scores holds."""

    file: str
    """The file's name, without its folder."""
    scores: tuple[PublishedScore, ...]

    def fitting(self, data: ReportData) -> dict[str, PublishedScore]:
        """By model, the scores for the images, protocol and threshold of this report.

        Empty without a run.json, since nothing then tells which images were scored.
        """
        if data.run is None:
            return {}
        models = {model.name for model in data.models if not model.is_control}
        return {
            score.model: score
            for score in self.scores
            if score.model in models
            and score.dataset_sha256 == data.run.dataset.sha256
            and score.protocol == data.protocol
            and score.threshold == data.base
        }


def read_published(path: Path) -> Published:
    """Reads a file of published scores.

    Raises CallError, naming the line, when it is not there, lacks a column, holds a value outside
    the ranges above, or has two rows for the same model, dataset, protocol and threshold.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            absent = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if absent:
                raise _unusable(path, f"it has no column {', '.join(absent)}")
            scores = tuple(_score(path, cells, line) for line, cells in enumerate(reader, start=2))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _unusable(path, "there is no such file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unusable(path, f"it is no CSV file: {error}") from error
    keys = Counter((one.model, one.dataset_sha256, one.protocol, one.threshold) for one in scores)
    for (model, *_), number in keys.items():
        if number > 1:
            raise _unusable(path, f"it has {number} rows for {model} that say the same otherwise")
    return Published(file=path.name, scores=scores)


def _score(path: Path, cells: dict[str, str | None], line: int) -> PublishedScore:
    text = {name: (cells[name] or "").strip() for name in COLUMNS}
    try:
        threshold, f1 = float(text["threshold"]), float(text["f1"])
    except ValueError as error:
        raise _unusable(path, f"line {line} holds a value that is no number") from error
    empty = [name for name, value in text.items() if not value]
    if empty:
        raise _unusable(path, f"line {line} has no {empty[0]}")
    if text["protocol"] not in PROTOCOLS:
        raise _unusable(path, f"line {line}: {text['protocol']} is no protocol")
    if not (0 < threshold <= 1 and 0 <= f1 <= 1):
        raise _unusable(path, f"line {line}: threshold {threshold:g} or F1 {f1:g} is out of range")
    return PublishedScore(
        model=text["model"],
        dataset_sha256=text["dataset_sha256"],
        protocol=text["protocol"],
        threshold=threshold,
        f1=f1,
        source=text["source"],
    )


def _unusable(path: Path, why: str) -> CallError:
    return CallError(
        f"{path} cannot be used as a file of published scores.",
        why,
        f"give a CSV file with the columns {', '.join(COLUMNS)}",
    )
