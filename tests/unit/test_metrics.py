"""Each metric on a case worked out by hand, at its edges, and against a slow counterpart."""

import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from evaluator.metrics.aji import aji
from evaluator.metrics.aji_plus import aji_plus
from evaluator.metrics.average_precision import average_precision
from evaluator.metrics.count_error import count_error
from evaluator.metrics.f1 import f1
from evaluator.metrics.foreground_dice import foreground_dice
from evaluator.metrics.matched_dice import matched_dice
from evaluator.metrics.mean_average_precision import AP_THRESHOLDS, mean_average_precision
from evaluator.metrics.panoptic_quality import panoptic_quality
from evaluator.metrics.precision import precision
from evaluator.metrics.recall import recall
from evaluator.metrics.seg import seg
from evaluator.overlap.matching import match_by_overlap, match_cells
from evaluator.overlap.table import OverlapTable, overlap_table
from tests.unit.label_maps import Labels, dense_iou, random_pair, squares

# Truth: A of 4×4, B of 2×4, C of 2×2. Prediction: a covers A but for one row; b covers B and a
# further row of 4 pixels; d lies on the background.
TRUTH = squares((20, 20), (0, 0, 4, 4), (8, 0, 2, 4), (14, 0, 2, 2))
PREDICTED = squares((20, 20), (0, 0, 3, 4), (8, 0, 3, 4), (14, 10, 2, 3))
IOU_A, IOU_B = 12 / 16, 8 / 12

NOTHING = np.zeros((20, 20), np.uint8)


@pytest.fixture
def table() -> OverlapTable:
    return overlap_table(TRUTH, PREDICTED)


def test_counting_metrics() -> None:
    counts = {"true_cells": 3, "predicted_cells": 4, "tp": 2}
    assert precision(**counts) == 0.5
    assert recall(**counts) == 2 / 3
    assert f1(**counts) == pytest.approx(4 / 7)
    assert average_precision(**counts) == 2 / 5


@pytest.mark.parametrize("metric", [precision, recall, f1, average_precision])
def test_counting_metrics_without_cells(metric: type[precision]) -> None:
    assert metric(true_cells=0, predicted_cells=0, tp=0) == 1
    assert metric(true_cells=0, predicted_cells=0, tp=0, empty=0.0) == 0
    assert metric(true_cells=0, predicted_cells=3, tp=0) == 0
    assert metric(true_cells=3, predicted_cells=0, tp=0) == 0
    assert metric(true_cells=3, predicted_cells=3, tp=3) == 1


def test_foreground_dice(table: OverlapTable) -> None:
    assert foreground_dice(table) == 2 * (12 + 8) / (28 + 30)
    assert foreground_dice(overlap_table(NOTHING, PREDICTED)) == 0
    assert foreground_dice(overlap_table(TRUTH, NOTHING)) == 0
    assert foreground_dice(overlap_table(NOTHING, NOTHING)) == 1
    assert foreground_dice(overlap_table(NOTHING, NOTHING), empty=0.0) == 0


def test_matched_dice(table: OverlapTable) -> None:
    a, b = 2 * 12 / (16 + 12), 2 * 8 / (8 + 12)
    assert matched_dice(match_cells(table, 0.5)) == pytest.approx((a + b) / 2)
    assert matched_dice(match_cells(table, 0.7)) == pytest.approx(a)
    assert matched_dice(match_cells(table, 0.9)) == 0
    assert matched_dice(match_cells(overlap_table(NOTHING), 0.5)) == 1


def test_panoptic_quality(table: OverlapTable) -> None:
    quality = panoptic_quality(match_cells(table, 0.5))
    assert quality.pq == pytest.approx((IOU_A + IOU_B) / (2 + 1 / 2 + 1 / 2))
    assert quality.sq == pytest.approx((IOU_A + IOU_B) / 2)
    assert quality.rq == pytest.approx(4 / 6)
    none = panoptic_quality(match_cells(table, 0.9))
    assert (none.pq, none.sq, none.rq) == (0, 0, 0)
    empty = panoptic_quality(match_cells(overlap_table(NOTHING), 0.5))
    assert (empty.pq, empty.sq, empty.rq) == (1, 1, 1)


def test_aji(table: OverlapTable) -> None:
    assert aji(table) == pytest.approx((12 + 8) / (16 + 12 + 4 + 6))
    assert aji(overlap_table(NOTHING, NOTHING)) == 1
    assert aji(overlap_table(TRUTH, NOTHING)) == aji(overlap_table(NOTHING, TRUTH)) == 0


def test_one_predicted_cell_may_serve_several_true_ones_in_aji() -> None:
    truth = squares((6, 8), (0, 0, 4, 4), (0, 4, 4, 4))
    merged = squares((6, 8), (0, 0, 4, 8))
    assert aji(overlap_table(truth, merged)) == 0.5


