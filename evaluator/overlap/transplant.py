"""The cells of one mask on the foreground of another."""

import numpy as np
import numpy.typing as npt

from evaluator.overlap.table import Labels, OverlapTable, overlap_table


def halves(truth: Labels, predicted: Labels) -> tuple[OverlapTable, OverlapTable]:
    """The truth against the prediction with one half of the work done by the truth.

    First with its foreground, then with its splits; both masks are (H, W).
    """
    return (
        overlap_table(truth, transplanted(predicted, truth > 0)),
        overlap_table(truth, transplanted(truth, predicted > 0)),
    )


def transplanted(splits: Labels, foreground: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The cells of `splits` (H, W) spread over another `foreground` (H, W), as int64 labels.

    Each foreground pixel goes to the cell that lies there, else to the nearest cell in the same
    connected piece (4-neighbours) of the foreground; a piece without any becomes one cell. Ids
    are new.
    """
    from scipy import ndimage

    ids, inverse = np.unique(splits, return_inverse=True)
    cells = inverse.reshape(splits.shape) + (ids[0] != 0 if len(ids) else 0)
    result = np.where(foreground, cells, 0)
    pieces, _ = ndimage.label(foreground)
    fresh = int(cells.max(initial=0))
    for number, box in enumerate(ndimage.find_objects(pieces), start=1):
        inside = pieces[box] == number
        known = inside & (cells[box] > 0)
        if (known == inside).all():
            continue
        if known.any():
            rows, columns = ndimage.distance_transform_edt(
                ~known, return_distances=False, return_indices=True
            )
            result[box][inside] = cells[box][rows, columns][inside]
        else:
            fresh += 1
            result[box][inside] = fresh
    return result
