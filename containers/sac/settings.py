"""What can be set of SAC: SAM's layout, the prompt generator, the prompts and the masks."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from containers.base.segmentation.settings import Area, CropSettings, Share, SideMultiple, Size
from contract.settings import ExistingFile, SettingsModel

Number = Annotated[int, Field(ge=1, le=256)]
Distance = Annotated[float, Field(gt=0, le=8192)]
"""Working pixels."""


class Accepting(SettingsModel):
    """When a mask is taken, and when it is a second mask of one cell."""

    accept: Share = 0.5
    """Expected IoU from which a mask is the cell; below, its watershed region is."""
    reject: Share = 0.2
    """Expected IoU below which a seed is no cell at all."""
    stability: Share = 0.5
    """Stability from which a mask is taken."""
    nms: Share = 0.5
    """Share of the smaller of two masks that the other may cover."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.reject > self.accept:
            raise ValueError(f"reject {self.reject} is above accept {self.accept}")
        return self


class TaskSettings(Accepting):
    """What can be set of the task `PromptTask`."""

    prompts: int = Field(default=16, ge=1, le=4096)
    """Cells of a crop that are prompted in training."""
    wrong_prompts: int = Field(default=2, ge=0, le=4096)
    """Prompts in the background of a crop, from which the decoder learns to expect an IoU of 0."""
    entropy_weight: float = Field(default=1.0, ge=0, le=1000)
    """Of the masks' cross-entropy, beside Dice and the expected IoU."""
    reach: Distance = 32.0
    """How far from its cell, in working pixels, a point in the background is looked for."""
    grow: Distance = 24.0
    """How far a watershed region may reach beyond its core, in working pixels."""
    smallest_cell: Area = 16.0
    """Cells with a smaller area, in working pixels, are dropped."""


class NetworkSettings(SettingsModel):
    """Layout of SAM and of the prompt generator; the defaults are Meta's ViT-B."""

    image_size: SideMultiple = 1024
    """Side of SAM's input in working pixels. Training crops and prediction windows have it too:
    the positions of prompts are fractions of it."""
    patch: int = Field(default=16, ge=4, le=64)
    """Side of the patches that become tokens, in working pixels."""
    width: Size = 768
    """Of a token in the encoder."""
    depth: Number = 12
    """Blocks of the encoder."""
    heads: Number = 12
    """Of attention in the encoder."""
    global_blocks: list[Annotated[int, Field(ge=0, le=255)]] = Field(
        default=[2, 5, 8, 11], max_length=256
    )
    """Blocks that attend to the whole image; the others look at windows."""
    window: Number = 14
    """Side of those windows, in patches."""
    embedding: Annotated[int, Field(ge=8, le=8192, multiple_of=8)] = 256
    """Of a token in the mask decoder."""
    decoder_mlp: Annotated[int, Field(ge=1, le=65536)] = 2048
    """Width between the two layers of the mask decoder's perceptrons."""
    decoder_heads: Number = 8
    """Of attention in the mask decoder."""
    lora_rank: Size = 4
    """Of the adapters."""
    generator_channels: list[Size] = Field(
        default=[16, 32, 64, 128, 256], min_length=2, max_length=7
    )
    """Feature maps of the prompt generator's levels; as many halvings as make one patch."""

    @model_validator(mode="after")
    def _layout(self) -> Self:
        if self.image_size % self.patch:
            raise ValueError(
                f"image_size {self.image_size} must be a multiple of patch {self.patch}"
            )
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}")
        if self.embedding // 2 % self.decoder_heads:
            raise ValueError(
                f"half of embedding {self.embedding} must be a multiple of decoder_heads"
                f" {self.decoder_heads}"
            )
        if any(block >= self.depth for block in self.global_blocks):
            raise ValueError(
                f"global_blocks {self.global_blocks}: with depth {self.depth} the blocks are 0 to"
                f" {self.depth - 1}"
            )
        if 2 ** (len(self.generator_channels) - 1) != self.patch:
            raise ValueError(
                f"generator_channels {self.generator_channels} halve the image"
                f" {len(self.generator_channels) - 1} times, and patch is {self.patch}"
            )
        return self


class Pretraining(SettingsModel):
    """What SAM starts from, and how much of it learns."""

    checkpoint: ExistingFile | None = None
    """One of Meta's files, by path; unset: SAM starts from random weights."""
    train_encoder: bool | None = None
    """Whether SAM's own encoder weights learn beside the adapters; unset: only without a
    checkpoint, since frozen random weights are worth nothing."""

    @property
    def encoder_learns(self) -> bool:
        """Whether more of SAM's encoder than the adapters learns."""
        return self.checkpoint is None if self.train_encoder is None else self.train_encoder


class Sides(CropSettings, NetworkSettings):
    """One size for training crops, windows of prediction and SAM's input.

    Prompts and scale would mean something else in prediction than in training otherwise.
    """

    @model_validator(mode="after")
    def _are_one(self) -> Self:
        if not self.crop == self.tile == self.image_size:
            raise ValueError(
                f"crop {self.crop}, tile {self.tile} and image_size {self.image_size} must be the"
                " same number, a multiple of 32 and of patch"
            )
        return self
