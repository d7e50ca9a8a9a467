"""From seeds to masks: window by window through SAM's mask decoder, then into one label map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch.nn.functional import interpolate

from containers.base.segmentation.tiling import window_starts
from containers.sac.prompts import build_prompts, low_cores
from containers.sac.settings import Accepting

BATCH = 64
"""Prompts that the mask decoder works on at a time."""
MOST_PROMPTS = 1500
"""Prompts in one window; cells beyond are taken from the watershed."""
OFFSET = 1.0
"""Logits up and down by which a mask's threshold is moved to see how stable it is."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A square part of the working image and the seeds that are decoded in it."""

    image: np.ndarray
    """S×S×3 uint8, filled up by mirroring."""
    foreground: np.ndarray
    """h×w float16 probability, at most S×S: the part that lies in the image."""
    cores: np.ndarray
    """S×S int32: the core of seed s has the number s + 1, 0 elsewhere."""
    corner: tuple[int, int]
    image_shape: tuple[int, int]
    seeds: np.ndarray
    """Numbers of the seeds that are decoded here, N."""
    points: np.ndarray
    """Their rows and columns in the window, N×2."""
    others: np.ndarray
    """Those of all seeds in the window."""


@dataclass(frozen=True, kw_only=True)
class Mask:
    """What the decoder gave for one seed."""

    seed: int
    expected: float
    """The IoU that the decoder itself expects."""
    stability: float
    """IoU of the mask with a higher and with a lower threshold."""
    corner: tuple[int, int]
    """Of `cell` in the working image."""
    cell: np.ndarray
    """h×w bool, clipped to the foreground; empty when the seed lies outside the mask."""
    whole: bool
    """False when the window, or the clipping, has cut the mask."""


def cut_windows(
    image: np.ndarray,
    foreground: np.ndarray,
    cores: np.ndarray,
    seeds: np.ndarray,
    side: int,
    overlap: float,
) -> list[Window]:
    """The windows that hold seeds; each seed is decoded where it lies nearest to the middle.

    `image` is H×W×3 uint8, `foreground` and `cores` H×W, `seeds` n×2 rows and columns.
    """
    height, width = foreground.shape
    starts = [np.array(window_starts(size, side, overlap)) for size in (height, width)]
    chosen = [
        np.abs(seeds[:, axis, None] - starts[axis][None] - side / 2).argmin(1) for axis in (0, 1)
    ]
    order = np.lexsort((chosen[1], chosen[0]))
    pairs = np.stack(chosen, 1)[order]
    bounds = np.flatnonzero(np.any(np.diff(pairs, axis=0) != 0, axis=1)) + 1
    windows = []
    for group in np.split(order, bounds) if len(order) else []:
        top, left = (int(starts[axis][chosen[axis][group[0]]]) for axis in (0, 1))
        part = image[top : top + side, left : left + side]
        missing = [(0, side - size) for size in part.shape[:2]]
        corner = np.array([top, left])
        near = np.all((seeds >= corner) & (seeds < corner + side), axis=1)
        windows.append(
            Window(
                image=np.pad(part, [*missing, (0, 0)], mode="symmetric"),
                foreground=foreground[top : top + side, left : left + side],
                cores=np.pad(cores[top : top + side, left : left + side], missing),
                corner=(top, left),
                image_shape=(height, width),
                seeds=group[:MOST_PROMPTS],
                points=(seeds[group] - corner)[:MOST_PROMPTS],
                others=seeds[near] - corner,
            )
        )
    return windows


def decode_window(network: Any, window: Window, threshold: float, reach: float) -> list[Mask]:
    """A mask for each seed of the window, `BATCH` at a time.

    `network` is a `SegmentAnyCell`; `threshold` is the foreground probability at which masks are
    clipped.
    """
    device = next(network.parameters()).device
    pixels = torch.from_numpy(window.image).to(device).permute(2, 0, 1)[None].float() / 255
    embedding = network.embed(pixels)
    prompts = build_prompts(window.points, window.others, window.foreground, reach)
    inside = window.foreground > threshold
    side = 4 * embedding.shape[-1]
    found = []
    for first in range(0, len(window.points), BATCH):
        some = slice(first, first + BATCH)
        cores = low_cores(window.cores, window.seeds[some] + 1, window.points[some], side)
        logits, expected = network.masks(
            embedding,
            torch.from_numpy(prompts.points[some]).to(device),
            torch.from_numpy(prompts.kinds[some]).to(device),
            torch.from_numpy(cores).to(device),
        )
        logits = interpolate(logits[:, None].float(), size=window.image.shape[:2], mode="bilinear")[
            :, 0, : inside.shape[0], : inside.shape[1]
        ]
        wide, narrow = ((logits > limit).flatten(1).sum(1).float() for limit in (-OFFSET, OFFSET))
        stability = (narrow / wide.clamp(min=1)).cpu().numpy()
        cells = (logits > 0).cpu().numpy()
        for row, number in enumerate(window.seeds[some]):
            point = window.points[first + row]
            corner, cell, whole = _clip(cells[row], inside, point, window)
            found.append(
                Mask(
                    seed=int(number),
                    expected=float(expected[row]),
                    stability=float(stability[row]),
                    corner=(corner[0] + window.corner[0], corner[1] + window.corner[1]),
                    cell=cell,
                    whole=whole,
                )
            )
    return found


