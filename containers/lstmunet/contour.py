"""Background, cell and contour: the target, the loss and the task of the LSTM-UNet."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from scipy import ndimage
from torch.nn.functional import cross_entropy

from containers.base.segmentation.targets import compact
from containers.lstmunet.decode import ContourDecoding, contour_instances
from containers.lstmunet.settings import TaskSettings

BACKGROUND, CELL, CONTOUR = 0, 1, 2


def contour_classes(labels: np.ndarray) -> np.ndarray:
    """Background 0, cell 1, contour 2 for each pixel of `labels` (H×W, any integer dtype); uint8.

    Contour is a pixel whose label is not the largest one in its 3×3 neighbourhood: the ring of one
    pixel just outside each cell and, where two cells touch, the rim of the lower-numbered one.
    Apart from those rims cells keep their full size.
    """
    numbered = compact(labels)
    highest = ndimage.maximum_filter(numbered, size=3, mode="nearest")
    classes = (numbered > 0).astype(np.uint8)
    classes[numbered != highest] = CONTOUR
    return classes


class Contour(TaskSettings):
    """The task of the LSTM-UNet, as the training loop and the predictor see it (`task.Task`)."""

    loss_name: ClassVar[str] = "weighted cross-entropy over all frames"
    channels: ClassVar[int] = 3
    """Outputs of the network."""
    maps: ClassVar[int] = 2
    """Maps that are kept for decoding."""

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """H×W labels to H×W uint8 classes."""
        return contour_classes(labels)

    def loss(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Of T×B×3×H×W logits against B×H×W classes, shared by the T frames.

        The mean over pixels of weight · cross-entropy (not divided by the weights' sum, as in the
        original), averaged over frames by `earlier_weight`.
        """
        weights = logits.new_tensor(self.class_weights, dtype=torch.float32)
        target = target.long()
        shares = [self.earlier_weight] * (len(logits) - 1) + [1.0]
        losses = [
            share * cross_entropy(frame.float(), target, weight=weights, reduction="sum")
            for share, frame in zip(shares, logits, strict=True)
            if share > 0
        ]
        return torch.stack(losses).sum() / (sum(shares) * target.numel())

    def activate(self, logits: torch.Tensor) -> torch.Tensor:
        """B×2×H×W float32: probability of cell and of contour."""
        return logits.float().softmax(1)[:, [CELL, CONTOUR]]

    def decode(
        self, maps: np.ndarray, shape: tuple[int, int], decoding: ContourDecoding, scale: float
    ) -> np.ndarray:
        """H×W int32 labels; see `decode.contour_instances`."""
        return contour_instances(maps, shape, decoding, scale)

    def first_decoding(self) -> ContourDecoding:
        """What is used until validation has chosen: the original's edge rule."""
        return ContourDecoding(growth=self.growth)

    def decodings(self) -> list[ContourDecoding]:
        """The candidates among which the validation images choose."""
        first = self.first_decoding()
        insides = (0.5,) if self.growth == "edges" else (0.5, 0.7, 0.85)
        return [
            replace(first, edge=edge, inside=inside, smallest_share=share)
            for edge in (0.2, 0.15, 0.3, 0.4)
            for inside in insides
            for share in (0.1, 0.2)
        ]
