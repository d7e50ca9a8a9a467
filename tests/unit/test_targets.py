"""Targets made from instance labels, on cells drawn by hand."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from containers.base.segmentation.targets import (
    BACKGROUND,
    CORE,
    RING,
    compact,
    distance_map,
    ring_classes,
)
from contract import read_mask


def disc(shape: tuple[int, int], centre: tuple[int, int], radius: float) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


def test_core_and_ring_together_are_exactly_the_foreground() -> None:
    labels = np.where(disc((40, 40), (20, 20), 12), 7, 0)
    classes = ring_classes(labels, depth=2)
    assert np.array_equal(classes > 0, labels > 0)
    depth = ndimage.distance_transform_edt(labels > 0)
    assert np.array_equal(classes == RING, (depth > 0) & (depth <= 2))


def test_touching_cells_both_have_a_ring() -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[4:16, 4:20], labels[4:16, 20:36] = 1, 2
    classes = ring_classes(labels, depth=2)
    assert (classes[6:14, 18:22] == RING).all()
    assert ndimage.label(classes == CORE)[1] == 2


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5])
def test_a_small_cell_keeps_a_core(side: int) -> None:
    labels = np.zeros((12, 12), np.uint8)
    labels[4 : 4 + side, 4 : 4 + side] = 1
    assert (ring_classes(labels, depth=3) == CORE).any()


def test_a_cell_cut_by_the_image_has_no_ring_there() -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[:15, 5:25] = 1
    classes = ring_classes(labels, depth=2)
    assert (classes[0, 8:22] == CORE).all()
    assert (classes[14, 5:25] == RING).all()


def test_one_cell_that_fills_the_image_is_all_core() -> None:
    assert (ring_classes(np.full((9, 9), 3), depth=2) == CORE).all()


def test_a_thin_neck_leaves_one_core() -> None:
    labels = np.zeros((30, 60), np.int32)
    labels[5:25, 5:30] = 1
    labels[13:15, 30:40] = 1
    labels[11:17, 40:46] = 1
    assert ndimage.label(ring_classes(labels, depth=2) == CORE)[1] == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_any_integer_dtype_gives_the_same_classes(dtype: type) -> None:
    labels = np.zeros((20, 20), dtype)
    labels[2:9, 2:9], labels[9:18, 9:18] = 5, 200
    assert np.array_equal(ring_classes(labels, 2), ring_classes(labels.astype(np.int32), 2))


def test_ids_beyond_16_bits_stay_apart() -> None:
    labels = np.zeros((20, 20), np.int64)
    labels[2:9, 2:9], labels[2:9, 9:18] = 65536, 2**33
    assert ndimage.label(ring_classes(labels, 2) == CORE)[1] == 2
    assert sorted(np.unique(compact(labels))) == [0, 1, 2]


def test_compact_numbers_from_one_when_there_is_no_background() -> None:
    assert compact(np.array([[9, 4]])).tolist() == [[2, 1]]


def test_no_cell_gives_background() -> None:
    assert (ring_classes(np.zeros((5, 5), np.uint8), 2) == BACKGROUND).all()


def test_distance_is_one_at_the_centre_of_every_cell() -> None:
    labels = disc((50, 50), (12, 12), 8) * 1 + disc((50, 50), (34, 34), 12) * 2
    distance = distance_map(labels)
    assert distance.dtype == np.float32
    assert (distance[labels == 0] == 0).all()
    for number in (1, 2):
        assert distance[labels == number].max() == pytest.approx(1)
        assert distance[labels == number].min() > 0


def test_real_labels_keep_a_core_in_every_cell(shared: Path) -> None:
    folder = shared / "data/cells/Tuning/labels"
    for name in ("cell_00002_label.tiff", "cell_00007_label.tiff"):
        labels = compact(read_mask(folder / name))
        cores = np.unique(labels[ring_classes(labels, 2) == CORE])
        assert len(cores[cores > 0]) == labels.max()
