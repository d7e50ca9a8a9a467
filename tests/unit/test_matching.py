"""Matching cells at a threshold, against the optimal assignment on the dense matrix."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from evaluator.overlap.matching import Match, exact, match_cells
from evaluator.overlap.table import overlap_table
from tests.unit.label_maps import Labels, dense_iou, hungarian_iou, random_pair, squares


def found(truth: Labels, predicted: Labels, threshold: float) -> Match:
    return match_cells(overlap_table(truth, predicted), threshold)


def check_one_to_one(match: Match) -> None:
    assert len(set(match.truth.tolist())) == len(set(match.predicted.tolist())) == match.tp


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.75, 0.9, 1.0])
def test_equals_the_optimal_assignment(threshold: float) -> None:
    rng = np.random.default_rng(int(threshold * 100))
    ties = 0
    for _ in range(150):
        truth, predicted = random_pair(rng)
        match = found(truth, predicted, threshold)
        check_one_to_one(match)
        assert sorted(match.iou) == pytest.approx(hungarian_iou(truth, predicted, threshold))
        ties += int((dense_iou(truth, predicted) == threshold).sum())
    assert ties, "the maps have no tie to test"


@pytest.mark.parametrize("threshold", [0.05, 0.2, 0.34, 0.49])
def test_below_one_half_as_many_pairs_as_possible_then_the_largest_overlap(
    threshold: float,
) -> None:
    rng = np.random.default_rng(int(threshold * 100))
    contested = 0
    for _ in range(150):
        truth, predicted = random_pair(rng)
        match = found(truth, predicted, threshold)
        check_one_to_one(match)
        assert (match.iou >= threshold).all()
        assert match.tp == len(hungarian_iou(truth, predicted, threshold))
        iou = dense_iou(truth, predicted)
        gain = np.where(iou >= threshold, 1000 + iou, 0)
        best = gain[linear_sum_assignment(gain, maximize=True)].sum()
        assert 1000 * match.tp + match.iou.sum() == pytest.approx(best)
        contested += int(((iou >= threshold).sum(axis=1) > 1).sum())
    assert contested > 5, "no cell has two candidates"


def test_of_two_halves_the_lower_id_is_taken() -> None:
    whole = squares((8, 10), (2, 2, 4, 4))
    halves = np.where(whole > 0, np.arange(10) // 4 * 4 + 5, 0).astype(np.uint16)
    assert np.unique(halves).tolist() == [0, 5, 9]
    for truth, predicted in ((whole, halves), (halves, whole)):
        match = found(truth, predicted, 0.5)
        assert (match.truth.tolist(), match.predicted.tolist()) == ([0], [0])
        assert match.intersection.tolist() == [8]
        assert found(truth, predicted, 0.51).tp == 0


@pytest.mark.parametrize("tenths", [5, 6, 7, 8, 9])
def test_a_threshold_is_the_decimal_that_it_is_written_as(tenths: int) -> None:
    """0.9 as a float is above nine tenths; an overlap of nine tenths counts all the same."""
    truth, predicted = squares((3, 10), (1, 0, 1, 10)), squares((3, 10), (1, 0, 1, tenths))
    assert found(truth, predicted, tenths / 10).tp == 1
    assert found(truth, predicted, tenths / 10 + 1e-12).tp == 0


def test_thresholds_with_many_digits_do_not_overflow() -> None:
    truth, predicted = squares((900, 900), (0, 0, 900, 900)), squares((900, 900), (0, 0, 300, 900))
    assert found(truth, predicted, 0.3333333333333333).tp == 1
    assert found(truth, predicted, 0.3333333333333334).tp == 0


def test_no_cells_no_pairs() -> None:
    empty, one = np.zeros((5, 5), np.uint8), squares((5, 5), (1, 1, 2, 2))
    for threshold in (0.3, 0.5):
        for pair in ((empty, empty), (empty, one), (one, empty)):
            assert found(*pair, threshold).tp == 0


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.0001, float("nan"), float("inf")])
def test_other_thresholds_are_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        exact(threshold)


def test_strict_wants_more_than_the_threshold() -> None:
    truth, half = squares((3, 10), (1, 0, 1, 10)), squares((3, 10), (1, 0, 1, 5))
    table = overlap_table(truth, half)
    assert match_cells(table, 0.5).tp == 1
    assert match_cells(table, 0.5, strict=True).tp == 0
    assert match_cells(table, 0.49, strict=True).tp == 1
    assert match_cells(overlap_table(truth, truth), 1.0, strict=True).tp == 0
