"""Which points go to the mask decoder: the same rules for training and prediction."""

import zlib
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

INSIDE, OUTSIDE, NOTHING = 1, 0, -1
"""Kinds of points, as SAM's prompt encoder numbers them."""
NEIGHBOURS = 2
DIRECTIONS = np.array(
    [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)], np.float32
)


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """One prompt a row: the point in the cell, its nearest neighbours, one in the background."""

    points: np.ndarray
    """N×4×2 float32: x and y in working pixels of the window."""
    kinds: np.ndarray
    """N×4 int64: INSIDE, OUTSIDE or NOTHING."""


def seed_points(regions: np.ndarray, core: np.ndarray) -> np.ndarray:
    """The deepest pixel of the core of each of the regions 1..n; n×2 int64 rows and columns.

    `core` marks the cores (H×W bool); depth is the distance to the core's own outline.
    """
    points = np.zeros((int(regions.max(initial=0)), 2), np.int64)
    for number, box in enumerate(ndimage.find_objects(regions), start=1):
        region = regions[box] == number
        inner = region & core[box]
        depth = ndimage.distance_transform_edt(np.pad(inner if inner.any() else region, 1))
        deepest = np.unravel_index(int(np.argmax(depth)), depth.shape)
        points[number - 1] = [
            int(place) - 1 + side.start for place, side in zip(deepest, box, strict=True)
        ]
    return points


def build_prompts(
    points: np.ndarray, others: np.ndarray, foreground: np.ndarray, reach: float
) -> Prompts:
    """Prompts for N `points` among the M points of all cells (`others`), rows and columns.

    Negative points are the two other cells nearest by, and the place with the least `foreground`
    (h×w probability) among sixteen around the point, at `reach` and half of it; it is left out
    where that is cell, too.
    """
    count = len(points)
    where = np.zeros((count, NEIGHBOURS + 2, 2), np.float32)
    kinds = np.full((count, NEIGHBOURS + 2), NOTHING, np.int64)
    where[:, 0], kinds[:, 0] = points, INSIDE
    if count and len(others):
        distance = np.hypot(*(points[:, None] - others[None]).astype(np.float32).transpose(2, 0, 1))
        distance[distance == 0] = np.inf
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]
        for place in range(nearest.shape[1]):
            chosen = nearest[:, place]
            known = np.isfinite(distance[np.arange(count), chosen])
            where[known, 1 + place] = others[chosen[known]]
            kinds[known, 1 + place] = OUTSIDE
    around = points[:, None] + np.concatenate([DIRECTIONS * reach / 2, DIRECTIONS * reach])[None]
    around = np.clip(np.rint(around), 0, np.array(foreground.shape) - 1).astype(np.int64)
    probability = foreground[around[..., 0], around[..., 1]].astype(np.float32)
    emptiest = probability.argmin(1)
    every = np.arange(count)
    empty = probability[every, emptiest] < 0.5
    where[empty, -1] = around[every, emptiest][empty]
    kinds[empty, -1] = OUTSIDE
    return Prompts(points=np.ascontiguousarray(where[..., ::-1]), kinds=kinds)


def low_cores(cores: np.ndarray, numbers: np.ndarray, points: np.ndarray, side: int) -> np.ndarray:
    """The mask prompt of each of N cells: N×`side`×`side` bool.

    `cores` is S×S int32, S a multiple of `side`: the core of cell `numbers[i]` has that number; at
    the least it is the pixel that `points[i]` (row and column) lies in.
    """
    step = len(cores) // side
    low: np.ndarray = cores[step // 2 :: step, step // 2 :: step] == numbers[:, None, None]
    where = points // step
    low[np.arange(len(points)), where[:, 0], where[:, 1]] = True
    return low


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Prompts for one crop: its cells in random order, then places in its background."""

    numbers: np.ndarray
    """n int64; those of the background are larger than any label."""
    points: np.ndarray
    """n×2 int64 rows and columns."""
    cells: int
    """How many of them are cells."""
    cores: np.ndarray
    """H×W int32: the part of each that the mask prompt shows."""


def draw_prompts(labels: np.ndarray, depth: np.ndarray, sure: np.ndarray, wrong: int) -> Drawn:
    """A point for every cell of a crop, and for `wrong` places in its background.

    Half of the cells (at random) get the pixel that the prompt generator is surest of (`sure`,
    H×W), the others any of their pixels. Cores are what the generator is surest of, or what lies
    deepest (`depth`), above a random level. All are H×W; the draw depends on `labels` alone.
    """
    rng = np.random.default_rng(zlib.crc32(labels.tobytes()))
    flat = labels.ravel()
    order = np.argsort(flat, kind="stable")
    largest = int(flat.max(initial=0))
    bounds = np.searchsorted(flat[order], np.arange(1, largest + 2))
    numbers = 1 + rng.permutation(largest)
    places = []
    for number in numbers:
        pixels = order[bounds[number - 1] : bounds[number]]
        surest, any_one = int(sure.ravel()[pixels].argmax()), int(rng.integers(len(pixels)))
        places.append(int(pixels[surest if rng.random() < 0.5 else any_one]))
    level = rng.uniform(0.2, 0.6)
    cores = np.where((sure if rng.random() < 0.5 else depth) > level, labels, 0)
    background = order[: bounds[0]] if wrong else order[:0]
    for number in range(largest + 1, largest + 1 + (wrong if len(background) else 0)):
        place = int(background[rng.integers(len(background))])
        places.append(place)
        numbers = np.append(numbers, number)
        _draw_blob(cores, labels, place, int(rng.integers(1, 7)), number)
    points = np.stack(np.unravel_index(np.array(places, np.int64), labels.shape), 1)
    return Drawn(numbers=numbers, points=points, cells=largest, cores=cores)


def _draw_blob(cores: np.ndarray, labels: np.ndarray, place: int, radius: int, number: int) -> None:
    """A square in the background that pretends to be a core."""
    row, column = divmod(place, labels.shape[1])
    window = (
        slice(max(0, row - radius), row + radius + 1),
        slice(max(0, column - radius), column + radius + 1),
    )
    cores[window][labels[window] == 0] = number
