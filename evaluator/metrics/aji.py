"""Aggregated Jaccard index: overlap of all cells together, without a threshold."""

import numpy as np

from evaluator.overlap.table import OverlapTable


def aji(table: OverlapTable, *, empty: float = 1.0) -> float:
    """Σ |G ∩ P(G)| / (Σ |G ∪ P(G)| + Σ |unused P|), pixels over pixels, in [0, 1].

    P(G) is the predicted cell with the largest IoU with the true cell G (the lowest id among
    equals; none if nothing overlaps, then the union is |G|). As in the source one predicted cell
    may serve several true ones. `empty` when there is no cell on either side. Source: Kumar et
    al., IEEE Transactions on Medical Imaging 36, 1550-1560 (2017), algorithm 1.

    >>> import numpy as np
    >>> from evaluator import aji, overlap_table
    >>> aji(overlap_table(np.array([[1, 1, 0, 2, 2]]), np.array([[4, 4, 0, 5, 0]])))
    0.75
    """
    if not len(table.truth) and not len(table.predicted):
        return empty
    union = table.pair_unions()
    iou = table.pair_pixels / union
    # By true cell, best first; a stable sort keeps the lowest id first among equals.
    order = np.lexsort((-iou, table.pair_truth))
    _, first = np.unique(table.pair_truth[order], return_index=True)
    best = order[first]
    unmatched = np.ones(len(table.truth), np.bool_)
    unmatched[table.pair_truth[best]] = False
    unused = np.ones(len(table.predicted), np.bool_)
    unused[table.pair_predicted[best]] = False
    whole = (
        union[best].sum() + table.truth.areas[unmatched].sum() + table.predicted.areas[unused].sum()
    )
    return float(table.pair_pixels[best].sum() / whole)
