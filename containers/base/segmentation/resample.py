"""Changing the size of images, label maps and probability maps."""

import numpy as np
import torch
from torch.nn.functional import interpolate


def resize_image(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """H×W×C uint8 to `shape`×C uint8: bilinear, low-pass filtered where it shrinks."""
    if image.shape[:2] == shape:
        return image
    planes = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
    resized = interpolate(planes, size=shape, mode="bilinear", antialias=True)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())


def resize_labels(labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """H×W labels to `shape`, same dtype, by the nearest pixel centre."""
    if labels.shape == shape:
        return labels
    rows = ((np.arange(shape[0]) + 0.5) * labels.shape[0] / shape[0]).astype(np.intp)
    columns = ((np.arange(shape[1]) + 0.5) * labels.shape[1] / shape[1]).astype(np.intp)
    resized: np.ndarray = labels[rows[:, None], columns]
    return resized


def resized_part(
    plane: np.ndarray, shape: tuple[int, int], rows: slice, columns: slice
) -> np.ndarray:
    """The part [rows, columns] of `plane` (h×w, any float dtype) resized bilinearly to `shape`.

    Returns float32. A part equals the same part of the whole resized plane exactly, so that huge
    maps can be enlarged piece by piece.
    """
    if plane.shape == shape:
        return plane[rows, columns].astype(np.float32)
    top, bottom, down = _neighbours(np.arange(rows.start, rows.stop), plane.shape[0], shape[0])
    left, right, across = _neighbours(
        np.arange(columns.start, columns.stop), plane.shape[1], shape[1]
    )
    first, start = int(top.min()), int(left.min())
    source = plane[first : int(bottom.max()) + 1, start : int(right.max()) + 1].astype(np.float32)
    narrow = source[:, left - start] * (1 - across) + source[:, right - start] * across
    above, below = narrow[top - first], narrow[bottom - first]
    resized: np.ndarray = above * (1 - down[:, None]) + below * down[:, None]
    return resized


def _neighbours(
    index: np.ndarray, source: int, target: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    position = np.clip((index + 0.5) * (source / target) - 0.5, 0, source - 1)
    low = position.astype(np.intp)
    return low, np.minimum(low + 1, source - 1), (position - low).astype(np.float32)


def scaled_shape(shape: tuple[int, int], scale: float) -> tuple[int, int]:
    """`shape` times `scale`, rounded, at least one pixel a side."""
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))
