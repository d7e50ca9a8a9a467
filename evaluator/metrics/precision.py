"""Precision: the share of predicted cells that are true ones."""


def precision(*, true_cells: int, predicted_cells: int, tp: int, empty: float = 1.0) -> float:
    """tp / predicted_cells, in [0, 1]; the counts are cells.

    No predicted cell gives 0, and `empty` if there is no true cell either. Counts may be those of
    one image, or sums over tiles or images. Source: van Rijsbergen, Information Retrieval, 1979,
    chapter 7.

    >>> from evaluator import precision
    >>> precision(true_cells=4, predicted_cells=5, tp=3)
    0.6
    """
    if predicted_cells == 0:
        return empty if true_cells == 0 else 0.0
    return tp / predicted_cells
