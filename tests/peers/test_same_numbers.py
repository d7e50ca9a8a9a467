"""Real labels, perturbed: stardist, cellpose, panoptica and scikit-image count the same."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from skimage.metrics import contingency_table, hausdorff_distance
from skimage.segmentation import expand_labels, find_boundaries

from contract import read_mask
from evaluator import (
    OverlapTable,
    average_precision,
    disturbed,
    f1,
    foreground_dice,
    match_by_overlap,
    match_cells,
    matched_dice,
    outline_pairs,
    overlap_table,
    panoptic_quality,
)
from tests.unit.label_maps import Labels

THRESHOLDS = [0.5, 0.6, 0.7, 0.8, 0.9]
LARGEST = 700  # pixels a side, for speed


@pytest.fixture(scope="module")
def pairs(shared: Path) -> dict[str, tuple[Labels, Labels]]:
    """Name → truth and prediction, ids 1 to n without gaps, as the peers want them."""
    folder = shared / "data" / "cells" / "Tuning" / "labels"
    found = {}
    for number, path in enumerate(sorted(folder.iterdir())):
        truth = read_mask(path)
        if max(truth.shape) <= LARGEST:
            found[path.name] = truth, perturbed(truth, np.random.default_rng(number))
    assert len(found) > 20
    return found


def perturbed(truth: Labels, rng: np.random.Generator) -> Labels:
    """Cells moved, dropped, cut in two, joined and made up."""
    ids = np.arange(truth.max() + 1)
    kept = np.where(rng.random(len(ids)) < 0.1, 0, ids)
    join = rng.random(len(ids)) < 0.1
    kept[1:][join[1:]] = kept[:-1][join[1:]]
    labels = np.roll(kept[truth], tuple(rng.integers(-2, 3, 2)), (0, 1))
    cut = rng.random(len(ids)) < 0.2
    right = np.indices(truth.shape)[1] % 16 < 8
    labels = np.where(cut[labels] & right & (labels > 0), labels + len(ids), labels)
    for _ in range(3):
        top, left = rng.integers(0, np.array(truth.shape) - 12)
        labels[top : top + 9, left : left + 11] = labels.max() + 1
    return np.unique(labels, return_inverse=True)[1].reshape(truth.shape).astype(np.uint16)


def test_the_table_is_scikit_images(pairs: dict[str, tuple[Labels, Labels]]) -> None:
    for name, (truth, predicted) in pairs.items():
        theirs = contingency_table(truth, predicted).toarray()
        table = overlap_table(truth, predicted)
        ours = np.zeros_like(theirs, dtype=np.int64)
        rows = table.truth.ids[table.pair_truth].astype(int)
        ours[rows, table.predicted.ids[table.pair_predicted].astype(int)] = table.pair_pixels
        assert (ours[1:, 1:] == theirs[1:, 1:]).all(), name
        assert table.truth.areas.tolist() == theirs.sum(axis=1)[1:].tolist()
        assert table.predicted.areas.tolist() == theirs.sum(axis=0)[1:].tolist()


def test_stardist(stardist: ModuleType, pairs: dict[str, tuple[Labels, Labels]]) -> None:
    tp = 0
    for name, (truth, predicted) in pairs.items():
        table = overlap_table(truth, predicted)
        for threshold in (0.3, *THRESHOLDS):
            theirs = stardist.matching(truth, predicted, thresh=threshold)
            ours = match_cells(table, threshold)
            assert (ours.tp, ours.true_cells, ours.predicted_cells) == (
                theirs.tp, theirs.n_true, theirs.n_pred,
            ), (name, threshold)  # fmt: skip
            counts = counted(table, threshold)
            assert f1(**counts) == pytest.approx(theirs.f1)
            assert average_precision(**counts) == pytest.approx(theirs.accuracy)
            pq = panoptic_quality(ours)
            tp += ours.tp
            if threshold < 0.5:
                # Of equally many pairs theirs are the best together with those that do not count.
                assert pq.pq >= theirs.panoptic_quality - 1e-5
                continue
            assert pq.pq == pytest.approx(theirs.panoptic_quality, rel=1e-5)  # theirs in float32
            assert pq.sq == pytest.approx(theirs.mean_matched_score, rel=1e-5)
    assert tp > 1000


def test_cellpose(cellpose: ModuleType, pairs: dict[str, tuple[Labels, Labels]]) -> None:
    for name, (truth, predicted) in pairs.items():
        table = overlap_table(truth, predicted)
        ap, tp, fp, fn = cellpose.average_precision([truth], [predicted], threshold=THRESHOLDS)
        for place, threshold in enumerate(THRESHOLDS):
            match = match_cells(table, threshold)
            theirs = (tp[0, place], fp[0, place], fn[0, place])
            ours = (match.tp, match.predicted_cells - match.tp, match.true_cells - match.tp)
            assert ours == theirs, (name, threshold)
            found = average_precision(**counted(table, threshold))
            assert found == pytest.approx(ap[0, place], rel=1e-6)
        jaccard = cellpose.aggregated_jaccard_index([truth], [predicted])[0]
        foreground = ((truth > 0) | (predicted > 0)).sum()
        shared = match_by_overlap(table).intersection.sum()
        assert shared == pytest.approx(jaccard * foreground), name


def test_panoptica(panoptica: ModuleType, pairs: dict[str, tuple[Labels, Labels]]) -> None:
    for name, (truth, predicted) in list(pairs.items())[::3]:
        table = overlap_table(truth, predicted)
        for threshold in (0.5, 0.7):
            match = match_cells(table, threshold)
            theirs = panoptica_result(panoptica, truth, predicted, threshold)
            assert (match.tp, match.predicted_cells - match.tp, match.true_cells - match.tp) == (
                theirs.tp, theirs.fp, theirs.fn,
            ), (name, threshold)  # fmt: skip
            pq = panoptic_quality(match)
            assert (pq.sq, pq.rq, pq.pq) == pytest.approx((theirs.sq, theirs.rq, theirs.pq))
            assert matched_dice(match) == pytest.approx(theirs.sq_dsc)
        assert foreground_dice(table) == pytest.approx(theirs.global_bin_dsc)


def test_outlines_are_scikit_images(pairs: dict[str, tuple[Labels, Labels]]) -> None:
    compared = 0
    for truth, predicted in list(pairs.values())[::5]:
        table = overlap_table(truth, predicted)
        match = match_cells(table, 0.5)
        found = outline_pairs(truth, predicted, table, match)
        for pair, a, b in list(zip(found, match.truth, match.predicted, strict=True))[:8]:
            one = whole_outline(truth == table.truth.ids[a])
            other = whole_outline(predicted == table.predicted.ids[b])
            furthest = max(pair.to_truth.max(), pair.to_predicted.max())
            assert furthest == pytest.approx(hausdorff_distance(one, other))
            assert len(pair.to_predicted) == one.sum()
            compared += 1
    assert compared > 20


def test_growing_by_a_pixel_is_scikit_images(pairs: dict[str, tuple[Labels, Labels]]) -> None:
    for truth, _ in list(pairs.values())[::5]:
        (grown,) = [labels for name, labels in disturbed(truth) if name == "dilated"]
        theirs = expand_labels(truth, 1)
        assert ((grown > 0) == (theirs > 0)).all()
        # Between two cells either may take the pixel.
        assert (grown == theirs).mean() > 0.99


def counted(table: OverlapTable, threshold: float) -> dict[str, int]:
    match = match_cells(table, threshold)
    return {
        "true_cells": match.true_cells,
        "predicted_cells": match.predicted_cells,
        "tp": match.tp,
    }


def panoptica_result(
    panoptica: ModuleType, truth: Labels, predicted: Labels, threshold: float
) -> object:
    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.UNMATCHED_INSTANCE,
        instance_matcher=panoptica.NaiveThresholdMatching(matching_threshold=threshold),
    )
    (result,) = evaluator.evaluate(predicted, truth, verbose=False).values()
    return result


def whole_outline(cell: np.ndarray) -> np.ndarray:
    return find_boundaries(np.pad(cell, 1), connectivity=1, mode="inner")[1:-1, 1:-1]
