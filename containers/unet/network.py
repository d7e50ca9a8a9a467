"""MONAI's U-Net, in the challenge baseline's layout or a smaller one."""

import torch

from containers.unet.settings import NetworkSettings


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
