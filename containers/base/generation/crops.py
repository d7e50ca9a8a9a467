"""Which crops a generator's training sees: a function of seed and position alone."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from containers.base.generation.data import Collection, Floats, Real, scale
from containers.base.generation.encode import condition

CROP_STREAM, ORDER_STREAM = 11, 12
Value = TypeVar("Value", bound=np.generic)
ON_CELL = 0.8
"""Share of crops that hold a cell; the rest lie anywhere."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A part of an image, filled up by mirroring, turned and mirrored."""

    rows: slice
    columns: slice
    missing: tuple[int, int]
    turns: int
    mirrored: bool

    def cut(self, array: npt.NDArray[Value]) -> npt.NDArray[Value]:
        """That part of an H×W×… array."""
        part = array[self.rows, self.columns]
        if any(self.missing):
            part = np.pad(
                part, [(0, size) for size in self.missing] + [(0, 0)] * (part.ndim - 2), "symmetric"
            )
        part = np.rot90(part, self.turns)
        return np.ascontiguousarray(part[:, ::-1] if self.mirrored else part)


class Crops:
    """Crop number k is that of a random place in an image; each image once per pass."""

    def __init__(self, collection: Collection, side: int, seed: int) -> None:
        self._collection, self._side, self._seed = collection, side, seed

    def __call__(self, position: int) -> tuple[Floats, Floats]:
        """(4+S)×side×side condition and C×side×side image in [-1, 1] of crop `position`."""
        real = self._collection[image_at(position, len(self._collection), self._seed)]
        window = crop_window(real, position, self._side, self._seed)
        image = scale(window.cut(real.image)).transpose(2, 0, 1)
        return condition(window.cut(real.labels), real.glow, real.style), image

    def batch(self, step: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Conditions and images of the crops of an optimiser step."""
        made = [self(step * size + place) for place in range(size)]
        return (
            torch.from_numpy(np.stack([condition for condition, _ in made])),
            torch.from_numpy(np.stack([image for _, image in made])),
        )


def image_at(position: int, count: int, seed: int) -> int:
    """Which of `count` images crop number `position` is cut from."""
    turn, place = divmod(position, count)
    order = np.random.default_rng([seed, ORDER_STREAM, turn])
    return int(order.permutation(count)[place])


def crop_window(real: Real, position: int, side: int, seed: int) -> Window:
    """Where crop number `position` lies in its image."""
    rng = np.random.default_rng([seed, CROP_STREAM, position])
    centre = None
    if real.cells and rng.random() < ON_CELL:
        rows, columns = np.nonzero(real.labels == 1 + int(rng.integers(real.cells)))
        place = int(rng.integers(rows.size))
        centre = int(rows[place]), int(columns[place])
    return cut_window(real.labels.shape, side, centre, rng)


def cut_window(
    shape: tuple[int, ...], side: int, centre: tuple[int, int] | None, rng: np.random.Generator
) -> Window:
    """A window of `side` that holds `centre`, or lies anywhere, in an image of `shape`."""
    parts, missing = [], []
    for axis, size in enumerate(shape[:2]):
        length = min(size, side)
        low, high = 0, size - length
        if centre is not None:
            low = max(0, min(high, centre[axis] - length + 1))
            high = min(high, max(low, centre[axis]))
        start = int(rng.integers(low, high + 1))
        parts.append(slice(start, start + length))
        missing.append(side - length)
    return Window(
        rows=parts[0],
        columns=parts[1],
        missing=(missing[0], missing[1]),
        turns=int(rng.integers(4)),
        mirrored=bool(rng.random() < 0.5),
    )
