"""Outline distances of matched cells, boundary F1 and the 95 % Hausdorff distance."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from skimage.segmentation import find_boundaries

import evaluator.overlap.outlines
from evaluator.metrics.boundary_f1 import boundary_f1
from evaluator.metrics.hausdorff_95 import hausdorff_95
from evaluator.overlap.matching import match_by_overlap, match_cells
from evaluator.overlap.outlines import OutlinePair, cell_boxes, outline_pairs
from evaluator.overlap.table import overlap_table
from tests.unit.label_maps import Labels, random_pair, squares


def pairs(truth: Labels, predicted: Labels, threshold: float = 0.3) -> list[OutlinePair]:
    table = overlap_table(truth, predicted)
    return list(outline_pairs(truth, predicted, table, match_cells(table, threshold)))


def test_the_same_cell_twice() -> None:
    cell = squares((12, 12), (2, 2, 5, 7))
    (pair,) = pairs(cell, cell)
    assert len(pair.to_truth) == len(pair.to_predicted) == 2 * (5 + 7) - 4
    assert boundary_f1([pair], tolerance=0) == 1
    assert hausdorff_95([pair]) == 0


def test_a_cell_moved_by_one_pixel() -> None:
    truth, moved = squares((20, 20), (4, 4, 8, 8)), squares((20, 20), (4, 5, 8, 8))
    found = pairs(truth, moved)
    # Of 28 outline pixels 14 lie on the other outline (two rows of 7).
    assert boundary_f1(found, tolerance=0) == 0.5
    assert boundary_f1(found, tolerance=1) == 1
    assert hausdorff_95(found) == 1


def test_a_cell_grown_by_two_pixels() -> None:
    found = pairs(squares((20, 20), (6, 6, 8, 8)), squares((20, 20), (4, 4, 12, 12)))
    assert boundary_f1(found, tolerance=1.9) == 0
    assert hausdorff_95(found) == pytest.approx(math.sqrt(8), abs=0.1)  # its corners
    within = 32 / 44  # of the grown outline, all but three pixels at each corner
    assert boundary_f1(found, tolerance=2) == pytest.approx(2 * within / (within + 1))


def test_means_over_cells_and_nothing_matched() -> None:
    truth = squares((30, 30), (2, 2, 8, 8), (15, 15, 8, 8))
    predicted = squares((30, 30), (2, 2, 8, 8), (15, 16, 8, 8))
    found = pairs(truth, predicted)
    assert boundary_f1(found, tolerance=0) == 0.75
    assert hausdorff_95(found) == 0.5
    assert math.isnan(boundary_f1([]))
    assert math.isnan(hausdorff_95([]))
    with pytest.raises(ValueError, match="tolerance"):
        boundary_f1(found, tolerance=-1)


def test_equals_distances_over_the_whole_image() -> None:
    rng = np.random.default_rng(9)
    compared = 0
    for _ in range(15):
        truth, predicted = random_pair(rng)
        table = overlap_table(truth, predicted)
        match = match_by_overlap(table)
        found = outline_pairs(truth, predicted, table, match)
        for pair, a, b in zip(found, match.truth, match.predicted, strict=True):
            one = whole_outline(truth == table.truth.ids[a])
            other = whole_outline(predicted == table.predicted.ids[b])
            distances = cdist(one, other)
            assert sorted(pair.to_predicted) == pytest.approx(sorted(distances.min(axis=1)))
            assert sorted(pair.to_truth) == pytest.approx(sorted(distances.min(axis=0)))
            compared += 1
    assert compared > 50


def whole_outline(cell: np.ndarray) -> np.ndarray:
    """Coordinates of a cell's inner boundary, the image's edge being one."""
    inside = find_boundaries(np.pad(cell, 1), connectivity=1, mode="inner")[1:-1, 1:-1]
    return np.argwhere(inside)


def test_boxes_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    monkeypatch.setattr(evaluator.overlap.outlines, "CHUNK", 60)
    for shape in ((1, 1), (7, 13), (40, 9), (3, 90)):
        labels = rng.integers(0, 7, shape).astype(np.uint16) * 1000
        labels[:, : shape[1] // 2] = labels[0, 0]  # runs that go on over whole rows
        ids = np.unique(labels[labels > 0])
        expected = []
        for cell in ids:
            rows, columns = np.nonzero(labels == cell)
            expected.append([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])
        assert cell_boxes(labels, ids).tolist() == np.array(expected).reshape(-1, 4).tolist()
