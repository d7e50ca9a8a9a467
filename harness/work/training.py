"""Training one model with one seed, as an item of a run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from contract import TrainingRecord, sha256_json, sha256_tree, write_json
from contract.schema import Subset
from contract.start import SHIPPED, START_FROM
from evaluator.runs.folder import STEP_JSON, TRAINING_JSON, USAGE_JSON, RunFolder
from evaluator.runs.read import read_record
from evaluator.runs.records import Usage
from evaluator.runs.words import RunnerName
from harness.models.overrides import Overrides
from harness.models.registry import Model
from harness.runners.confine import remove_tree
from harness.runners.job import Job
from harness.work.items import Context, Done
from harness.work.progress import Display
from harness.work.staging import stage_training, tables_of
from harness.work.steps import Decision, Step

OUT = "out"
"""The folder in a step's part that the container sees as /out."""
LOG = "log.txt"
WEIGHTS = "weights"
OURS = frozenset((OUT, LOG, STEP_JSON, USAGE_JSON))
"""Names in a step's folder that are not the container's to write."""


@dataclass(frozen=True, kw_only=True)
class TrainItem:
    """The training of one model and seed; a failed one keeps its checkpoint for the next call."""

    context: Context
    model: Model
    seed: int

    @property
    def name(self) -> str:
        """For people: model, seed and what is done."""
        return f"{self.model.name} seed {self.seed}: train"

    @property
    def place(self) -> Path:
        """The folder of its model and seed."""
        return self.context.run.seed(self.model.name, self.seed)

    @property
    def runs(self) -> Model:
        """The model whose code it runs."""
        return self.model

    @property
    def weights(self) -> Path:
        """Where they lie once the training has finished."""
        return weights_of(self.context.run, self.model, self.seed)

    @cached_property
    def step(self) -> Step:
        """The step and the hashes of all that it depends on, as they were when first asked for."""
        context = self.context
        profile, settings = context.record.profile, context.settings.get(self.model.name, ())
        inputs = {
            "model sources": context.runner.identity(self.model),
            "profile": f"{profile} {sha256_json(self.model.profile(profile))}",
            "seed": str(self.seed),
            "training images and labels": context.dataset.train_sha256,
            "split": split_hash(context.split),
            "sources": sha256_json(
                [[pair.name, pair.strata.get("source", "")] for pair in context.dataset.train]
            ),
        }
        if self.model.generates:
            inputs["tables"] = sha256_json(tables_of(context.dataset.train))
        if start := _shipped_start(self.model, profile, settings):
            inputs["start"] = start
        if self.model.card.relax:
            inputs["relaxed"] = ", ".join(self.model.card.relax)
        if settings:
            inputs["settings"] = sha256_json([override.fingerprint() for override in settings])
        return Step(folder=context.run.step(self.model.name, self.seed, "train"), inputs=inputs)

    def decide(self) -> Decision:
        """Whether the training that lies there is of these inputs."""
        return self.step.decide()

    def do(self, decision: Decision, show: Display) -> Done:
        """Trains in the step's part and moves it into place, also when the training failed.

        One whose container went on to its end after the harness was killed is taken as it is.
        """
        show.say(decision.told(self.name))
        if decision.action == "reuse":
            self.step.put_in_place()
            return Done(outcome="done")
        part = self.step.begin()
        _take_in(part)
        if _ended_alone(part, self.context.runner.name):
            self.step.finish(finished=True)
            return Done(outcome="done")
        _hand_out(part)
        try:
            ended = self.context.runner.run(self._job(part), show.step(self.name))
        finally:
            _take_in(part)
        lacking = _lacking(part)
        done = ended.outcome == "done" and not lacking
        write_json(part / USAGE_JSON, ended.usage.model_dump())
        self.step.finish(finished=done)
        if done:
            return Done(outcome="done")
        return Done(
            outcome="crashed" if ended.outcome == "done" else ended.outcome,
            message=ended.message or f"the container ended without writing {lacking}",
        )

    def give_up(self, message: str) -> bool:
        """Leaves the step unfinished, with a usage that says why."""
        return self.step.give_up(self.context.runner.name, message)

    def _job(self, part: Path) -> Job:
        context = self.context
        return Job(
            model=self.model,
            verb="train",
            input=_training_folder(context, tables=self.model.generates),
            output=part / OUT,
            log=part / LOG,
            limits=context.limits,
            options=("--profile", context.record.profile, "--seed", str(self.seed)),
            settings=context.settings.get(self.model.name, ()),
            labels=context.labels,
        )


def _shipped_start(model: Model, profile: str, settings: Overrides) -> str | None:
    """The hash of the weights that come with the model, where a training starts from them."""
    if wanted_start(model, profile, settings) != SHIPPED or model.shipped_weights is None:
        return None
    return sha256_tree(model.shipped_weights)


def wanted_start(model: Model, profile: str, settings: Overrides) -> str | None:
    """What `start_from` is in a training of the model; None where it is not set."""
    given = {override.key: override.value for override in settings}
    wanted = given.get(START_FROM, model.profile(profile).get(START_FROM))
    return None if wanted is None else str(wanted)


def split_hash(split: Mapping[str, Subset]) -> str:
    """One hash over which image is in which subset."""
    return sha256_json(dict(split))


def weights_of(run: RunFolder, model: Model, seed: int) -> Path:
    """Where a finished training's weights lie."""
    return run.step(model.name, seed, "train") / WEIGHTS


def _lacking(part: Path) -> str:
    """What a finished training has and this one does not; "" when it has all."""
    if not (part / TRAINING_JSON).exists():
        return TRAINING_JSON
    return "" if (part / WEIGHTS).is_dir() else f"{WEIGHTS}/"


def _hand_out(part: Path) -> None:
    """Gives the container a folder of its own, with what it wrote before; ours stay outside."""
    out = part / OUT
    out.mkdir(exist_ok=True)
    for path in list(part.iterdir()):
        if path.name not in OURS:
            path.rename(out / path.name)


def _take_in(part: Path) -> None:
    """Moves what the container wrote beside our files, save what would take their place."""
    out = part / OUT
    if not out.is_dir():
        return
    for path in list(out.iterdir()):
        if path.name not in OURS:
            remove_tree(part / path.name)
            path.rename(part / path.name)
    remove_tree(out)


def _training_folder(context: Context, *, tables: bool) -> Path:
    """The training images for containers, laid out aside when the first of them asks.

    With `tables` for generators; see `staging.tables_of`.
    """
    content = sha256_json([context.dataset.train_sha256, split_hash(context.split)])
    folder = context.run.stage / f"train-{'tables-' if tables else ''}{content[:12]}"
    if not folder.exists():
        aside = folder.with_name(f"{folder.name}.{os.uname().nodename}.{os.getpid()}")
        stage_training(aside, context.dataset.train, context.split, tables=tables)
        try:
            aside.rename(folder)
        except OSError:  # another process was faster
            remove_tree(aside)
    return folder


def _ended_alone(part: Path, runner: RunnerName) -> bool:
    """Whether training.json, which appears last, lies there without the usage that follows it.

    The usage is then what the container says of itself.
    """
    if (part / USAGE_JSON).exists():
        return False
    said = read_record(part / TRAINING_JSON, TrainingRecord)
    if said is None:
        return False
    usage = Usage(
        runner=runner,
        outcome="done",
        exit_code=None,
        seconds=said.seconds,
        peak_memory_bytes=said.peak_memory_bytes,
        message="as training.json says: the harness was killed before the container ended",
    )
    write_json(part / USAGE_JSON, usage.model_dump())
    return True
