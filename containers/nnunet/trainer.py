"""nnU-Net's trainer, one step at a time, as the shared training loop calls it."""

import random
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from containers.base.segmentation.device import Device
from containers.base.segmentation.settings import LoopSettings
from containers.base.segmentation.step import share_weights, sum_gradients
from containers.base.segmentation.workers import Workers
from containers.nnunet.plan import OVERRIDDEN, Plan, quiet, variables
from containers.nnunet.settings import TrainerSettings

DATA_STREAM = 3
KEPT_BYTES = 2 * 2**30
LARGEST_GRADIENT = 12
"""Norm to which nnU-Net's trainer clips."""


class CellTrainer(nnUNetTrainer):
    """nnU-Net's trainer; the loop around it, its budget and its checkpoints are the shared ones.

    Network, loss with deep supervision, augmentation, sampling of patches and the optimiser step
    are nnU-Net's. What a profile sets differently comes with `prepare`: nnU-Net reads the signature
    of the constructor, which therefore takes what nnU-Net's takes.
    """

    settings: LoopSettings
    own: TrainerSettings

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int,
        dataset_json: dict[str, Any],
        device: torch.device,
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        # nnU-Net's checkpoints are pickled; the loop writes its own.
        self.disable_checkpointing = True

    def prepare(self, settings: LoopSettings, own: TrainerSettings) -> None:
        """Builds network, optimiser, loss and the loader of training patches."""
        self.settings, self.own = settings, own
        self.initial_lr, self.weight_decay = settings.learning_rate, settings.weight_decay
        self.oversample_foreground_percent = settings.foreground_probability
        self.initialize()
        self.dataset_class = Kept
        with variables({"nnUNet_n_proc_DA": "0"}):
            self.dataloader_train, self.dataloader_val = self.get_dataloaders()

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        if self.own.optimiser == "sgd":
            planned: tuple[torch.optim.Optimizer, Any] = super().configure_optimizers()
            return planned
        optimiser = torch.optim.AdamW(
            self.network.parameters(), self.initial_lr, weight_decay=self.weight_decay
        )
        return optimiser, None

    def get_dataloaders(self) -> tuple[Any, Any]:
        """nnU-Net's loaders in this process, with the profile's zoom."""
        train, validation = super().get_dataloaders()
        loader = train.data_loader
        for transform in loader.transforms.transforms:
            self._adapt(transform)
        return train, validation

    def _adapt(self, transform: Any) -> None:
        if isinstance(transform, RandomTransform):
            transform = transform.transform
        if isinstance(transform, GaussianBlurTransform):
            transform.benchmark = False
        if isinstance(transform, SpatialTransform) and self.own.zoom_probability is not None:
            transform.p_scaling = self.own.zoom_probability
            transform.scaling = self._scale

    def _scale(self, **_: Any) -> float:
        """A factor for the grid, above 1 where cells get smaller."""
        low, high = np.log(self.own.zoom_min), np.log(self.own.zoom_max)
        return float(np.exp(-np.random.uniform(low, high)))  # noqa: NPY002 - seeded by step

    def print_to_log_file(self, *args: Any, **options: Any) -> None:
        """To the log alone: stdout carries events."""
        super().print_to_log_file(*args, **{**options, "also_print_to_console": False})


class Kept(nnUNetDatasetBlosc2):
    """nnU-Net's preprocessed cases; read and unpacked once, as far as memory is meant for them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._kept: dict[str, Any] = {}
        self._room = KEPT_BYTES

    def load_case(self, identifier: str) -> Any:
        if identifier in self._kept:
            return self._kept[identifier]
        data, seg, previous, properties = super().load_case(identifier)
        self._room -= data.nbytes + seg.nbytes
        if self._room >= 0:
            data, seg = data[:].view(_Copied), seg[:].view(_Copied)
            self._kept[identifier] = data, seg, previous, properties
        return data, seg, previous, properties


class _Copied(np.ndarray):
    """An array whose parts are copies: nnU-Net's augmentation writes on what it is handed."""

    def __getitem__(self, key: Any) -> Any:
        return np.array(super().__getitem__(key))


