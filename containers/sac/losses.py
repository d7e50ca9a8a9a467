"""Losses of the maps, the masks and the expected IoU."""

import torch
from torch.nn.functional import (
    avg_pool2d,
    binary_cross_entropy_with_logits,
    mse_loss,
    sigmoid,
)

SURROUNDINGS = 8.0
SMALLEST = 4.0
"""Area in pixels of the mask below which a cell counts as this large."""


def maps_loss(
    logits: torch.Tensor, cells: torch.Tensor, depth: torch.Tensor, closeness: torch.Tensor
) -> torch.Tensor:
    """Of B×3×H×W logits: cross-entropy and Dice of the foreground, L1 of the others inside it.

    `cells` is B×H×W bool, `depth` and `closeness` B×H×W in [0, 1].
    """
    logits = logits.float()
    wanted = cells.float()
    probability = logits[:, 0].sigmoid()
    both, total = (probability * wanted).sum((1, 2)), probability.sum((1, 2)) + wanted.sum((1, 2))
    dice = 1 - ((2 * both + 1) / (total + 1)).mean()
    wrong = (logits[:, 1].sigmoid() - closeness).abs() + (logits[:, 2].sigmoid() - depth).abs()
    distances = (wrong * wanted).sum() / wanted.sum().clamp(min=1)
    return binary_cross_entropy_with_logits(logits[:, 0], wanted) + dice + distances


def masks_loss(
    logits: torch.Tensor, iou: torch.Tensor, wanted: torch.Tensor, entropy_weight: float
) -> torch.Tensor:
    """Of N masks of one image: cross-entropy and Dice, and the error of the expected IoU.

    `logits` is N×m×m, `wanted` N×S×S 0 or 1 with S a multiple of m. The cross-entropy is summed
    over the window and divided by `SURROUNDINGS` areas of the cell, so that a small cell counts as
    much as a large one. A prompt that is wrong has no cell: its IoU is 0, whatever the mask.
    """
    logits, iou = logits.float(), iou.float()
    wanted = avg_pool2d(wanted[:, None], wanted.shape[-1] // logits.shape[-1])[:, 0]
    probability = sigmoid(logits)
    area = wanted.sum((1, 2))
    entropy = binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum((1, 2))
    entropy = entropy / (SURROUNDINGS * area.clamp(min=SMALLEST))
    both = (probability * wanted).sum((1, 2))
    dice = 1 - (2 * both + 1) / (probability.sum((1, 2)) + area + 1)
    cell = area > 0
    mask = ((entropy_weight * entropy + dice) * cell).sum() / cell.sum().clamp(min=1)
    with torch.no_grad():
        found, true = logits > 0, wanted > 0.5
        either = (found | true).sum((1, 2)).clamp(min=1)
        reached = (found & true).sum((1, 2)) / either
    return mask + mse_loss(iou, reached)
