"""Weights that come with a model, as an item of a run in the place of a training."""

import shutil
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from contract import TrainingRecord, __version__, sha256_tree, write_json
from contract.start import TOLD_SHIPPED
from evaluator.runs.folder import TRAINING_JSON, USAGE_JSON
from evaluator.runs.records import Usage
from evaluator.runs.words import SHIPPED, StepOutcome
from harness.models.registry import Model
from harness.weights.card import WeightsCard, read_card, told_data
from harness.work.items import Context, Done
from harness.work.progress import Display
from harness.work.steps import Decision, Step
from harness.work.training import WEIGHTS, TrainItem, wanted_start, weights_of


@dataclass(frozen=True, kw_only=True)
class ShippedItem:
    """Copies the weights that come with a model to where a training would have left its own.

    A model that comes without any ends as `missing`, and so do its images.
    """

    context: Context
    model: Model
    seed: int

    @property
    def name(self) -> str:
        """For people: model, seed and what is done."""
        return f"{self.model.name}: the weights that come with it"

    @property
    def place(self) -> Path:
        """The folder of its model and seed."""
        return self.context.run.seed(self.model.name, self.seed)

    @property
    def runs(self) -> None:
        """None: copying is the harness's own."""
        return None

    @property
    def weights(self) -> Path:
        """Where they lie once this has been done."""
        return weights_of(self.context.run, self.model, self.seed)

    @cached_property
    def step(self) -> Step:
        """The step and the hashes of all that it depends on."""
        folder, context = self.model.shipped_weights, self.context
        weights = sha256_tree(folder) if folder else "none"
        return Step(
            folder=context.run.step(self.model.name, self.seed, "train"),
            inputs={"profile": context.record.profile, "weights": weights},
        )

    def decide(self) -> Decision:
        """Whether these weights lie there already."""
        return self.step.decide()

    def do(self, decision: Decision, show: Display) -> Done:
        """Copies them in the step's part and moves it into place."""
        show.say(decision.told(self.name))
        if decision.action == "reuse":
            self.step.put_in_place()
            return Done(outcome="done")
        began = time.monotonic()
        part, folder = self.step.begin(), self.model.shipped_weights
        if folder is None:
            message = f"{self.model.name} comes with no weights"
            self._usage(part, "missing", 0.0, message)
            self.step.finish(finished=False)
            return Done(outcome="missing", message=message)
        shutil.rmtree(part / WEIGHTS, ignore_errors=True)
        shutil.copytree(folder, part / WEIGHTS)
        record = shipped_record(self.model, read_card(folder), self.seed)
        write_json(part / TRAINING_JSON, record.model_dump())
        self._usage(part, "done", time.monotonic() - began)
        self.step.finish(finished=True)
        return Done(outcome="done")

    def give_up(self, message: str) -> bool:
        """Leaves the step unfinished, with a usage that says why."""
        return self.step.give_up(self.context.runner.name, message)

    def _usage(self, part: Path, outcome: StepOutcome, seconds: float, message: str = "") -> None:
        usage = Usage(
            runner=self.context.runner.name,
            outcome=outcome,
            exit_code=None,
            seconds=round(seconds, 3),
            message=message,
        )
        write_json(part / USAGE_JSON, usage.model_dump())


def learned(context: Context, model: Model, seed: int) -> TrainItem | ShippedItem:
    """The item after which a model that learns has its weights.

    A training that would start from weights that do not come with the model is no training.
    """
    profile, settings = context.record.profile, context.settings.get(model.name, ())
    if profile == SHIPPED or (
        model.shipped_weights is None and wanted_start(model, profile, settings) == SHIPPED
    ):
        return ShippedItem(context=context, model=model, seed=seed)
    return TrainItem(context=context, model=model, seed=seed)


def shipped_record(model: Model, card: WeightsCard | None, seed: int) -> TrainingRecord:
    """training.json of a run that trained nothing: that, and what the card says."""
    return TrainingRecord(
        architecture=model.card.architecture,
        parameters=card.parameters if card else None,
        epochs=0,
        steps=0,
        pretrained=TOLD_SHIPPED + (f", {card.date}: {told_data(card)}" if card else ""),
        model=model.name,
        version=__version__,
        source=model.card.source,
        repository=model.card.repository,
        licence=model.card.licence,
        profile=SHIPPED,
        remark="no training: the model predicts with the weights that come with it",
        seed=seed,
        train_images=0,
        val_images=0,
        data_sha256=card.data_sha256 if card else "",
        seconds=0.0,
        peak_memory_bytes=None,
    )
