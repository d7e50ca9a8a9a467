"""What can be set of the textures' model."""

from pydantic import Field

from containers.base.generation.settings import Features
from contract.settings import SettingsModel


class TextureSettings(SettingsModel):
    """Layout and loss of the variational auto-encoder of textures.

    It sees nuclei on `crop`×`crop` pixels, turned to their longest axis and scaled to one size.
    """

    texture_latent: int = Field(default=32, ge=2, le=512)
    """Numbers that describe a texture."""
    texture_features: list[Features] = Field(default=[32, 64, 128], min_length=3, max_length=3)
    """Feature maps at half, a quarter and an eighth of the side."""
    kl_weight: float = Field(default=1.0, ge=0, le=1000)
    """Of the Kullback-Leibler divergence; it rises to that over the first fifth of the steps."""
    texture_spread: float = Field(default=0.1, gt=0, le=10)
    """Standard deviation of a pixel that the decoder is taken to have, in units of the cell's
    brightness above the ground; the smaller, the finer the textures that are kept in the code."""
