"""F1: the harmonic mean of precision and recall, the challenge's ranking score."""

from evaluator.metrics.precision import precision
from evaluator.metrics.recall import recall


def f1(*, true_cells: int, predicted_cells: int, tp: int, empty: float = 1.0) -> float:
    """2 · precision · recall / (precision + recall), in [0, 1]; the counts are cells.

    Equal to 2·tp / (true_cells + predicted_cells), but computed in the order of the challenge's
    script, so that rounding agrees with it. 0 when tp is 0, save that `empty` is given when there
    is no cell on either side. Source: van Rijsbergen, Information Retrieval, 1979, chapter 7.

    >>> from evaluator import f1
    >>> f1(true_cells=4, predicted_cells=4, tp=3)
    0.75
    >>> f1(true_cells=0, predicted_cells=0, tp=0, empty=0.0)
    0.0
    """
    if true_cells == 0 and predicted_cells == 0:
        return empty
    if tp == 0:
        return 0.0
    p = precision(true_cells=true_cells, predicted_cells=predicted_cells, tp=tp)
    r = recall(true_cells=true_cells, predicted_cells=predicted_cells, tp=tp)
    return 2 * (p * r) / (p + r)
