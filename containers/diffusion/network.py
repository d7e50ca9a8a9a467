"""The network that clears noise, and the encoder of looks."""

import torch

from containers.diffusion.settings import DiffusionSettings

TIMES = 1000.0


class ClearingNetwork(torch.nn.Module):
    """B×C×H×W noisy images, B×K×H×W conditions and B times in [0, 1] to B×C×H×W clear images.

    MONAI's `DiffusionModelUNet` without attention, so that it can be shown images of any size
    whose sides `multiple` divides: trained on crops, it paints whole images in one piece.
    """

    def __init__(self, settings: DiffusionSettings, inputs: int, channels: int) -> None:
        super().__init__()
        from monai.networks.nets.diffusion_model_unet import DiffusionModelUNet

        widths = settings.widths
        self.body = DiffusionModelUNet(
            spatial_dims=2,
            in_channels=channels + inputs + 1,
            out_channels=channels,
            num_res_blocks=settings.blocks,
            channels=widths,
            attention_levels=[False] * len(widths),
            norm_num_groups=settings.groups,
            num_head_channels=settings.groups,
        )
        # MONAI puts attention into the middle whatever it is told; it would see the whole picture,
        # at the price of its area squared.
        self.body.middle_block.attention = torch.nn.Identity()
        self.multiple = 2 ** (len(widths) - 1)

    def forward(
        self, noisy: torch.Tensor, condition: torch.Tensor, times: torch.Tensor
    ) -> torch.Tensor:
        """See the class; a channel of ones says that there is a condition, zeros that there is
        none."""
        clear: torch.Tensor = self.body(torch.cat([noisy, condition], 1), times * TIMES)
        return clear


def with_flag(condition: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """B×(K+1)×H×W: the condition where B `shown` is 1, nothing where it is 0, and which it is."""
    flag = shown[:, None, None, None].to(condition.dtype)
    ones = torch.ones_like(condition[:, :1])
    return torch.cat([condition, ones], 1) * flag


class LookEncoder(torch.nn.Module):
    """B×C×S×S images to mean and log variance of a code of L numbers, each B×L.

    The mean over all places of what a few convolutions see: a code of light, ground and texture,
    without places.
    """

    def __init__(self, settings: DiffusionSettings, channels: int) -> None:
        super().__init__()
        width = settings.widths[0]
        self.see = torch.nn.Sequential(
            torch.nn.Conv2d(channels, width, 3, stride=2, padding=1),
            torch.nn.SiLU(),
            torch.nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            torch.nn.SiLU(),
            torch.nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            torch.nn.SiLU(),
        )
        self.say = torch.nn.Linear(2 * width, 2 * settings.latent)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See the class."""
        mean, spread = self.say(self.see(images).mean(dim=(2, 3))).chunk(2, 1)
        return mean, spread.clamp(-10, 4)
