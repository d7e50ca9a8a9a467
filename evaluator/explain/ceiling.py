"""The reachable ceiling: how the truth itself scores when its outlines are off by one pixel."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from evaluator.overlap.table import Labels, overlap_table
from evaluator.runs.words import DEFAULT_PROTOCOL, DEFAULT_THRESHOLDS, Protocol
from evaluator.scores.rows import ScoreRow, rows_for
from evaluator.scores.strata import COUNT_RANGES, count_range
from evaluator.statistics.intervals import Interval, mean_interval

Disturbance = Literal["shifted", "dilated", "eroded"]
DISTURBANCES: tuple[Disturbance, ...] = get_args(Disturbance)

_WHOLE, _FRONT, _BACK = slice(None), slice(None, -1), slice(1, None)
_STEPS = (
    ((_BACK, _WHOLE), (_FRONT, _WHOLE)),
    ((_FRONT, _WHOLE), (_BACK, _WHOLE)),
    ((_WHOLE, _BACK), (_WHOLE, _FRONT)),
    ((_WHOLE, _FRONT), (_WHOLE, _BACK)),
)
"""Where a step down, up, right and left leads to, and where it comes from."""


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """The score of a disturbed truth over the images of one count range at one threshold."""

    disturbance: Disturbance
    count_range: str
    """One of COUNT_RANGES, by the cells that the protocol counts; "all" for every image."""
    threshold: float
    images: int
    f1: float
    """Mean over images, in [0, 1]: no model can be told from a perfect one above it, if the
    annotators themselves were off by a pixel."""
    interval: Interval | None
    """95 %, over images; None below 5."""


def disturbed(truth: Labels) -> Iterator[tuple[Disturbance, Labels]]:
    """The (H, W) truth moved by one pixel each way (four times), dilated and eroded by one pixel.

    Dilation grows cells into the background alone, erosion takes the pixels with a 4-neighbour
    that is not of the same cell. Background moves in from the edges. Same shape and type.
    """
    for ahead, behind in _STEPS:
        moved = np.zeros_like(truth)
        moved[ahead] = truth[behind]
        yield "shifted", moved
    grown, kept = truth.copy(), truth.copy()
    for ahead, behind in _STEPS:
        np.copyto(grown[ahead], truth[behind], where=grown[ahead] == 0)
        kept[ahead][truth[ahead] != truth[behind]] = 0
    yield "dilated", grown
    yield "eroded", kept


def ceiling_rows(
    truth: Labels,
    *,
    image: str,
    modality: str = "",
    thresholds: Iterable[float] = DEFAULT_THRESHOLDS,
    protocol: Protocol = DEFAULT_PROTOCOL,
    border: bool = False,
) -> list[ScoreRow]:
    """The rows of one image's disturbed truths against the truth, in the manner of scores.csv.

    `truth` is an (H, W) label mask; `model` is the disturbance, `seed` counts the four shifts.
    """
    thresholds, rows, seen = tuple(thresholds), [], dict.fromkeys(DISTURBANCES, 0)
    for disturbance, labels in disturbed(truth):
        rows += rows_for(
            overlap_table(truth, labels),
            model=disturbance,
            seed=seen[disturbance],
            image=image,
            modality=modality,
            thresholds=thresholds,
            protocol=protocol,
            border=border,
        )
        seen[disturbance] += 1
    return rows


def ceilings(rows: Iterable[ScoreRow], groups: Mapping[str, str] | None = None) -> list[Ceiling]:
    """The ceilings per disturbance, count range and threshold, from `ceiling_rows` of all images.

    The four shifts are averaged per image; count ranges without images are left out. Images of one
    group in `groups` count as one draw in the intervals.
    """
    found: dict[tuple[str, str, float], dict[str, list[float]]] = {}
    for row in rows:
        for name in (count_range(row.true_cells), "all"):
            images = found.setdefault((row.model, name, row.threshold), {})
            images.setdefault(row.image, []).append(row.f1)
    return [
        Ceiling(
            disturbance=disturbance,
            count_range=name,
            threshold=threshold,
            images=len(images),
            f1=float(np.mean(means := np.array([np.mean(own) for own in images.values()]))),
            interval=mean_interval(
                means, None if groups is None else [groups.get(name, name) for name in images]
            ),
        )
        for disturbance in DISTURBANCES
        for name in (*COUNT_RANGES, "all")
        for threshold in sorted({threshold for _, _, threshold in found})
        if (images := found.get((disturbance, name, threshold), {}))
    ]
