"""Predicting the test images with one model and seed, as an item of a run."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from contract import sha256_json, sha256_tree
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
        if not self.model.learns:
            return None
        return weights_of(self.context.run, self.model, self.seed)

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
        if self._cell_diameters:
            inputs["cell diameters"] = sha256_json(sorted(self._cell_diameters.items()))
        if self.model.card.relax:
            inputs["relaxed"] = ", ".join(self.model.card.relax)
        return Step(folder=context.run.step(self.model.name, self.seed, "predict"), inputs=inputs)

    @property
    def _cell_diameters(self) -> dict[str, float]:
        pairs = self.context.dataset.test
        return {pair.name: pair.cell_diameter for pair in pairs if pair.cell_diameter is not None}

    def decide(self) -> Decision:
        """Whether the masks that lie there are of these inputs."""
        return self.step.decide()

    def do(self, decision: Decision, show: Display) -> Done:
        """Predicts in the step's part and moves it into place; how each image ended is a line."""
        show.say(decision.told(self.name))
        if decision.action == "reuse":
            self.step.put_in_place()
            return Done(outcome="done")
        context = self.context
        lines = Predicting(
            runner=context.runner,
            model=self.model,
            images=[pair.image for pair in context.dataset.test],
            folder=self.step.begin(),
            limits=context.limits,
            weights=self.weights,
            pairs=context.dataset.test if self.model.card.needs_truth else (),
            labels=context.labels,
            cell_diameters=self._cell_diameters,
        ).run(show.step(self.name))
        self.step.finish(finished=settled(lines))
        for line in lines:
            if line.outcome != "predicted":
                show.say(f"{self.name}: {line.image}: {line.outcome}: {line.message}")
        return Done(outcome="done")

    def give_up(self, message: str) -> bool:
        """Leaves the step unfinished, with a usage that says why."""
        return self.step.give_up(self.context.runner.name, message)
