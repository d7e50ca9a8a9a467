"""Which predicted cell is which true cell, at a given threshold of intersection over union."""

import operator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluator.overlap.table import OverlapTable, Whole


@dataclass(frozen=True, kw_only=True)
class Match:
    """The pairs that count as found, at most one per cell, sorted by true cell."""

    truth: Whole
    """(tp,) index into the table's truth.ids."""
    predicted: Whole
    """(tp,) index into the table's predicted.ids."""
    intersection: Whole
    """(tp,) pixels that the pair shares."""
    union: Whole
    """(tp,) pixels that belong to either cell of the pair."""
    true_cells: int
    predicted_cells: int

    @property
    def tp(self) -> int:
        """Number of pairs."""
        return len(self.truth)

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """(tp,) intersection over union of each pair, from the threshold to 1."""
        return self.intersection / self.union


def exact(threshold: float) -> Fraction:
    """The decimal that a threshold is written as: 0.7 is 7/10, not the float next to it.

    Raises ValueError unless 0 < threshold ≤ 1.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"a threshold lies above 0 and is at most 1, not {threshold}")
    return Fraction(str(threshold))


def match_cells(table: OverlapTable, threshold: float, *, strict: bool = False) -> Match:
    """Pairs cells one to one so that as many pairs as possible reach IoU ≥ `threshold`.

    With `strict` IoU must lie above it, as torchmetrics and HoVer-Net have it. The comparison is
    exact, in whole numbers. From 0.5 on a pair that reaches the threshold is alone, save that one
    cell may be cut into two equal halves at exactly 0.5: the half with the lower id is taken.
    (Two disjoint cells that each share at least half of a third cell's union with it are its
    halves.) Below 0.5 the largest number of pairs, then the largest sum of IoU, is found by
    optimal assignment in each group of cells that are linked by such pairs.

    The tiles of a large image play no part here: give one tile's table at a time for those.
    Raises ValueError unless 0 < threshold ≤ 1.

    >>> import numpy as np
    >>> from evaluator import match_cells, overlap_table
    >>> table = overlap_table(np.array([[1, 1, 0, 2, 2]]), np.array([[7, 7, 0, 9, 0]]))
    >>> match_cells(table, 0.5).iou.tolist()
    [1.0, 0.5]
    >>> match_cells(table, 0.7).tp
    1
    """
    limit = exact(threshold)
    union = table.pair_unions()
    found = np.flatnonzero(_reaches(table.pair_pixels, union, limit, strict))
    if limit >= Fraction(1, 2):
        # Pairs are sorted by true cell, then predicted cell: the first of a kind is the lowest.
        for cells in (table.pair_truth, table.pair_predicted):
            found = found[np.sort(np.unique(cells[found], return_index=True)[1])]
    else:
        found = _assign(table, found, table.pair_pixels / union)
    return _match(table, found)


def match_by_overlap(table: OverlapTable) -> Match:
    """Pairs cells one to one so that the sum of IoU is as large as can be; every overlap counts.

    There is no threshold, so that long chains of touching cells hang together; the assignment is
    solved on the sparse table, in memory proportional to its pairs.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    rows, columns, pairs = len(table.truth), len(table.predicted), len(table.pair_pixels)
    if not pairs:
        return _match(table, np.zeros(0, np.int64))
    # The solver wants every row served: each gets a place of its own that gains nothing.
    cost = np.concatenate((2 - table.pair_pixels / table.pair_unions(), np.full(rows, 2.0)))
    row = np.concatenate((table.pair_truth, np.arange(rows)))
    column = np.concatenate((table.pair_predicted, columns + np.arange(rows)))
    graph = csr_array((cost, (row, column)), shape=(rows, columns + rows))
    taken, chosen = min_weight_full_bipartite_matching(graph)
    partner = np.full(rows, -1, np.int64)
    partner[taken] = chosen
    return _match(table, np.flatnonzero(partner[table.pair_truth] == table.pair_predicted))


def _match(table: OverlapTable, pairs: Whole) -> Match:
    return Match(
        truth=table.pair_truth[pairs],
        predicted=table.pair_predicted[pairs],
        intersection=table.pair_pixels[pairs],
        union=table.pair_unions()[pairs],
        true_cells=len(table.truth),
        predicted_cells=len(table.predicted),
    )


def _reaches(shared: Whole, union: Whole, limit: Fraction, strict: bool) -> npt.NDArray[np.bool_]:
    above = operator.gt if strict else operator.ge
    if limit.denominator * int(union.max(initial=0)) < 2**63:
        flags: npt.NDArray[np.bool_] = above(limit.denominator * shared, limit.numerator * union)
        return flags
    pairs = zip(shared.tolist(), union.tolist(), strict=True)
    reaches = [above(limit.denominator * a, limit.numerator * b) for a, b in pairs]
    return np.array(reaches, dtype=np.bool_)


def _assign(table: OverlapTable, edges: Whole, iou: npt.NDArray[np.float64]) -> Whole:
    """The edges (pair numbers) of the best one-to-one assignment, sorted."""
    ends = table.pair_truth[edges], table.pair_predicted[edges]
    alone = np.all([np.bincount(cells)[cells] == 1 for cells in ends], axis=0)
    if alone.all():
        return edges
    return np.sort(np.concatenate((edges[alone], _assign_linked(table, edges[~alone], iou))))


def _assign_linked(table: OverlapTable, edges: Whole, iou: npt.NDArray[np.float64]) -> Whole:
    """The same, group by group, of edges that share a cell with another one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    offset = len(table.truth)
    nodes = offset + len(table.predicted)
    ends = table.pair_truth[edges], table.pair_predicted[edges] + offset
    graph = coo_array((np.ones(len(edges), np.int8), ends), shape=(nodes, nodes))
    _, group = connected_components(graph, directed=False)
    group_of_edge = group[ends[0]]
    order = np.argsort(group_of_edge, kind="stable")
    cuts = np.flatnonzero(np.diff(group_of_edge[order])) + 1
    chosen = [
        members if len(members) == 1 else _assign_group(table, members, iou[members])
        for members in np.split(edges[order], cuts)
    ]
    return np.concatenate(chosen)


def _assign_group(
    table: OverlapTable, edges: Whole, iou: npt.NDArray[np.float64]
) -> npt.NDArray[Any]:
    from scipy.optimize import linear_sum_assignment

    rows, row = np.unique(table.pair_truth[edges], return_inverse=True)
    columns, column = np.unique(table.pair_predicted[edges], return_inverse=True)
    # A pair weighs more than all overlaps together, so the number of pairs comes first.
    gain = np.zeros((len(rows), len(columns)))
    gain[row, column] = 1 + iou / (2 * min(gain.shape))
    number = np.full(gain.shape, -1, np.int64)
    number[row, column] = edges
    taken = number[linear_sum_assignment(gain, maximize=True)]
    return taken[taken >= 0]
