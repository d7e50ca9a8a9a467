"""The two networks, of MONAI's parts."""

import torch

from containers.pix2pix.settings import GanSettings

MULTIPLE = 16
"""Sides of what the generator is shown are multiples of it."""


class PaintingNetwork(torch.nn.Module):
    """B×K×H×W condition and B×1×H×W noise to B×C×H×W images in [-1, 1].

    MONAI's `BasicUNet` with skips and a tanh, as the U-Net of Isola et al. Batch normalisation has
    fixed statistics in use, so that a picture looks the same however large it is.
    """

    def __init__(self, settings: GanSettings, inputs: int, channels: int) -> None:
        super().__init__()
        from monai.networks.nets.basic_unet import BasicUNet

        self.body = BasicUNet(
            spatial_dims=2,
            in_channels=inputs + 1,
            out_channels=channels,
            features=settings.features,
            norm="batch",
            upsample="nontrainable",
        )

    def forward(self, condition: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return torch.tanh(self.body(torch.cat([condition, noise], dim=1)))


def build_discriminator(settings: GanSettings, inputs: int, channels: int) -> torch.nn.Module:
    """MONAI's `PatchDiscriminator` of the condition and an image; its last output is the logits."""
    from monai.networks.nets.patchgan_discriminator import PatchDiscriminator

    network: torch.nn.Module = PatchDiscriminator(
        spatial_dims=2,
        channels=settings.discriminator_features,
        in_channels=inputs + channels,
        num_layers_d=settings.discriminator_layers,
    )
    return network
