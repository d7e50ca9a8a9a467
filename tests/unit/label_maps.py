"""Small label maps for the evaluator's tests, and slow, literal counterparts of its rules."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Labels = npt.NDArray[np.integer[Any]]


def squares(
    shape: tuple[int, int], *boxes: tuple[int, int, int, int], dtype: str = "uint16"
) -> Labels:
    """A map with cell 1, 2, … on the boxes (top, left, height, width)."""
    labels = np.zeros(shape, dtype)
    for number, (top, left, height, width) in enumerate(boxes, start=1):
        labels[top : top + height, left : left + width] = number
    return labels


def random_pair(rng: np.random.Generator, size: int = 24, cells: int = 8) -> tuple[Labels, Labels]:
    """Two maps of overlapping rectangles; the second is the first, partly redrawn, or unrelated."""
    truth, other = (_rectangles(rng, size, cells) for _ in range(2))
    predicted = np.where(rng.random() < 0.7, truth, other).astype(truth.dtype)
    if rng.random() < 0.7:
        predicted[rng.integers(size) :] = _rectangles(rng, size, cells)[rng.integers(size)]
    if rng.random() < 0.5:  # halves: overlaps of exactly one half
        predicted[:, ::2][predicted[:, ::2] > 0] += cells
    return truth, predicted


def _rectangles(rng: np.random.Generator, size: int, cells: int) -> Labels:
    labels = np.zeros((size, size), np.uint16)
    for number in range(1, cells + 1):
        top, left = rng.integers(0, size, 2)
        height, width = rng.integers(1, 9, 2)
        labels[top : top + height, left : left + width] = number
    return labels


def dense_iou(truth: Labels, predicted: Labels) -> npt.NDArray[np.float64]:
    """(cells, cells) intersection over union, one pair of boolean masks at a time."""
    truth_ids, predicted_ids = (np.unique(side[side > 0]) for side in (truth, predicted))
    iou = np.zeros((len(truth_ids), len(predicted_ids)))
    for row, a in enumerate(truth_ids):
        for column, b in enumerate(predicted_ids):
            one, other = truth == a, predicted == b
            iou[row, column] = (one & other).sum() / (one | other).sum()
    return iou


def hungarian_iou(truth: Labels, predicted: Labels, threshold: float) -> list[float]:
    """IoU of the matched pairs by the challenge's cost on the dense matrix, sorted."""
    iou = dense_iou(truth, predicted)
    if not iou.size:
        return []
    cost = -(iou >= threshold).astype(float) - iou / (2 * min(iou.shape))
    rows, columns = linear_sum_assignment(cost)
    return sorted(float(value) for value in iou[rows, columns] if value >= threshold)


def slow_challenge(truth: Labels, predicted: Labels, threshold: float) -> tuple[int, int, int]:
    """true_cells, predicted_cells and tp by the challenge's rules, tile after padded tile."""
    height, width = truth.shape
    if height * width < 25_000_000:
        return _slow_tile(truth, predicted, threshold)
    rows, columns = -(-height // 2000), -(-width // 2000)
    padded = np.zeros((2, rows * 2000, columns * 2000), truth.dtype)
    padded[0, :height, :width] = truth
    padded[1, :height, :width] = predicted
    total = np.zeros(3, int)
    for row in range(rows):
        for column in range(columns):
            tile = padded[:, row * 2000 : (row + 1) * 2000, column * 2000 : (column + 1) * 2000]
            total += _slow_tile(tile[0], tile[1], threshold)
    return int(total[0]), int(total[1]), int(total[2])


def _slow_tile(truth: Labels, predicted: Labels, threshold: float) -> tuple[int, int, int]:
    inner = [_without_frame(side) for side in (truth, predicted)]
    counts = [len(np.unique(side[side > 0])) for side in inner]
    if 0 in counts:
        return counts[0], counts[1], 0
    keep = (inner[0] > 0) | (inner[1] > 0)  # dense masks over the cells' pixels are enough
    tp = len(hungarian_iou(inner[0][keep], inner[1][keep], threshold))
    return counts[0], counts[1], tp


def _without_frame(labels: Labels) -> Labels:
    frame = np.ones(labels.shape, bool)
    frame[2:-2, 2:-2] = False
    kept = labels.copy()
    kept[np.isin(labels, np.unique(labels[frame]))] = 0
    return kept
