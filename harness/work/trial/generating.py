"""Making synthetic images with one generator, share and seed, as an item of a trial."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from contract import label_name, read_generated, sha256_file, sha256_json, sha256_tree
from harness.datasets.folder import Pair
from harness.models.registry import Model
from harness.work.generating import Generating
from harness.work.items import Context, Done
from harness.work.progress import Display
from harness.work.staging import tables_of
from harness.work.steps import Decision, Step
from harness.work.training import split_hash, weights_of


@dataclass(frozen=True, kw_only=True)
class GenerateItem:
    """The images of one generator and seed, made from the context's images for training alone.

    One that was interrupted goes on where it stopped. Some images may be lacking in the end, since
    a generator drops bad ones; without any it has failed.
    """

    context: Context
    model: Model
    seed: int
    count: int

    @property
    def name(self) -> str:
        """For people: generator, seed and what is done."""
        return f"{self.model.name} seed {self.seed}: generate"

    @property
    def place(self) -> Path:
        """The folder of its generator, share and seed."""
        return self.context.run.seed(self.model.name, self.seed)

    @property
    def runs(self) -> Model:
        """The generator whose code it runs."""
        return self.model

    @property
    def weights(self) -> Path | None:
        """Those of the trial; None for a generator that does not learn."""
        if not self.model.learns:
            return None
        return weights_of(self.context.run, self.model, self.seed)

    @cached_property
    def step(self) -> Step:
        """The step and the hashes of all that it depends on, as they were when first asked for."""
        context = self.context
        inputs = {
            "model sources": context.runner.identity(self.model),
            "weights": sha256_tree(self.weights) if self.weights else "none",
            "training images and labels": context.dataset.train_sha256,
            "split": split_hash(context.split),
            "tables": sha256_json(tables_of(context.dataset.train)),
            "seed": str(self.seed),
            "count": str(self.count),
        }
        return Step(folder=context.run.step(self.model.name, self.seed, "generate"), inputs=inputs)

    def decide(self) -> Decision:
        """Whether the images that lie there are of these inputs."""
        return self.step.decide()

    def do(self, decision: Decision, show: Display) -> Done:
        """Generates in the step's part and moves it into place, also when that failed."""
        show.say(decision.told(self.name))
        if decision.action == "reuse":
            self.step.put_in_place()
            return Done(outcome="done")
        context = self.context
        generated = Generating(
            runner=context.runner,
            model=replace(self.model, called=None),
            pairs=context.dataset.train,
            split=context.split,
            folder=self.step.begin(),
            count=self.count,
            seed=self.seed,
            limits=context.limits,
            weights=self.weights,
            labels=context.labels,
        ).run(show.step(self.name))
        outcome, message = generated.ended.outcome, generated.ended.message
        good = [line for line in generated.lines if line.outcome == "generated"]
        if outcome == "done" and not good:
            why = {line.message for line in generated.lines if line.outcome == "crashed"}
            outcome, message = (
                "crashed",
                f"it made no image: {'; '.join(sorted(why)) or 'no reason'}",
            )
        elif len(good) < self.count:
            show.say(f"{self.name}: {len(good)} of {self.count} images")
        self.step.finish(finished=outcome == "done")
        return Done(outcome=outcome, message=message)

    def give_up(self, message: str) -> bool:
        """Leaves the step unfinished, with a usage that says why."""
        return self.step.give_up(self.context.runner.name, message)


def synthetic_pairs(folder: Path) -> Sequence[Pair]:
    """The images that a generator has left in a folder, with their labels; what lacks is passed."""
    found = []
    for line in read_generated(folder):
        image = folder / "images" / Path(line.image).name
        label = folder / "labels" / label_name(image.name)
        if line.outcome == "generated" and image.is_file() and label.is_file():
            found.append(
                Pair(
                    image=image.absolute(),
                    label=label.absolute(),
                    image_sha256=sha256_file(image),
                    label_sha256=sha256_file(label),
                )
            )
    return found
