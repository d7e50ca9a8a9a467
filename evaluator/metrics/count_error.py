"""Count error: how far off the number of cells is, wherever they lie."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CountError:
    """Predicted minus true number of cells."""

    cells: int
    """Above 0: too many cells; below: too few. Its size is the absolute error."""
    relative: float
    """`cells` over the true number, from −1 upwards; NaN when cells are predicted where none
    are, 0 when there are none on either side."""


def count_error(*, true_cells: int, predicted_cells: int) -> CountError:
    """The error in the number of cells of one image, or of sums over images.

    Errors of both signs cancel in a mean: average the absolute value for accuracy, the signed one
    for bias. A perfect count says nothing about which cells were found.

    >>> from evaluator import count_error
    >>> count_error(true_cells=4, predicted_cells=5)
    CountError(cells=1, relative=0.25)
    """
    cells = predicted_cells - true_cells
    nowhere = math.nan if cells else 0.0
    return CountError(cells=cells, relative=cells / true_cells if true_cells else nowhere)
