"""Run folders made by hand for the evaluator's tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from evaluator.runs.folder import RunFolder
from evaluator.runs.records import (
    DatasetRecord,
    Hardware,
    LimitsRecord,
    ModelRecord,
    RunRecord,
    ScoreRecord,
    TestImage,
)
from evaluator.runs.words import DEFAULT_THRESHOLDS

Kind = Literal["segmenter", "control", "foreign"]


def model_record(seeds: Sequence[int], kind: Kind = "segmenter") -> ModelRecord:
    """A model of a run, with nothing said of it but its seeds."""
    return ModelRecord(title="", kind=kind, verbs=(), seeds=tuple(seeds))


def write_run(
    root: Path,
    images: Mapping[str, Path],
    models: Mapping[str, ModelRecord] | None = None,
    *,
    thresholds: tuple[float, ...] = (0.5,),
    finished: bool = True,
    sha256: str = "",
    groups: Sequence[str] = (),
) -> None:
    """The run.json of a run that scored these images (name → label) with these models."""
    record = RunRecord(
        cellbench="0",
        commit=None,
        dirty=None,
        created="",
        updated="",
        finished=finished,
        command=(),
        profile="tiny",
        protocol="challenge",
        thresholds=thresholds,
        runner="local",
        runner_reason="",
        limits=LimitsRecord(memory=None, timeout_seconds=1),
        hardware=Hardware(cpu="", cores=1, memory_bytes=1),
        versions={},
        dataset=DatasetRecord(
            name="d",
            path="",
            sha256=sha256,
            split_sha256="",
            train_images=1,
            val_images=1,
            images=tuple(
                TestImage(
                    image=name,
                    image_path="",
                    label_path=str(label),
                    strata={"group": groups[place]} if groups else {},
                )
                for place, (name, label) in enumerate(images.items())
            ),
        ),
        models=dict(models or {}),
    )
    root.mkdir(parents=True)
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
