"""What can be set of the U-Net's layout."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from containers.base.segmentation.settings import Settings, Size
from contract.settings import SettingsModel

SMALLEST_WINDOW = 64
WINDOW_MULTIPLE = 32
"""Sides of the windows that prediction shows the network are multiples of it: see `tiling`."""


class NetworkSettings(SettingsModel):
    """Layout of `monai.networks.nets.UNet`; the defaults are the challenge's baseline."""

    channels: list[Size] = Field(default=[16, 32, 64, 128, 256], min_length=2, max_length=8)
    """Feature maps of each level, finest first."""
    strides: list[Annotated[int, Field(ge=1, le=8)]] = Field(
        default=[2, 2, 2, 2], min_length=1, max_length=7
    )
    """Between the levels, one fewer than `channels`. The baseline's first level already works at
    half the input size; a first stride of 1 keeps a level at full size."""
    residual_units: int = Field(default=2, ge=0, le=16)
    """Convolutions of each level's residual unit; 0: a plain convolution."""
    normalisation: Literal["instance", "batch"] = "instance"

    @model_validator(mode="after")
    def _levels(self) -> Self:
        if len(self.strides) != len(self.channels) - 1:
            raise ValueError(
                f"channels {self.channels} and strides {self.strides}: there is one stride fewer"
                " than channels"
            )
        if WINDOW_MULTIPLE % self.reduction:
            raise ValueError(
                f"strides {self.strides}: their product, {self.reduction}, must divide"
                f" {WINDOW_MULTIPLE}, so that every window can be halved as often"
            )
        return self

    @property
    def reduction(self) -> int:
        """Input pixels along the side of one pixel of the coarsest level."""
        return math.prod(self.strides)


class Sides(Settings, NetworkSettings):
    """Crops and windows that the network can reduce, to more than one pixel."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.crop % self.reduction or self.crop < 2 * self.reduction:
            raise ValueError(
                f"crop {self.crop} must be a multiple of the product of strides {self.strides},"
                f" {self.reduction}, and at least {2 * self.reduction}"
            )
        share = SMALLEST_WINDOW * min(self.scales) / WINDOW_MULTIPLE
        smallest = max(1, round(share)) * WINDOW_MULTIPLE
        if smallest < 2 * self.reduction:
            raise ValueError(
                f"scales {self.scales} show the network windows of {smallest} pixels, and"
                f" with strides {self.strides} it needs {2 * self.reduction}"
            )
        return self
