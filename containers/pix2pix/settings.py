"""What can be set of pix2pix."""

from typing import Literal

from pydantic import Field

from containers.base.generation.settings import Features
from contract.settings import SettingsModel


class GanSettings(SettingsModel):
    """Layout of the two networks, their losses, and what they learn."""

    mode: Literal["auto", "mask", "next_frame"] = "auto"
    """mask: an image for a mask. next_frame: the next frame of a movie for the two before it and
    their masks. auto: next_frame where sequences.csv has frames that follow each other."""
    features: list[Features] = Field(
        default=[64, 64, 128, 256, 512, 64], min_length=6, max_length=6
    )
    """Feature maps of the five levels of `BasicUNet`, finest first, and of its last layer."""
    discriminator_features: Features = 64
    """Of the discriminator's first layer; each further one has twice as many."""
    discriminator_layers: int = Field(default=3, ge=1, le=6)
    """Layers that halve the side; 3 see 70 pixels, 2 see 34."""
    l1_weight: float = Field(default=20.0, ge=0, le=1000)
    """Of the mean absolute difference to the real image, beside the adversarial loss."""
    rollout: int = Field(default=5, ge=1, le=50)
    """Frames that are made one after another from the same real ones."""
    own_frames: float = Field(default=0.3, ge=0, le=1)
    """Share of the steps in the second half of a training on movies whose last frame is the
    network's own, so that it learns to go on from what it has made."""
