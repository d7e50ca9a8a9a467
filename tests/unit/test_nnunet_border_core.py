"""Instances as border and core, and back."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from containers.nnunet.border_core import (
    BACKGROUND,
    BORDER,
    CORE,
    SMALLEST_CORE,
    BorderCore,
    border_core,
)
from contract import read_mask, write_mask
from evaluator.scores.score import score_folders


def there_and_back(labels: np.ndarray, depth: int = 2) -> np.ndarray:
    """Labels through perfect predictions of a network."""
    task = BorderCore(border_depth=depth, smallest_cell=1.0)
    classes = task.encode(labels)
    maps = np.stack([classes == CORE, classes != BACKGROUND]).astype(np.float16)
    return task.decode(maps, labels.shape, task.first_decoding(), 1.0)


def test_real_labels_come_back(shared: Path, tmp_path: Path) -> None:
    """Under the evaluator's challenge protocol, all 42 of them."""
    truth = shared / "data/cells/Tuning/labels"
    for path in truth.iterdir():
        write_mask(tmp_path / "found" / path.name, there_and_back(read_mask(path)))
    rows = score_folders(truth, tmp_path / "found", tmp_path / "scores").rows
    for threshold, wanted in ((0.5, 0.99), (0.7, 0.99), (0.9, 0.98)):
        f1 = [row.f1 for row in rows if row.threshold == threshold]
        assert len(f1) == 42
        assert np.mean(f1) >= wanted


def discs(*places: tuple[int, int, float]) -> np.ndarray:
    """Discs at (row, column, radius) on 64×64, later ones in front."""
    rows, columns = np.mgrid[:64, :64]
    labels = np.zeros((64, 64), np.int32)
    for number, (row, column, radius) in enumerate(places, start=1):
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = number
    return labels


def test_cells_keep_every_pixel() -> None:
    labels = discs((20, 20, 12), (20, 40, 12), (45, 30, 15))
    classes = border_core(labels, 2)
    assert np.array_equal(classes != BACKGROUND, labels > 0)
    assert np.array_equal(there_and_back(labels) > 0, labels > 0)


def test_a_border_lies_between_touching_cores() -> None:
    labels = discs((32, 20, 12), (32, 40, 12))
    pieces, count = ndimage.label(border_core(labels, 2) == CORE)
    assert count == 2
    assert len(np.unique(labels[pieces == 1])) == len(np.unique(labels[pieces == 2])) == 1


@pytest.mark.parametrize(("radius", "depth"), [(10, 2), (3, 2), (2.3, 1)])
def test_the_depth_is_the_greatest_that_leaves_a_core(radius: float, depth: int) -> None:
    labels = discs((32, 32, radius))
    classes = border_core(labels, 2)
    distance = ndimage.distance_transform_edt(labels)
    assert np.array_equal(classes == CORE, distance > depth)
    assert np.count_nonzero(classes == CORE) >= SMALLEST_CORE


def test_a_waist_makes_the_border_thinner_and_the_core_stays_whole() -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[10:30, 5:25] = labels[10:30, 35:55] = 1
    labels[18:22, 20:40] = 1
    for depth, thickness in ((1, 1), (2, 1)):
        classes = border_core(labels, depth)
        assert ndimage.label(classes == CORE)[1] == 1
        distance = ndimage.distance_transform_edt(labels)
        assert np.array_equal(classes == CORE, distance > thickness)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 7), (3, 3)])
def test_cells_too_thin_for_a_border_have_a_core(shape: tuple[int, int]) -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[5 : 5 + shape[0], 5 : 5 + shape[1]] = 1
    pieces, count = ndimage.label(border_core(labels, 2) == CORE)
    assert count == 1
    assert (labels[pieces == 1] == 1).all()


def test_the_edge_of_the_image_is_no_outline() -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[:20, :20] = 7
    classes = border_core(labels, 2)
    assert (classes[:18, :18] == CORE).all()
    assert (classes[18:20, :20] == BORDER).all()
    assert (border_core(np.ones((5, 5), np.uint8), 2) == CORE).all()
