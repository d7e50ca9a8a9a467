"""One step of the diffusion model."""

from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from containers.base.generation.crops import Crops
from containers.base.generation.encode import CHANNELS
from containers.base.generation.settings import GeneratorSettings
from containers.base.segmentation.device import Device
from containers.diffusion.conditions import channels_of, coarse, spread_out
from containers.diffusion.network import ClearingNetwork, LookEncoder, with_flag
from containers.diffusion.settings import DiffusionSettings

LARGEST_NORM = 1.0
MASK = CHANNELS + 1
"""Channels of a crop's condition that are known of the mask; the look follows."""


class DiffusionLearner:
    """The squared error of the clear image, for a noisy one between it and pure noise.

    At time t the noisy image is (1 - t) times the image plus t times the noise, the straight path
    of rectified flow; times are drawn uniformly. The network's weights are averaged as they
    move.
    """

    loss_name = "squared error of the clear image"

    def __init__(
        self,
        settings: GeneratorSettings,
        diffusion: DiffusionSettings,
        crops: Crops,
        *,
        channels: int,
        device: Device,
    ) -> None:
        self._settings, self._diffusion, self._crops = settings, diffusion, crops
        self.device = device
        self._network = ClearingNetwork(diffusion, channels_of(diffusion, channels), channels)
        device.place(self._network)
        self.averaged = AveragedModel(
            self._network, multi_avg_fn=get_ema_multi_avg_fn(decay_of(settings, diffusion))
        )
        self.encoder: LookEncoder | None = None
        weights = list(self._network.parameters())
        if diffusion.condition == "latent":
            self.encoder = LookEncoder(diffusion, channels)
            device.place(self.encoder)
            weights += self.encoder.parameters()
        self._weights = weights
        self._optimiser = torch.optim.Adam(weights, lr=settings.learning_rate)
        self.parameters = sum(weight.numel() for weight in weights)

    def step(self, step: int, rate: float) -> dict[str, float]:
        """See `loop.Learner`."""
        size = self._settings.batch_size
        shown, images = (part.to(self.device.device) for part in self._crops.batch(step, size))
        noise = torch.randn_like(images)
        times = torch.rand(size, device=images.device)
        kept = (torch.rand(size, device=images.device) >= self._diffusion.drop).float()
        share = times[:, None, None, None]
        noisy = (1 - share) * images + share * noise
        with self.device.autocast():
            condition, divergence = self._condition(shown, images)
            clear = self._network(noisy, with_flag(condition, kept), times)
        error = ((clear.float() - images) ** 2).mean()
        loss = error + self._diffusion.kl_weight * divergence
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights, LARGEST_NORM)
        self._optimiser.step()
        self.averaged.update_parameters(self._network)
        return {"error": float(error.detach()), "divergence": float(divergence.detach())}

    def tensors(self) -> dict[str, Any]:
        """See `loop.Learner`."""
        encoder = {} if self.encoder is None else self.encoder.state_dict()
        return {
            "network": self._network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "encoder": encoder,
            "optimiser": self._optimiser.state_dict(),
        }

    def restore(self, tensors: dict[str, Any]) -> None:
        """See `loop.Learner`."""
        self._network.load_state_dict(tensors["network"])
        self.averaged.load_state_dict(tensors["averaged"])
        self._optimiser.load_state_dict(tensors["optimiser"])
        if self.encoder is not None:
            self.encoder.load_state_dict(tensors["encoder"])

    def _condition(
        self, shown: torch.Tensor, images: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The condition, and the divergence of its code."""
        nothing = torch.zeros((), device=images.device)
        if self._diffusion.condition == "low_resolution":
            return coarse(images), nothing
        if self.encoder is None:
            return shown, nothing
        mean, spread = self.encoder(images)
        codes = mean + torch.exp(spread / 2) * torch.randn_like(mean)
        divergence = 0.5 * (mean**2 + spread.exp() - 1 - spread).mean()
        return spread_out(codes, shown[:, :MASK]), divergence.float()


def decay_of(settings: GeneratorSettings, diffusion: DiffusionSettings) -> float:
    """The average's decay; of short trainings less, so that it forgets where they began."""
    return min(diffusion.average, 1 - 10 / (settings.steps + 10))
