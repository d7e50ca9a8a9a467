"""The only reader of each file of a run folder, and of score.json.

run.json and score.json are written by this program alone: damaged ones are an error that says
so. In the folder of a step containers have written, and they may write anything: what does not fit
is passed over, and named where somebody wants to know.
"""

from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from contract import CellbenchError, HistoryLine, TrainingRecord
from evaluator.runs.folder import (
    HISTORY_JSONL,
    INDEX_JSON,
    LEAKAGE_JSON,
    PREDICTIONS_JSONL,
    REMARKS_JSON,
    RUN_JSON,
    SCORE_JSON,
    SEEN_JSON,
    STEP_JSON,
    TRAINING_JSON,
    USAGE_JSON,
    with_shards,
)
from evaluator.runs.records import (
    LeakageRecord,
    MaskRemarks,
    OverlapIndex,
    PredictionRecord,
    RunRecord,
    ScoreRecord,
    SeenRecord,
    StepRecord,
    Usage,
)

RecordT = TypeVar("RecordT", bound=BaseModel)

LARGEST_DOCUMENT = 64 * 2**20
"""Bytes of a JSON document; run.json of a hundred thousand images is smaller."""
LONGEST_LINE = 64 * 2**10
"""Bytes of a line of predictions.jsonl or history.jsonl."""
MOST_LINES = 1_000_000
LARGEST_LINES = 4 * 2**30
"""Bytes after which the end of an endless line is not looked for any more."""
MOST_FAULTS = 100

_OBJECT = TypeAdapter(dict[str, JsonValue])


