"""What can be set of the diffusion model."""

from typing import Literal

from pydantic import Field

from containers.base.generation.settings import Features
from contract.settings import SettingsModel


class DiffusionSettings(SettingsModel):
    """Layout of the network, its conditions, and how pictures are drawn from noise."""

    condition: Literal["mask", "low_resolution", "latent"] = "mask"
    """What the network is shown beside the noisy image. mask: the mask, the brightness of the cells
    and the look of a real image. low_resolution: the image at a quarter of its side, which makes
    pictures of super-resolution with the real masks. latent: the mask and a code of the look, which
    an encoder learns along with the network."""
    widths: list[Features] = Field(default=[64, 128, 256, 256], min_length=2, max_length=6)
    """Feature maps of the levels of `DiffusionModelUNet`, finest first; multiples of
    `groups`."""
    groups: int = Field(default=16, ge=1, le=64)
    """Of group normalisation."""
    blocks: int = Field(default=2, ge=1, le=4)
    """Residual blocks of each level."""
    latent: int = Field(default=16, ge=2, le=256)
    """Numbers of the code of the look."""
    kl_weight: float = Field(default=1e-4, ge=0, le=10)
    """Of the divergence of that code, per number."""
    average: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the average of the weights, which is what paints; after few steps less is used."""
    drop: float = Field(default=0.1, ge=0, le=1)
    """Share of the crops whose condition is hidden, for guidance without a classifier."""
    guidance: float = Field(default=1.0, ge=0, le=10)
    """How far pictures follow their condition: 1 as it was learned; with more the network is asked
    twice a step."""
    draws: int = Field(default=20, ge=1, le=1000)
    """Steps from noise to a picture."""
