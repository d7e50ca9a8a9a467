"""What is odd about the cells of a label, counted: not faults, but what a reader should know."""

from collections.abc import Sequence

import numpy as np

from evaluator.overlap.mask_checks import CLASSES, CRUMB, ONE_ID, SATURATED, pieces_of
from evaluator.overlap.table import Labels, Side
from evaluator.runs.records import Health

FEWEST = 8
"""Cells of an image from which on one may be an outlier among them."""
OUTLYING = 8.0
"""Times larger or smaller than the image's median cell."""
LARGEST = 25_000_000
"""Pixels of a label up to which holes are counted."""


def health_of(labels: Labels, cells: Side, remarks: Sequence[str]) -> Health:
    """The health of one (H, W) label.

    `cells` is its side of an overlap table, `remarks` what `check_mask` says of it.
    """
    if not len(cells):
        return Health(labels=1, empty=1)
    median = float(np.median(cells.areas))
    factor = np.maximum(cells.areas / median, median / cells.areas)
    few_ids = any(text.startswith(ONE_ID) or CLASSES in text for text in remarks)
    return Health(
        labels=1,
        cells=len(cells),
        fragmented=int(np.count_nonzero(pieces_of(labels, cells) > 1)),
        specks=int(np.count_nonzero(cells.areas <= CRUMB)),
        with_holes=cells_with_holes(labels) if labels.size <= LARGEST else 0,
        on_frame=int(np.count_nonzero(cells.on_frame)),
        outlying=int(np.count_nonzero(factor > OUTLYING)) if len(cells) >= FEWEST else 0,
        saturated=int(int(cells.ids[-1]) in SATURATED and len(cells) > 1),
        foreground=int(few_ids),
    )


def cells_with_holes(labels: Labels) -> int:
    """How many cells of an (H, W) label surround background that touches no other cell.

    >>> import numpy as np
    >>> from evaluator.overlap.health import cells_with_holes
    >>> ring = np.pad(np.ones((3, 3), int), 2)
    >>> ring[3, 3] = 0
    >>> cells_with_holes(ring)
    1
    """
    from scipy import ndimage

    around = np.pad(np.asarray(labels), 1)
    places, count = ndimage.label(around == 0)
    if count <= 1:  # that around the image
        return 0
    boxes = ndimage.find_objects(places)
    owners = set()
    for place, box in enumerate(boxes, start=1):
        if place == places[0, 0] or box is None:
            continue
        wider = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in box)
        hole = places[wider] == place
        beside = ndimage.binary_dilation(hole) & ~hole
        touched = np.unique(around[wider][beside])
        if len(touched) == 1 and touched[0] != 0:
            owners.add(int(touched[0]))
    return len(owners)
