"""One optimiser step: the batch in parts, the gradients in one sum."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Protocol

import numpy as np
import torch

from containers.base.segmentation.crops import Crop
from containers.base.segmentation.device import Device
from containers.base.segmentation.settings import Settings
from containers.base.segmentation.workers import Workers


class Stepping(Protocol):
    """What does the optimiser's steps: a `Stepper`, or a model's own."""

    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler

    def __call__(self, step: int, rate: float) -> float:
        """Does step number `step` (from 0) with learning rate `rate`; returns its loss.

        What it draws at random depends on the training's seed and `step` alone.
        """
        ...


class Learnt(Protocol):
    """What `Stepper` asks of a `task.Task`."""

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """The target of a crop, from its labels."""
        ...

    def loss(self, outputs: Any, target: torch.Tensor) -> torch.Tensor:
        """A scalar: the mean over the images of a batch."""
        ...


MakeStepper = Callable[..., Stepping]
"""Takes what `Stepper` takes."""


class Stepper:
    """Makes crops, runs the network forwards and backwards, and moves the weights.

    On a CPU the batch is cut into `settings.shares` parts. Each has its own copy of the network, so
    that they can be worked on at the same time, and batch normalisation sees one part; running
    statistics are those of the first. The result is the same on any number of threads. On a GPU
    the batch stays whole.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        sampler: Callable[[int], Crop],
        task: Learnt,
        settings: Settings,
        *,
        device: Device,
        workers: Workers,
    ) -> None:
        self._sampler, self._task, self._settings = sampler, task, settings
        self._device, self._workers = device, workers
        shares = 1 if device.is_cuda else min(settings.shares, settings.batch_size)
        self._networks = [network, *(deepcopy(network) for _ in range(shares - 1))]
        self._in_order = _draws_numbers(network)
        self.optimiser: torch.optim.Optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.scaler = torch.amp.GradScaler(device.device.type, enabled=device.precision == "fp16")

    def __call__(self, step: int, rate: float) -> float:
        """Does optimiser step number `step` with learning rate `rate` and returns its loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        size, shares = self._settings.batch_size, len(self._networks)
        bounds = [step * size + part * size // shares for part in range(shares + 1)]
        parts = list(zip(self._networks, bounds[:-1], bounds[1:], strict=True))
        share_weights(self._networks)
        if self._in_order:
            losses = [self._part(part) for part in parts]
        else:
            losses = self._workers.map(self._part, parts)
        sum_gradients(self._networks)
        if self._settings.clip_gradient is not None:
            self.scaler.unscale_(self.optimiser)
            torch.nn.utils.clip_grad_norm_(
                self._networks[0].parameters(), self._settings.clip_gradient
            )
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return sum(losses)

    def _part(self, part: tuple[torch.nn.Module, int, int]) -> float:
        network, first, last = part
        images, targets = self._batch(range(first, last))
        network.train()
        network.zero_grad(set_to_none=True)
        with self._device.autocast():
            outputs = network(images)
        share = (last - first) / self._settings.batch_size
        loss = self._task.loss(outputs, targets) * share
        self.scaler.scale(loss).backward()
        return float(loss.detach())

    def _batch(self, positions: range) -> tuple[torch.Tensor, torch.Tensor]:
        make: Callable[[int], tuple[np.ndarray, np.ndarray]] = self._example
        if self._device.is_cuda:
            examples = self._workers.map(make, positions)
        else:
            examples = [make(position) for position in positions]
        images = torch.from_numpy(np.stack([image for image, _ in examples])).permute(0, 3, 1, 2)
        images = images.contiguous(memory_format=self._device.layout)
        targets = torch.from_numpy(np.stack([target for _, target in examples]))
        if self._device.is_cuda:
            images, targets = images.pin_memory(), targets.pin_memory()
        device = self._device.device
        return images.to(device, non_blocking=True), targets.to(device, non_blocking=True)

    def _example(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        crop = self._sampler(position)
        return crop.image, self._task.encode(crop.labels)


@torch.no_grad()
def share_weights(networks: Sequence[torch.nn.Module]) -> None:
    """Gives every network the weights of the first."""
    for copy in networks[1:]:
        for mine, first in zip(copy.parameters(), networks[0].parameters(), strict=True):
            mine.copy_(first)


@torch.no_grad()
def sum_gradients(networks: Sequence[torch.nn.Module]) -> None:
    """Adds the gradients of all networks to those of the first."""
    for copy in networks[1:]:
        for mine, first in zip(copy.parameters(), networks[0].parameters(), strict=True):
            if mine.grad is not None and first.grad is not None:
                first.grad += mine.grad


def _draws_numbers(network: torch.nn.Module) -> bool:
    """Whether a forward pass draws from torch's generator, whose order threads would disturb."""
    kinds = (torch.nn.modules.dropout._DropoutNd,)
    return any(isinstance(part, kinds) and part.p > 0 for part in network.modules())
