"""Residual encoders with torchvision's parameter names, so that its weight files load."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from contract import CallError, sha256_file

HEAD = "fc."
COUNTER = ".num_batches_tracked"
DO = "name a file of torchvision's weights of this network, or none to start at random"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What tells one residual network from another."""

    bottleneck: bool
    depths: tuple[int, ...]
    """Blocks of each stage."""
    inner: int = 1
    """Width of a bottleneck's middle as a multiple of its stage's."""


LAYOUTS = {
    "resnet18": Layout(bottleneck=False, depths=(2, 2, 2, 2)),
    "resnet50": Layout(bottleneck=True, depths=(3, 4, 6, 3)),
    "wide_resnet50_2": Layout(bottleneck=True, depths=(3, 4, 6), inner=2),
}
"""He et al., 2015 (arXiv 1512.03385) and Zagoruyko and Komodakis, 2016 (arXiv 1605.07146). MAUNet
leaves the last stage of the wide one out."""


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut; B×`channels`×h×w to B×`width`×h/stride×w/stride."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(channels, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        out: torch.Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return out


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolution with a shortcut; gives 4×`width` channels.

    The stride is in the 3×3 convolution, as in torchvision.
    """

    def __init__(self, channels: int, width: int, stride: int, inner: int) -> None:
        super().__init__()
        middle, out = width * inner, width * 4
        self.conv1 = nn.Conv2d(channels, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(channels, out, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        out: torch.Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return out


def _downsample(channels: int, out: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and channels == out:
        return None
    return nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))


class Encoder(nn.Module):
    """A residual network without its classifier; gives the output of the stem and of each stage.

    `width` is the stem's, 64 in torchvision; each stage after the first doubles it. B×3×H×W to maps
    at H/2, H/4, H/8 and so on, `channels` of them in turn.
    """

    def __init__(self, layout: Layout, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.channels = [width]
        self.stages: list[str] = []
        for number, depth in enumerate(layout.depths):
            blocks: list[nn.Module] = []
            stage_width, channels = width * 2**number, self.channels[-1]
            for place in range(depth):
                stride = 2 if number and not place else 1
                if layout.bottleneck:
                    blocks.append(Bottleneck(channels, stage_width, stride, layout.inner))
                    channels = 4 * stage_width
                else:
                    blocks.append(BasicBlock(channels, stage_width, stride))
                    channels = stage_width
            self.channels.append(channels)
            self.stages.append(f"layer{number + 1}")
            self.add_module(self.stages[-1], nn.Sequential(*blocks))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.relu(self.bn1(self.conv1(x)))
        found = [x]
        x = self.maxpool(x)
        for stage in self.stages:
            x = getattr(self, stage)(x)
            found.append(x)
        return found


def load_encoder(encoder: Encoder, path: Path) -> None:
    """Fills `encoder` from a state dict with torchvision's names, such as resnet50-0676ba61.pth.

    The classifier and stages that the encoder does not have are passed over. Raises CallError when
    the file is no file of tensors (it is opened with `weights_only=True` and never
    runs code), or belongs to another network.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CallError(
            f"encoder_weights: {path} holds no weights that can be opened.", reason, DO
        ) from error
    if not isinstance(found, dict) or not all(isinstance(v, torch.Tensor) for v in found.values()):
        raise CallError(f"encoder_weights: {path} is no plain state dict.", do=DO)
    wanted = encoder.state_dict()
    missing = [name for name in wanted if name not in found and not name.endswith(COUNTER)]
    foreign = [name for name in found if name not in wanted and not _is_passed_over(name, encoder)]
    other = [n for n in wanted if n in found and wanted[n].shape != found[n].shape]
    for names, what in ((missing, "lacks"), (foreign, "also has"), (other, "has another shape of")):
        if names:
            raise CallError(
                f"encoder_weights: {path} does not fit the encoder: it {what} {names[0]}"
                f"{f' and {len(names) - 1} more' if len(names) > 1 else ''}.",
                "it belongs to another network",
                DO,
            )
    encoder.load_state_dict({n: t for n, t in found.items() if n in wanted}, strict=False)


def _is_passed_over(name: str, encoder: Encoder) -> bool:
    stage = name.split(".")[0]
    return name.startswith(HEAD) or (stage.startswith("layer") and stage not in encoder.stages)


def name_weights(paths: Sequence[Path | None]) -> str:
    """What training.json says of these files: each one's name and sha256, or "none"."""
    named = [f"{path.name} sha256:{sha256_file(path)}" for path in paths if path]
    return ", ".join(named) or "none"
