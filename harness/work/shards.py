"""Predicting many test images in shards: items of a few hundred images each, beside each other.

A shard works in a folder of its own inside the step's part. Gathering moves the masks of all into
the step, as if one container had written them, so that nobody else need know of shards.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from contract import CellbenchError, write_json, write_text
from evaluator.runs.folder import PREDICTIONS_JSONL, USAGE_JSON
from evaluator.runs.read import read_predictions, read_step, read_usage
from evaluator.runs.records import PredictionRecord, Usage
from harness.models.registry import Model
from harness.runners.confine import remove_tree
from harness.work.attempts import kept, settled, summed
from harness.work.items import Context, Done
from harness.work.predicting import PredictItem, predicting, tell_failures
from harness.work.progress import Display
from harness.work.steps import Decision, Step
from harness.work.training import LOG

SHARD_IMAGES = 250
"""At most as many images are one item: minutes of work, beside seconds in which a model loads."""
DUE = Decision(action="redo", reasons=("it belongs to a step that was begun",))


def shards(images: int) -> tuple[slice, ...]:
    """Nearly equal parts of so many images, in order; one for a small dataset."""
    parts = max(1, -(-images // SHARD_IMAGES))
    cuts = [images * part // parts for part in range(parts + 1)]
    return tuple(slice(start, end) for start, end in pairwise(cuts))


def shard_folder(part: Path, shard: int) -> Path:
    """Where one shard of a prediction works, in the step's part."""
    return part / "shards" / f"{shard:04d}"


@dataclass(frozen=True, kw_only=True)
class BeginItem:
    """Finds out which shards of a prediction have images left, and lays out the step for them."""

    context: Context
    model: Model
    seed: int
    parts: tuple[slice, ...]
    """Of the test images, one a shard."""

    @property
    def name(self) -> str:
        """For people: model, seed and what is done."""
        return self._whole.name

    @property
    def place(self) -> Path:
        """The folder of its model and seed."""
        return self._whole.place

    @property
    def runs(self) -> None:
        """None: the model's code is hashed, not run."""
        return None

    @property
    def _whole(self) -> PredictItem:
        return PredictItem(context=self.context, model=self.model, seed=self.seed)

    def decide(self) -> Decision:
        """Whether the masks that lie there are of these inputs."""
        return self._whole.decide()

    def do(self, decision: Decision, show: Display) -> Done:
        """Begins the step, unless it is reused; an earlier call's lines that stand are kept."""
        show.say(decision.told(self.name))
        step = self._whole.step
        if decision.action == "reuse":
            step.put_in_place()
            return Done(outcome="done")
        part = step.begin()
        ready, pairs, left = kept(part), self.context.dataset.test, []
        for number, images in enumerate(self.parts):
            own = kept(shard_folder(part, number))
            if any(pair.name not in ready and pair.name not in own for pair in pairs[images]):
                left.append(number)
        return Done(outcome="done", shards=tuple(left))

    def give_up(self, message: str) -> bool:
        """Leaves the step unfinished, with a usage that says why."""
        return self._whole.give_up(message)


