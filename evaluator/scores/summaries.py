"""Averages over the images of one model, seed and threshold, with their denominators."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evaluator.metrics.f1 import f1
from evaluator.metrics.precision import precision
from evaluator.metrics.recall import recall
from evaluator.scores.rows import ScoreRow

Score = Literal["precision", "recall", "f1", "dice"]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One score over images. A number that no image gives (a mean of none) is NaN."""

    images: int
    scored: int
    """Images whose outcome is "scored"; the others count 0."""
    mean: float
    """Over all images, failed ones as 0: the one to compare models by."""
    scored_mean: float
    """Over the scored images only."""
    median: float
    """Over all images."""
    sd: float
    """Over all images, with n − 1 in the denominator; NaN below two images."""


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """Scores of all cells of all images together, each in [0, 1]; large images dominate them."""

    true_cells: int
    predicted_cells: int
    tp: int
    precision: float
    recall: float
    f1: float


def summarise(rows: Sequence[ScoreRow], score: Score) -> Summary:
    """The summary of `score` over rows that hold each image once, withheld scores left out.

    Raises ValueError when an image comes twice: rows of several thresholds, models or seeds were
    mixed.

    A failed image counts 0 in `mean` and is left out of `scored_mean`:

    >>> import numpy as np
    >>> from evaluator import overlap_table, rows_for, summarise
    >>> cell = np.zeros((9, 9), np.uint8)
    >>> cell[3:6, 3:6] = 1
    >>> found = rows_for(
    ...     overlap_table(cell, cell), model="m", image="a.tif", thresholds=[0.5]
    ... )
    >>> failed = rows_for(
    ...     overlap_table(cell), model="m", image="b.tif", thresholds=[0.5], outcome="missing"
    ... )
    >>> summary = summarise([*found, *failed], "f1")
    >>> summary.images, summary.scored, summary.mean, summary.scored_mean
    (2, 1, 0.5, 1.0)
    """
    if len({row.image for row in rows}) != len(rows):
        raise ValueError("an image comes twice: give rows of one model, seed and threshold")
    rows = [row for row in rows if not math.isnan(getattr(row, score))]
    values: list[float] = [getattr(row, score) for row in rows]
    scored = [value for value, row in zip(values, rows, strict=True) if row.outcome == "scored"]
    return Summary(
        images=len(values),
        scored=len(scored),
        mean=statistics.fmean(values) if values else math.nan,
        scored_mean=statistics.fmean(scored) if scored else math.nan,
        median=statistics.median(values) if values else math.nan,
        sd=statistics.stdev(values) if len(values) > 1 else math.nan,
    )


def pool(rows: Iterable[ScoreRow]) -> Pooled:
    """Precision, recall and F1 from the cell counts summed over rows."""
    true_cells = predicted_cells = tp = 0
    for row in rows:
        true_cells += row.true_cells
        predicted_cells += row.predicted_cells
        tp += row.tp
    counts = {"true_cells": true_cells, "predicted_cells": predicted_cells, "tp": tp}
    return Pooled(
        true_cells=true_cells,
        predicted_cells=predicted_cells,
        tp=tp,
        precision=precision(**counts),
        recall=recall(**counts),
        f1=f1(**counts),
    )


def by_group(rows: Iterable[ScoreRow]) -> Mapping[tuple[str, int, float], list[ScoreRow]]:
    """The rows of each (model, seed, threshold), in the order in which they first come."""
    groups: dict[tuple[str, int, float], list[ScoreRow]] = {}
    for row in rows:
        groups.setdefault((row.model, row.seed, row.threshold), []).append(row)
    return groups
