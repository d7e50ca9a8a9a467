"""Run folders made by hand for the evaluator's tests."""

from pathlib import Path
from typing import Any

from evaluator.runs.folder import RunFolder
from evaluator.runs.records import (
    DatasetRecord,
    Hardware,
    LimitsRecord,
    RunRecord,
    ScoreRecord,
    TestImage,
)
from evaluator.runs.words import DEFAULT_THRESHOLDS


def write_run(root: Path, images: dict[str, Path]) -> None:
    """The run.json of a run that scored these images (name → label)."""
    record = RunRecord(
        cellbench="0",
        commit=None,
        dirty=None,
        created="",
        updated="",
        finished=True,
        command=(),
        profile="tiny",
        protocol="challenge",
        thresholds=(0.5,),
        runner="local",
        runner_reason="",
        limits=LimitsRecord(memory=None, timeout_seconds=1),
        hardware=Hardware(cpu="", cores=1, memory_bytes=1),
        versions={},
        dataset=DatasetRecord(
            name="d",
            path="",
            sha256="",
            split_sha256="",
            train_images=1,
            val_images=1,
            images=tuple(
                TestImage(image=name, image_path="", label_path=str(label))
                for name, label in images.items()
            ),
        ),
        models={},
    )
    root.mkdir()
    RunFolder(root).run_json.write_text(record.model_dump_json(), encoding="utf-8")


def score_record(**changes: Any) -> ScoreRecord:
    """score.json of two folders that nothing was odd about."""
    plain = ScoreRecord(
        cellbench="0",
        created="",
        model="good",
        truth="",
        predicted="",
        protocol="plain",
        border=True,
        thresholds=DEFAULT_THRESHOLDS,
        outcomes={},
        failures={},
        warnings={},
        faults={},
        unpaired=(),
        masks={},
        versions={},
    )
    return plain.model_copy(update=changes)
