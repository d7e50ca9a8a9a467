"""Average precision as used for cells: the share of found cells among all that were seen."""


def average_precision(
    *, true_cells: int, predicted_cells: int, tp: int, empty: float = 1.0
) -> float:
    """tp / (tp + fp + fn) at one threshold, in [0, 1]; the counts are cells.

    Also called accuracy or threat score. No integral over a ranking, since masks carry no
    confidence: not COCO's number of that name. `empty` when there is no cell on either side.
    Source: Caicedo et al., Nature Methods 16, 1247-1253 (2019); Schmidt et al., MICCAI 2018.

    >>> from evaluator import average_precision
    >>> average_precision(true_cells=4, predicted_cells=5, tp=3)
    0.5
    """
    seen = true_cells + predicted_cells - tp
    return tp / seen if seen else empty
