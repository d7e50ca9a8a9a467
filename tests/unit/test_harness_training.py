"""Trainings that a killed harness left behind."""

from pathlib import Path
from typing import cast

import pytest

from contract import TrainingRecord, write_json
from evaluator.runs.read import read_usage
from evaluator.runs.words import RunnerName
from harness.models.registry import choose_models
from harness.runners.job import Ended, EventHandler, Job, Limits, Runner
from harness.work.steps import Step
from harness.work.training import Trained, train


class Idle:
    """A runner that must not be asked for anything."""

    name: RunnerName = "docker"

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        raise AssertionError("it trains again")


def go_on(step: Step) -> Trained:
    return train(
        step,
        runner=cast(Runner, Idle()),
        model=choose_models(["unet"])[0],
        stage=step.folder,
        profile="tiny",
        settings=(),
        seed=0,
        limits=Limits(memory=1, timeout=1, cores=1),
        labels={},
        on_event=lambda _: None,
    )


def left(folder: Path, record: str = "") -> Step:
    """A step whose container has written training.json, and nobody has looked since."""
    step = Step(folder=folder / "train", inputs={"seed": "0"})
    part = step.begin()
    (part / "weights").mkdir()
    said = TrainingRecord(
        model="unet", version="1", source=None, repository=None, licence=None, profile="tiny",
        seed=0, train_images=9, val_images=1, data_sha256="", seconds=12, peak_memory_bytes=7,
    )  # fmt: skip
    write_json(part / "training.json", said.model_dump())
    if record:
        (part / "training.json").write_text(record)
    return step


def test_a_container_that_went_on_alone_has_trained(tmp_path: Path) -> None:
    step = left(tmp_path)
    assert go_on(step).weights == tmp_path / "train" / "weights"
    assert step.decide().action == "reuse"
    usage = read_usage(step.folder)
    assert usage is not None
    assert (usage.seconds, usage.peak_memory_bytes, usage.exit_code) == (12, 7, None)


def test_a_training_that_failed_in_the_end_is_tried_again(tmp_path: Path) -> None:
    step = left(tmp_path)
    write_json(step.part / "usage.json", {})
    with pytest.raises(AssertionError, match="trains again"):
        go_on(step)


def test_half_a_record_is_none(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="trains again"):
        go_on(left(tmp_path, '{"model": "un'))
