"""MONAI's U-Net, in the challenge baseline's layout or a smaller one."""

from dataclasses import dataclass, field
from typing import Literal

import torch


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Layout of `monai.networks.nets.UNet`; the defaults are the challenge's baseline."""

    channels: list[int] = field(default_factory=lambda: [16, 32, 64, 128, 256])
    """Feature maps of each level, finest first."""
    strides: list[int] = field(default_factory=lambda: [2, 2, 2, 2])
    """Between the levels, one fewer than `channels`. The baseline's first level already works at
    half the input size; a first stride of 1 keeps a level at full size."""
    residual_units: int = 2
    normalisation: Literal["instance", "batch"] = "instance"


def build_unet(settings: NetworkSettings, outputs: int) -> torch.nn.Module:
    """B×3×H×W images in [0, 1] to B×`outputs`×H×W logits.

    H and W must be multiples of the product of the strides. The baseline has 1,626,072 parameters.
    """
    from monai.networks.nets.unet import UNet

    return UNet(
        spatial_dims=2,
        in_channels=3,
        out_channels=outputs,
        channels=settings.channels,
        strides=settings.strides,
        num_res_units=settings.residual_units,
        norm=settings.normalisation,
    )
