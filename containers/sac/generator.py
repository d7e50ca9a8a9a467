"""The prompt generator: a U-Net on the image whose deepest level also sees SAM's embedding."""

import torch
from torch.nn.functional import interpolate

OUTPUTS = 3
"""Foreground, closeness to the cell's centre, depth below its outline."""


class Generator(torch.nn.Module):
    """Maps at full size, and detail for the embedding that the mask decoder reads.

    `channels` are the feature maps of the levels, each half as large as the one before, from the
    size of the image down to that of the embedding.
    """

    def __init__(self, channels: list[int], embedding: int) -> None:
        super().__init__()
        inputs = [3, *channels[:-1]]
        self.down = torch.nn.ModuleList(
            _Convolution(given, wanted) if level == 0 else _Down(given, wanted)
            for level, (given, wanted) in enumerate(zip(inputs, channels, strict=True))
        )
        self.fuse = _Convolution(channels[-1] + embedding, channels[-1])
        self.up = torch.nn.ModuleList(
            _Up(below, beside)
            for below, beside in zip(channels[:0:-1], channels[-2::-1], strict=True)
        )
        self.head = torch.nn.Conv2d(channels[0], OUTPUTS, 1)
        self.detail = torch.nn.Conv2d(channels[-1], embedding, 1)
        for weight in self.detail.parameters():
            torch.nn.init.zeros_(weight)

    def look(self, pixels: torch.Tensor, embedding: torch.Tensor) -> list[torch.Tensor]:
        """Features of every level, finest first; the last is B×`channels[-1]`×t×t."""
        levels = []
        for block in self.down:
            pixels = block(pixels)
            levels.append(pixels)
        levels[-1] = self.fuse(torch.cat([levels[-1], embedding.to(levels[-1].dtype)], 1))
        return levels

    def enrich(self, levels: list[torch.Tensor], embedding: torch.Tensor) -> torch.Tensor:
        """The embedding plus what the image branch adds to it; nothing, before the first step."""
        detail: torch.Tensor = self.detail(levels[-1])
        return embedding + detail

    def maps(self, levels: list[torch.Tensor]) -> torch.Tensor:
        """B×3×H×W logits of the three maps."""
        features = levels[-1]
        for block, beside in zip(self.up, levels[-2::-1], strict=True):
            features = block(features, beside)
        logits: torch.Tensor = self.head(features)
        return logits


class _Convolution(torch.nn.Module):
    """3×3 convolution, batch normalisation, ReLU."""

    def __init__(self, given: int, wanted: int, stride: int = 1) -> None:
        super().__init__()
        self.weights = torch.nn.Conv2d(given, wanted, 3, stride=stride, padding=1, bias=False)
        self.norm = torch.nn.BatchNorm2d(wanted)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.weights(features)))


class _Down(torch.nn.Module):
    """Halves height and width; a second convolution adds to the first."""

    def __init__(self, given: int, wanted: int) -> None:
        super().__init__()
        self.first = _Convolution(given, wanted, stride=2)
        self.second = _Convolution(wanted, wanted)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        halved: torch.Tensor = self.first(features)
        added: torch.Tensor = self.second(halved)
        return halved + added


class _Up(torch.nn.Module):
    """Doubles height and width and joins the level of that size."""

    def __init__(self, below: int, beside: int) -> None:
        super().__init__()
        self.narrow = torch.nn.Conv2d(below, beside, 1)
        self.join = _Convolution(2 * beside, beside)

    def forward(self, features: torch.Tensor, beside: torch.Tensor) -> torch.Tensor:
        features = interpolate(self.narrow(features), scale_factor=2.0, mode="nearest")
        joined: torch.Tensor = self.join(torch.cat([features, beside], 1))
        return joined
