"""The training loop that the generators share, resumable to the bit."""

from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch

from containers.base.generation.settings import GeneratorSettings
from containers.base.segmentation.device import Device
from containers.base.segmentation.journal import Journal
from containers.base.segmentation.schedule import must_wind_down
from contract import CellbenchError, HistoryLine, TrainCall, TrainingSummary

SAVE_SECONDS = 10.0
"""Between two checkpoints, at least."""


class Learner(Protocol):
    """What is trained: networks, their optimisers, and how a step is made."""

    loss_name: str
    """For training.json."""
    device: Device
    parameters: int
    """That can be trained."""

    def step(self, step: int, rate: float) -> dict[str, float]:
        """Does step number `step` (from 0) with learning rate `rate`; returns its losses by name.

        The first one is followed. What is drawn at random depends on the seed and `step` alone:
        torch's generator is set before each step.
        """
        ...

    def tensors(self) -> dict[str, Any]:
        """All that `restore` needs to go on to the bit."""
        ...

    def restore(self, tensors: dict[str, Any]) -> None:
        """Sets everything to what it was."""
        ...


def train_learner(
    call: TrainCall, learner: Learner, settings: GeneratorSettings
) -> TrainingSummary:
    """Makes all steps, or those that the time allows, and leaves history and checkpoints.

    A checkpoint in `call.checkpoint` is taken up, with the same result to the bit. Raises
    CellbenchError when the loss diverges.
    """
    journal = Journal(call, SAVE_SECONDS)
    if journal.resume(learner):
        journal.report(settings.steps, f"resumed at step {journal.progress.step}")
    progress = journal.progress
    while progress.stopped is None:
        rate = learning_rate(settings, progress.step)
        if progress.wind_down is not None:
            left = progress.wind_down.end - progress.step
            rate *= max(0.0, left / (progress.wind_down.end - progress.wind_down.start))
        torch.manual_seed(step_seed(call.seed, progress.step))
        losses = learner.step(progress.step, rate)
        followed = next(iter(losses.values()))
        if not all(np.isfinite(value) for value in losses.values()):
            raise CellbenchError(
                f"The loss is {followed} at step {progress.step}: training has diverged.",
                why="the learning rate is too high, or the precision too low for this network",
                do="lower learning_rate, or set precision to fp32",
            )
        progress.step += 1
        progress.loss_sum += followed
        progress.loss_steps += 1
        _mind_the_time(journal, settings)
        end = settings.steps if progress.wind_down is None else progress.wind_down.end
        over = progress.step >= end
        journal.report_now_and_then(settings.steps)
        if over or progress.loss_steps == settings.epoch_steps:
            progress.epoch += 1
            progress.final_loss = progress.loss_sum / progress.loss_steps
            journal.write(
                HistoryLine(
                    epoch=progress.epoch,
                    step=progress.step,
                    loss=round(progress.final_loss, 6),
                    lr=rate,
                    seconds=round(journal.seconds(), 2),
                    **{f"last_{name}": round(value, 6) for name, value in losses.items()},
                )
            )
            progress.loss_sum, progress.loss_steps = 0.0, 0
            journal.report(
                settings.steps, f"epoch {progress.epoch}: loss {progress.final_loss:.4f}"
            )
        if over:
            progress.stopped = "finished" if progress.wind_down is None else "time_limit"
        journal.save(learner, force=over)
    return TrainingSummary(
        parameters=learner.parameters,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        input_size=f"{settings.crop}x{settings.crop}",
        optimizer="Adam",
        scheduler="constant, then linear",
        loss=learner.loss_name,
        epochs=progress.epoch,
        steps=progress.step,
        final_loss=progress.final_loss,
        device=learner.device.describe(),
        precision=learner.device.precision,
        pretrained="none",
        stopped=progress.stopped,
    )


def learning_rate(settings: GeneratorSettings, step: int) -> float:
    """Constant for the first half, then linear, to reach 0 after the last step."""
    left = (settings.steps - step) / settings.steps
    return settings.learning_rate * min(1.0, 2 * left)


def step_seed(seed: int, step: int) -> int:
    """Of torch's generator in a step."""
    return int(np.random.default_rng([seed, 13, step]).integers(2**62))


def _mind_the_time(journal: Journal, settings: GeneratorSettings) -> None:
    limit, progress = settings.max_seconds, journal.progress
    if limit is None:
        return
    seconds = journal.seconds()
    if progress.wind_down is None:
        progress.wind_down = must_wind_down(
            step=progress.step, total=settings.steps, seconds=seconds, limit=limit
        )
    elif seconds > limit:
        progress.wind_down = replace(progress.wind_down, end=progress.step)
