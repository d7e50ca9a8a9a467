"""One step of the textures' model."""

from typing import Any

import numpy as np
import torch

from containers.base.generation.settings import GeneratorSettings
from containers.base.segmentation.device import Device
from containers.vae.network import TextureNetwork
from containers.vae.nuclei import Nuclei
from containers.vae.settings import TextureSettings

BATCH_STREAM = 22
WARM_UP = 0.2
"""Share of the steps over which the divergence gets its weight."""


class TextureLearner:
    """Squared error in each nucleus and its halo, summed, and the divergence of its code.

    Nuclei are mirrored along both axes at random: which end of the longest axis comes first, and
    which side is up, means nothing.
    """

    loss_name = "squared error + Kullback-Leibler divergence"

    def __init__(
        self,
        settings: GeneratorSettings,
        texture: TextureSettings,
        nuclei: Nuclei,
        *,
        seed: int,
        device: Device,
    ) -> None:
        self._settings, self._texture, self._seed, self.device = settings, texture, seed, device
        self._data = [
            torch.from_numpy(part)[:, None]
            for part in (nuclei.textures, nuclei.masks, nuclei.weights)
        ]
        self.network = TextureNetwork(texture, settings.crop)
        device.place(self.network)
        self._optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate)
        self.parameters = sum(weight.numel() for weight in self.network.parameters())

    def step(self, step: int, rate: float) -> dict[str, float]:
        """See `loop.Learner`."""
        rng = np.random.default_rng([self._seed, BATCH_STREAM, step])
        size = self._settings.batch_size
        chosen = torch.from_numpy(rng.integers(len(self._data[0]), size=size))
        flips = [axis for axis in (2, 3) if rng.random() < 0.5]
        textures, masks, weights = (
            torch.flip(part[chosen], flips).to(self.device.device) for part in self._data
        )
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        with self.device.autocast():
            mean, spread = self.network.encode(textures * weights, masks)
            codes = mean + torch.exp(spread / 2) * torch.randn_like(mean)
            again = self.network.decode(codes, masks)
        error = ((again.float() - textures) ** 2 * weights).sum() / size
        divergence = 0.5 * (mean**2 + spread.exp() - 1 - spread).sum() / size
        share = min(1.0, step / (WARM_UP * self._settings.steps))
        weighed = share * self._texture.kl_weight * divergence
        loss = error / (2 * self._texture.texture_spread**2) + weighed
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1000.0)
        self._optimiser.step()
        return {
            "loss": float(loss.detach()),
            "error": float(error.detach()) / max(1.0, float(weights.sum()) / size),
            "divergence": float(divergence.detach()),
        }

    @torch.inference_mode()
    def codes(self) -> torch.Tensor:
        """N×L means of the codes of all nuclei."""
        found = []
        for start in range(0, len(self._data[0]), 256):
            textures, masks, weights = (
                part[start : start + 256].to(self.device.device) for part in self._data
            )
            found.append(self.network.encode(textures * weights, masks)[0].float().cpu())
        return torch.cat(found)

    def tensors(self) -> dict[str, Any]:
        """See `loop.Learner`."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def restore(self, tensors: dict[str, Any]) -> None:
        """See `loop.Learner`."""
        self.network.load_state_dict(tensors["network"])
        self._optimiser.load_state_dict(tensors["optimiser"])
