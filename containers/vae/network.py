"""The variational auto-encoder of textures, conditioned on the mask."""

from itertools import pairwise

import torch
from torch.nn.functional import avg_pool2d

from containers.vae.settings import TextureSettings

LEVELS = 3


class TextureNetwork(torch.nn.Module):
    """B×1×S×S textures and masks to a code of L numbers and back; S a multiple of 8.

    The decoder sees the mask at every level, so that a code says how the light lies inside an
    outline and not where the outline is.
    """

    def __init__(self, settings: TextureSettings, side: int) -> None:
        super().__init__()
        one, two, three = settings.texture_features
        self._small, latent = side // 2**LEVELS, settings.texture_latent
        self.encoder = torch.nn.Sequential(
            *_down(2, one), *_down(one, two), *_down(two, three), torch.nn.Flatten()
        )
        size = three * self._small**2
        self.to_code = torch.nn.Linear(size, 2 * latent)
        self.from_code = torch.nn.Linear(latent, size)
        widths = (three, two, one, one)
        self.up = torch.nn.ModuleList(
            torch.nn.Sequential(
                torch.nn.Conv2d(before + 1, after, 3, padding=1),
                torch.nn.SiLU(),
                torch.nn.Conv2d(after, after, 3, padding=1),
                torch.nn.SiLU(),
            )
            for before, after in pairwise(widths)
        )
        self.last = torch.nn.Conv2d(one + 1, 1, 3, padding=1)

    def encode(
        self, textures: torch.Tensor, masks: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of the codes, each B×L."""
        mean, spread = self.to_code(self.encoder(torch.cat([textures, masks], 1))).chunk(2, 1)
        return mean, spread.clamp(-10, 4)

    def decode(self, codes: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """B×1×S×S textures."""
        maps = self.from_code(codes).unflatten(1, (-1, self._small, self._small))
        for level, block in enumerate(self.up):
            maps = block(torch.cat([maps, avg_pool2d(masks, 2 ** (LEVELS - level))], 1))
            maps = torch.nn.functional.interpolate(maps, scale_factor=2, mode="nearest")
        shown: torch.Tensor = self.last(torch.cat([maps, masks], 1))
        return shown


def _down(before: int, after: int) -> list[torch.nn.Module]:
    return [torch.nn.Conv2d(before, after, 4, stride=2, padding=1), torch.nn.SiLU()]
