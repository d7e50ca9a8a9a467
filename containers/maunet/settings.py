"""What can be set of MAUNet."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from containers.base.segmentation.settings import Area
from contract.settings import ExistingFile, SettingsModel

EncoderName = Literal["resnet18", "resnet50", "wide_resnet50_2"]


class TaskSettings(SettingsModel):
    """What can be set of the task `RingAndDistance`."""

    smallest_cell: Area = 16.0
    """Cells with a smaller area, in working pixels, are dropped."""


class NetworkSettings(SettingsModel):
    """Layout of the network; the defaults are saltfish's first model."""

    encoders: list[EncoderName] = Field(default=["resnet50"], min_length=1, max_length=8)
    """One member each; the members' outputs are averaged. The wide one comes without its last
    stage."""
    encoder_width: Annotated[int, Field(ge=1, le=1024)] = 64
    """Channels of the encoders' stems; torchvision's have 64."""
    features: Annotated[int, Field(ge=1, le=1024)] = 24
    """Channels of the decoders at full resolution; they double at each level below the first."""
    normalisation: Literal["instance", "batch"] = "instance"
    """In skips and decoders; the encoders have batch normalisation."""


class Pretraining(SettingsModel):
    """Files with torchvision's parameter names that the encoders start from; unset: at random."""

    encoder_weights: ExistingFile | None = None
    """For the first of `encoders`, such as resnet50-0676ba61.pth."""
    second_encoder_weights: ExistingFile | None = None
    """For the second, such as wide_resnet50_2-95faca4d.pth."""

    @property
    def paths(self) -> list[Path | None]:
        """Of each encoder."""
        names = (self.encoder_weights, self.second_encoder_weights)
        return [None if name is None else Path(name) for name in names]


class Members(NetworkSettings, Pretraining):
    """No more files than encoders."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.second_encoder_weights is not None and len(self.encoders) < 2:
            raise ValueError(
                f"second_encoder_weights are for a second encoder, and encoders {self.encoders} has"
                " only one"
            )
        return self
