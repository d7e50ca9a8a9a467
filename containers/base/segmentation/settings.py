"""What can be set of training and prediction; models add what their task and network take.

Lengths called "working" are pixels of the rescaled image that the network sees.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contract.settings import FOLDER_FORMAT, SettingsModel

Count = Annotated[int, Field(ge=1, le=10**9)]
Size = Annotated[int, Field(ge=1, le=8192)]
"""A side in pixels, or feature maps."""
Share = Annotated[float, Field(ge=0, le=1)]
Area = Annotated[float, Field(ge=0, le=10**6)]
"""Working pixels."""
SideMultiple = Annotated[int, Field(ge=64, le=8192, multiple_of=32)]
"""A side of windows in prediction: see `tiling`."""


class LoopSettings(SettingsModel):
    """What the training loop, the choice of the scale and prediction take from any model."""

    start_from: str | None = Field(
        default=None, min_length=1, json_schema_extra={"format": FOLDER_FORMAT}
    )
    """Weights to start from: `shipped` for those that come with the model, or a folder; unset:
    random numbers, or what the model's own settings name."""
    steps: Count | None = None
    """Optimiser steps in all. Give this or `epochs`."""
    epochs: Count | None = None
    """Epochs in all, each of `epoch_steps` steps."""
    epoch_steps: Count | None = None
    """Steps between two lines of history; unset: one pass over the training images."""
    max_seconds: float | None = Field(default=None, gt=0, le=10**9)
    """Wall-clock safety net for the whole call; near it the schedule is wound down early."""
    shares: int = Field(default=2, ge=1, le=256)
    """On a CPU, parts of the batch that are computed at the same time; part of the recipe, since
    batch normalisation sees one part at a time."""
    learning_rate: float = Field(default=6e-4, gt=0, le=1)
    """At its highest, after `warmup_steps`."""
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    """Decoupled from the gradient, as in AdamW."""
    schedule: Literal["cosine", "poly", "step", "constant"] = "cosine"
    """poly: falls with the power 0.9 of what is left of the training, as nnU-Net's."""
    warmup_steps: int = Field(default=0, ge=0, le=10**9)
    """Steps over which the rate rises from 0."""
    decay_steps: Count = 1000
    """`step` schedule only: the rate is multiplied by `decay` every so many steps."""
    decay_epochs: Count | None = None
    """The same in epochs; where it is set, `decay_steps` does not count."""
    decay: float = Field(default=0.95, gt=0, le=1)
    """`step` schedule only."""
    cell_diameter: float | None = Field(default=None, ge=4, le=1024)
    """Working diameter: every image is rescaled until its typical cell is this wide. Unset: the
    network sees images at their own size."""
    size_steps: int = Field(default=900, ge=0, le=10**9)
    """Steps in which a small network learns to tell how wide the cells of an image are, before the
    large one begins, and not more than that has; 0, or without `cell_diameter`: none."""
    foreground_probability: Share = 0.8
    """Share of crops that are placed on a cell; the rest lie anywhere."""
    validate_every: Count = 1
    """Epochs between validations."""
    validate_from: Count = 1
    """First epoch that is validated."""
    patience: Count | None = None
    """Stop after so many validations in a row without a better F1; unset: never."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: a GPU where there is one."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto: bf16 on CUDA and on CPUs with avx512_bf16, else fp32."""
    cache_bytes: int = Field(default=3 * 2**30, ge=0, le=2**50)
    """Decoded training images kept in memory; the others are read again for each crop."""
    overlap: float = Field(default=0.25, ge=0, le=0.9)
    """Share of a window that overlaps its neighbour in prediction."""
    tta: Literal["none", "flips"] = "none"
    """flips: average over the four mirror images at prediction."""

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.steps is None and self.epochs is None:
            raise ValueError("steps and epochs are both null, and a training needs one of them")
        if self.steps is not None and self.epochs is not None:
            raise ValueError(
                f"steps is {self.steps} and epochs is {self.epochs}: one of them must be null"
            )
        if self.device == "cpu" and self.precision == "fp16":
            raise ValueError("precision fp16 needs a GPU, and device is cpu")
        return self


class ZoomRange(SettingsModel):
    """Between which factors crops are zoomed at random, on top of the rescaling of the image."""

    zoom_min: float = Field(default=0.5, ge=0.01, le=100)
    """Smallest random zoom."""
    zoom_max: float = Field(default=2.0, ge=0.01, le=100)
    """Largest random zoom; it is drawn log-uniform."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.zoom_min > self.zoom_max:
            raise ValueError(f"zoom_min {self.zoom_min} is above zoom_max {self.zoom_max}")
        return self


class CropSettings(LoopSettings, ZoomRange):
    """What the shared crops, augmentation, optimiser step and windows take on top of that."""

    batch_size: int = Field(default=8, ge=1, le=4096)
    """Crops of one optimiser step."""
    crop: int = Field(default=256, ge=16, le=8192)
    """Side of the training crops in working pixels."""
    clip_gradient: float | None = Field(default=None, gt=0, le=10**6)
    """Largest norm of the gradient; unset: no clipping."""
    zoom_probability: Share = 1.0
    """Share of crops that are zoomed."""
    stretch: Share = 0.0
    """Largest relative difference between the zoom of the two axes."""
    noise_probability: Share = 0.25
    """Gaussian noise, up to a tenth of the range of values."""
    gamma_probability: Share = 0.25
    """Values to a power between a half and two."""
    blur_probability: Share = 0.25
    """Gaussian blur, 0.5 to 1.5 working pixels wide."""
    histogram_probability: Share = 0.25
    """Monotonic change of values through three random points."""
    colour_probability: Share = 0.0
    """Random gain per colour channel, or all channels replaced by their mean."""
    invert_probability: Share = 0.0
    """Light for dark."""
    gradient_probability: Share = 0.0
    """Uneven light: a slope across the crop, up to a third of the range of values."""
    tile: SideMultiple = 256
    """Side of the windows in prediction, working pixels."""


class Settings(CropSettings):
    """All that the shared training and prediction code can be told."""

    scales: list[Annotated[float, Field(ge=0.25, le=4)]] = Field(
        default=[1.0], min_length=1, max_length=16
    )
    """Sizes, relative to the working size, at which prediction looks at each window; the logits
    are averaged."""


class ThreeClassSettings(SettingsModel):
    """What can be set of the task `three_class.ThreeClass`."""

    ring_depth: int = Field(default=2, ge=1, le=64)
    """Depth of the ring class inside each cell, in working pixels; less in small cells."""
    class_weights: list[Annotated[float, Field(gt=0, le=1000)]] | None = Field(
        default=None, min_length=3, max_length=3
    )
    """Weights of background, core and ring in the cross-entropy; unset: equal."""
    smallest_cell: Area = 16.0
    """Cells with a smaller area, in working pixels, are dropped."""
