"""What became of each cell of a run, from its stored overlap tables, each of them read once."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract import CellbenchError, stem
from evaluator.overlap.cell_fates import Fate, Fates, fates
from evaluator.overlap.table import Labels, OverlapTable
from evaluator.report.data import SeedRun
from evaluator.runs.words import Protocol
from evaluator.scores.protocols import counted_tables

PLAIN_WITH_BORDER_RULE = "plain with border rule"

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ImageCells:
    """The cells of one image and their fates; ids are sorted, as in the overlap table."""

    table: OverlapTable
    fates: Fates
    counted: tuple[OverlapTable, ...]
    """The tables of the cells that the protocol counts, tile by tile where it cuts tiles."""
    counted_fates: tuple[Fates, ...]
    """Of the cells of each."""

    @property
    def true_ids(self) -> Labels:
        return self.table.truth.ids

    @property
    def predicted_ids(self) -> Labels:
        return self.table.predicted.ids


@dataclass(frozen=True, kw_only=True)
class FateCounts:
    """How many counted cells of several images met each `Fate`, indexed by it."""

    truth: Counts
    predicted: Counts
    images: int
    most: dict[Fate, str]
    """The image with the most cells of each fate that occurs."""


class RunCells:
    """The cells of one seed of one model at one threshold."""

    def __init__(self, run: SeedRun, threshold: float, protocol: str) -> None:
        """`protocol` is that of the scores, as `Rules.label` words it."""
        self._overlaps = run.overlaps
        self._protocol = protocol
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
            here, there = np.zeros_like(truth), np.zeros_like(predicted)
            for part in cells.counted_fates:
                here += np.bincount(part.truth, minlength=len(here))
                there += np.bincount(part.predicted, minlength=len(there))
            truth, predicted = truth + here, predicted + there
            for fate in Fate:
                found = int((there if fate is Fate.SPURIOUS else here)[fate])
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
        return cells_of(table, self._threshold, self._protocol)


def rules_of(protocol: str) -> tuple[Protocol, bool]:
    """The protocol and whether cells on the border are dropped, from how the rules are called."""
    return "challenge" if protocol == "challenge" else "plain", protocol == PLAIN_WITH_BORDER_RULE


def cells_of(table: OverlapTable, threshold: float, protocol: str = "plain") -> ImageCells:
    """The cells of one overlap table at IoU ≥ `threshold`, and those that `protocol` counts."""
    rules, border = rules_of(protocol)
    parts = counted_tables(table, protocol=rules, border=border)
    return ImageCells(
        table=table,
        fates=fates(table, threshold),
        counted=parts,
        counted_fates=tuple(fates(part, threshold) for part in parts),
    )
