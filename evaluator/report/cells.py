"""What became of each cell of a run, from its stored overlap tables, each of them read once."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract import CellbenchError, stem
from evaluator.overlap.cell_fates import Fate, Fates, fates
from evaluator.overlap.table import Labels, OverlapTable
from evaluator.report.data import SeedRun

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ImageCells:
    """The cells of one image and their fates; ids are sorted, as in the overlap table."""

    true_ids: Labels
    predicted_ids: Labels
    fates: Fates


@dataclass(frozen=True, kw_only=True)
class FateCounts:
    """How many cells of several images met each `Fate`, indexed by it."""

    truth: Counts
    predicted: Counts
    images: int
    most: dict[Fate, str]
    """The image with the most cells of each fate that occurs."""


class RunCells:
    """The cells of one seed of one model at one threshold."""

    def __init__(self, run: SeedRun, threshold: float) -> None:
        self._overlaps = run.overlaps
        self._threshold = threshold
        self._known: dict[str, ImageCells | None] = {}

    def of(self, image: str) -> ImageCells | None:
        """The cells of an image; None when its overlap table is absent or damaged."""
        if image not in self._known:
            self._known[image] = self._read(image)
        return self._known[image]

    def count(self, images: Iterable[str]) -> FateCounts:
        """The fates of all cells, over those of `images` whose overlap table can be read."""
        truth = np.zeros(max(Fate) + 1, np.int64)
        predicted = np.zeros(max(Fate) + 1, np.int64)
        number = 0
        highest: dict[Fate, tuple[int, str]] = {}
        for image in images:
            cells = self.of(image)
            if cells is None:
                continue
            number += 1
            truth += np.bincount(cells.fates.truth, minlength=len(truth))
            predicted += np.bincount(cells.fates.predicted, minlength=len(predicted))
            true_counts, predicted_counts = cells.fates.true_counts, cells.fates.predicted_counts
            for fate in Fate:
                found = (predicted_counts if fate is Fate.SPURIOUS else true_counts)[fate]
                if found > highest.get(fate, (0, ""))[0]:
                    highest[fate] = (found, image)
        most = {fate: image for fate, (_, image) in highest.items()}
        return FateCounts(truth=truth, predicted=predicted, images=number, most=most)

    def _read(self, image: str) -> ImageCells | None:
        if self._overlaps is None:
            return None
        try:
            table = OverlapTable.load(self._overlaps / f"{stem(image)}.npz")
        except (CellbenchError, OSError):
            return None
        return cells_of(table, self._threshold)


def cells_of(table: OverlapTable, threshold: float) -> ImageCells:
    """The cells of one overlap table at IoU ≥ `threshold`."""
    return ImageCells(
        true_ids=table.truth.ids,
        predicted_ids=table.predicted.ids,
        fates=fates(table, threshold),
    )
