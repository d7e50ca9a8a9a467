"""Groups of images by the number of true cells."""

from bisect import bisect_left

_UPPER = (0, 5, 10, 20, 50, 100, 1000)
COUNT_RANGES = ("0", "1-5", "6-10", "11-20", "21-50", "51-100", "101-1000", ">1000")
"""Exhaustive and without overlap: images per range add up to the number of images."""


def count_range(true_cells: int) -> str:
    """The count range of an image, one of COUNT_RANGES, by true_cells of scores.csv (≥ 0).

    That number follows the protocol: under `challenge` cells on the border do not count.
    """
    if true_cells < 0:
        raise ValueError(f"{true_cells} cells cannot be")
    return COUNT_RANGES[bisect_left(_UPPER, true_cells)]