class UnusableRecord(CellbenchError):
    """A file that is there but does not hold what it should; `reason` says why in a few words."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} cannot be used: {reason}.",
            "it was edited, cut short, or written by another version of cellbench",
        )
        self.reason = reason


class Lines(NamedTuple, Generic[RecordT]):
    """The records of a JSON-lines file, and a few words on each line that is none."""

    records: tuple[RecordT, ...]
    faults: tuple[str, ...]


class Facts(NamedTuple):
    """The fields of a JSON object, and a few words on those that do not fit."""

    fields: Mapping[str, Any]
    faults: tuple[str, ...]


def read_run(root: Path) -> RunRecord | None:
    """run.json; None when there is none, UnusableRecord when it is damaged."""
    return load_record(root / RUN_JSON, RunRecord)


def read_score(root: Path) -> ScoreRecord | None:
    """score.json; None when there is none, UnusableRecord when it is damaged."""
    return load_record(root / SCORE_JSON, ScoreRecord)


def read_leakage(root: Path) -> LeakageRecord | None:
    """leakage.json of a run; None when there is none that can be used."""
    return read_record(root / LEAKAGE_JSON, LeakageRecord)


def read_seen(root: Path) -> SeenRecord | None:
    """seen.json of a run; None when there is none that can be used."""
    return read_record(root / SEEN_JSON, SeenRecord)


def read_step(step: Path) -> StepRecord | None:
    """step.json; None when there is none that can be used."""
    return read_record(step / STEP_JSON, StepRecord)


def read_usage(step: Path) -> Usage | None:
    """usage.json; None when there is none that can be used."""
    return read_record(step / USAGE_JSON, Usage)


def read_predictions(step: Path) -> Lines[PredictionRecord]:
    """predictions.jsonl, in its order; none when there is no such file."""
    return read_lines(step / PREDICTIONS_JSONL, PredictionRecord)


def read_mask_remarks(overlaps: Path, shard: int | None = None) -> Mapping[str, tuple[str, ...]]:
    """remarks.json beside the overlap tables, of one shard or else of all images.

    Empty when there is none that can be used.
    """
    remarks: dict[str, tuple[str, ...]] = {}
    for path in with_shards(overlaps, REMARKS_JSON, shard):
        found = read_record(path, MaskRemarks)
        remarks |= found.root if found else {}
    return remarks


def read_overlap_index(overlaps: Path, shard: int | None = None) -> dict[str, list[str]]:
    """index.json beside the overlap tables, of one shard or else of all images.

    Empty when there is none that can be used.
    """
    index: dict[str, list[str]] = {}
    for path in with_shards(overlaps, INDEX_JSON, shard):
        found = read_record(path, OverlapIndex)
        index |= found.root if found else {}
    return index


def read_history(step: Path) -> Lines[HistoryLine]:
    """history.jsonl, in its order; none when there is no such file."""
    return read_lines(step / HISTORY_JSONL, HistoryLine)


def read_training(step: Path) -> Facts:
    """training.json; a model of another author may leave fields out or have more.

    A field of the contract with a value of another type is left out.
    """
    path = step / TRAINING_JSON
    try:
        content = _content(path)
        fields = {} if content is None else _OBJECT.validate_json(content)
    except (OSError, ValueError) as error:
        return Facts({}, (_reason(error),))
    try:
        TrainingRecord.model_validate(fields, strict=True)
    except ValidationError as error:
        unfit = {
            str(fault["loc"][0]): f"{fault['loc'][0]}: {fault['msg']}"
            for fault in error.errors()
            if fault["type"] not in ("missing", "extra_forbidden")
        }
        kept = {name: value for name, value in fields.items() if name not in unfit}
        return Facts(kept, tuple(unfit.values()))
    return Facts(fields, ())


def load_record(path: Path, schema: type[RecordT]) -> RecordT | None:
    """The record in a JSON file; None when there is no such file.

    Raises UnusableRecord when it cannot be read or does not fit.
    """
    try:
        content = _content(path)
        return None if content is None else schema.model_validate_json(content)
    except (OSError, ValueError) as error:
        raise UnusableRecord(path, _reason(error)) from error


def read_record(path: Path, schema: type[RecordT]) -> RecordT | None:
    """The record in a JSON file; None when there is none that can be used."""
    try:
        return load_record(path, schema)
    except UnusableRecord:
        return None


def read_lines(path: Path, schema: type[RecordT]) -> Lines[RecordT]:
    """The records of a JSON-lines file; a line cut short by a kill is one of the faults.

    Read a line at a time: what is longer than LONGEST_LINE is a fault, and after MOST_LINES lines
    or MOST_FAULTS faults nothing more is read.
    """
    records: list[RecordT] = []
    faults: list[str] = []
    try:
        if path.is_file():
            with path.open("rb") as stream:
                for number, line in _numbered(stream):
                    if len(faults) >= MOST_FAULTS or number > MOST_LINES:
                        faults.append(f"what follows line {number - 1} is passed over")
                        break
                    _take(line, number, schema, records, faults)
    except OSError as error:
        faults.append(_reason(error))
    return Lines(tuple(records), tuple(faults))


def _numbered(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, cut to a byte more than is allowed; the rest of them skipped."""
    for number in count(1):
        line = stream.readline(LONGEST_LINE + 1)
        if not line:
            return
        yield number, line
        while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            if stream.tell() > LARGEST_LINES:
                return
            line = stream.readline(LONGEST_LINE + 1)


def _take(
    line: bytes, number: int, schema: type[RecordT], records: list[RecordT], faults: list[str]
) -> None:
    if not line.strip():
        return
    if len(line) > LONGEST_LINE:
        faults.append(f"line {number}: it is longer than {LONGEST_LINE // 2**10} KiB")
        return
    try:
        records.append(schema.model_validate_json(line.decode(errors="replace")))
    except ValueError as error:
        faults.append(f"line {number}: {_reason(error)}")


def _content(path: Path) -> bytes | None:
    """The bytes of a file; None when there is none, or a folder or pipe in its place.

    Raises ValueError for one that is larger than any such document.
    """
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        content = stream.read(LARGEST_DOCUMENT + 1)
    if len(content) > LARGEST_DOCUMENT:
        raise ValueError(f"it is larger than {LARGEST_DOCUMENT // 2**20} MiB")
    return content


def _reason(error: OSError | ValueError) -> str:
    match error:
        case ValidationError():
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the document"
            return f"{where}: {first['msg']}"
        case OSError(strerror=str(reason)):
            return reason
        case _:
            return str(error)
