"""Losses of the segmentation networks."""

from collections.abc import Sequence

import torch
from torch.nn.functional import cross_entropy, one_hot

SMOOTHING = 1e-5


def dice_loss(probabilities: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """1 - soft Dice, averaged over images and classes; 0 is a perfect match.

    `probabilities` is B×C×H×W in [0, 1], `target` B×H×W class numbers below C.
    """
    wanted = one_hot(target, probabilities.shape[1]).movedim(-1, 1).to(probabilities.dtype)
    both = (probabilities * wanted).sum((2, 3))
    total = probabilities.sum((2, 3)) + wanted.sum((2, 3))
    return 1 - ((2 * both + SMOOTHING) / (total + SMOOTHING)).mean()


def dice_cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, class_weights: Sequence[float] | None = None
) -> torch.Tensor:
    """Soft Dice over all classes plus cross-entropy, one to one, as in the challenge's baseline.

    `logits` is B×C×H×W, `target` B×H×W class numbers; computed in float32 whatever comes in.
    """
    logits, target = logits.float(), target.long()
    weights = None if class_weights is None else logits.new_tensor(class_weights)
    return dice_loss(logits.softmax(1), target) + cross_entropy(logits, target, weight=weights)
