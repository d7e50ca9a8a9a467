"""A small instance F1 for validation during training; the published scores come elsewhere."""

from collections.abc import Sequence

import numpy as np

from containers.base.segmentation.targets import compact


def f1_scores(truth: np.ndarray, found: np.ndarray, thresholds: Sequence[float]) -> list[float]:
    """F1 of instances at each IoU threshold (all at least 0.5), each in [0, 1].

    Both maps are H×W labels of any integer dtype. From IoU 0.5 upwards a cell can match at most one
    other (save for exact halves), so counting the pairs is the optimal assignment. Two empty maps
    score 1.
    """
    truth, found = compact(truth), compact(found)
    true_cells, found_cells = int(truth.max(initial=0)), int(found.max(initial=0))
    if true_cells + found_cells == 0:
        return [1.0] * len(thresholds)
    overlap = np.bincount(
        truth.ravel() * np.int64(found_cells + 1) + found.ravel(),
        minlength=(true_cells + 1) * (found_cells + 1),
    ).reshape(true_cells + 1, found_cells + 1)
    areas = overlap.sum(1)[:, None] + overlap.sum(0)[None, :]
    iou = (overlap / np.maximum(areas - overlap, 1))[1:, 1:]
    scores = []
    for threshold in thresholds:
        pairs = iou >= threshold
        matched = min(int(pairs.any(0).sum()), int(pairs.any(1).sum()))
        scores.append(2 * matched / (true_cells + found_cells))
    return scores


def dice(truth: np.ndarray, found: np.ndarray) -> float:
    """Dice of the two foregrounds, in [0, 1]; 1 when both are empty."""
    both = int(((truth > 0) & (found > 0)).sum())
    total = int((truth > 0).sum()) + int((found > 0).sum())
    return 2 * both / total if total else 1.0
