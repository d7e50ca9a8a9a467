"""What can be set of StarDist's training; the defaults are those of `Config2D`, save for RGB."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from contract.settings import ExistingFile, SettingsModel

CHANNELS = 3
Count = Annotated[int, Field(ge=1, le=100_000)]


class Settings(SettingsModel):
    """Fields of `stardist.models.Config2D`."""

    rays: int = Field(default=32, ge=3, le=256)
    """Directions in which the distance to the outline is predicted."""
    grid: int = Field(default=1, ge=1, le=16)
    """Pixels, in both directions, for which there is one prediction; a power of two."""
    depth: int = Field(default=3, ge=1, le=8)
    """Halvings in the U-Net."""
    features: int = Field(default=32, ge=4, le=1024)
    """Feature maps of its finest level; each coarser level has twice as many."""
    features_after: int = Field(default=128, ge=4, le=1024)
    """Feature maps between the U-Net and the predictions."""
    crop: int = Field(default=256, ge=16, le=4096)
    """Side of the training patches in pixels."""
    batch_size: int = Field(default=4, ge=1, le=4096)
    """Patches of one optimiser step."""
    epochs: Count = 400
    """Each of `epoch_steps`, with a validation at its end."""
    epoch_steps: Count = 100
    """Optimiser steps of an epoch."""
    learning_rate: float = Field(default=0.0003, gt=0, le=10)
    """Of Adam; halved when the validation loss has not fallen for 40 epochs."""
    checkpoint: ExistingFile | None = None
    """Weights of a StarDist model of the same layout to start from, by path; unset: random."""

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.grid & (self.grid - 1):
            raise ValueError(f"grid {self.grid} must be a power of two")
        factor = self.grid * 2**self.depth
        if self.crop % factor:
            raise ValueError(
                f"crop {self.crop} must be a multiple of {factor}, to be divided by grid and depth"
            )
        return self

    @property
    def arguments(self) -> dict[str, Any]:
        """Those of `Config2D`."""
        return {
            "n_rays": self.rays,
            "grid": (self.grid, self.grid),
            "n_channel_in": CHANNELS,
            "unet_n_depth": self.depth,
            "unet_n_filter_base": self.features,
            "net_conv_after_unet": self.features_after,
            "train_patch_size": (self.crop, self.crop),
            "train_batch_size": self.batch_size,
            "train_epochs": self.epochs,
            "train_steps_per_epoch": self.epoch_steps,
            "train_learning_rate": self.learning_rate,
            "train_tensorboard": False,
            "use_gpu": False,
        }
