"""Labelled images as the generators see them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from containers.base.segmentation.targets import compact
from contract import CallError, TrainPair, read_image, read_mask
from contract.contrast import differ
from contract.errors import UnreadableImage, UnreadableMask, WrongMaskType

Floats = npt.NDArray[np.float32]
CACHE_BYTES = 2 * 2**30
SMALLEST = 20
"""Pixels of the smallest cell that is taken for one."""


@dataclass(frozen=True, kw_only=True)
class Levels:
    """How grey levels of a file lie on the scale from -1 to 1.

    A file of floats, whose values no picture of whole numbers holds, gets 0 to 255.
    """

    low: float
    high: float
    dtype: str

    def restore(self, scaled: Floats) -> npt.NDArray[np.generic]:
        """H×W (of H×W×1) or H×W×3 of the file's own type for values from -1 to 1."""
        values = self.low + (np.clip(scaled, -1, 1) + 1) / 2 * (self.high - self.low)
        whole = np.rint(values).astype(self.dtype)
        return whole[..., 0] if whole.shape[2] == 1 else whole


@dataclass(frozen=True, kw_only=True)
class Real:
    """One labelled image, its contrast stretched.

    The stretch is one for all channels, so that colours stay: from the 0.1st to the 99.9th
    percentile.
    """

    stem: str
    modality: str
    image: npt.NDArray[np.uint8]
    """H×W×C, C 1 or 3."""
    labels: npt.NDArray[np.int32]
    """H×W, ids 0..n."""
    levels: Levels

    @property
    def cells(self) -> int:
        """How many there are."""
        return int(self.labels.max(initial=0))

    def box(self, number: int) -> tuple[slice, slice]:
        """Where a cell is."""
        rows, columns = self._boxes[number - 1]
        return rows, columns

    def cell(self, number: int) -> npt.NDArray[np.bool_]:
        """The tight mask of a cell."""
        box = self.box(number)
        mask: npt.NDArray[np.bool_] = self.labels[box] == number
        return mask

    @cached_property
    def whole(self) -> list[int]:
        """Ids of the cells that the border does not cut and that have SMALLEST pixels."""
        found = []
        for number, box in enumerate(self._boxes, start=1):
            sides = zip(box, self.labels.shape, strict=True)
            inside = all(side.start > 0 and side.stop < size for side, size in sides)
            if inside and self.cell(number).sum() >= SMALLEST:
                found.append(number)
        return found

    @cached_property
    def spacing(self) -> Floats:
        """From each cell's centre to that of its nearest neighbour, pixels; empty below two."""
        middles = [[(side.start + side.stop) / 2 for side in box] for box in self._boxes]
        if len(middles) < 2:
            return np.zeros(0, np.float32)
        centres = np.array(middles)
        distances, _ = cKDTree(centres).query(centres, k=[2])
        return np.ravel(distances).astype(np.float32)

    @cached_property
    def _boxes(self) -> list[tuple[slice, ...]]:
        return ndimage.find_objects(self.labels)

    @cached_property
    def scaled(self) -> Floats:
        """H×W×C in [-1, 1]."""
        return scale(self.image)

    @cached_property
    def grey(self) -> Floats:
        """H×W in [-1, 1], the mean over the channels."""
        return np.asarray(self.scaled.mean(axis=2), np.float32)

    @cached_property
    def glow(self) -> Floats:
        """The mean grey of each cell by its id; of the background under 0."""
        counts = np.bincount(self.labels.ravel(), minlength=self.cells + 1)
        sums = np.bincount(self.labels.ravel(), self.grey.ravel(), minlength=self.cells + 1)
        return np.asarray(sums / np.maximum(counts, 1), np.float32)

    @cached_property
    def style(self) -> Floats:
        """2C+2 numbers: mean of background and cells in each channel, spread of both in grey.

        Without cells those of the cells are those of the background.
        """
        inside = self.labels > 0
        ground = ~inside if not inside.all() else inside
        cells = inside if inside.any() else ground
        parts = [self.scaled[ground].mean(axis=0), self.scaled[cells].mean(axis=0)]
        spread = [self.grey[ground].std(), self.grey[cells].std()]
        return np.concatenate([*parts, spread]).astype(np.float32)


