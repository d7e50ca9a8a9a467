"""Synthetic images as a step: which real ones a generator is given, and what it may not use."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract import ModelCard, append_line, label_name, write_mask
from evaluator.runs.words import RunnerName
from harness.models.registry import Model
from harness.runners.job import Clock, Ended, EventHandler, Job
from harness.work.items import Context
from harness.work.trial.arms import generator_context
from harness.work.trial.generating import GenerateItem, synthetic_pairs
from tests.unit.harness_items import Heard, context


class Maker:
    """A runner whose generator makes one image and says where it comes from."""

    name: RunnerName = "docker"
    ignored: tuple[str, ...] = ()

    def __init__(self, source: str | None) -> None:
        self.source = source
        self.given: list[str] = []
        self.split = ""

    def identity(self, model: Model) -> str:
        return "the generator's code"

    def digest(self, model: Model) -> None:
        return None

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        self.given = sorted(path.name for path in (job.input / "images").iterdir())
        self.split = (job.input / "split.csv").read_text()
        if self.source is not None:
            (job.output / "images").mkdir(parents=True)
            Image.fromarray(np.zeros((8, 8), np.uint8)).save(job.output / "images" / "g_0_0.png")
            labels = np.eye(8, dtype=np.uint8)
            write_mask(job.output / "labels" / label_name("g_0_0.png"), labels)
            append_line(
                job.output / "generated.jsonl",
                {
                    "image": "g_0_0.png", "label": "g_0_0_label.tiff", "outcome": "generated",
                    "method": "maker", "sources": [self.source], "seconds": 0.1,
                },
            )  # fmt: skip
        return Clock(on_event).ended("docker", "done", 0, "")


def item(shared: Context, **card: bool) -> GenerateItem:
    model = Model(
        card=ModelCard(
            name="maker", title="m", kind="control", verbs=("generate",), image="m:1", **card
        ),
        folder=None,
    )
    given = generator_context(shared, model, 0.5)
    return GenerateItem(context=given, model=replace(model, called="maker@50%"), seed=0, count=1)


def shared(folder: Path, runner: Maker) -> Context:
    return context(folder, ["unet"], runner)


def test_a_generator_is_given_the_training_images_of_the_share_alone(tmp_path: Path) -> None:
    maker = Maker("train_0")
    making = item(shared(tmp_path, maker))
    making.do(making.decide(), Heard())
    train = [name for name, subset in making.context.split.items() if subset == "train"]
    assert maker.given == sorted(train)
    assert maker.split.count(",train,") == len(train) == 3
    assert "val" in making.context.split.values()  # to train with


def test_a_control_is_given_what_the_share_leaves_out(tmp_path: Path) -> None:
    maker = Maker("train_0")
    making = item(shared(tmp_path, maker), needs_held=True)
    making.do(making.decide(), Heard())
    assert maker.split.count(",train,") == 3
    assert maker.split.count(",held,") == 2
    assert ",val," not in maker.split


@pytest.mark.parametrize(
    ("source", "outcome", "words"),
    [
        ("train", "done", ""),
        ("val", "crashed", "it made no image"),
        ("cell_1", "crashed", "it made no image"),
        (None, "crashed", "it made no image"),
    ],
)
def test_images_of_other_parts_are_no_sources(
    tmp_path: Path, source: str | None, outcome: str, words: str
) -> None:
    maker = Maker(source)
    whole = shared(tmp_path, maker)
    making = item(whole)
    if source == "train":
        maker.source = next(
            Path(name).stem for name, subset in making.context.split.items() if subset == "train"
        )
    elif source == "val":
        maker.source = next(
            Path(name).stem for name, subset in whole.split.items() if subset == "val"
        )
    done = making.do(making.decide(), Heard())
    assert done.outcome == outcome
    assert words in done.message
    assert making.decide().action == ("reuse" if outcome == "done" else "resume")
    if outcome == "done":
        (pair,) = synthetic_pairs(making.step.folder)
        assert pair.name == "g_0_0.png"
