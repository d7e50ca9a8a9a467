"""The training loop that all networks share, resumable to the bit."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
import torch

from containers.base.segmentation import checkpoint
from containers.base.segmentation.checkpoint import Progress
from containers.base.segmentation.crops import CropSampler
from containers.base.segmentation.data import Pool
from containers.base.segmentation.device import Device, choose_device
from containers.base.segmentation.predict import Decoder, Predictor, Viewing
from containers.base.segmentation.schedule import learning_rate, must_wind_down
from containers.base.segmentation.settings import Settings
from containers.base.segmentation.step import Objective, Stepper
from containers.base.segmentation.validation import Validator
from containers.base.segmentation.weights import save_weights
from containers.base.segmentation.workers import Workers
from contract import CallError, CellbenchError, TrainCall, TrainingSummary, append_line

SAVE_SECONDS = 10.0
REPORT_SECONDS = 1.0
Tensors = dict[str, torch.Tensor]
MakePredictor = Callable[..., Predictor]
"""Takes what `Predictor` takes."""


class Stepping(Protocol):
    """What does the optimiser's steps: a `Stepper`, or a model's own."""

    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler

    def __call__(self, step: int, rate: float) -> float:
        """Does step number `step` (from 0) with learning rate `rate`; returns its loss.

        What it draws at random depends on the training's seed and `step` alone.
        """
        ...


MakeStepper = Callable[[Device, Workers], Stepping]


class Goal(Decoder, Protocol):
    """What a network is trained for, as far as the loop sees it: how its maps become cells."""

    @property
    def loss_name(self) -> str: ...

    def first_decoding(self) -> Any: ...

    def decodings(self) -> list[Any]: ...


class Task(Objective, Goal, Protocol):
    """A goal with the target and the loss that a `Stepper` needs."""


def train_network(
    call: TrainCall,
    *,
    build: Callable[[], torch.nn.Module],
    task: Goal,
    settings: Settings,
    network: Mapping[str, Any],
    pretrained: str = "none",
    make_stepper: MakeStepper | None = None,
    make_predictor: MakePredictor = Predictor,
    save_seconds: float = SAVE_SECONDS,
) -> TrainingSummary:
    """Trains what `build` returns and leaves its best weights in `call.weights`.

    Best is the highest mean F1 at IoU 0.5 over the validation images (the training images where
    there are none), each seen at its true scale and decoded with `task.first_decoding()`. Then the
    validation images choose a decoding, and both go into the weights folder, with `network` (the
    settings that rebuild the architecture) and the fields of `task`. `pretrained` names the weights
    that `build` starts from, for training.json.

    A model with a way of its own to make a step, or to look at an image, passes it: `make_stepper`
    is called after `build`, and without one `task` is a `Task`.

    A checkpoint in `call.checkpoint`, at most `save_seconds` and a step old, is taken up; the
    result is the same to the bit as without the interruption. Raises
    CallError when there is nothing to learn from, CellbenchError when the loss diverges.
    """
    training = _Training(call, build, task, settings, make_stepper, make_predictor, save_seconds)
    training.run()
    decoding = training.calibrate()
    save_weights(
        call.weights,
        training.best,
        network=dict(network),
        task=asdict(cast(Any, task)),
        viewing=training.viewing,
        decoding=decoding,
        precision=settings.precision,
    )
    return training.summary(pretrained)


class _Training:
    def __init__(
        self,
        call: TrainCall,
        build: Callable[[], torch.nn.Module],
        task: Goal,
        settings: Settings,
        make_stepper: MakeStepper | None,
        make_predictor: MakePredictor,
        save_seconds: float,
    ) -> None:
        self._started = time.monotonic()
        self.workers = Workers(call.threads)
        self.call, self.task, self.settings = call, task, settings
        self.device = choose_device(settings)
        pools = {subset: _pool(call, subset, settings) for subset in ("train", "val")}
        if not len(pools["train"]):
            raise CallError("None of the training images can be used.", "each was named above")
        sampler_pool = pools["train"]
        typical = sampler_pool.typical_diameter()
        self.sampler = CropSampler(sampler_pool, settings, call.seed)
        seen = pools["val"] if len(pools["val"]) else sampler_pool
        self.validator = Validator(seen, settings, typical)
        self.viewing = Viewing(
            tile=settings.tile,
            overlap=settings.overlap,
            tta=settings.tta,
            scales=settings.scales,
            cell_diameter=settings.cell_diameter,
            typical_diameter=typical,
            diameters=sampler_pool.diameter_range(),
        )
        passes = -(-len(sampler_pool) // settings.batch_size)
        self.epoch_steps = settings.epoch_steps or passes
        self.total = _total_steps(settings, self.epoch_steps)
        if settings.decay_epochs is not None:
            self.settings = replace(settings, decay_steps=settings.decay_epochs * self.epoch_steps)
        self._make_predictor = make_predictor
        self._prepare_network(build, make_stepper)
        self.progress = Progress()
        self.best: Tensors = {}
        self._save_seconds = save_seconds
        self._saved = self._reported = time.monotonic()
        self._history = call.out / "history.jsonl"
        self._resume()

    def _prepare_network(
        self, build: Callable[[], torch.nn.Module], make_stepper: MakeStepper | None
    ) -> None:
        torch.manual_seed(self.call.seed)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        self.network = self.device.place(build())
        self.stepper: Stepping = (
            make_stepper(self.device, self.workers)
            if make_stepper is not None
            else Stepper(
                self.network,
                self.sampler,
                cast(Task, self.task),
                self.settings,
                device=self.device,
                workers=self.workers,
            )
        )

    def run(self) -> None:
        """Steps and validations until the budget, the patience or the time is used up."""
        progress = self.progress
        while progress.stopped is None:
            if progress.step < self._end() and progress.loss_steps < self.epoch_steps:
                self._step()
                self._mind_the_time()
                if time.monotonic() - self._reported > REPORT_SECONDS:
                    self._report("")
            else:
                self._end_epoch()
            self._save(force=progress.loss_steps == 0)

    def calibrate(self) -> Any:
        """The decoding with the best mean score over the validation images, ties to the first."""
        self.network.load_state_dict(self.best)
        predictor = self._predictor()
        candidates = self.task.decodings()
        scores = self.progress.calibrated
        for index in range(len(scores), len(self.validator)):
            scores.append(self.validator.compare(predictor, index, candidates))
            self._report(f"choosing the decoding on image {index + 1} of {len(self.validator)}")
            self._save()
        self._save(force=True)
        return candidates[int(np.argmax(np.mean(scores, axis=0)))]

    def summary(self, pretrained: str) -> TrainingSummary:
        """What training.json says of this training."""
        settings, progress = self.settings, self.progress
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
            device=self.device.describe(),
            precision=self.device.precision,
            pretrained=pretrained,
            stopped=cast(Literal["finished", "early_stop", "time_limit"], progress.stopped),
        )

    def _step(self) -> None:
        progress = self.progress
        rate = learning_rate(self.settings, progress.step, self.total, progress.wind_down)
        value = self.stepper(progress.step, rate)
        if not np.isfinite(value):
            raise CellbenchError(
                f"The loss is {value} at step {progress.step}: training has diverged.",
                why="the learning rate is too high, or the precision too low for this network",
                do="lower learning_rate, set clip_gradient, or set precision to fp32",
            )
        progress.step += 1
        progress.loss_sum += value
        progress.loss_steps += 1

    def _end(self) -> int:
        wound_down = self.progress.wind_down
        return wound_down.end if wound_down is not None else self.total

    def _mind_the_time(self) -> None:
        limit, progress = self.settings.max_seconds, self.progress
        if limit is None:
            return
        seconds = self._seconds()
        if progress.wind_down is None:
            progress.wind_down = must_wind_down(
                step=progress.step, total=self.total, seconds=seconds, limit=limit
            )
        elif seconds > limit:
            progress.wind_down = type(progress.wind_down)(
                start=progress.wind_down.start, end=progress.step
            )

    def _end_epoch(self) -> None:
        """Validates if it is due, writes the line of history and decides whether to go on."""
        progress, settings = self.progress, self.settings
        epoch = progress.epoch + 1
        over = progress.step >= self._end()
        due = (epoch - settings.validate_from) % settings.validate_every == 0
        f1 = val_dice = None
        if over or (epoch >= settings.validate_from and due):
            f1, val_dice = self._validate()
            self._keep_best(f1, val_dice, epoch)
        progress.final_loss = progress.loss_sum / max(1, progress.loss_steps)
        rate = learning_rate(settings, max(0, progress.step - 1), self.total, progress.wind_down)
        append_line(
            self._history,
            {
                "epoch": epoch,
                "step": progress.step,
                "loss": round(progress.final_loss, 6),
                "val_f1": None if f1 is None else round(f1, 4),
                "val_dice": None if val_dice is None else round(val_dice, 4),
                "lr": rate,
                "seconds": round(self._seconds(), 2),
            },
        )
        progress.history_bytes = self._history.stat().st_size
        progress.epoch, progress.loss_sum, progress.loss_steps = epoch, 0.0, 0
        progress.validated = []
        if over:
            progress.stopped = "finished" if progress.wind_down is None else "time_limit"
        elif settings.patience is not None and progress.worse >= settings.patience:
            progress.stopped = "early_stop"
        score = "" if f1 is None else f", validation F1 {f1:.3f}"
        self._report(f"epoch {epoch}: loss {progress.final_loss:.3f}{score}")

    def _validate(self) -> tuple[float, float]:
        predictor = self._predictor()
        scores = self.progress.validated
        for index in range(len(scores), len(self.validator)):
            scores.append(self.validator.score(predictor, index))
            self._save()
        f1, val_dice = np.mean(scores, axis=0)
        return float(f1), float(val_dice)

    def _keep_best(self, f1: float, val_dice: float, epoch: int) -> None:
        progress = self.progress
        if progress.best_f1 is not None and f1 <= progress.best_f1:
            progress.worse += 1
            return
        progress.best_f1, progress.best_dice, progress.best_epoch = f1, val_dice, epoch
        progress.worse = 0
        self.best = {
            name: tensor.detach().cpu().clone()
            for name, tensor in self.network.state_dict().items()
        }

    def _predictor(self) -> Predictor:
        return self._make_predictor(
            self.network,
            self.task,
            self.viewing,
            self.task.first_decoding(),
            device=self.device,
            workers=self.workers,
        )

    def _seconds(self) -> float:
        return self.progress.seconds + time.monotonic() - self._started

    def _report(self, message: str) -> None:
        self._reported = time.monotonic()
        self.call.progress(self.progress.step, self.total, message)

    def _save(self, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._saved < self._save_seconds:
            return
        self.progress.seconds += now - self._started
        self._started = now
        tensors = {
            "network": self.network.state_dict(),
            "optimiser": self.stepper.optimiser.state_dict(),
            "scaler": self.stepper.scaler.state_dict(),
            "random": torch.get_rng_state(),
            "best": self.best,
        }
        if self.device.is_cuda:
            tensors["random_cuda"] = torch.cuda.get_rng_state()
        checkpoint.save(self.call.checkpoint, self.progress, tensors)
        self._saved = time.monotonic()

    def _resume(self) -> None:
        found = checkpoint.load(self.call.checkpoint)
        if found is None:
            self._history.unlink(missing_ok=True)
            return
        self.progress, state = found
        self.network.load_state_dict(state["network"])
        self.stepper.optimiser.load_state_dict(state["optimiser"])
        self.stepper.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"])
        if self.device.is_cuda and "random_cuda" in state:
            torch.cuda.set_rng_state(state["random_cuda"])
        self.best = state["best"]
        _truncate(self._history, self.progress.history_bytes)
        self._report(f"resumed at step {self.progress.step}")


def _pool(call: TrainCall, subset: str, settings: Settings) -> Pool:
    pairs = [pair for pair in call.pairs if pair.subset == subset]
    pool = Pool(pairs, settings.cache_bytes)
    for name, reason in pool.skipped:
        print(f"warning: {name} is left out: {reason}", file=sys.stderr)
    return pool


def _total_steps(settings: Settings, epoch_steps: int) -> int:
    if (settings.steps is None) == (settings.epochs is None):
        raise CallError("A training needs one of the settings steps and epochs, not both.")
    if settings.steps is not None:
        return settings.steps
    return cast(int, settings.epochs) * epoch_steps


def _truncate(path: Path, size: int) -> None:
    if path.exists() and path.stat().st_size > size:
        os.truncate(path, size)
