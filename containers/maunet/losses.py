"""MAUNet's loss: Dice, focal and weighted L1, one to one to one."""

import torch

from containers.base.segmentation.losses import dice_loss

GAMMA = 2.0
WANTED = 3
"""Classes that have a target; the fourth channel has none."""


def maunet_loss(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Of B×N×5×H×W outputs of N members against B×2×H×W targets: the mean over the members.

    The first four outputs are logits, the last is the distance. Computed in float32.
    """
    members = outputs.shape[1]
    found = outputs.float().flatten(0, 1)
    wanted = target.repeat_interleave(members, 0)
    logits, distance = found[:, :-1], found[:, -1]
    classes, closeness = wanted[:, 0].long(), wanted[:, 1]
    dice = dice_loss(logits.softmax(1)[:, :WANTED], classes)
    return dice + focal_loss(logits, classes) + weighted_l1(distance, closeness)


def focal_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean of -(1 - p)² log p, p being the probability of the right class (Lin et al., 2017).

    `logits` is B×C×H×W, `target` B×H×W class numbers below C.
    """
    logs = logits.log_softmax(1).gather(1, target[:, None])[:, 0]
    return -((1 - logs.exp()) ** GAMMA * logs).mean()


def weighted_l1(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean absolute error over the background plus that over the cells, however few they are.

    Both B×H×W; `wanted` is 0 in the background and positive in cells.
    """
    error, cell = (found - wanted).abs(), wanted > 0
    total = error.new_zeros(())
    for part in (cell, ~cell):
        total = total + (error * part).sum() / (part.sum() + 1e-3)
    return total