def _clip(
    mask: np.ndarray, inside: np.ndarray, point: np.ndarray, window: Window
) -> tuple[tuple[int, int], np.ndarray, bool]:
    """The piece of the mask that lies in the foreground and holds the point, with its corner."""
    if not (mask[point[0], point[1]] and inside[point[0], point[1]]):
        return (0, 0), np.zeros((0, 0), bool), False
    box = _box(mask)
    pieces, _ = ndimage.label(mask[box] & inside[box])
    corner = box[0].start, box[1].start
    cell = pieces == pieces[point[0] - corner[0], point[1] - corner[1]]
    whole = 2 * int(cell.sum()) > int(mask[box].sum()) and not _is_cut(cell, corner, window)
    tight = _box(cell)
    cell = ndimage.binary_fill_holes(cell[tight])
    return (corner[0] + tight[0].start, corner[1] + tight[1].start), cell, whole


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _is_cut(cell: np.ndarray, corner: tuple[int, int], window: Window) -> bool:
    """Whether the cell reaches an edge of the window that is no edge of the image."""
    for axis in (0, 1):
        reached = np.flatnonzero(cell.any(1 - axis))
        low, high = corner[axis] + reached[0], corner[axis] + reached[-1] + 1
        size, start = window.foreground.shape[axis], window.corner[axis]
        if (low == 0 and start > 0) or (high == size and start + size < window.image_shape[axis]):
            return True
    return False


def merge(
    masks: Sequence[Mask], regions: np.ndarray, accepting: Accepting, smallest_cell: float
) -> tuple[np.ndarray, int]:
    """H×W int32 labels, and how many of them (the first ones) are the decoder's.

    Masks are painted in descending order of the expected IoU, each on what is still free; one that
    another covers by more than `nms` is the same cell and is dropped, its seed with it. Then the
    watershed `regions` (seed number + 1) of the seeds whose mask failed fill what is left to them.
    Cells with an area of less than `smallest_cell` working pixels are dropped.
    """
    labels = np.zeros(regions.shape, np.int32)
    good = [mask for mask in masks if _is_good(mask, accepting, smallest_cell)]
    good.sort(key=lambda mask: (-mask.expected, mask.seed))
    settled = {mask.seed for mask in masks if mask.expected < accepting.reject}
    areas = [0]
    for mask in good:
        settled.add(mask.seed)
        top, left = mask.corner
        height, width = mask.cell.shape
        part = labels[top : top + height, left : left + width]
        area = int(mask.cell.sum())
        covered = np.bincount(part[mask.cell])
        covered[0] = 0
        rival = int(covered.argmax())
        if covered[rival] > accepting.nms * min(area, areas[rival] or area):
            continue
        free = mask.cell & (part == 0)
        if int(free.sum()) < smallest_cell:
            continue
        areas.append(area)
        part[free] = len(areas) - 1
    from_decoder = len(areas) - 1
    number = from_decoder
    for seed, box in enumerate(ndimage.find_objects(regions)):
        if box is None or seed in settled:
            continue
        region = regions[box] == seed + 1
        free = region & (labels[box] == 0)
        left_over = int(free.sum())
        if left_over >= smallest_cell and 2 * left_over >= int(region.sum()):
            number += 1
            labels[box][free] = number
    return labels, from_decoder


def _is_good(mask: Mask, accepting: Accepting, smallest_cell: float) -> bool:
    return (
        mask.whole
        and mask.expected >= accepting.accept
        and mask.stability >= accepting.stability
        and int(mask.cell.sum()) >= smallest_cell
    )
