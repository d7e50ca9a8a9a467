"""Work of small runs, for tests of the harness."""

from pathlib import Path
from typing import cast

from evaluator.runs.folder import RunFolder
from harness.datasets.folder import load_dataset, split_training
from harness.models.registry import choose_models
from harness.runners.choose import Chosen
from harness.runners.job import EventHandler, Limits, Runner
from harness.work.items import Context
from harness.work.record import new_record
from harness.work.request import Request
from tests.datasets import make_dataset

LIMITS = Limits(memory=4 * 2**30, timeout=300, cores=1)


def request(folder: Path, models: list[str]) -> Request:
    """A request for these models, on a small dataset that is made when it is not there."""
    data = folder / "data"
    if not data.exists():
        make_dataset(data, train=6)
    return Request(
        data=data,
        out=folder / "run",
        models=choose_models(models),
        profile="tiny",
        settings={},
        seeds=(0,),
        protocol=None,
        limits=LIMITS,
    )


def context(folder: Path, models: list[str], runner: object) -> Context:
    """What the items of a run of these models share."""
    asked = request(folder, models)
    assert asked.data is not None
    dataset = load_dataset(asked.data)
    split = split_training(dataset.train)
    run = RunFolder(asked.folder)
    chosen = Chosen(cast(Runner, runner), "for a test")
    return Context(
        run=run,
        record=new_record(run, asked, chosen, dataset=dataset, split=split),
        runner=chosen.runner,
        dataset=dataset,
        split=split,
        settings=asked.settings,
        limits=asked.limits,
    )


class Heard:
    """A display that keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def step(self, name: str) -> EventHandler:
        return lambda _: None

    def ended(self, name: str, *, well: bool) -> None:
        pass
