"""What can be set of the LSTM-UNet."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from containers.base.segmentation.settings import Share, Size
from contract.settings import SettingsModel

Growth = Literal["touching", "edges"]
Sequence = Literal["coarse_to_fine", "photometric", "repetition"]
BLOCKS = 4
"""Of the encoder, and of the decoder."""


def _odd(side: int) -> int:
    if side % 2 == 0:
        raise ValueError(f"the side of a kernel must be odd, from 1 to 15, not {side}")
    return side


Kernel = Annotated[int, Field(ge=1, le=15), AfterValidator(_odd)]
"""An odd side, so that a convolution keeps the size of its map."""
Filters = Annotated[list[Size], Field(min_length=BLOCKS, max_length=BLOCKS)]


class TaskSettings(SettingsModel):
    """What can be set of the task `contour.Contour`."""

    class_weights: list[Annotated[float, Field(gt=0, le=1000)]] = Field(
        default=[0.15, 0.25, 0.6], min_length=3, max_length=3
    )
    """Weights of background, cell and contour in the cross-entropy."""
    earlier_weight: Share = 0.3
    """Weight of the loss of each earlier frame; that of the last one is 1."""
    growth: Growth = "touching"
    """How cells get pixels of the contour back; see `decode.ContourDecoding`."""


class NetworkSettings(SettingsModel):
    """Layout of the network; the defaults are the original's training configuration."""

    lstm: Filters = Field(default=[128, 256, 256, 512])
    """Filters of the ConvLSTM of each encoder block, finest first."""
    lstm_kernel: Kernel = 5
    """Side of the kernels of the ConvLSTMs, odd."""
    convolutions: Filters = Field(default=[128, 256, 256, 512])
    """Filters of the two convolutions of each encoder block."""
    decoder: Filters = Field(default=[256, 128, 64, 32])
    """Filters of the two convolutions of each decoder block, coarsest first."""
    kernel: Kernel = 3
    """Side of all kernels outside the ConvLSTMs, odd."""
    sequence: Sequence = "coarse_to_fine"
    """How frames are made from an image; see `sequence.make_sequence`."""
    frames: int = Field(default=3, ge=1, le=8)
    """Frames that are made from an image; with 1 nothing is recurrent."""
