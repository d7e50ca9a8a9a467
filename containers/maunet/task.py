"""MAUNet's task, as the training loop and the predictor see it (`task.Task`)."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch

from containers.base.segmentation.targets import BACKGROUND, CORE
from containers.maunet.decode import Decoding, instances
from containers.maunet.losses import maunet_loss
from containers.maunet.settings import TaskSettings
from containers.maunet.targets import encode


class RingAndDistance(TaskSettings):
    """Classes with a ring that grows with the cell, and the distance to the cell's middle."""

    loss_name: ClassVar[str] = "Dice + focal + weighted L1"
    maps: ClassVar[int] = 3
    """Maps that are kept for decoding."""

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """H×W labels to 2×H×W float32: class numbers and closeness."""
        return encode(labels)

    def loss(self, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Of B×N×5×H×W outputs against B×2×H×W targets."""
        return maunet_loss(outputs, target)

    def activate(self, outputs: torch.Tensor) -> torch.Tensor:
        """B×5×H×W outputs to B×3×H×W float32: core, not background, distance."""
        outputs = outputs.float()
        probabilities = outputs[:, :-1].softmax(1)
        return torch.stack(
            [probabilities[:, CORE], 1 - probabilities[:, BACKGROUND], outputs[:, -1].clamp(0, 1)],
            1,
        )

    def decode(
        self, maps: np.ndarray, shape: tuple[int, int], decoding: Decoding, scale: float
    ) -> np.ndarray:
        """H×W int32 labels; see `decode.instances`."""
        return instances(maps, shape, decoding, scale)

    def first_decoding(self) -> Decoding:
        """What is used until validation has chosen."""
        return Decoding(
            core=0.6,
            distance_share=0.3,
            foreground=0.5,
            rim=0.6,
            tolerance=4.0,
            smallest_cell=self.smallest_cell,
        )

    def decodings(self) -> list[Decoding]:
        """The candidates among which the validation images choose.

        The distance map sets the outline in all of them. Validation images are seen at their true
        scale; higher thresholds of the core do well there and mislead the search for the scale.
        """
        first = self.first_decoding()
        return [
            replace(first, core=core, foreground=foreground, distance_share=share, split=split)
            for core in (0.6, 0.55, 0.65)
            for foreground in (0.5, 0.7)
            for share in (0.3, 0.0)
            for split in (0.85, 0.0)
        ]
