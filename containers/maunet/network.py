"""MAUNet: residual encoders, a skip at full resolution and two complete decoders."""

import torch
from torch import nn
from torch.nn.functional import pad

from containers.maunet.encoder import LAYOUTS, Encoder, load_encoder
from containers.maunet.settings import NetworkSettings, Pretraining

CLASSES = 4
"""Background, core, ring, and a channel that no target asks for: it can take probability from the
three where the network is unsure."""
SMALLEST = 64
SLOPE = 0.01


def build_network(settings: NetworkSettings, pretraining: Pretraining | None = None) -> "Ensemble":
    """The network of `settings`, at random but for the encoders' files.

    The default has 39,403,021 parameters. Raises CallError for files that do not fit.
    """
    members = [
        MAUNet(Encoder(LAYOUTS[name], settings.encoder_width), settings)
        for name in settings.encoders
    ]
    paths = pretraining.paths if pretraining else []
    for member, path in zip(members, paths, strict=False):
        if path is not None:
            load_encoder(member.encoder, path)
    return Ensemble(members)


class Ensemble(nn.Module):
    """One or several networks that see the same images.

    B×3×H×W in [0, 1] of any size to B×(4+1)×H×W: logits of the four classes and the distance,
    averaged over the members. In training B×N×5×H×W, so that each of N members has its own loss.
    """

    def __init__(self, members: list["MAUNet"]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = torch.stack([member(images) for member in self.members], 1)
        return found if self.training else found.mean(1)


class MAUNet(nn.Module):
    """B×3×H×W to B×5×H×W: four class logits, one distance. Sides are filled up where necessary."""

    def __init__(self, encoder: Encoder, settings: NetworkSettings) -> None:
        super().__init__()
        first, kind = settings.features, settings.normalisation
        widths = [first] + [first * 2**level for level in range(len(encoder.channels))]
        self.encoder = encoder
        self.skips = nn.ModuleList(
            ResidualBlock(channels, width, kind)
            for channels, width in zip([3, *encoder.channels], widths, strict=True)
        )
        self.classes = Decoder(widths, CLASSES, kind)
        self.distance = Decoder(widths, 1, kind)
        self.multiple = 2 ** (len(widths) - 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        height, width = images.shape[2:]
        down, right = (
            max(SMALLEST, -(-size // self.multiple) * self.multiple) - size
            for size in (height, width)
        )
        if down or right:
            images = pad(images, (0, right, 0, down), mode="replicate")
        found = [images, *self.encoder(images)]
        skips = [skip(x) for skip, x in zip(self.skips, found, strict=True)]
        both = torch.cat([self.classes(skips), self.distance(skips)], 1)
        return both[:, :, :height, :width]


class Decoder(nn.Module):
    """From the skips, finest first, to `outputs` maps at full resolution."""

    def __init__(self, widths: list[int], outputs: int, kind: str) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            UpStage(below, width, kind)
            for below, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(widths[0], outputs, 1)

    def forward(self, skips: list[torch.Tensor]) -> torch.Tensor:
        x = skips[-1]
        for stage, skip in zip(self.stages, skips[-2::-1], strict=True):
            x = stage(x, skip)
        maps: torch.Tensor = self.head(x)
        return maps


class UpStage(nn.Module):
    """Doubles the size, joins the skip, and mixes both."""

    def __init__(self, channels: int, width: int, kind: str) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels, width, 2, 2, bias=False)
        self.mix = ResidualBlock(2 * width, width, kind)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = self.mix(torch.cat([self.up(x), skip], 1))
        return mixed


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut, as the blocks of UNETR (Hatamizadeh et al., 2021)."""

    def __init__(self, channels: int, width: int, kind: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, 1, 1, bias=False)
        self.norm1 = _normalisation(kind, width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = _normalisation(kind, width)
        self.act = nn.LeakyReLU(SLOPE, inplace=True)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), _normalisation(kind, width))
            if channels != width
            else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.act(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        out: torch.Tensor = self.act(y + (x if self.shortcut is None else self.shortcut(x)))
        return out


def _normalisation(kind: str, width: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(width, affine=False)
    return nn.InstanceNorm2d(width)
