"""How far a run is, as its folder tells: from any shell, on any machine that sees the folder."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Literal

from contract import CallError, ExitCode
from evaluator.runs.folder import STEP_JSON, RunFolder
from evaluator.runs.read import read_history, read_predictions, read_step, read_usage
from evaluator.runs.records import RunRecord
from evaluator.runs.words import StepName
from harness.work.lock import owner_of
from harness.work.record import earlier_run
from harness.work.shards import shard_folder
from harness.work.steps import Step
from harness.work.training import OUT

State = Literal["done", "running", "interrupted", "failed", "waiting", "skipped"]
LEFT = ("running", "interrupted", "waiting")
"""States of steps with work to do."""
GOING_ON = 75
"""Exit code of `harness status` for a run on which a harness is at work."""


@dataclass(frozen=True, kw_only=True)
class StepStatus:
    """One step of one model and seed."""

    model: str
    seed: int
    step: StepName
    state: State
    seconds: float | None = None
    """How long it took, or has been going on."""
    share: float | None = None
    """How much of a running one is done, from 0 to 1, where that is known."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """A run and its steps; `owner` says who is at work on it, None when nobody is."""

    record: RunRecord
    steps: Sequence[StepStatus]
    owner: str | None

    @property
    def exit_code(self) -> int:
        """0 finished, 3 finished with failures, 75 going on, 130 interrupted."""
        if self.owner is not None:
            return GOING_ON
        if not self.record.finished:
            return ExitCode.INTERRUPTED
        failed = any(step.state == "failed" or step.note for step in self.steps)
        return ExitCode.FAILURES if failed else ExitCode.DONE

    @property
    def seconds_left(self) -> float | None:
        """An estimate; None when nothing has ended that could be gone by, 0 at the end.

        A step is taken to need what that step of the same model took on the average, else what that
        step took for all models. As many go on beside each other as do now.
        """
        left = [self._left(step) for step in self.steps if step.state in LEFT]
        if any(seconds is None for seconds in left):
            return None
        beside = sum(step.state == "running" for step in self.steps)
        return sum(seconds for seconds in left if seconds is not None) / max(1, beside)

    def _left(self, step: StepStatus) -> float | None:
        if step.share and step.seconds is not None:
            return step.seconds / step.share * (1 - step.share)
        ended = [
            (other.model, other.seconds)
            for other in self.steps
            if other.step == step.step and other.state == "done" and other.seconds is not None
        ]
        own = [seconds for model, seconds in ended if model == step.model]
        known = own or [seconds for _, seconds in ended]
        if not known:
            return None
        spent = step.seconds if step.state == "running" and step.seconds else 0.0
        return max(0.0, fmean(known) - spent)


def run_status(root: Path) -> RunStatus:
    """What the folder of a run tells; CallError when it holds none."""
    run = RunFolder(root.resolve())
    record = earlier_run(run)
    if record is None:
        raise CallError(f"No run in {root}.", do="give the folder that run-all writes to")
    owner = owner_of(run.root)
    steps: list[StepStatus] = []
    for model, facts in record.models.items():
        for seed in facts.seeds:
            names: list[StepName] = ["train"] if "train" in facts.verbs else []
            names += ["predict"] if facts.kind != "generator" else []
            failed = False
            for step in names:
                found = _step(run, model, seed, step, len(record.dataset.images), owner)
                if failed and found.state == "waiting":
                    found = StepStatus(model=model, seed=seed, step=step, state="skipped")
                failed = found.state == "failed"
                steps.append(found)
    steps += _makings(run, record, owner)
    return RunStatus(record=record, steps=steps, owner=owner)


def _makings(run: RunFolder, record: RunRecord, owner: str | None) -> list[StepStatus]:
    """The steps of a trial's generators."""
    trial, steps = record.trial, list[StepStatus]()
    for place, generator, share in trial.makings() if trial else ():
        assert trial is not None
        count = max(arm.synthetic for _, arm in trial.of(generator, share))
        for seed in trial.seeds:
            if "train" in trial.generators[generator].verbs:
                steps.append(_step(run, place, seed, "train", count, owner))
            steps.append(_step(run, place, seed, "generate", count, owner))
    return steps


def _step(
    run: RunFolder, model: str, seed: int, step: StepName, images: int, owner: str | None
) -> StepStatus:
    folder = run.step(model, seed, step)
    part = Step(folder=folder, inputs={}).part
    placed, usage = read_step(folder), read_usage(folder)
    if placed is not None and not part.exists():
        state: State = "done" if placed.finished else "failed"
        words = "" if usage is None or placed.finished else usage.message
        if step == "predict":
            lost = sum(line.outcome != "predicted" for line in read_predictions(folder).records)
            words = f"{lost} images failed" if lost else words
        return StepStatus(
            model=model, seed=seed, step=step, state=state, note=words,
            seconds=usage.seconds if usage else None,
        )  # fmt: skip
    if not part.exists():
        return StepStatus(model=model, seed=seed, step=step, state="waiting")
    share, note = None, ""
    if step == "predict":
        done = sum(_masks(folder) + _masks(folder / OUT) for folder in (part, *_shards(part)))
        share, note = min(1.0, done / max(1, images)), f"{done}/{images} images"
    elif step == "generate":
        done = _masks(part / "labels") + _masks(part / OUT / "labels")
        share, note = min(1.0, done / max(1, images)), f"{done}/{images} images"
    else:
        epochs = len(read_history(part / OUT).records) or len(read_history(part).records)
        note = f"{epochs} epochs" if epochs else ""
    return StepStatus(
        model=model, seed=seed, step=step, share=share, note=note,
        state="running" if owner else "interrupted", seconds=_age(part) if owner else None,
    )  # fmt: skip


def _shards(part: Path) -> list[Path]:
    folder = shard_folder(part, 0).parent
    return list(folder.iterdir()) if folder.is_dir() else []


def _masks(folder: Path) -> int:
    return sum(1 for _ in folder.glob("*_label.tiff")) if folder.is_dir() else 0


def _age(part: Path) -> float | None:
    """Seconds since a step's record was written, which is when it began; clocks may differ."""
    with suppress(OSError):
        return max(0.0, time.time() - (part / STEP_JSON).stat().st_mtime)
    return None
