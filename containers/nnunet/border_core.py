"""Border and core: how instances are written as nnU-Net's classes, and how they come back."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from scipy import ndimage

from containers.base.segmentation.decode import Decoding, instances
from containers.base.segmentation.losses import dice_cross_entropy
from containers.base.segmentation.targets import each_cell
from containers.nnunet.settings import TaskSettings

BACKGROUND, CORE, BORDER = 0, 1, 2
CLASSES = {"background": BACKGROUND, "core": CORE, "border": BORDER}
SMALLEST_CORE = 4
"""Pixels that a core must have to be worth a deeper border."""
REACH = 4.0
"""Borders' depths that a cell may reach beyond its core: thin parts of a cell have no core near."""


class BorderCore(TaskSettings):
    """The task, as the training loop and the predictor see it (`task.Task`).

    nnU-Net's trainer supervises several sizes; `loss` is that of the full one.
    """

    loss_name: ClassVar[str] = "Dice + cross-entropy, deep supervision"
    maps: ClassVar[int] = 2
    """Maps that are kept for decoding."""

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """H×W labels to H×W uint8 classes."""
        return border_core(labels, self.border_depth)

    def loss(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Of B×3×H×W logits against B×H×W classes; nnU-Net's trainer has its own in its place."""
        return dice_cross_entropy(logits, target)

    def activate(self, logits: torch.Tensor) -> torch.Tensor:
        """B×2×H×W float32: probability of core and of foreground, of B×3×H×W logits."""
        probabilities = logits.float().softmax(1)
        return torch.stack([probabilities[:, CORE], 1 - probabilities[:, BACKGROUND]], 1)

    def decode(
        self, maps: np.ndarray, shape: tuple[int, int], decoding: Decoding, scale: float
    ) -> np.ndarray:
        """H×W int32 labels; see `decode.instances`."""
        return instances(maps, shape, decoding, scale)

    def first_decoding(self) -> Decoding:
        """What is used until validation has chosen."""
        return Decoding(grow=REACH * self.border_depth, smallest_cell=self.smallest_cell)

    def decodings(self) -> list[Decoding]:
        """The candidates among which the validation images choose."""
        first = self.first_decoding()
        return [
            replace(first, core=core, foreground=foreground)
            for core in (0.4, 0.5, 0.6, 0.7)
            for foreground in (0.4, 0.5, 0.6, 0.7)
        ]


def border_core(labels: np.ndarray, depth: int) -> np.ndarray:
    """Background 0, core 1, border 2 for each pixel of `labels` (H×W, any integer dtype); uint8.

    The border lies inside the cell, so border and core together are the exact foreground, and
    touching cells have two borders between their cores. Each cell has the greatest depth up to
    `depth` that leaves its core in one piece (4-connected) of at least `SMALLEST_CORE` pixels. A
    cell that no depth serves keeps the largest piece of what lies deepest in it as its core, so
    that no cell is without one. The image's edge is no outline.
    """
    classes = np.zeros(labels.shape, np.uint8)
    for window, cell, distance in each_cell(labels):
        part = classes[window]
        part[cell] = BORDER
        part[_core(cell, distance, depth)] = CORE
    return classes


def _core(cell: np.ndarray, distance: np.ndarray, depth: int) -> np.ndarray:
    if cell.all():
        return cell
    for thickness in range(depth, 0, -1):
        core = distance > thickness
        pieces, count = ndimage.label(core)
        if count == 1 and np.count_nonzero(core) >= SMALLEST_CORE:
            return core
    inner = distance > 1
    pieces, count = ndimage.label(inner if inner.any() else cell)
    largest: np.ndarray = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    return largest
