"""What can be set of nnU-Net's planning, trainer and prediction; the rest is nnU-Net's."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from containers.base.segmentation.settings import (
    Area,
    LoopSettings,
    Share,
    Size,
    ZoomRange,
)
from contract.settings import SettingsModel

FEWEST_STAGES = 3
Convolutions = Annotated[int, Field(ge=1, le=16)]


class TaskSettings(SettingsModel):
    """What can be set of the task `border_core.BorderCore`."""

    border_depth: int = Field(default=2, ge=1, le=64)
    """Depth of the border inside each cell, in working pixels; less where the core would be lost
    or fall apart."""
    smallest_cell: Area = 16.0
    """Cells with a smaller area, in working pixels, are dropped."""


class PlanSettings(SettingsModel):
    """What a profile may set instead of nnU-Net's plan."""

    batch_size: int | None = Field(default=None, ge=1, le=4096)
    """Patches of one optimiser step; unset: as planned."""
    crop: int | None = Field(default=None, ge=16, le=8192)
    """Side of the patches in working pixels; unset: as planned."""
    features: list[Size] | None = Field(default=None, min_length=FEWEST_STAGES, max_length=10)
    """Feature maps of each stage, finest first; unset: as planned. nnU-Net's loss gives the
    coarsest of its outputs no weight, so there are three or more."""
    encoder_convolutions: Convolutions = 2
    """In each stage. Only with `features`."""
    decoder_convolutions: Convolutions = 2
    """In each stage. Only with `features`."""

    @model_validator(mode="after")
    def _stages(self) -> Self:
        if self.features is None or self.crop is None:
            return self
        reduction = 2 ** (len(self.features) - 1)
        if self.crop % reduction or self.crop < 2 * reduction:
            raise ValueError(
                f"crop {self.crop} must be a multiple of {reduction}, and at least {2 * reduction},"
                f" to be halved between the {len(self.features)} stages of features"
            )
        return self


class TrainerSettings(ZoomRange):
    """What a profile sets of nnU-Net's trainer."""

    optimiser: Literal["sgd", "adamw"] = "sgd"
    """sgd: nnU-Net's own, with Nesterov momentum 0.99."""
    zoom_probability: Share | None = None
    """Share of patches that are zoomed by `zoom_min` to `zoom_max`; unset: nnU-Net's own zoom."""


KINDS = LoopSettings, TaskSettings, PlanSettings, TrainerSettings
