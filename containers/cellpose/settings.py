"""What can be set of Cellpose's training; the defaults are those of its function `train_seg`."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from contract.settings import ExistingFile, SettingsModel

Colour = Annotated[int, Field(ge=0, le=3)]


class Settings(SettingsModel):
    """Arguments of `cellpose.train.train_seg` and of the model that it trains."""

    epochs: int = Field(default=2000, ge=1, le=100_000)
    """Passes over `images_per_epoch`."""
    images_per_epoch: int | None = Field(default=None, ge=1, le=1_000_000)
    """Images of an epoch, each giving one crop; unset: as many as there are training images."""
    batch_size: int = Field(default=8, ge=1, le=4096)
    """Crops of one optimiser step."""
    crop: int = Field(default=224, ge=32, le=4096, multiple_of=16)
    """Side of the crops in pixels, after images are rescaled to `diameter`."""
    optimiser: Literal["adamw", "sgd"] = "adamw"
    """sgd, with momentum 0.9, is what the package's command line takes."""
    learning_rate: float = Field(default=0.005, gt=0, le=10)
    """After a warm-up of ten epochs."""
    weight_decay: float = Field(default=1e-5, ge=0, le=1)
    """Of the optimiser."""
    fewest_cells: int = Field(default=5, ge=0, le=10_000)
    """Training images with fewer cells are left out, as the package does."""
    diameter: float = Field(default=30.0, gt=0, le=1000)
    """To which training images are rescaled, by the mean diameter of their cells, in pixels."""
    first_channel: Colour = 0
    """The channel to segment: 0 for grey values, 1 to 3 for red, green, blue."""
    second_channel: Colour = 0
    """The channel of the nuclei: 0 for none, 1 to 3 for red, green, blue."""
    checkpoint: ExistingFile | None = None
    """A Cellpose 3 model to start from, by path; unset: random weights."""

    @property
    def channels(self) -> list[int]:
        """As the package wants them."""
        return [self.first_channel, self.second_channel]

    @property
    def arguments(self) -> dict[str, Any]:
        """Those of `train_seg` that are neither images nor places."""
        return {
            "channels": self.channels,
            "n_epochs": self.epochs,
            "nimg_per_epoch": self.images_per_epoch,
            "batch_size": self.batch_size,
            "bsize": self.crop,
            "SGD": self.optimiser == "sgd",
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "min_train_masks": self.fewest_cells,
        }

    def steps(self, cells: Sequence[int]) -> int:
        """Optimiser steps of an epoch on images with so many cells."""
        used = sum(count >= self.fewest_cells for count in cells)
        return -(-(self.images_per_epoch or used) // self.batch_size)
