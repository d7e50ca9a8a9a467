"""The further columns of scores.csv: what other metrics than F1 say of one image."""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from contract import CellbenchError
from contract.guarded import read_mask
from evaluator.metrics.aji import aji
from evaluator.metrics.aji_plus import aji_plus
from evaluator.metrics.average_precision import average_precision
from evaluator.metrics.boundary_f1 import boundary_f1
from evaluator.metrics.count_error import count_error
from evaluator.metrics.hausdorff_95 import hausdorff_95
from evaluator.metrics.matched_dice import matched_dice
from evaluator.metrics.panoptic_quality import panoptic_quality
from evaluator.metrics.seg import seg
from evaluator.overlap.cell_fates import Fate, fates
from evaluator.overlap.joined import joined
from evaluator.overlap.matching import Match, match_cells
from evaluator.overlap.outlines import outline_pairs
from evaluator.overlap.table import TILE, Flags, Labels, OverlapTable
from evaluator.overlap.transplant import halves
from evaluator.runs.words import DEFAULT_PROTOCOL, Protocol
from evaluator.scores.protocols import count, counted_tables
from evaluator.scores.regions import blanked, read_region

Masks = tuple[Labels, Labels]
"""The (H, W) masks of truth and prediction."""


@dataclass(frozen=True, kw_only=True)
class Further:
    """One image at one threshold; the fields are the further columns in order.

    Over the cells that the protocol counts, not rounded. None where a metric says nothing, which
    is an empty cell of the file. The metrics' own files hold formulas and sources.
    """

    ap: float | None
    """tp / (tp + fp + fn), in [0, 1], and so are the next eight."""
    pq: float | None
    sq: float | None
    rq: float | None
    aji: float | None
    """This one, the next and seg are the same at every threshold."""
    aji_plus: float | None
    seg: float | None
    """None without a true cell."""
    matched_dice: float | None
    boundary_f1: float | None
    """Of found cells, with a tolerance of 2 pixels; None when none is found or the masks are not
    there, and so is the next."""
    hausdorff_95: float | None
    """Of found cells, in pixels."""
    count_error: int | None
    """Predicted minus true cells."""
    missed: int | None
    """True cells by their fate; with split, merged and tp they add up to the true cells."""
    split: int | None
    merged: int | None
    spurious: int | None
    """Predicted cells that match nothing and are no piece of a split or merged cell."""
    f1_true_foreground: float | None
    """F1 in [0, 1] with the truth's foreground and the model's splits, by the protocol, as `f1` is;
    None where the masks are not there, and so is the next."""
    f1_true_splits: float | None
    """F1 with the model's foreground and the truth's splits."""


FURTHER_COLUMNS = tuple(field.name for field in fields(Further))


def of_failed(true_cells: int) -> Further:
    """The columns of an image that was not scored: 0, and its true cells as missed."""
    return Further(
        ap=0.0,
        pq=0.0,
        sq=0.0,
        rq=0.0,
        aji=0.0,
        aji_plus=0.0,
        seg=0.0 if true_cells else None,
        matched_dice=0.0,
        boundary_f1=None,
        hausdorff_95=None,
        count_error=-true_cells,
        missed=true_cells,
        split=0,
        merged=0,
        spurious=0,
        f1_true_foreground=0.0,
        f1_true_splits=0.0,
    )


def further(
    table: OverlapTable,
    thresholds: Iterable[float],
    *,
    masks: Masks | None = None,
    protocol: Protocol = DEFAULT_PROTOCOL,
    border: bool = False,
) -> Mapping[float, Further]:
    """The further columns of one scored image, by threshold.

    `masks` are those of `table`, for the distances between outlines; without them these are None.
    The tiles of a large image are taken together. An image without cells on either side has what
    the protocol gives it for F1. Raises ValueError unless every threshold lies in (0, 1].
    """
    parts = counted_tables(table, protocol=protocol, border=border)
    whole = joined(parts)
    empty = 0.0 if protocol == "challenge" else 1.0
    area_scores = {
        "aji": aji(whole, empty=empty),
        "aji_plus": aji_plus(whole, empty=empty),
        "seg": _known(seg(whole)),
    }
    outlines = _Outlines(masks, table, parts)
    halves = _halves(masks)
    found = {}
    for threshold in thresholds:
        match = match_cells(whole, threshold)
        quality = panoptic_quality(match, empty=empty)
        counts = {"true_cells": match.true_cells, "predicted_cells": match.predicted_cells}
        became = fates(whole, threshold)
        boundary, distance = outlines.of(match)
        swapped = {
            name: count(half, threshold, protocol=protocol, border=border).f1
            for name, half in halves.items()
        }
        found[threshold] = Further(
            ap=average_precision(**counts, tp=match.tp, empty=empty),
            pq=quality.pq,
            sq=quality.sq,
            rq=quality.rq,
            **area_scores,
            matched_dice=matched_dice(match, empty=empty),
            boundary_f1=boundary,
            hausdorff_95=distance,
            count_error=count_error(**counts).cells,
            missed=became.true_counts[Fate.MISSED],
            split=became.true_counts[Fate.SPLIT],
            merged=became.true_counts[Fate.MERGED],
            spurious=became.predicted_counts[Fate.SPURIOUS],
            f1_true_foreground=swapped.get("f1_true_foreground"),
            f1_true_splits=swapped.get("f1_true_splits"),
        )
    return found


