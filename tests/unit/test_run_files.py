"""The files of a run as they are read: what fits is taken, and nothing that is odd raises."""

import json
import os
from pathlib import Path

import pytest

from contract import write_json
from evaluator.runs.folder import PREDICTIONS_JSONL, RUN_JSON, STEP_JSON, TRAINING_JSON, USAGE_JSON
from evaluator.runs.read import (
    UnusableRecord,
    read_history,
    read_predictions,
    read_run,
    read_score,
    read_step,
    read_training,
    read_usage,
)
from evaluator.runs.records import PredictionRecord
from tests.unit.scored_runs import write_run

ODD = (
    "",
    "{",
    "[]",
    "3",
    '"text"',
    "[" * 100_000,
    '{"a": ' * 100_000,
    "9" * 5_000,
    '{"image": "a", "outcome": "crashed", "cells": ' + "9" * 5_000 + "}",
    '{"image": "\\ud800", "outcome": "crashed"}',
    '{"key": 1}',
    '{"image": {}, "outcome": []}',
    "\0",
)


@pytest.mark.parametrize("content", [*(text.encode() for text in ODD), b"\xff\xfe{", b"\x80"])
def test_odd_content_is_no_record_and_no_error(tmp_path: Path, content: bytes) -> None:
    for name in (STEP_JSON, USAGE_JSON, TRAINING_JSON, PREDICTIONS_JSONL, "history.jsonl"):
        (tmp_path / name).write_bytes(content)
    assert read_step(tmp_path) is None
    assert read_usage(tmp_path) is None
    assert read_predictions(tmp_path).records == ()
    assert read_history(tmp_path).records == ()
    assert not read_training(tmp_path).fields.keys() & {"model", "seed", "epochs"}


def test_a_folder_or_a_pipe_in_place_of_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / STEP_JSON).mkdir()
    os.mkfifo(tmp_path / PREDICTIONS_JSONL)
    assert read_step(tmp_path) is None
    assert read_predictions(tmp_path) == ((), ())
    assert read_step(tmp_path / "nowhere") is None


def test_lines_that_fit_are_taken_and_the_others_named(tmp_path: Path) -> None:
    good = {"image": "a.png", "outcome": "timeout", "seconds": 1, "more": True}
    odd = {"image": "b.png", "outcome": "predicted", "seconds": -1, "cells": True, "message": []}
    lines = [json.dumps(good), "", "[1]", json.dumps(odd), '{"image": "c.p']
    (tmp_path / PREDICTIONS_JSONL).write_text("\n".join(lines))
    read = read_predictions(tmp_path)
    assert read.records == (
        PredictionRecord(image="a.png", outcome="timeout", seconds=1.0),
        PredictionRecord(image="b.png", outcome="predicted"),
    )
    assert [fault.partition(":")[0] for fault in read.faults] == ["line 3", "line 5"]


def test_of_a_training_what_fits_counts(tmp_path: Path) -> None:
    said = {"model": "m", "learning_rate": "1e-4", "peak_memory_bytes": "5 GB", "mine": [1]}
    write_json(tmp_path / TRAINING_JSON, said)
    training = read_training(tmp_path)
    assert training.fields == {"model": "m", "mine": [1]}
    assert [fault.partition(":")[0] for fault in training.faults] == [
        "learning_rate",
        "peak_memory_bytes",
    ]


def test_the_program_s_own_files_say_what_is_wrong(tmp_path: Path) -> None:
    assert read_run(tmp_path) is None
    assert read_score(tmp_path) is None
    write_run(tmp_path / "run", {"a.png": tmp_path / "a.tiff"})
    record = read_run(tmp_path / "run")
    assert record is not None
    assert [image.image for image in record.dataset.images] == ["a.png"]
    damaged = record.model_dump(mode="json") | {"thresholds": "high"}
    write_json(tmp_path / "run" / RUN_JSON, damaged)
    with pytest.raises(UnusableRecord, match=r"run\.json cannot be used: thresholds: Input"):
        read_run(tmp_path / "run")
