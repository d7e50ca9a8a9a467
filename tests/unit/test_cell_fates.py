"""What became of each cell: each kind on a drawn case, and the sums."""

import numpy as np
import pytest

from evaluator.overlap.cell_fates import Fate, Fates, fates
from evaluator.overlap.matching import match_cells
from evaluator.overlap.table import overlap_table
from tests.unit.label_maps import Labels, random_pair, squares

SHAPE = (20, 40)
WHOLE = (2, 2, 8, 12)
THIRDS = [(2, 2, 8, 4), (2, 6, 8, 4), (2, 10, 8, 4)]
UNEQUAL = [(2, 2, 8, 8), (2, 10, 8, 4)]
ELSEWHERE = (12, 30, 5, 5)


def both(truth: Labels, predicted: Labels, threshold: float = 0.5) -> tuple[list[int], list[int]]:
    found = fates(overlap_table(truth, predicted), threshold)
    return found.truth.tolist(), found.predicted.tolist()


def test_matched_missed_and_spurious() -> None:
    truth = squares(SHAPE, WHOLE, ELSEWHERE)
    predicted = squares(SHAPE, WHOLE, (2, 30, 5, 5))
    assert both(truth, predicted) == ([Fate.MATCHED, Fate.MISSED], [Fate.MATCHED, Fate.SPURIOUS])


def test_split_and_merged_are_mirror_images() -> None:
    whole, parts = squares(SHAPE, WHOLE), squares(SHAPE, *THIRDS)
    assert both(whole, parts) == ([Fate.SPLIT], [Fate.SPLIT] * 3)
    assert both(parts, whole) == ([Fate.MERGED] * 3, [Fate.MERGED])


def test_what_is_left_of_a_matched_cell_is_a_piece() -> None:
    whole, parts = squares(SHAPE, WHOLE), squares(SHAPE, *UNEQUAL)
    assert both(whole, parts) == ([Fate.MATCHED], [Fate.MATCHED, Fate.SPLIT])
    assert both(parts, whole) == ([Fate.MATCHED, Fate.MERGED], [Fate.MATCHED])
    assert both(whole, parts, 0.9) == ([Fate.SPLIT], [Fate.SPLIT] * 2)


def test_one_inaccurate_cell_is_neither_split_nor_merged() -> None:
    truth, small = squares(SHAPE, WHOLE), squares(SHAPE, (2, 2, 4, 5))
    assert both(truth, small) == ([Fate.MISSED], [Fate.SPURIOUS])
    assert both(small, truth) == ([Fate.MISSED], [Fate.SPURIOUS])


def test_exactly_half_does_not_lie_within() -> None:
    truth = squares(SHAPE, (2, 2, 4, 4), (2, 6, 4, 4))
    shifted = squares(SHAPE, (2, 4, 4, 4))
    assert both(truth, shifted) == ([Fate.MISSED] * 2, [Fate.SPURIOUS])


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_fates_add_up_to_the_counts(threshold: float) -> None:
    rng = np.random.default_rng(2)
    seen: set[Fate] = set()
    for _ in range(60):
        truth, predicted = random_pair(rng)
        table = overlap_table(truth, predicted)
        found, match = fates(table, threshold), match_cells(table, threshold)
        assert found.true_counts[Fate.MATCHED] == found.predicted_counts[Fate.MATCHED] == match.tp
        assert sum(found.true_counts.values()) == len(table.truth)
        assert sum(found.predicted_counts.values()) == len(table.predicted)
        assert found.true_counts[Fate.SPURIOUS] == found.predicted_counts[Fate.MISSED] == 0
        seen |= {fate for fate, number in found.true_counts.items() if number}
    assert seen == set(Fate) - {Fate.SPURIOUS}


def test_no_cells() -> None:
    found = fates(overlap_table(np.zeros(SHAPE, np.uint8)), 0.5)
    assert isinstance(found, Fates)
    assert set(found.true_counts.values()) == set(found.predicted_counts.values()) == {0}
