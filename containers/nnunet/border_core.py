"""Border and core: how instances are written as nnU-Net's classes, and how they come back."""

from typing import ClassVar

import numpy as np
from scipy import ndimage

from containers.base.segmentation.decode import Decoding
from containers.base.segmentation.targets import BACKGROUND, CORE, each_cell
from containers.base.segmentation.three_class import CoreAndRim
from containers.nnunet.settings import TaskSettings

BORDER = 2
CLASSES = {"background": BACKGROUND, "core": CORE, "border": BORDER}
SMALLEST_CORE = 4
"""Pixels that a core must have to be worth a deeper border."""
REACH = 4.0
"""Borders' depths that a cell may reach beyond its core: thin parts of a cell have no core near."""


class BorderCore(CoreAndRim, TaskSettings):
    """The task, as the training loop and the predictor see it (`task.Task`).

    In training nnU-Net's trainer has a loss of its own in place of `loss`, at several sizes.
    """

    loss_name: ClassVar[str] = "Dice + cross-entropy, deep supervision"
    cores: ClassVar[tuple[float, ...]] = (0.4, 0.5, 0.6, 0.7)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """H×W labels to H×W uint8 classes."""
        return border_core(labels, self.border_depth)

    def first_decoding(self) -> Decoding:
        """What is used until validation has chosen."""
        return Decoding(grow=REACH * self.border_depth, smallest_cell=self.smallest_cell)


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