class TrainerStepper:
    """One optimiser step of nnU-Net's trainer, made a function of seed and step number.

    nnU-Net draws patches and augmentation from the global generators, which are seeded for each
    step. With several threads the next batch is made while the network works on this one. On a CPU
    the batch may be cut into `settings.shares` parts that are worked on at the same time, each by
    its own copy of the network; the batch Dice then is that of a part. The result is the same on
    any number of threads.
    """

    def __init__(self, trainer: CellTrainer, device: Device, workers: Workers, seed: int) -> None:
        self._trainer, self._device, self._workers = trainer, device, workers
        self._seed = seed
        self._ahead = ThreadPoolExecutor(1) if workers.threads > 1 else None
        self._next: tuple[int, Future[Any]] | None = None
        self.optimiser: torch.optim.Optimizer = trainer.optimizer
        self.scaler: torch.amp.GradScaler = trainer.grad_scaler or torch.amp.GradScaler(
            "cpu", enabled=False
        )
        loss = trainer.loss
        trainer.loss = lambda outputs, targets: loss([part.float() for part in outputs], targets)
        shares = 1 if device.is_cuda else min(trainer.settings.shares, trainer.batch_size)
        self._networks = [trainer.network, *(deepcopy(trainer.network) for _ in range(shares - 1))]

    def __call__(self, step: int, rate: float) -> float:
        """Does optimiser step number `step` with learning rate `rate` and returns its loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        batch = self._batch(step)
        for network in self._networks:
            network.train()
            network.decoder.deep_supervision = True
        if len(self._networks) > 1:
            return self._step_in_shares(batch["data"], batch["target"])
        with self._device.autocast():
            return float(self._trainer.train_step(batch)["loss"])

    def _step_in_shares(self, images: torch.Tensor, targets: list[torch.Tensor]) -> float:
        """What nnU-Net's `train_step` does, for each part of the batch by itself."""
        bounds = np.linspace(0, len(images), len(self._networks) + 1).astype(int)
        share_weights(self._networks)
        losses = self._workers.map(
            lambda part: self._part(part[0], images[part[1]], [t[part[1]] for t in targets]),
            zip(self._networks, map(slice, bounds[:-1], bounds[1:]), strict=True),
        )
        sum_gradients(self._networks)
        torch.nn.utils.clip_grad_norm_(self._networks[0].parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        return sum(losses) / len(images)

    def _part(
        self, network: torch.nn.Module, images: torch.Tensor, targets: list[torch.Tensor]
    ) -> float:
        network.zero_grad(set_to_none=True)
        with self._device.autocast():
            outputs = network(images)
        loss = self._trainer.loss(outputs, targets)
        (loss * (len(images) / self._trainer.batch_size)).backward()
        return float(loss.detach()) * len(images)

    def _batch(self, step: int) -> Any:
        if self._ahead is None:
            return self._make(step)
        wanted = self._next
        if wanted is None or wanted[0] != step:
            wanted = step, self._ahead.submit(self._make, step)
        batch = wanted[1].result()
        self._next = step + 1, self._ahead.submit(self._make, step + 1)
        return batch

    def _make(self, step: int) -> Any:
        state = np.random.SeedSequence([self._seed, DATA_STREAM, step]).generate_state(1)
        seed = int(state[0])
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the generator that nnU-Net draws from
        torch.manual_seed(seed)
        return next(self._trainer.dataloader_train)


def make_trainer(plan: Plan, device: torch.device) -> CellTrainer:
    """The trainer of `plan`, not prepared yet; nnU-Net's folders must be in the environment."""
    with quiet():
        plans = {**plan.plans, "continue_training": False}
        return CellTrainer(plans, OVERRIDDEN, 0, plan.dataset, device)
