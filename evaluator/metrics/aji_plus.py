"""AJI+: the aggregated Jaccard index with every predicted cell used once at most."""

from evaluator.overlap.matching import match_by_overlap
from evaluator.overlap.table import OverlapTable


def aji_plus(table: OverlapTable, *, empty: float = 1.0) -> float:
    """Σ |G ∩ P| / (Σ |G ∪ P| + Σ |unpaired G| + Σ |unpaired P|), pixels over pixels, in [0, 1].

    The pairs (G, P) are one to one, with the largest sum of IoU; there is no threshold. Where AJI
    lets one predicted cell serve several true ones and punishes it each time, here the others
    count as missed. `empty` when there is no cell on either side. Source: Graham et al., Medical
    Image Analysis 58, 101563 (2019), section 3.2.

    A predicted cell over two true ones:

    >>> import numpy as np
    >>> from evaluator import aji, aji_plus, overlap_table
    >>> table = overlap_table(np.array([[1, 1, 1, 2]]), np.array([[7, 7, 7, 7]]))
    >>> aji_plus(table), aji(table)
    (0.6, 0.5)
    """
    if not len(table.truth) and not len(table.predicted):
        return empty
    pairs = match_by_overlap(table)
    shared = int(pairs.intersection.sum())
    # Pixels of all cells, those of both cells of a pair counted once.
    whole = table.truth.foreground + table.predicted.foreground - shared
    return shared / whole
