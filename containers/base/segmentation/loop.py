"""The training loop that all networks share, resumable to the bit."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from time import monotonic
from typing import Any, Generic

import numpy as np
import torch

from containers.base.segmentation.checkpoint import State
from containers.base.segmentation.device import choose_device
from containers.base.segmentation.journal import Journal
from containers.base.segmentation.material import gather
from containers.base.segmentation.predict import MakePredictor, Predictor
from containers.base.segmentation.schedule import (
    PACE_FROM,
    PACE_TO,
    Budget,
    affordable,
    learning_rate,
    must_wind_down,
)
from containers.base.segmentation.settings import Settings
from containers.base.segmentation.size_learning import SizeLearning
from containers.base.segmentation.start import keep_sizes, take_start
from containers.base.segmentation.step import MakeStepper, Stepper
from containers.base.segmentation.task import Decoding, Task
from containers.base.segmentation.tensors import put_tensors
from containers.base.segmentation.weights import save_weights
from containers.base.segmentation.workers import Workers
from contract import CellbenchError, HistoryLine, TrainCall, TrainingSummary

SAVE_SECONDS = 10.0
SIZE_SHARE = 0.25
"""Of `max_seconds`, for the network that learns how wide cells are."""


def train_network(
    call: TrainCall,
    *,
    build: Callable[[], torch.nn.Module],
    task: Task[Any, Decoding],
    settings: Settings,
    network: Mapping[str, Any],
    pretrained: str = "none",
    make_stepper: MakeStepper = Stepper,
    make_predictor: MakePredictor[Decoding] = Predictor,
    save_seconds: float = SAVE_SECONDS,
) -> TrainingSummary:
    """Trains what `build` returns and leaves its best weights in `call.weights`.

    Best is the highest mean F1 at IoU 0.5 over the validation images (the training images where
    there are none), each seen at its true scale and decoded with `task.first_decoding()`. Then the
    validation images choose a decoding, and both go into the weights folder, with the settings of
    `task` and those in `network`, which rebuild it. `pretrained` names the weights that `build`
    starts from. Where `call.start` names others, these are put in place of them; they are validated
    first and kept unless a later step does better.

    A model with a way of its own to make a step, or to look at an image, passes it: `make_stepper`
    is called after `build`.

    A checkpoint in `call.checkpoint`, at most `save_seconds` and a step old, is taken up; the
    result is the same to the bit as without the interruption. Raises
    CallError when there is nothing to learn from, CellbenchError when the loss diverges.
    """
    pretrained = call.start.told if call.start else pretrained
    journal = Journal(call, save_seconds)
    training = _Training(call, journal, build, task, settings, make_stepper, make_predictor)
    training.run()
    decoding = training.calibrate()
    save_weights(
        call.weights,
        training.state.best,
        network=dict(network),
        task=task.model_dump(),
        viewing=training.material.viewing,
        decoding=decoding,
        precision=settings.precision,
        pretrained=pretrained,
        sizes=training.sizes.network.state_dict() if training.sizes else None,
    )
    if call.start is not None:
        keep_sizes(call.weights, call.start.folder)
    return training.summary(pretrained)


class _Training(Generic[Decoding]):
    def __init__(
        self,
        call: TrainCall,
        journal: Journal,
        build: Callable[[], torch.nn.Module],
        task: Task[Any, Decoding],
        settings: Settings,
        make_stepper: MakeStepper,
        make_predictor: MakePredictor[Decoding],
    ) -> None:
        self.journal, self.task, self.settings = journal, task, settings
        self.workers = Workers(call.threads)
        self.device = choose_device(settings.device, settings.precision)
        self.material = gather(call, settings)
        torch.manual_seed(call.seed)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        network, self.start = build(), call.start
        if self.start is not None:
            take_start(network, self.start.folder)
        self.network = self.device.place(network)
        self.stepper = make_stepper(
            self.network,
            self.material.sampler,
            task,
            settings,
            device=self.device,
            workers=self.workers,
        )
        self._make_predictor = make_predictor
        self.sizes = self._size_learning(call.seed)
        self.state = State(
            self.network,
            self.stepper.optimiser,
            self.stepper.scaler,
            beside=self.sizes.state if self.sizes else None,
        )
        if journal.resume(self.state):
            self._report(f"resumed at step {journal.progress.step}")

    def _size_learning(self, seed: int) -> SizeLearning | None:
        if self.settings.cell_diameter is None or not self.settings.size_steps:
            return None
        return SizeLearning(
            self.material.training,
            self.settings,
            min(self.settings.size_steps, self.budget.total),
            seed,
            device=self.device,
            workers=self.workers,
        )

    @property
    def budget(self) -> Budget:
        """What was asked for, or fewer steps on a machine that is too slow for these."""
        asked, planned = self.material.budget, self.journal.progress.planned
        return asked if planned is None else replace(asked, total=planned)

    def run(self) -> None:
        """Steps and validations until the budget, the patience or the time is used up."""
        progress = self.journal.progress
        if self.sizes is not None:
            self._learn_sizes(self.sizes)
        if self.start is not None and progress.start_f1 is None:
            self._validate_start()
        while progress.stopped is None:
            if progress.step < self._end() and progress.loss_steps < self.budget.epoch_steps:
                self._step()
                self._mind_the_time()
                self.journal.report_now_and_then(self.budget.total)
            else:
                self._end_epoch()
            self.journal.save(self.state, force=progress.loss_steps == 0)

    def _learn_sizes(self, sizes: SizeLearning) -> None:
        """Ends early where it would take too much of the time that there is for all."""
        progress, total = self.journal.progress, sizes.steps
        limit = SIZE_SHARE * (self.settings.max_seconds or inf)
        while progress.size_step < total and progress.size_seconds < limit:
            started = monotonic()
            sizes.step(progress.size_step)
            progress.size_step += 1
            progress.size_seconds += monotonic() - started
            self.journal.report_now_and_then(
                self.budget.total, f"how wide cells are: {progress.size_step} of {total}"
            )
            self.journal.save(self.state)

    def calibrate(self) -> Decoding:
        """The decoding with the best mean score over the validation images, ties to the first."""
        put_tensors(self.network, self.state.best)
        predictor, validator = self._predictor(), self.material.validator
        candidates = self.task.decodings()
        scores = self.journal.progress.calibrated
        for index in range(len(scores), len(validator)):
            scores.append(validator.compare(predictor, index, candidates))
            self._report(f"choosing the decoding on image {index + 1} of {len(validator)}")
            self.journal.save(self.state)
        self.journal.save(self.state, force=True)
        return candidates[int(np.argmax(np.mean(scores, axis=0)))]

    def summary(self, pretrained: str) -> TrainingSummary:
        """What training.json says of this training."""
        settings, progress = self.settings, self.journal.progress
        return TrainingSummary(
            parameters=sum(weight.numel() for weight in self.network.parameters()),
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            input_size=f"{settings.crop}x{settings.crop}",
            optimizer="AdamW" if settings.weight_decay else "Adam",
            scheduler=settings.schedule,
            loss=self.task.loss_name,
            epochs=progress.epoch,
            steps=progress.step,
            final_loss=progress.final_loss,
            best_val_dice=progress.best_dice,
            best_val_f1=progress.best_f1,
            best_epoch=progress.best_epoch,
            start_val_f1=progress.start_f1,
            device=self.device.describe(),
            precision=self.device.precision,
            pretrained=pretrained,
            stopped=progress.stopped,
            steps_asked=self.material.budget.total,
            size_steps=progress.size_step if self.sizes else None,
            size_seconds=round(progress.size_seconds, 2) if self.sizes else None,
        )

    def _step(self) -> None:
        progress = self.journal.progress
        value = self.stepper(progress.step, self._rate(progress.step))
        if not np.isfinite(value):
            raise CellbenchError(
                f"The loss is {value} at step {progress.step}: training has diverged.",
                why="the learning rate is too high, or the precision too low for this network",
                do="lower learning_rate, set clip_gradient, or set precision to fp32",
            )
        progress.step += 1
        progress.loss_sum += value
        progress.loss_steps += 1

    def _rate(self, step: int) -> float:
        return learning_rate(self.settings, step, self.budget, self.journal.progress.wind_down)

    def _end(self) -> int:
        wound_down = self.journal.progress.wind_down
        return self.budget.total if wound_down is None else wound_down.end

    def _mind_the_time(self) -> None:
        limit, progress = self.settings.max_seconds, self.journal.progress
        if limit is None:
            return
        seconds, before = self.journal.seconds(), progress.size_seconds
        if progress.step == PACE_FROM:
            progress.pace_from = seconds
        elif progress.step == PACE_TO:
            pace = (seconds - progress.pace_from) / (PACE_TO - PACE_FROM)
            total = self.material.budget.total
            progress.planned = affordable(total=total, pace=pace, limit=limit - before)
        if progress.wind_down is None:
            progress.wind_down = must_wind_down(
                step=progress.step,
                total=self.budget.total,
                seconds=seconds - before,
                limit=max(1.0, limit - before),
            )
        elif seconds > limit:
            progress.wind_down = replace(progress.wind_down, end=progress.step)

    def _validate_start(self) -> None:
        """So that what is kept is at least as good as what there was."""
        progress = self.journal.progress
        f1, val_dice = self._validate()
        progress.start_f1 = f1
        self._keep_best(f1, val_dice, epoch=0)
        progress.validated = []
        self._report(f"validation F1 of the start {f1:.3f}")
        self.journal.save(self.state, force=True)

    def _end_epoch(self) -> None:
        """Validates if it is due, writes the line of history and decides whether to go on."""
        progress, settings = self.journal.progress, self.settings
        epoch = progress.epoch + 1
        over = progress.step >= self._end()
        due = (epoch - settings.validate_from) % settings.validate_every == 0
        f1 = val_dice = None
        if over or (epoch >= settings.validate_from and due):
            f1, val_dice = self._validate()
            self._keep_best(f1, val_dice, epoch)
        progress.final_loss = progress.loss_sum / max(1, progress.loss_steps)
        self.journal.write(
            HistoryLine(
                epoch=epoch,
                step=progress.step,
                loss=round(progress.final_loss, 6),
                val_f1=None if f1 is None else round(f1, 4),
                val_dice=None if val_dice is None else round(val_dice, 4),
                lr=self._rate(max(0, progress.step - 1)),
                seconds=round(self.journal.seconds(), 2),
            )
        )
        progress.epoch, progress.loss_sum, progress.loss_steps = epoch, 0.0, 0
        progress.validated = []
        if over:
            in_time = progress.wind_down is None and progress.planned is None
            progress.stopped = "finished" if in_time else "time_limit"
        elif settings.patience is not None and progress.worse >= settings.patience:
            progress.stopped = "early_stop"
        score = "" if f1 is None else f", validation F1 {f1:.3f}"
        self._report(f"epoch {epoch}: loss {progress.final_loss:.3f}{score}")

    def _validate(self) -> tuple[float, float]:
        predictor, validator = self._predictor(), self.material.validator
        scores = self.journal.progress.validated
        for index in range(len(scores), len(validator)):
            scores.append(validator.score(predictor, index))
            self.journal.save(self.state)
        f1, val_dice = np.mean(scores, axis=0)
        return float(f1), float(val_dice)

    def _keep_best(self, f1: float, val_dice: float, epoch: int) -> None:
        progress = self.journal.progress
        if progress.best_f1 is not None and f1 <= progress.best_f1:
            progress.worse += 1
            return
        progress.best_f1, progress.best_dice, progress.best_epoch = f1, val_dice, epoch
        progress.worse = 0
        self.state.keep()

    def _predictor(self) -> Predictor[Decoding]:
        return self._make_predictor(
            self.network,
            self.task,
            self.material.viewing,
            self.task.first_decoding(),
            device=self.device,
            workers=self.workers,
        )

    def _report(self, message: str) -> None:
        self.journal.report(self.budget.total, message)
