"""LSTM-UNet: ConvLSTMs in the encoder, one decoder for every frame."""

import math

import torch
from torch.nn.functional import interpolate, pad

from containers.lstmunet.conv_lstm import ConvLstm
from containers.lstmunet.sequence import make_sequence
from containers.lstmunet.settings import NetworkSettings

SLOPE = 0.3
"""Of the leaky ReLU below 0: Keras' default."""
STRIDES = 2, 2, 2, 1


class LstmUnet(torch.nn.Module):
    """The network of Arbelle and Riklin Raviv (ISBI 2019) on sequences made from still images.

    Each encoder block is a ConvLSTM and two convolutions with batch normalisation and leaky ReLU,
    the first with stride 2 (1 in the last block). Decoder blocks enlarge bilinearly, append the
    output of the encoder block of that size (at last the frame itself) and apply two convolutions.
    """

    def __init__(self, settings: NetworkSettings, outputs: int, inputs: int) -> None:
        super().__init__()
        self.settings = settings
        lstms, blocks = [], []
        width = inputs
        for filters, wide, stride in zip(
            settings.lstm, settings.convolutions, STRIDES, strict=True
        ):
            lstms.append(ConvLstm(width, filters, settings.lstm_kernel))
            blocks.append(_convolutions(filters, wide, settings.kernel, stride))
            width = wide
        self.lstms, self.blocks = torch.nn.ModuleList(lstms), torch.nn.ModuleList(blocks)
        skips = [*settings.convolutions[-2::-1], inputs]
        decoders = []
        for skip, wide in zip(skips, settings.decoder, strict=True):
            decoders.append(_convolutions(width + skip, wide, settings.kernel, 1))
            width = wide
        self.decoders = torch.nn.ModuleList(decoders)
        self.head = torch.nn.Conv2d(width, outputs, 1)

    def initialise(self) -> None:
        """Draws the first weights: Glorot-uniform, as Keras does, and those of the ConvLSTMs."""
        for part in self.modules():
            if isinstance(part, torch.nn.Conv2d) and part.bias is not None:
                torch.nn.init.xavier_uniform_(part.weight)
                torch.nn.init.zeros_(part.bias)
        for part in self.modules():
            if isinstance(part, ConvLstm):
                part.initialise()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of B×C×H×W images in [0, 1].

        In training those of every frame, T×B×`outputs`×H×W, the image itself last; else of the
        image alone, B×`outputs`×H×W, each of them after the frames before. The state is 0 before
        the first frame of every image. Sides may be any; inside they are filled up to a multiple
        of the smallest map's pixels.
        """
        steps, (height, width) = self.settings.frames, image.shape[2:]
        image = _filled(image, math.prod(STRIDES))
        frames = make_sequence(image, self.settings.sequence, steps)
        # From [0, 1] to about zero mean and unit variance, in place of the original's z-score.
        sequence = torch.cat(frames) * 4 - 2
        found = sequence
        skips = [sequence]
        for lstm, block in zip(self.lstms, self.blocks, strict=True):
            found = block(lstm(found, steps))
            skips.append(found)
        if not self.training:
            skips = [skip.chunk(steps)[-1] for skip in skips]
        found = skips.pop()
        for decoder in self.decoders:
            skip = skips.pop()
            if found.shape[2:] != skip.shape[2:]:
                found = enlarge(found)
            found = decoder(torch.cat([found, skip.to(found.dtype)], 1))
        logits: torch.Tensor = self.head(found)[..., :height, :width]
        return logits.unflatten(0, (steps, -1)) if self.training else logits


def build_lstmunet(
    settings: NetworkSettings, outputs: int, *, inputs: int = 3, fresh: bool = True
) -> LstmUnet:
    """The network, with first weights drawn if `fresh`.

    With `inputs` 1, `outputs` 3 and the default layout, the original's training configuration, it
    has 74,606,531 parameters.
    """
    network = LstmUnet(settings, outputs, inputs)
    if fresh:
        network.initialise()
    return network


def enlarge(maps: torch.Tensor) -> torch.Tensor:
    """B×C×H×W to twice the height and width, bilinear.

    On a GPU the gradient of torch's own function is a sum in any order, so that two trainings would
    differ; there it is computed from neighbours instead, which takes longer on a CPU.
    """
    if maps.is_cuda:
        return enlarge_in_order(maps)
    return interpolate(maps, scale_factor=2, mode="bilinear")


def enlarge_in_order(maps: torch.Tensor) -> torch.Tensor:
    """The same as `enlarge`, with a gradient whose sums have a fixed order on every device."""
    for axis in (2, 3):
        last = maps.shape[axis] - 1
        before = torch.cat([maps.narrow(axis, 0, 1), maps.narrow(axis, 0, last)], axis)
        after = torch.cat([maps.narrow(axis, 1, last), maps.narrow(axis, last, 1)], axis)
        pair = [0.75 * maps + 0.25 * before, 0.75 * maps + 0.25 * after]
        maps = torch.stack(pair, axis + 1).flatten(axis, axis + 1)
    return maps


def _convolutions(inputs: int, filters: int, kernel: int, stride: int) -> torch.nn.Sequential:
    parts: list[torch.nn.Module] = []
    for wide, step in ((inputs, stride), (filters, 1)):
        parts += [
            torch.nn.Conv2d(wide, filters, kernel, stride=step, padding=kernel // 2),
            torch.nn.BatchNorm2d(filters),
            torch.nn.LeakyReLU(SLOPE),
        ]
    return torch.nn.Sequential(*parts)


def _filled(image: torch.Tensor, multiple: int) -> torch.Tensor:
    """The image with its last rows and columns repeated until its sides are multiples."""
    down, across = (-side % multiple for side in image.shape[2:])
    return pad(image, (0, across, 0, down), mode="replicate") if down or across else image
