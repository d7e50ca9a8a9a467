"""Predicting the test images with one model and seed, as an item of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from contract import sha256_json, sha256_tree
from evaluator.runs.records import PredictionRecord
from harness.datasets.folder import Pair
from harness.models.registry import Model
from harness.work.attempts import Predicting, settled
from harness.work.items import Context, Done
from harness.work.progress import Display
from harness.work.steps import Decision, Step
from harness.work.training import weights_of


@dataclass(frozen=True, kw_only=True)
class PredictItem:
    """The prediction of one model and seed, for a model that learns after its training."""

    context: Context
    model: Model
    seed: int

    @property
    def name(self) -> str:
        """For people: model, seed and what is done."""
        return f"{self.model.name} seed {self.seed}: predict"

    @property
    def place(self) -> Path:
        """The folder of its model and seed."""
        return self.context.run.seed(self.model.name, self.seed)

    @property
    def runs(self) -> Model:
        """The model whose code it runs."""
        return self.model

    @property
    def weights(self) -> Path | None:
        """Those of the run; None for a model that does not learn."""
        return _weights(self.context, self.model, self.seed)

    @cached_property
    def step(self) -> Step:
        """The step and the hashes of all that it depends on, as they were when first asked for."""
        context, dataset = self.context, self.context.dataset
        inputs = {
            "model sources": context.runner.identity(self.model),
            "weights": sha256_tree(self.weights) if self.weights else "none",
            "test images": dataset.test_sha256
            if self.model.card.needs_truth
            else dataset.test_images_sha256,
        }
        if diameters := _cell_diameters(dataset.test):
            inputs["cell diameters"] = sha256_json(sorted(diameters.items()))
        if self.model.card.relax:
            inputs["relaxed"] = ", ".join(self.model.card.relax)
        return Step(folder=context.run.step(self.model.name, self.seed, "predict"), inputs=inputs)

    def decide(self) -> Decision:
        """Whether the masks that lie there are of these inputs."""
        return self.step.decide()

    def do(self, decision: Decision, show: Display) -> Done:
        """Predicts in the step's part and moves it into place; how each image ended is a line."""
        show.say(decision.told(self.name))
        if decision.action == "reuse":
            self.step.put_in_place()
            return Done(outcome="done")
        pairs, folder = self.context.dataset.test, self.step.begin()
        work = predicting(self.context, self.model, self.seed, pairs, folder)
        lines = work.run(show.step(self.name))
        self.step.finish(finished=settled(lines))
        tell_failures(self.name, lines, show)
        return Done(outcome="done")

    def give_up(self, message: str) -> bool:
        """Leaves the step unfinished, with a usage that says why."""
        return self.step.give_up(self.context.runner.name, message)


def predicting(
    context: Context, model: Model, seed: int, pairs: Sequence[Pair], folder: Path
) -> Predicting:
    """The work of predicting some of the test images in a folder."""
    return Predicting(
        runner=context.runner,
        model=model,
        images=[pair.image for pair in pairs],
        folder=folder,
        limits=context.limits,
        weights=_weights(context, model, seed),
        pairs=pairs if model.card.needs_truth else (),
        labels=context.labels,
        cell_diameters=_cell_diameters(pairs),
    )


def tell_failures(name: str, lines: Sequence[PredictionRecord], show: Display) -> None:
    """Says which images have no mask, and why."""
    for line in lines:
        if line.outcome != "predicted":
            show.say(f"{name}: {line.image}: {line.outcome}: {line.message}")


def _cell_diameters(pairs: Sequence[Pair]) -> dict[str, float]:
    return {pair.name: pair.cell_diameter for pair in pairs if pair.cell_diameter is not None}


def _weights(context: Context, model: Model, seed: int) -> Path | None:
    return weights_of(context.run, model, seed) if model.learns else None
