"""What can be set of every generator's training; the models add what their networks take."""

from typing import Annotated, Literal

from pydantic import Field

from contract.settings import SettingsModel

Steps = Annotated[int, Field(ge=1, le=10**9)]
Features = Annotated[int, Field(ge=4, le=2048)]


class GeneratorSettings(SettingsModel):
    """Length of a training, its crops, and the pictures that come out of it."""

    steps: Steps = 20000
    """Optimiser steps in all."""
    epoch_steps: Steps = 200
    """Steps between two lines of history."""
    max_seconds: float | None = Field(default=None, gt=0, le=10**9)
    """Wall-clock safety net for the whole call; near it the rate is wound down early."""
    batch_size: int = Field(default=8, ge=1, le=1024)
    """Crops of one optimiser step."""
    crop: int = Field(default=128, ge=32, le=2048, multiple_of=16)
    """Side of the training crops in pixels of the images."""
    learning_rate: float = Field(default=2e-4, gt=0, le=1)
    """Constant for the first half of the steps, then falls linearly to 0."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: a GPU where there is one."""
    precision: Literal["auto", "fp32", "bf16"] = "fp32"
    """Of the training; pictures are always made in fp32. auto: bf16 where the processor has it."""
    largest_side: int = Field(default=1024, ge=32, le=16384)
    """Pictures with a longer side than that show a part of their mask."""
    shape_steps: Steps = 1500
    """Optimiser steps of the model of the cells' outlines."""
    shape_latent: int = Field(default=12, ge=2, le=64)
    """Numbers that describe an outline."""
    filter_share: float = Field(default=0.6, ge=0, le=1)
    """A pair is dropped, and drawn again, when its cells stand out from the background less than
    this share of what the validation images have; 0: no pair is dropped."""