@dataclass(frozen=True, kw_only=True)
class ShardItem:
    """The prediction of some of the test images, to which `context` is narrowed."""

    context: Context
    model: Model
    seed: int
    shard: int

    @property
    def name(self) -> str:
        """For people: model, seed and what is done."""
        return f"{self.model.name} seed {self.seed}: predict shard {self.shard + 1}"

    @property
    def place(self) -> Path:
        """Its own folder: shards of one model go on beside each other."""
        part = _step(self.context, self.model, self.seed).part
        return shard_folder(part, self.shard)

    @property
    def runs(self) -> Model:
        """The model whose code it runs."""
        return self.model

    def decide(self) -> Decision:
        """Always due: what it finds finished it leaves as it is."""
        return DUE

    def do(self, decision: Decision, show: Display) -> Done:
        """Predicts the images that have no mask yet; how each ended is a line in its folder."""
        part = self.place.parent.parent
        if read_step(part) is None:
            raise CellbenchError(f"The prediction in {part} was not begun.")
        ready = kept(part)
        self.place.mkdir(parents=True, exist_ok=True)
        pairs = [pair for pair in self.context.dataset.test if pair.name not in ready]
        lines = predicting(self.context, self.model, self.seed, pairs, self.place).run(
            show.step(self.name)
        )
        tell_failures(self.name, lines, show)
        return Done(outcome="done")

    def give_up(self, message: str) -> bool:
        """Leaves a usage that says why; gathering gives its images this end."""
        self.place.mkdir(parents=True, exist_ok=True)
        runner = self.context.runner.name
        spent = read_usage(self.place) or Usage(
            runner=runner, outcome="crashed", exit_code=None, seconds=0.0
        )
        usage = spent.model_copy(update={"outcome": "crashed", "message": message})
        write_json(self.place / USAGE_JSON, usage.model_dump())
        return True


@dataclass(frozen=True, kw_only=True)
class GatherItem:
    """Makes one finished step of a prediction's shards."""

    context: Context
    model: Model
    seed: int
    parts: tuple[slice, ...]
    """Of the test images, one a shard."""

    @property
    def name(self) -> str:
        """For people: model, seed and what is done."""
        return f"{self.model.name} seed {self.seed}: gather masks"

    @property
    def place(self) -> Path:
        """The folder of its model and seed."""
        return self.context.run.seed(self.model.name, self.seed)

    @property
    def runs(self) -> None:
        """None: no code of the model is run."""
        return None

    def decide(self) -> Decision:
        """Always due."""
        return DUE

    def do(self, decision: Decision, show: Display) -> Done:
        """Writes the lines of all images in their order, then moves the masks and the step.

        Killed in between, a mask lies in one of both places and has its line: nothing is lost.
        """
        step = _step(self.context, self.model, self.seed)
        part, pairs = step.part, self.context.dataset.test
        found, usages = kept(part), [read_usage(part)]
        folders = [(shard_folder(part, number), images) for number, images in enumerate(self.parts)]
        moves: list[tuple[Path, Path]] = []
        for folder, images in folders:
            usage = read_usage(folder)
            usages.append(usage)
            own = {line.image: line for line in read_predictions(folder).records}
            for pair in pairs[images]:
                if pair.name in found:
                    continue
                line = found[pair.name] = own.get(pair.name) or _lost(pair.name, usage)
                if line.mask:
                    moves.append((folder / line.mask, part / line.mask))
        lines = [found[pair.name] for pair in pairs]
        write_text(
            part / PREDICTIONS_JSONL, "".join(f"{line.model_dump_json()}\n" for line in lines)
        )
        for source, target in moves:
            source.replace(target)
        if known := [usage for usage in usages if usage is not None]:
            write_json(part / USAGE_JSON, summed(known).model_dump())
        with (part / LOG).open("ab") as log:
            for folder, _ in folders:
                if (folder / LOG).is_file():
                    log.write((folder / LOG).read_bytes())
        remove_tree(part / "shards")
        step.finish(finished=settled(lines))
        return Done(outcome="done")

    def give_up(self, message: str) -> bool:
        """Leaves the step unfinished, with a usage that says why."""
        step = _step(self.context, self.model, self.seed)
        return step.give_up(self.context.runner.name, message)


def _step(context: Context, model: Model, seed: int) -> Step:
    """The step as it was begun, whatever has become of its inputs since."""
    folder = context.run.step(model.name, seed, "predict")
    begun = read_step(Step(folder=folder, inputs={}).part)
    return Step(folder=folder, inputs=begun.inputs if begun else {})


def _lost(image: str, usage: Usage | None) -> PredictionRecord:
    """The line of an image whose shard ended without one."""
    if usage is None or usage.outcome == "done":
        return PredictionRecord(
            image=image, outcome="crashed", message="its shard was not carried out to its end"
        )
    return PredictionRecord(image=image, outcome=usage.outcome, message=usage.message)
