"""Training images in memory, as much as fits, with what the sampler needs to know of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from containers.base.segmentation.normalise import normalise
from containers.base.segmentation.targets import compact
from contract import (
    CallError,
    TrainPair,
    UnreadableImage,
    UnreadableMask,
    WrongMaskType,
    read_image,
    read_mask,
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One labelled image."""

    image: np.ndarray
    """H×W×3 uint8, normalised."""
    labels: np.ndarray
    """H×W int32, ids 0..n."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is remembered of a sample even when its pixels are not kept."""

    diameter: float | None
    """Typical cell diameter in pixels; None without cells."""
    boxes: np.ndarray
    """n×4 int32: first row, first column, past-last row and column of each cell."""
    source: str = ""
    """Where it comes from; "" for all for which nobody said it."""


class Pool:
    """The labelled images of one subset, read once and kept up to `cache_bytes`.

    Pairs that cannot be used (unreadable, or label and image of different sizes) are left out and
    listed in `skipped` as (file name, reason).
    """

    def __init__(self, pairs: Sequence[TrainPair], cache_bytes: int) -> None:
        self.skipped: list[tuple[str, str]] = []
        self.facts: list[Facts] = []
        self._pairs: list[TrainPair] = []
        self._kept: dict[int, Sample] = {}
        room = cache_bytes
        for pair in pairs:
            try:
                sample = read_sample(pair)
            except (UnreadableImage, UnreadableMask, WrongMaskType, ValueError) as error:
                self.skipped.append((pair.image.name, str(error)))
                continue
            room -= sample.image.nbytes + sample.labels.nbytes
            if room >= 0:
                self._kept[len(self._pairs)] = sample
            self._pairs.append(pair)
            self.facts.append(_facts(sample.labels, pair.source))

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        return self._kept[index] if index in self._kept else read_sample(self._pairs[index])

    def typical_diameter(self) -> float:
        """Geometric mean of the images' cell diameters; CallError when no image has a cell."""
        known = [fact.diameter for fact in self.facts if fact.diameter]
        if not known:
            raise CallError(
                "No training image has a labelled cell.",
                why="the label files are empty, or belong to other images",
                do="look at a label file: background must be 0 and each cell have its own id",
            )
        return float(np.exp(np.mean(np.log(known))))

    def diameter_range(self) -> tuple[float, float]:
        """The smallest and largest typical diameter of an image, in pixels."""
        known = [fact.diameter for fact in self.facts if fact.diameter]
        return min(known), max(known)


def read_sample(pair: TrainPair) -> Sample:
    """Reads and normalises one pair; ValueError when the two sizes differ."""
    pixels, labels = read_image(pair.image), read_mask(pair.label)
    if pixels.shape[:2] != labels.shape:
        raise ValueError(f"image is {pixels.shape[:2]}, label is {labels.shape}")
    return Sample(image=normalise(pixels), labels=compact(labels))


def typical_diameter(labels: np.ndarray) -> float | None:
    """Diameter in pixels of the disc as large as the typical cell of H×W `labels`, or None.

    Typical is the median over foreground pixels, not over cells, of the area of the cell they
    belong to: crumbs hardly move it. Cells on the image border count only when there are no others.
    """
    areas = np.bincount(labels.ravel().astype(np.int64, copy=False))
    areas[0] = 0
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    inner = areas.copy()
    inner[rim] = 0
    areas = inner if inner.any() else areas
    if not areas.any():
        return None
    areas = np.sort(areas[areas > 0])
    middle = np.searchsorted(np.cumsum(areas), areas.sum() / 2)
    return float(2 * np.sqrt(areas[middle] / np.pi))


def _facts(labels: np.ndarray, source: str) -> Facts:
    boxes = [
        (rows.start, columns.start, rows.stop, columns.stop)
        for rows, columns in ndimage.find_objects(labels)
    ]
    return Facts(
        diameter=typical_diameter(labels),
        boxes=np.array(boxes, np.int32).reshape(-1, 4),
        source=source,
    )