def test_seg() -> None:
    assert seg(overlap_table(TRUTH, PREDICTED)) == pytest.approx((IOU_A + IOU_B) / 3)
    assert seg(overlap_table(TRUTH, NOTHING)) == 0
    assert math.isnan(seg(overlap_table(NOTHING, PREDICTED)))


def test_seg_wants_more_than_half_of_the_true_cell() -> None:
    truth = squares((6, 8), (0, 0, 4, 4))
    assert seg(overlap_table(truth, squares((6, 8), (0, 0, 2, 4)))) == 0
    three = squares((6, 8), (0, 0, 3, 4))
    assert seg(overlap_table(truth, three)) == 0.75


def slow_aji(truth: Labels, predicted: Labels) -> float:
    iou = dense_iou(truth, predicted)
    predicted_ids = np.unique(predicted[predicted > 0])
    shared, whole, used = 0, 0, set()
    for row, a in enumerate(np.unique(truth[truth > 0])):
        cell = truth == a
        best = int(iou[row].argmax()) if iou.shape[1] else 0
        if not iou.shape[1] or iou[row, best] == 0:
            whole += int(cell.sum())
            continue
        other = predicted == predicted_ids[best]
        shared += int((cell & other).sum())
        whole += int((cell | other).sum())
        used.add(int(predicted_ids[best]))
    return shared / (whole + int((~np.isin(predicted, [0, *used])).sum()))


def slow_seg(truth: Labels, predicted: Labels) -> float:
    values = []
    for a in np.unique(truth[truth > 0]):
        cell = truth == a
        ids, pixels = np.unique(predicted[cell], return_counts=True)
        covering = [i for i, n in zip(ids, pixels, strict=True) if i and n > cell.sum() / 2]
        other = predicted == covering[0] if covering else np.zeros_like(cell)
        values.append((cell & other).sum() / (cell | other).sum())
    return float(np.mean(values))


def test_aji_and_seg_equal_slow_counterparts() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        truth, predicted = random_pair(rng)
        table = overlap_table(truth, predicted)
        assert aji(table) == pytest.approx(slow_aji(truth, predicted))
        assert seg(table) == pytest.approx(slow_seg(truth, predicted))


def test_aji_plus(table: OverlapTable) -> None:
    assert aji_plus(table) == pytest.approx((12 + 8) / (16 + 12 + 4 + 6))
    assert aji_plus(overlap_table(NOTHING, NOTHING)) == 1
    assert aji_plus(overlap_table(NOTHING, NOTHING), empty=0.0) == 0
    assert aji_plus(overlap_table(TRUTH, NOTHING)) == aji_plus(overlap_table(NOTHING, TRUTH)) == 0


def test_one_predicted_cell_serves_one_true_cell_in_aji_plus() -> None:
    truth = squares((6, 8), (0, 0, 4, 4), (0, 4, 4, 4))
    merged = squares((6, 8), (0, 0, 4, 8))
    table = overlap_table(truth, merged)
    assert aji_plus(table) == 16 / (32 + 16)
    assert aji_plus(table) == aji_plus(overlap_table(merged, truth))


def test_the_largest_sum_of_overlap_without_a_threshold() -> None:
    rng = np.random.default_rng(8)
    contested = 0
    for _ in range(80):
        truth, predicted = random_pair(rng)
        table = overlap_table(truth, predicted)
        match = match_by_overlap(table)
        assert len(set(match.truth.tolist())) == len(set(match.predicted.tolist())) == match.tp
        iou = dense_iou(truth, predicted)
        best = iou[linear_sum_assignment(-iou)].sum() if iou.size else 0
        assert match.iou.sum() == pytest.approx(best)
        cells = table.truth.areas.sum() + table.predicted.areas.sum()
        shared = match.intersection.sum()
        assert aji_plus(table) == pytest.approx(shared / (cells - shared) if cells else 1)
        contested += match.tp < len(table.pair_pixels)
    assert contested > 40


def test_average_precision_over_thresholds(table: OverlapTable) -> None:
    # A reaches 0.75, B 0.666: at 0.5 to 0.65 both are found, to 0.75 one, beyond none.
    assert mean_average_precision(table) == pytest.approx((4 * 2 / 4 + 2 * 1 / 5) / 10)
    assert mean_average_precision(table, [0.5]) == 2 / 4
    assert len(AP_THRESHOLDS) == 10
    assert mean_average_precision(overlap_table(TRUTH, TRUTH)) == 1
    assert mean_average_precision(overlap_table(NOTHING)) == 1
    with pytest.raises(ValueError, match="no threshold"):
        mean_average_precision(table, [])


def test_count_error() -> None:
    few, many = (count_error(true_cells=4, predicted_cells=n) for n in (3, 6))
    assert (few.cells, few.relative) == (-1, -0.25)
    assert (many.cells, many.relative) == (2, 0.5)
    nothing = count_error(true_cells=0, predicted_cells=0)
    assert (nothing.cells, nothing.relative) == (0, 0)
    assert math.isnan(count_error(true_cells=0, predicted_cells=2).relative)
