"""One training: nnU-Net plans and prepares, the shared loop runs its trainer's steps."""

from dataclasses import asdict
from functools import partial

import torch

from containers.base.segmentation.device import Device, choose_device
from containers.base.segmentation.loop import SAVE_SECONDS, train_network
from containers.base.segmentation.settings import LoopSettings, Settings
from containers.base.segmentation.workers import Workers
from containers.nnunet.border_core import BorderCore
from containers.nnunet.plan import Plan, nnunet_folders, prepare
from containers.nnunet.predictor import SlidingWindow
from containers.nnunet.settings import PlanSettings, TrainerSettings
from containers.nnunet.trainer import CellTrainer, TrainerStepper, make_trainer
from contract import CallError, TrainCall, TrainingSummary, take


def train(call: TrainCall, save_seconds: float = SAVE_SECONDS) -> TrainingSummary:
    """Trains by the settings in `call`; what they leave out is as nnU-Net plans it.

    `max_seconds` counts from the start of planning. For errors, checkpoints and what ends up in
    the weights folder see `loop.train_network`; nnU-Net's plan is kept there too.
    """
    given, task = take(call.settings, LoopSettings), take(call.settings, BorderCore)
    own = take(call.settings, TrainerSettings)
    device = choose_device(given.device, given.precision)
    if device.is_cuda and device.precision == "fp32":
        raise CallError(
            "nnU-Net's trainer always uses mixed precision on a GPU.",
            do="set precision to auto, bf16 or fp16, or device to cpu",
        )
    plan, root = prepare(call, given, task, take(call.settings, PlanSettings))
    settings = _as_planned(given, plan)
    trainers: list[CellTrainer] = []

    def build() -> torch.nn.Module:
        trainer = make_trainer(plan, device.device)
        trainer.prepare(settings, own)
        trainers.append(trainer)
        network: torch.nn.Module = trainer.network
        return network

    def make_stepper(*_: object, device: Device, workers: Workers) -> TrainerStepper:
        return TrainerStepper(trainers[0], device, workers, call.seed)

    facts = asdict(plan)
    del facts["seconds"]
    with nnunet_folders(root):
        summary = train_network(
            call,
            build=build,
            task=task,
            settings=settings,
            network=facts,
            make_stepper=make_stepper,
            make_predictor=partial(SlidingWindow, plan=plan),
            save_seconds=save_seconds,
        )
    height, width = plan.patch
    sgd = own.optimiser == "sgd"
    return summary.model_copy(
        update={
            "input_size": f"{height}x{width}",
            "optimizer": "SGD, Nesterov momentum 0.99" if sgd else summary.optimizer,
        }
    )


def _as_planned(given: LoopSettings, plan: Plan) -> Settings:
    """Settings of the loop with what the plan decided and less the time that planning took."""
    left = given.max_seconds
    return Settings(**given.model_dump()).model_copy(
        update={
            "batch_size": plan.configuration["batch_size"],
            "max_seconds": None if left is None else max(1.0, left - plan.seconds),
        }
    )
