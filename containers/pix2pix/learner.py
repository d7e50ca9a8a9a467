"""One step of both networks."""

from collections.abc import Callable
from typing import Any

import torch

from containers.base.generation.settings import GeneratorSettings
from containers.base.segmentation.device import Device
from containers.pix2pix.network import PaintingNetwork, build_discriminator
from containers.pix2pix.settings import GanSettings

Paint = Callable[[torch.Tensor], torch.Tensor]
Batch = Callable[[int, Paint], tuple[torch.Tensor, torch.Tensor]]
"""Conditions and images of a step; what it is handed paints conditions with the network as it is
now, for those who want that."""
MOMENTUM = (0.5, 0.999)


class GanLearner:
    """Generator against discriminator: least squares, and L1 to the real image.

    Each step first moves the discriminator, with half its loss, and then the generator, as Isola
    et al. do.
    """

    loss_name = "least squares + L1"

    def __init__(
        self,
        settings: GeneratorSettings,
        gan: GanSettings,
        batch: Batch,
        *,
        inputs: int,
        channels: int,
        device: Device,
    ) -> None:
        self._batch, self._gan, self.device = batch, gan, device
        self.generator = PaintingNetwork(gan, inputs, channels)
        self._discriminator = build_discriminator(gan, inputs, channels)
        for network in (self.generator, self._discriminator):
            device.place(network)
        self._optimisers = [
            torch.optim.Adam(network.parameters(), lr=settings.learning_rate, betas=MOMENTUM)
            for network in (self.generator, self._discriminator)
        ]
        self.parameters = sum(
            weight.numel()
            for network in (self.generator, self._discriminator)
            for weight in network.parameters()
        )

    def step(self, step: int, rate: float) -> dict[str, float]:
        """See `loop.Learner`."""
        painter, judge = self._optimisers
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
        condition, real = (part.to(self.device.device) for part in self._batch(step, self._paint))
        self.generator.train()
        noise = torch.randn_like(condition[:, :1])
        with self.device.autocast():
            fake = self.generator(condition, noise)
            truth = self._verdict(condition, real)
            lie = self._verdict(condition, fake.detach())
        loss = 0.25 * (((truth - 1) ** 2).mean() + (lie**2).mean())
        judge.zero_grad(set_to_none=True)
        loss.backward()
        judge.step()
        with self.device.autocast():
            verdict = self._verdict(condition, fake)
        fooled = ((verdict - 1) ** 2).mean()
        distance = (fake.float() - real).abs().mean()
        painter.zero_grad(set_to_none=True)
        (fooled + self._gan.l1_weight * distance).backward()
        painter.step()
        return {
            "l1": float(distance.detach()),
            "generator": float(fooled.detach()),
            "discriminator": float(loss.detach()),
        }

    def tensors(self) -> dict[str, Any]:
        """See `loop.Learner`."""
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self._discriminator.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
        }

    def restore(self, tensors: dict[str, Any]) -> None:
        """See `loop.Learner`."""
        self.generator.load_state_dict(tensors["generator"])
        self._discriminator.load_state_dict(tensors["discriminator"])
        for optimiser, state in zip(self._optimisers, tensors["optimisers"], strict=True):
            optimiser.load_state_dict(state)

    def _verdict(self, condition: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self._discriminator(torch.cat([condition, image], dim=1))[-1]
        return logits.float()

    @torch.no_grad()
    def _paint(self, condition: torch.Tensor) -> torch.Tensor:
        condition = condition.to(self.device.device)
        self.generator.eval()
        painted: torch.Tensor = self.generator(condition, torch.randn_like(condition[:, :1]))
        return painted.cpu()