class Collection(Sequence[Real]):
    """The images of some pairs in their order, read when they are wanted and kept while there is
    room."""

    def __init__(self, pairs: Sequence[TrainPair], channels: int) -> None:
        self.channels = channels
        self.pairs = list(pairs)
        self._kept: dict[int, Real] = {}
        self._room = CACHE_BYTES

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: Any) -> Any:
        if index not in self._kept:
            real = read_real(self.pairs[index], self.channels)
            if not self._keep(index, real):
                return real
        return self._kept[index]

    @property
    def stems(self) -> list[str]:
        """Of all images."""
        return [pair.stem for pair in self.pairs]

    def add(self, pair: TrainPair, real: Real) -> None:
        """One more image, as it was read."""
        self._keep(len(self.pairs), real)
        self.pairs.append(pair)

    def become_grey(self) -> None:
        """Goes on with one channel: all images have three that are alike."""
        self.channels = 1
        self._kept = {
            index: replace(real, image=np.ascontiguousarray(real.image[..., :1]))
            for index, real in self._kept.items()
        }

    def _keep(self, index: int, real: Real) -> bool:
        size = real.image.size * 9  # the scaled copies come with it
        if size > self._room:
            return False
        self._room -= size
        self._kept[index] = real
        return True


def collect(pairs: Sequence[TrainPair], subset: str, channels: int | None = None) -> Collection:
    """The images of one subset that can be used; the others are named on stderr.

    Without `channels` there is one if all images of the subset are grey, else three. Raises
    CallError when nothing is left of subset train.
    """
    found, grey = Collection([], channels or 3), channels is None
    for pair in pairs:
        if pair.subset != subset:
            continue
        try:
            real = read_real(pair, found.channels)
        except (UnreadableImage, UnreadableMask, WrongMaskType, ValueError) as error:
            print(f"warning: {pair.image.name} is left out: {error}", file=sys.stderr)
            continue
        found.add(pair, real)
        grey = grey and bool((real.image == real.image[..., :1]).all())
    if not len(found) and subset == "train":
        raise CallError("None of the training images can be used.", "each was named above")
    if grey:
        found.become_grey()
    return found


def read_real(pair: TrainPair, channels: int) -> Real:
    """Reads one pair; ValueError when image and label differ in size."""
    pixels, labels = read_image(pair.image), read_mask(pair.label)
    if pixels.shape[:2] != labels.shape:
        raise ValueError(f"image is {pixels.shape[:2]}, label is {labels.shape}")
    values = pixels.astype(np.float32)
    if channels == 1:
        alike = bool((values == values[..., :1]).all())
        values = values[..., :1] if alike else values.mean(axis=2, keepdims=True)
    low, high = (float(value) for value in np.percentile(values, (0.1, 99.9)))
    if not differ(low, high):
        low, high = float(values.min()), float(values.max())
    if not differ(low, high):
        high = low + 1.0
    whole = pixels.dtype in (np.uint8, np.uint16)
    levels = Levels(low=low, high=high, dtype=str(pixels.dtype))
    return Real(
        stem=pair.stem,
        modality=pair.modality,
        image=np.clip(np.rint((values - low) / (high - low) * 255), 0, 255).astype(np.uint8),
        labels=compact(labels),
        levels=levels if whole else Levels(low=0, high=255, dtype="uint8"),
    )


def scale(image: npt.NDArray[np.uint8]) -> Floats:
    """0..255 to -1..1."""
    return np.asarray(image.astype(np.float32) / np.float32(127.5) - np.float32(1))
