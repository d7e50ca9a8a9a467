"""Applying a network to an image of any size in bounded memory."""

from collections.abc import Callable

import numpy as np
import torch

Forward = Callable[[torch.Tensor], torch.Tensor]
"""B×3×h×w float32 in [0, 1] to B×M×h×w float32."""

SIDE_MULTIPLE = 32
SMALLEST_SIDE = 64


def tiled_maps(
    image: np.ndarray,
    forward: Forward,
    maps: int,
    *,
    tile: int,
    overlap: float,
    batch: int = 4,
) -> np.ndarray:
    """The network's `maps` output maps for the whole image, M×H×W float16.

    `image` is H×W×3 uint8. Square windows of `tile` pixels (a multiple of 32) overlap by the share
    `overlap` and are blended with weights that fall linearly towards their edges. A side shorter
    than a window is filled up by mirroring. Beside the result, memory holds one row of windows.
    """
    height, width = image.shape[:2]
    tall, wide = (_window_side(size, tile) for size in (height, width))
    padded = np.pad(
        image, ((0, max(0, tall - height)), (0, max(0, wide - width)), (0, 0)), mode="symmetric"
    )
    tops = window_starts(padded.shape[0], tall, overlap)
    lefts = window_starts(padded.shape[1], wide, overlap)
    weight = _ramp(tall)[:, None] * _ramp(wide)[None, :]
    out = np.empty((maps, height, width), np.float16)
    total = np.zeros((maps, tall, padded.shape[1]), np.float32)
    weights = np.zeros((tall, padded.shape[1]), np.float32)
    for row, top in enumerate(tops):
        for first in range(0, len(lefts), batch):
            chosen = lefts[first : first + batch]
            windows = np.stack([padded[top : top + tall, x : x + wide] for x in chosen])
            planes = torch.from_numpy(windows).permute(0, 3, 1, 2).float() / 255
            for x, found in zip(chosen, forward(planes.contiguous()).numpy(), strict=True):
                total[:, :, x : x + wide] += found * weight
                weights[:, x : x + wide] += weight
        done = tops[row + 1] - top if row + 1 < len(tops) else tall
        last = min(top + done, height)
        ready = total[:, : last - top, :width] / weights[: last - top, :width]
        out[:, top:last] = ready
        total = np.concatenate([total[:, done:], np.zeros_like(total[:, :done])], axis=1)
        weights = np.concatenate([weights[done:], np.zeros_like(weights[:done])])
    return out


def window_starts(size: int, window: int, overlap: float) -> list[int]:
    """First pixels of evenly spread windows that cover `size` and overlap by at least `overlap`."""
    if size <= window:
        return [0]
    step = max(1, int(window * (1 - overlap)))
    count = -(-(size - window) // step) + 1
    return [round(place) for place in np.linspace(0, size - window, count)]


def _window_side(size: int, tile: int) -> int:
    return max(SMALLEST_SIDE, min(tile, -(-size // SIDE_MULTIPLE) * SIDE_MULTIPLE))


def _ramp(side: int) -> np.ndarray:
    """Weights that rise from the edges to the middle, never 0."""
    place = np.arange(side, dtype=np.float32)
    return np.minimum(place + 1, side - place) / (side / 2)
