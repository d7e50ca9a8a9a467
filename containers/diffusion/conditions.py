"""What the network is shown beside the noisy image."""

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, interpolate

from containers.base.generation.data import Collection, Floats
from containers.base.generation.encode import CHANNELS, condition_channels
from containers.diffusion.network import LookEncoder
from containers.diffusion.settings import DiffusionSettings

COARSER = 4
"""Side of a low resolution's pixel, in pixels."""
LOOK = 64
"""Pixels of the crops of which codes of looks are learned from and taken."""
CROPS = 4
"""Of an image whose look is encoded; the code is their mean."""


def channels_of(settings: DiffusionSettings, channels: int) -> int:
    """Channels of the condition for images of `channels`."""
    match settings.condition:
        case "mask":
            return condition_channels(channels)
        case "low_resolution":
            return channels
        case "latent":
            return CHANNELS + 1 + settings.latent


def coarse(images: torch.Tensor) -> torch.Tensor:
    """B×C×H×W images at a quarter of their side and back, H and W multiples of 4."""
    small = avg_pool2d(images, COARSER)
    return interpolate(small, scale_factor=COARSER, mode="bilinear", align_corners=False)


def spread_out(codes: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """B×(4+L)×H×W: what is known of the mask, and the B×L code at every place."""
    height, width = masks.shape[2:]
    return torch.cat([masks, codes[:, :, None, None].expand(-1, -1, height, width)], 1)


@torch.inference_mode()
def look_codes(
    encoder: LookEncoder, collection: Collection, device: torch.device, seed: int
) -> Floats:
    """N×L: the code of each image, the mean over CROPS places."""
    found = []
    for index, real in enumerate(collection):
        rng = np.random.default_rng([seed, 31, index])
        crops = []
        for _ in range(CROPS):
            starts = [int(rng.integers(max(1, size - LOOK + 1))) for size in real.labels.shape]
            part = real.scaled[starts[0] : starts[0] + LOOK, starts[1] : starts[1] + LOOK]
            crops.append(torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1))))
        codes = [encoder(crop[None].to(device))[0][0] for crop in crops]
        found.append(torch.stack(codes).mean(dim=0).float().cpu().numpy())
    return np.stack(found)
