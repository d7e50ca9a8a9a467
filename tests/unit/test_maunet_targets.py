"""MAUNet's targets, its losses, and how its maps become cells."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from containers.base.segmentation import decode as blocks
from containers.base.segmentation.match import f1_scores
from containers.base.segmentation.targets import BACKGROUND, CORE, RING, compact
from containers.maunet.decode import Decoding, instances
from containers.maunet.losses import focal_loss, maunet_loss, weighted_l1
from containers.maunet.targets import adaptive_classes, closeness, encode
from containers.maunet.task import RingAndDistance
from contract import read_mask
from evaluator.overlap.table import overlap_table
from evaluator.scores.protocols import count

THRESHOLDS = (0.5, 0.7, 0.9)
ALL = Decoding(smallest_core=0, smallest_cell=0)


def square(side: int, size: int = 60, at: int = 10) -> np.ndarray:
    labels = np.zeros((size, size), np.int32)
    labels[at : at + side, at : at + side] = 1
    return labels


def disc(labels: np.ndarray, row: float, column: float, radius: float, number: int) -> None:
    rows, columns = np.mgrid[: labels.shape[0], : labels.shape[1]]
    labels[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = number


def perfect_maps(labels: np.ndarray) -> np.ndarray:
    classes, distance = encode(labels)
    return np.stack([classes == CORE, classes != BACKGROUND, distance]).astype(np.float16)


def test_the_ring_is_one_pixel_outside_and_two_inside_a_small_cell() -> None:
    middle_row = adaptive_classes(square(20))[20]
    assert middle_row[8:13].tolist() == [BACKGROUND, RING, RING, RING, CORE]
    assert middle_row[27:32].tolist() == [CORE, RING, RING, RING, BACKGROUND]


@pytest.mark.parametrize(("side", "outside"), [(40, 1), (41, 2), (80, 2), (81, 3)])
def test_the_ring_grows_with_the_side_of_the_cell(side: int, outside: int) -> None:
    middle_row = adaptive_classes(square(side, size=120))[10 + side // 2]
    ring = np.flatnonzero(middle_row == RING)
    assert ring[: 2 * outside + 1].tolist() == list(range(10 - outside, 10 + outside + 1))


def test_touching_cells_each_have_a_ring() -> None:
    labels = square(20)
    labels[10:30, 30:50] = 7
    row = adaptive_classes(compact(labels))[20]
    assert row[26:34].tolist() == [CORE, CORE, RING, RING, RING, RING, CORE, CORE]


def test_a_ring_outside_a_cell_is_drawn_on_background_alone() -> None:
    labels = square(90, size=120)
    labels[50:53, 100:103] = 2
    classes = adaptive_classes(labels)
    assert classes[51, 101] == CORE
    assert classes[40, 100] == RING


def test_every_cell_has_a_core_however_small() -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[3, 3] = 1
    labels[10:12, 10:12] = 2
    labels[20, 2:28] = 3
    classes = adaptive_classes(labels)
    for number in (1, 2, 3):
        assert (classes[labels == number] == CORE).any()


def test_a_crop_that_is_all_one_cell_is_all_core() -> None:
    classes, distance = encode(np.full((12, 12), 5, np.int32))
    assert (classes == CORE).all()
    assert (distance == 1).all()


def test_an_empty_crop_is_all_background() -> None:
    assert not encode(np.zeros((12, 12), np.int32)).any()


def test_closeness_of_a_square() -> None:
    labels = square(20)
    found = closeness(labels, adaptive_classes(labels))
    assert found[20, 20] == 1
    assert found[9, 20] == 0
    assert found[10, 20] == pytest.approx(1 / (1 + 8 / 20))
    assert found[12, 20] == pytest.approx(1 / (1 + 7 / 20))
    assert found[13, 20] == pytest.approx(1 / (1 + 6 / 20))


def test_closeness_at_the_rim_does_not_depend_on_size() -> None:
    rims = []
    for radius in (12, 24, 48):
        labels = np.zeros((120, 120), np.int32)
        disc(labels, 60, 60, radius, 1)
        found = closeness(labels, adaptive_classes(labels))
        rims.append(found[labels > 0].min())
    assert np.ptp(rims) < 0.05
    assert 0.6 < rims[0] < 0.7


@pytest.mark.parametrize("decoding", [Decoding(), RingAndDistance().first_decoding()])
def test_perfect_maps_of_real_labels_lose_almost_nothing(shared: Path, decoding: Decoding) -> None:
    decoding = replace(decoding, smallest_core=0, smallest_cell=0)
    scores = []
    for path in sorted((shared / "data/cells/Tuning/labels").iterdir()):
        labels = compact(read_mask(path))
        found = instances(perfect_maps(labels), labels.shape, decoding)
        table = overlap_table(labels, found)
        scores.append([count(table, threshold).f1 for threshold in THRESHOLDS])
    means = np.mean(scores, axis=0)
    print("mean F1 at 0.5, 0.7, 0.9 of perfect maps:", means)
    assert len(scores) == 42
    assert (means >= (0.99, 0.99, 0.97)).all(), means


def test_without_the_distance_map_the_ring_outside_would_be_given_to_the_cell() -> None:
    labels = square(20)
    maps = perfect_maps(labels)
    assert np.array_equal(instances(maps, labels.shape, ALL), labels)
    maps[2] = 1
    assert instances(maps, labels.shape, ALL).sum() > labels.sum()


def test_growth_stops_at_the_inner_depth_of_the_ring() -> None:
    maps = np.ones((3, 60, 60), np.float16)
    maps[0] = square(20)
    found = instances(maps, (60, 60), Decoding())
    rows = np.flatnonzero(found.any(1))
    assert (rows[0], rows[-1]) == (7, 32)
    large = np.ones((3, 120, 120), np.float16)
    large[0] = square(90, size=120)
    rows = np.flatnonzero(instances(large, (120, 120), Decoding()).any(1))
    assert (rows[0], rows[-1]) == (5, 104)


def merged(radius: int, apart: int) -> tuple[np.ndarray, np.ndarray]:
    """Two cells whose cores are joined in the class maps, and apart in the distance map."""
    labels = np.zeros((100, 140), np.int32)
    disc(labels, 50, 40, radius, 1)
    disc(labels, 50, 40 + apart, radius, 2)
    maps = perfect_maps(labels)
    maps[0] = labels > 0
    return labels, maps


def test_joined_cores_are_split_by_distance() -> None:
    labels, maps = merged(20, 38)
    assert instances(maps, labels.shape, Decoding(split=0)).max() == 1
    found = instances(maps, labels.shape, Decoding())
    assert found.max() == 2
    assert f1_scores(labels, found, (0.9,)) == [1.0]


def test_a_faint_pair_is_split_beside_a_bright_cell() -> None:
    """Thresholds belong to each core: one bright cell in the image does not hide the others."""
    labels, maps = merged(14, 26)
    maps[2] *= np.float16(0.6)
    disc(labels, 50, 115, 20, 3)
    bright = perfect_maps(np.where(labels == 3, 1, 0).astype(np.int32))
    maps = np.maximum(maps, bright)
    assert instances(maps, labels.shape, Decoding()).max() == 3


def test_a_long_cell_is_not_split() -> None:
    labels = np.zeros((40, 120), np.int32)
    labels[15:25, 10:110] = 1
    assert instances(perfect_maps(labels), labels.shape, Decoding()).max() == 1


def test_no_seed_no_cell() -> None:
    maps = np.zeros((3, 50, 50), np.float16)
    maps[1:] = 1
    assert instances(maps, (50, 50), Decoding()).max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (37, 3)])
def test_any_shape_works(shape: tuple[int, int]) -> None:
    assert instances(np.ones((3, *shape), np.float16), shape, ALL).max() == 1
    assert instances(np.zeros((3, *shape), np.float16), shape, ALL).max() == 0


def test_blocks_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    labels = np.zeros((220, 220), np.int32)
    for number in range(1, 60):
        disc(labels, *rng.uniform(0, 220, 2), rng.uniform(6, 18), number)
    maps = perfect_maps(compact(labels))
    maps[0] = maps[2] > 0
    whole = instances(maps, labels.shape, Decoding())
    monkeypatch.setattr(blocks, "BLOCK", 64)
    monkeypatch.setattr(blocks, "BAND_ROWS", 17)
    assert np.array_equal(instances(maps, labels.shape, Decoding()), whole)
    assert whole.max() > 20


def test_maps_at_half_size_give_cells_at_full_size() -> None:
    labels = np.zeros((200, 200), np.int32)
    for number, (row, column) in enumerate([(50, 50), (50, 92), (140, 120)], start=1):
        disc(labels, row, column, 21, number)
    found = instances(perfect_maps(labels[::2, ::2]), labels.shape, Decoding(), scale=0.5)
    assert found.shape == labels.shape
    assert f1_scores(labels, found, (0.8,)) == [1.0]


def test_the_spare_channel_takes_part_in_the_softmax_alone() -> None:
    outputs = torch.zeros(1, 5, 8, 8)
    maps = RingAndDistance().activate(outputs)
    assert maps[0, :, 0, 0].tolist() == [0.25, 0.75, 0.0]
    outputs[:, 3] = 50.0
    maps = RingAndDistance().activate(outputs)
    assert maps[0, :, 0, 0].tolist() == pytest.approx([0.0, 1.0, 0.0])


def test_focal_loss_of_known_probabilities() -> None:
    logits = torch.log(torch.tensor([0.5, 0.25, 0.125, 0.125]))[None, :, None, None]
    target = torch.zeros(1, 1, 1, dtype=torch.long)
    assert float(focal_loss(logits, target)) == pytest.approx(0.25 * np.log(2))
    assert float(focal_loss(logits, target + 1)) == pytest.approx(0.5625 * np.log(4))


def test_weighted_l1_counts_cells_as_much_as_background() -> None:
    wanted = torch.zeros(1, 10, 10)
    wanted[0, 0, 0] = 0.8
    assert float(weighted_l1(torch.full_like(wanted, 0.3), wanted)) == pytest.approx(0.8, rel=1e-2)
    assert float(weighted_l1(wanted, wanted)) == 0.0


def test_the_loss_falls_to_nothing_for_perfect_outputs() -> None:
    labels = square(20)
    target = torch.from_numpy(encode(labels))[None]
    perfect = torch.zeros(1, 1, 5, *labels.shape)
    perfect[0, 0, :4].scatter_(0, target[0, :1].long(), 30.0)
    perfect[0, 0, 4] = target[0, 1]
    assert float(maunet_loss(perfect, target)) < 1e-3
    assert float(maunet_loss(torch.zeros_like(perfect), target)) > 1
    both = torch.cat([perfect, torch.zeros_like(perfect)], 1)
    alone = float(maunet_loss(torch.zeros_like(perfect), target))
    assert float(maunet_loss(both, target)) == pytest.approx(alone / 2, rel=1e-3)
