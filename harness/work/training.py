"""Training one model with one seed, as a step of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract import TrainingRecord, sha256_json, write_json
from contract.schema import Subset
from evaluator.runs.folder import TRAINING_JSON, USAGE_JSON, RunFolder
from evaluator.runs.read import read_record
from evaluator.runs.records import Usage
from evaluator.runs.words import StepOutcome
from harness.datasets.folder import Dataset
from harness.models.overrides import Overrides
from harness.models.registry import Model
from harness.runners.job import EventHandler, Job, Limits, Runner
from harness.work.steps import Step


@dataclass(frozen=True, kw_only=True)
class Trained:
    """How a training ended; `weights` is there when it is done."""

    outcome: StepOutcome
    weights: Path | None
    message: str = ""


def split_hash(split: Mapping[str, Subset]) -> str:
    """One hash over which image is in which subset."""
    return sha256_json(dict(split))


def training_step(
    run: RunFolder,
    model: Model,
    seed: int,
    *,
    runner: Runner,
    profile: str,
    settings: Overrides,
    dataset: Dataset,
    split_sha256: str,
) -> Step:
    """The step and the hashes of all that it depends on."""
    inputs = {
        "model sources": runner.identity(model),
        "profile": f"{profile} {sha256_json(model.profile_text(profile))}",
        "seed": str(seed),
        "training images and labels": dataset.train_sha256,
        "split": split_sha256,
    }
    if settings:
        inputs["settings"] = sha256_json([override.fingerprint() for override in settings])
    return Step(folder=run.step(model.name, seed, "train"), inputs=inputs)


def train(
    step: Step,
    *,
    runner: Runner,
    model: Model,
    stage: Path,
    profile: str,
    settings: Overrides,
    seed: int,
    limits: Limits,
    labels: dict[str, str],
    on_event: EventHandler,
) -> Trained:
    """Trains in the step's part and moves it into place, also when the training failed.

    A failed or interrupted training keeps its checkpoint and is taken up by the next call. One
    whose container went on to its end after the harness was killed is taken as it is.
    """
    part = step.begin()
    if _ended_alone(part, runner):
        step.finish(finished=True)
        return Trained(outcome="done", weights=weights_of(step))
    ended = runner.run(
        Job(
            model=model,
            verb="train",
            input=stage,
            output=part,
            log=part / "log.txt",
            limits=limits,
            options=("--profile", profile, "--seed", str(seed)),
            settings=settings,
            labels=labels,
        ),
        on_event,
    )
    done = ended.outcome == "done" and (part / TRAINING_JSON).exists()
    write_json(part / USAGE_JSON, ended.usage.model_dump())
    step.finish(finished=done)
    if done:
        return Trained(outcome="done", weights=weights_of(step))
    outcome: StepOutcome = "crashed" if ended.outcome == "done" else ended.outcome
    message = ended.message or "the container ended without writing training.json"
    return Trained(outcome=outcome, weights=None, message=message)


def _ended_alone(part: Path, runner: Runner) -> bool:
    """Whether training.json, which appears last, lies there without the usage that follows it.

    The usage is then what the container says of itself.
    """
    record = part / TRAINING_JSON
    if not record.exists() or (part / USAGE_JSON).exists():
        return False
    said = read_record(record, TrainingRecord)
    if said is None:
        return False
    usage = Usage(
        runner=runner.name,
        outcome="done",
        exit_code=None,
        seconds=said.seconds,
        peak_memory_bytes=said.peak_memory_bytes,
        message="as training.json says: the harness was killed before the container ended",
    )
    write_json(part / USAGE_JSON, usage.model_dump())
    return True


def weights_of(step: Step) -> Path:
    """Where a finished training's weights lie."""
    return step.folder / "weights"
