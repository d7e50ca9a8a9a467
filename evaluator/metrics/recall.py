"""Recall: the share of true cells that were found."""


def recall(*, true_cells: int, predicted_cells: int, tp: int, empty: float = 1.0) -> float:
    """tp / true_cells, in [0, 1]; the counts are cells.

    No true cell gives 0, and `empty` if no cell is predicted either. Counts may be those of one
    image, or sums over tiles or images. Source: van Rijsbergen, Information Retrieval, 1979,
    chapter 7.

    >>> from evaluator import recall
    >>> recall(true_cells=4, predicted_cells=5, tp=3)
    0.75
    """
    if true_cells == 0:
        return empty if predicted_cells == 0 else 0.0
    return tp / true_cells
