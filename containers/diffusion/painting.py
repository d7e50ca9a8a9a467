"""A scene's condition, and its picture."""

from collections.abc import Set

import numpy as np
import torch

from containers.base.generation.data import Floats
from containers.base.generation.encode import CHANNELS
from containers.base.generation.painting import noise, padded
from containers.base.generation.posterior import Posterior
from containers.base.generation.scenes import Scene
from containers.diffusion.conditions import coarse, spread_out
from containers.diffusion.drawing import draw
from containers.diffusion.network import ClearingNetwork
from containers.diffusion.settings import DiffusionSettings


class ScenePainter:
    """Paints scenes: `ScenePainter.paint` is a `painting.Paint`.

    `codes` are those of the looks of the training images `looks`, where the network wants one.
    """

    def __init__(
        self,
        network: ClearingNetwork,
        settings: DiffusionSettings,
        *,
        codes: Floats | None,
        looks: list[str],
        device: torch.device,
    ) -> None:
        self._network, self._settings, self._device = network, settings, device
        self._posterior = None if codes is None else Posterior(codes)
        self._places = {name: index for index, name in enumerate(looks)}

    def paint(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Set[str]]:
        """H×W×C in [-1, 1]; all it comes from is among the scene's own sources."""
        condition, (height, width) = self._condition(scene, rng)
        channels = (scene.style.size - 2) // 2
        start = noise(rng, 1, channels, *condition.shape[2:]).to(self._device)
        drawn = draw(self._network, condition.to(self._device), start, self._settings)
        pixels: Floats = drawn[0, :, :height, :width].permute(1, 2, 0).cpu().numpy()
        return pixels, set()

    def _condition(
        self, scene: Scene, rng: np.random.Generator
    ) -> tuple[torch.Tensor, tuple[int, int]]:
        multiple = max(4, self._network.multiple)
        if self._settings.condition == "low_resolution":
            assert scene.picture is not None, "prepare has seen to it that the masks are real"
            image, size = padded(scene.picture.transpose(2, 0, 1), multiple)
            return coarse(image), size
        shown, size = padded(scene.condition(), multiple)
        if self._posterior is None:
            return shown, size
        place = self._places.get(scene.anchor)
        if place is None:
            place = int(rng.integers(len(self._places)))
        code = torch.from_numpy(self._posterior.near(place, rng).astype(np.float32))[None]
        return spread_out(code, shown[:, : CHANNELS + 1]), size
