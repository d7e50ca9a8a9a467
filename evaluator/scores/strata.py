"""Groups of images: by the number of true cells, by modality, by any column of the manifest."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from evaluator.overlap.table import Whole
from evaluator.scores.rows import ScoreRow

if TYPE_CHECKING:
    from evaluator.runs.records import DatasetRecord

_UPPER = (0, 5, 10, 20, 50, 100, 1000)
COUNT_RANGES = ("0", "1-5", "6-10", "11-20", "21-50", "51-100", "101-1000", ">1000")
"""Exhaustive and without overlap: images per range add up to the number of images."""

SIZES = (10, 20, 40, 80)
"""Diameters in pixels that divide the size classes; the lower end belongs to the upper class."""
SIZE_CLASSES = ("below 10 px", "10-20 px", "20-40 px", "40-80 px", "80 px or more")

UNKNOWN = "unknown"
"""The group of images without an entry, so that every image is in one group."""


def count_range(true_cells: int) -> str:
    """The count range of an image, one of COUNT_RANGES, by true_cells of scores.csv (≥ 0).

    That number follows the protocol: under `challenge` cells on the border do not count.

    >>> from evaluator import count_range
    >>> count_range(0), count_range(37), count_range(5000)
    ('0', '21-50', '>1000')
    """
    if true_cells < 0:
        raise ValueError(f"{true_cells} cells cannot be")
    return COUNT_RANGES[bisect_left(_UPPER, true_cells)]


def size_places(areas: Whole) -> Whole:
    """(n,) index into SIZE_CLASSES of cells of so many pixels.

    A cell's size is the diameter of the disc of the same area, in pixels.

    >>> import numpy as np
    >>> from evaluator import SIZE_CLASSES, size_places
    >>> [SIZE_CLASSES[place] for place in size_places(np.array([78, 79, 5100]))]
    ['below 10 px', '10-20 px', '80 px or more']
    """
    return np.digitize(np.sqrt(4 * areas / np.pi), SIZES)


def image_strata(
    rows: Iterable[ScoreRow], dataset: "DatasetRecord | None" = None
) -> dict[str, Mapping[str, str]]:
    """Column → image → group, each column covering every image of `rows`.

    "true cells" holds the count ranges and "modality" that of scores.csv; a run's `dataset` adds
    every further column of manifest.csv.
    """
    images = {row.image: row for row in rows}
    columns: dict[str, Mapping[str, str]] = {
        "true cells": {image: count_range(row.true_cells) for image, row in images.items()},
        "modality": {image: row.modality or UNKNOWN for image, row in images.items()},
    }
    known = {one.image: one.strata for one in dataset.images} if dataset else {}
    for column in dict.fromkeys(name for strata in known.values() for name in strata):
        columns[column] = {
            image: known.get(image, {}).get(column, "") or UNKNOWN for image in images
        }
    return columns
