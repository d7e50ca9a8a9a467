"""Trainings that a killed harness left behind."""

from pathlib import Path

import pytest

from contract import TrainingRecord, write_json
from evaluator.runs.read import read_usage
from evaluator.runs.words import RunnerName
from harness.models.registry import Model, choose_models
from harness.runners.job import Clock, Ended, EventHandler, Job
from harness.work.items import Done
from harness.work.training import TrainItem
from tests.unit.harness_items import Heard, context


class Idle:
    """A runner that must not be asked for anything."""

    name: RunnerName = "docker"
    ignored: tuple[str, ...] = ()

    def identity(self, model: Model) -> str:
        return "the model's code"

    def digest(self, model: Model) -> None:
        return None

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        raise AssertionError("it trains again")


def left(folder: Path, record: str = "") -> TrainItem:
    """An item whose container has written training.json, and nobody has looked since."""
    shared = context(folder, ["unet"], Idle())
    item = TrainItem(context=shared, model=choose_models(["unet"])[0], seed=0)
    part = item.step.begin()
    (part / "weights").mkdir()
    said = TrainingRecord(
        model="unet", version="1", source=None, repository=None, licence=None, profile="tiny",
        seed=0, train_images=9, val_images=1, data_sha256="", seconds=12, peak_memory_bytes=7,
    )  # fmt: skip
    write_json(part / "training.json", said.model_dump())
    if record:
        (part / "training.json").write_text(record)
    return item


def go_on(item: TrainItem) -> Done:
    return item.do(item.decide(), Heard())


def test_a_container_that_went_on_alone_has_trained(tmp_path: Path) -> None:
    item = left(tmp_path)
    assert go_on(item).outcome == "done"
    assert item.weights == tmp_path / "run/models/unet/seed0/train/weights"
    assert item.weights.is_dir()
    assert item.decide().action == "reuse"
    usage = read_usage(item.step.folder)
    assert usage is not None
    assert (usage.seconds, usage.peak_memory_bytes, usage.exit_code) == (12, 7, None)


def test_a_training_that_failed_in_the_end_is_tried_again(tmp_path: Path) -> None:
    item = left(tmp_path)
    write_json(item.step.part / "usage.json", {})
    with pytest.raises(AssertionError, match="trains again"):
        go_on(item)


def test_half_a_record_is_none(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="trains again"):
        go_on(left(tmp_path, '{"model": "un'))


class Forgetful(Idle):
    """A runner whose containers say that they have trained, and leave no weights."""

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        (job.output / "training.json").write_text("{}")
        return Clock(on_event).ended("docker", "done", 0, "")


def test_a_training_without_weights_has_failed(tmp_path: Path) -> None:
    shared = context(tmp_path, ["unet"], Forgetful())
    done = go_on(TrainItem(context=shared, model=choose_models(["unet"])[0], seed=0))
    assert (done.outcome, done.message) == (
        "crashed",
        "the container ended without writing weights/",
    )
