"""Tasks whose network tells background, core and rim of the cells, and the usual one of them."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch

from containers.base.segmentation.decode import Decoding, instances
from containers.base.segmentation.losses import dice_cross_entropy
from containers.base.segmentation.settings import ThreeClassSettings
from containers.base.segmentation.targets import BACKGROUND, CORE, ring_classes


class CoreAndRim:
    """What such tasks share: B×3×H×W logits, two maps of them, and the cells in the maps."""

    loss_name: ClassVar[str] = "Dice + cross-entropy"
    channels: ClassVar[int] = 3
    """Outputs of the network."""
    maps: ClassVar[int] = 2
    """Maps that are kept for decoding."""
    cores: ClassVar[tuple[float, ...]]
    """Probabilities of core among which the validation images choose."""

    def loss(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Of B×3×H×W logits against B×H×W classes."""
        return dice_cross_entropy(logits, target)

    def activate(self, logits: torch.Tensor) -> torch.Tensor:
        """B×2×H×W float32: probability of core and of foreground."""
        probabilities = logits.float().softmax(1)
        return torch.stack([probabilities[:, CORE], 1 - probabilities[:, BACKGROUND]], 1)

    def decode(
        self, maps: np.ndarray, shape: tuple[int, int], decoding: Decoding, scale: float
    ) -> np.ndarray:
        """H×W int32 labels; see `decode.instances`."""
        return instances(maps, shape, decoding, scale)

    def first_decoding(self) -> Decoding:
        """What is used until validation has chosen."""
        raise NotImplementedError

    def decodings(self) -> list[Decoding]:
        """The candidates among which the validation images choose."""
        first = self.first_decoding()
        return [
            replace(first, core=core, foreground=foreground)
            for core in self.cores
            for foreground in (0.4, 0.5, 0.6, 0.7)
        ]


class ThreeClass(CoreAndRim, ThreeClassSettings):
    """The three-class task, as the training loop and the predictor see it (`task.Task`)."""

    cores: ClassVar[tuple[float, ...]] = (0.5, 0.6, 0.7, 0.8)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """H×W labels to H×W uint8 classes."""
        return ring_classes(labels, self.ring_depth)

    def loss(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Of B×3×H×W logits against B×H×W classes, which may have different weights."""
        return dice_cross_entropy(logits, target, self.class_weights)

    def first_decoding(self) -> Decoding:
        """What is used until validation has chosen."""
        return Decoding(grow=self.ring_depth + 1.0, smallest_cell=self.smallest_cell)