def read_masks(truth: Path, mask: Path | None, shape: tuple[int, int]) -> Masks | None:
    """The masks of a stored table of this `shape`; None when they are not both there."""
    if mask is None:
        return None
    try:
        labels, predicted = read_mask(truth, expected=shape), read_mask(mask, expected=shape)
        return labels, blanked(predicted, labels, read_region(truth, shape))
    except (CellbenchError, OSError):
        return None


def _halves(masks: Masks | None) -> dict[str, OverlapTable]:
    """The truth against each half of the work done by itself; nothing without masks."""
    if masks is None:
        return {}
    true_foreground, true_splits = halves(*masks)
    return {"f1_true_foreground": true_foreground, "f1_true_splits": true_splits}


class _Outlines:
    """Boundary F1 and 95 % Hausdorff distance of matched cells, each pair measured once."""

    def __init__(
        self, masks: Masks | None, table: OverlapTable, parts: tuple[OverlapTable, ...]
    ) -> None:
        self._masks = masks
        self._tables = table.tiles if len(parts) > 1 else (table,)
        self._parts = parts
        self._columns = math.ceil(table.shape[1] / TILE)
        self._known: dict[tuple[int, int], tuple[float, float]] = {}

    def of(self, match: Match) -> tuple[float | None, float | None]:
        """The means over the pairs of a match on the joined parts; None without pairs or masks."""
        if self._masks is None or not match.tp:
            return None, None
        pairs = list(zip(match.truth.tolist(), match.predicted.tolist(), strict=True))
        fresh = np.array([pair not in self._known for pair in pairs])
        if fresh.any():
            self._measure(match, fresh)
        boundaries, distances = zip(*(self._known[pair] for pair in pairs), strict=True)
        return statistics.fmean(boundaries), statistics.fmean(distances)

    def _measure(self, match: Match, fresh: Flags) -> None:
        """Measures the pairs of a match that are `fresh`."""
        assert self._masks is not None
        first_truth = first_predicted = 0
        for place, (table, part) in enumerate(zip(self._tables, self._parts, strict=True)):
            here = (match.truth >= first_truth) & (match.truth < first_truth + len(part.truth))
            inside = fresh & here
            a = match.truth[inside] - first_truth
            b = match.predicted[inside] - first_predicted
            own = Match(
                truth=np.searchsorted(table.truth.ids, part.truth.ids[a]),
                predicted=np.searchsorted(table.predicted.ids, part.predicted.ids[b]),
                intersection=match.intersection[inside],
                union=match.union[inside],
                true_cells=len(table.truth),
                predicted_cells=len(table.predicted),
            )
            masks = self._masks if len(self._tables) == 1 else self._square(place)
            measured = outline_pairs(*masks, table, own)
            for one, other, pair in zip(a.tolist(), b.tolist(), measured, strict=True):
                key = one + first_truth, other + first_predicted
                self._known[key] = boundary_f1([pair]), hausdorff_95([pair])
            first_truth += len(part.truth)
            first_predicted += len(part.predicted)

    def _square(self, place: int) -> Masks:
        """The part of both masks that lies in one tile."""
        assert self._masks is not None
        top, left = (TILE * number for number in divmod(place, self._columns))
        square = np.s_[top : top + TILE, left : left + TILE]
        truth, predicted = self._masks
        return truth[square], predicted[square]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
