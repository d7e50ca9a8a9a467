"""Signs that a mask does not hold what its author meant, read off the overlap table."""

import numpy as np

from contract.masks import MaskFile
from evaluator.overlap.table import OverlapTable, Side, Whole

SATURATED = (255, 65535)
"""The highest ids that 8 and 16 bits hold."""

SEVERAL = 3
"""One id over so many cells of the other mask is taken for a mask of the foreground."""


def file_warnings(name: str, mask: MaskFile) -> tuple[str, ...]:
    """Sentences about one mask, looked at alone; `name` says whose it is."""
    return tuple(f"the {name}: {remark}" for remark in mask.remarks)


def mask_warnings(table: OverlapTable) -> tuple[str, ...]:
    """Sentences about the truth and the prediction of one image; none when nothing is suspicious.

    Scores are not changed by what they say: a mask with one id for all cells, as thresholding
    gives it, counts as one cell, and cells that share the id 255 or 65535 because there were no
    more ids count as one, too.
    """
    return (
        *_of_side("truth", table.truth, table.pair_truth),
        *_of_side("prediction", table.predicted, table.pair_predicted),
    )


def _of_side(name: str, side: Side, pairs: Whole) -> list[str]:
    found: list[str] = []
    if not len(side):
        return found
    over = int(np.bincount(pairs, minlength=1).max())
    if len(side) == 1 and over >= SEVERAL:
        found.append(
            f"the {name} has one id, {side.ids[0]}, over {over} cells of the other mask: it may be"
            " a mask of the foreground; give each cell an id of its own"
        )
    elif int(side.ids[-1]) in SATURATED:
        bits = int(side.ids[-1]).bit_length()
        found.append(
            f"the highest id of the {name} is {side.ids[-1]}, the last one that {bits} bits hold:"
            " if there were more cells, some of them share ids; save the mask with more bits"
        )
    return found
