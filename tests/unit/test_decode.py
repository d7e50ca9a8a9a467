"""Decoding of maps to instances."""

from pathlib import Path

import numpy as np
import pytest

from containers.base.segmentation import decode
from containers.base.segmentation.decode import Decoding, instances
from containers.base.segmentation.match import dice, f1_scores
from containers.base.segmentation.resample import resize_image, resized_part
from containers.base.segmentation.targets import BACKGROUND, CORE, compact, ring_classes
from contract import read_mask


def perfect_maps(labels: np.ndarray, depth: int = 2) -> np.ndarray:
    classes = ring_classes(labels, depth)
    return np.stack([classes == CORE, classes != BACKGROUND]).astype(np.float16)


def many_cells(size: int, seed: int) -> np.ndarray:
    """Touching cells of many sizes: a Voronoi tessellation with gaps."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, size, (size * size // 400, 2))
    rows, columns = np.mgrid[:size, :size]
    distance = np.hypot(rows[..., None] - points[:, 0], columns[..., None] - points[:, 1])
    return np.where(distance.min(2) < 11, distance.argmin(2) + 1, 0).astype(np.int32)


def test_perfect_maps_give_back_touching_cells() -> None:
    labels = many_cells(160, seed=1)
    found = instances(perfect_maps(labels), labels.shape, Decoding())
    assert f1_scores(labels, found, (0.5, 0.7, 0.9))[1] > 0.97
    assert dice(labels, found) > 0.99


def test_perfect_maps_of_real_labels_lose_almost_nothing(shared: Path) -> None:
    folder = shared / "data/cells/Tuning/labels"
    scores = []
    for path in sorted(folder.iterdir()):
        labels = compact(read_mask(path))
        found = instances(perfect_maps(labels), labels.shape, Decoding(smallest_cell=0))
        scores.append(f1_scores(labels, found, (0.5, 0.7, 0.9)))
    means = np.mean(scores, axis=0)
    assert len(scores) == 42
    assert (means >= (0.985, 0.98, 0.94)).all(), means


def test_cores_that_touch_at_a_corner_stay_two_cells() -> None:
    core = np.zeros((20, 20), np.float16)
    core[4:10, 4:10] = core[10:16, 10:16] = 1
    found = instances(np.stack([core, core]), (20, 20), Decoding())
    assert found.max() == 2


def test_growth_stops_at_the_depth_of_the_ring() -> None:
    core = np.zeros((40, 40), np.float16)
    core[15:25, 15:25] = 1
    found = instances(np.stack([core, np.ones_like(core)]), (40, 40), Decoding(grow=3))
    rows = np.flatnonzero(found.any(1))
    assert (rows[0], rows[-1]) == (12, 27)


def test_growth_stays_in_the_foreground() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[10:30, 10:30] = 1
    found = instances(perfect_maps(labels), (40, 40), Decoding(grow=8))
    assert np.array_equal(found, labels)


def test_holes_are_filled_and_crumbs_dropped() -> None:
    core = np.zeros((60, 60), np.float16)
    core[5:40, 5:40] = 1
    core[15:25, 15:25] = 0
    core[50:53, 50:53] = 1
    found = instances(np.stack([core, core]), (60, 60), Decoding(smallest_cell=12))
    assert found.max() == 1
    assert (found[15:25, 15:25] == 1).all()


def test_a_cell_inside_a_hole_of_another_stays() -> None:
    core = np.zeros((60, 60), np.float16)
    core[5:55, 5:55] = 1
    core[15:45, 15:45] = 0
    core[25:35, 25:35] = 1
    found = instances(np.stack([core, core]), (60, 60), Decoding())
    assert found.max() == 2
    assert found[30, 30] != found[8, 8]


def test_ids_are_consecutive_and_every_cell_is_one_piece() -> None:
    found = instances(perfect_maps(many_cells(120, seed=2)), (120, 120), Decoding())
    ids = np.unique(found)
    assert ids.tolist() == list(range(found.max() + 1))


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (37, 3)])
def test_any_shape_works(shape: tuple[int, int]) -> None:
    maps = np.ones((2, *shape), np.float16)
    assert instances(maps, shape, Decoding(smallest_cell=0, smallest_core=0)).max() == 1
    assert instances(np.zeros_like(maps), shape, Decoding()).max() == 0


def test_blocks_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = many_cells(200, seed=3)
    maps = perfect_maps(labels)
    whole = instances(maps, labels.shape, Decoding())
    monkeypatch.setattr(decode, "BLOCK", 64)
    monkeypatch.setattr(decode, "BAND_ROWS", 17)
    assert np.array_equal(instances(maps, labels.shape, Decoding()), whole)


def test_maps_at_half_size_give_cells_at_full_size() -> None:
    labels = np.kron(many_cells(100, seed=4), np.ones((2, 2), np.int32))
    half = perfect_maps(labels[::2, ::2])
    found = instances(half, labels.shape, Decoding(), scale=0.5)
    assert found.shape == labels.shape
    assert f1_scores(labels, found, (0.7,))[0] > 0.9


def test_parts_of_a_resized_map_equal_the_whole() -> None:
    plane = np.random.default_rng(0).random((23, 31), np.float32)
    whole = resized_part(plane, (61, 77), slice(0, 61), slice(0, 77))
    part = resized_part(plane, (61, 77), slice(13, 40), slice(29, 77))
    assert np.array_equal(whole[13:40, 29:77], part)
    assert whole.min() >= plane.min()
    assert whole.max() <= plane.max()


def test_resizing_keeps_a_constant_image() -> None:
    image = np.full((9, 13, 3), 77, np.uint8)
    assert (resize_image(image, (4, 30)) == 77).all()


def test_f1_of_known_overlaps() -> None:
    truth = np.zeros((10, 20), np.uint8)
    truth[:, :10], truth[:, 10:] = 1, 2
    found = np.zeros((10, 20), np.uint16)
    found[:, :8] = 4
    assert f1_scores(truth, found, (0.5, 0.8, 0.9)) == pytest.approx([2 / 3, 2 / 3, 0])
    assert f1_scores(truth * 0, found * 0, (0.5,)) == [1.0]
    assert f1_scores(truth, found * 0, (0.5,)) == [0.0]
