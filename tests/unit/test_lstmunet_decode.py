"""The contour target of the LSTM-UNet, its loss, and the way back to cells."""

from pathlib import Path

import numpy as np
import pytest
import torch

from containers.base.segmentation import decode as shared_decode
from containers.base.segmentation.match import f1_scores
from containers.lstmunet.contour import CELL, CONTOUR, Contour, contour_classes
from containers.lstmunet.decode import ContourDecoding, contour_instances
from contract import read_mask
from evaluator.overlap.table import overlap_table
from evaluator.scores.protocols import count

THRESHOLDS = (0.5, 0.7, 0.9)
ANY_SIZE = ContourDecoding(smallest_cell=0, smallest_share=0)


def perfect_maps(labels: np.ndarray) -> np.ndarray:
    classes = contour_classes(labels)
    return np.stack([classes == CELL, classes == CONTOUR]).astype(np.float16)


def test_the_contour_lies_outside_a_cell() -> None:
    labels = np.zeros((7, 8), np.uint16)
    labels[2:5, 2:5] = 9
    expected = np.zeros((7, 8), np.uint8)
    expected[1:6, 1:6] = 2
    expected[2:5, 2:5] = 1
    assert np.array_equal(contour_classes(labels), expected)


def test_between_touching_cells_the_lower_number_gives_the_contour() -> None:
    labels = np.zeros((1, 8), np.int32)
    labels[0, 1:4], labels[0, 4:7] = 5, 3
    assert contour_classes(labels)[0].tolist() == [2, 1, 1, 1, 2, 1, 1, 2]


def test_the_image_border_is_no_contour() -> None:
    assert (contour_classes(np.ones((4, 4), np.uint8)) == 1).all()
    assert (contour_classes(np.zeros((4, 4), np.uint8)) == 0).all()


def test_perfect_maps_of_real_labels_lose_almost_nothing(shared: Path) -> None:
    """The ring outside a cell is never given to it: the original's growth reaches 0.43 at 0.9."""
    scores, original = [], []
    for path in sorted((shared / "data/cells/Tuning/labels").iterdir()):
        labels = read_mask(path)
        maps = perfect_maps(labels)
        for growth, results in (("touching", scores), ("edges", original)):
            first = Contour(growth=growth).first_decoding()
            table = overlap_table(labels, contour_instances(maps, labels.shape, first))
            results.append([count(table, threshold).f1 for threshold in THRESHOLDS])
    means, grown = np.mean(scores, axis=0), np.mean(original, axis=0)
    print("perfect maps, touching:", means, "edges:", grown)
    assert len(scores) == 42
    assert (means >= (0.985, 0.98, 0.95)).all(), means
    assert grown[0] > 0.985, grown
    assert grown[2] < 0.5, grown


def test_a_lone_cell_keeps_exactly_its_size() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[10:30, 12:28] = 1
    assert np.array_equal(contour_instances(perfect_maps(labels), (40, 40), ANY_SIZE), labels)


def test_the_line_between_two_cells_is_given_back() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[10:30, 5:20], labels[10:30, 20:35] = 1, 2
    found = contour_instances(perfect_maps(labels), (40, 40), ANY_SIZE)
    assert found.max() == 2
    assert np.array_equal(found > 0, labels > 0)
    assert f1_scores(labels, found, (0.9,)) == [1.0]


def test_soft_edges_are_given_back_where_cell_is_likelier_than_background() -> None:
    cell = np.zeros((30, 30), np.float16)
    contour = np.zeros_like(cell)
    cell[10:20, 10:20] = 1
    cell[9, 10:20], contour[9, 10:20] = 0.5, 0.4
    cell[8, 10:20], contour[8, 10:20] = 0.1, 0.6
    found = contour_instances(np.stack([cell, contour]), (30, 30), ANY_SIZE)
    assert np.flatnonzero(found.any(1)).tolist() == list(range(9, 20))


def test_the_edge_rule_parts_cells_below_the_largest_probability() -> None:
    cell = np.full((20, 41), 0.9, np.float16)
    contour = np.full((20, 41), 0.05, np.float16)
    cell[:, 20], contour[:, 20] = 0.7, 0.25
    maps = np.stack([cell, contour])
    assert contour_instances(maps, (20, 41), ContourDecoding(edge=0.2)).max() == 2
    assert contour_instances(maps, (20, 41), ContourDecoding(edge=0.3)).max() == 1


def test_area_limits_follow_the_typical_cell_of_the_image() -> None:
    labels = np.zeros((200, 200), np.int32)
    labels[10:60, 10:60], labels[100:150, 10:60], labels[180:186, 180:186] = 1, 2, 3
    found = contour_instances(perfect_maps(labels), labels.shape, ContourDecoding())
    assert found.max() == 2
    alone = labels * (labels == 3)
    assert contour_instances(perfect_maps(alone), labels.shape, ContourDecoding()).max() == 1


def test_holes_are_filled() -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[5:25, 5:25] = 1
    maps = perfect_maps(labels)
    maps[0, 12:15, 12:15] = 0
    assert np.array_equal(contour_instances(maps, (30, 30), ANY_SIZE), labels)


def test_maps_are_decoded_at_the_size_of_the_image() -> None:
    labels = np.zeros((40, 48), np.int32)
    labels[6:20, 6:20], labels[6:20, 20:34] = 1, 2
    found = contour_instances(perfect_maps(labels), (120, 144), ContourDecoding(), scale=1 / 3)
    truth = labels.repeat(3, axis=0).repeat(3, axis=1)
    assert f1_scores(truth, found, (0.9,)) == [1.0]
    assert contour_instances(np.zeros((2, 4, 4)), (9, 9), ContourDecoding()).shape == (9, 9)


@pytest.mark.parametrize("growth", ["touching", "edges"])
def test_blocks_leave_no_seams(growth: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 150, (90, 2))
    rows, columns = np.mgrid[:150, :170]
    distance = np.hypot(rows[..., None] - points[:, 0], columns[..., None] - points[:, 1])
    labels = np.where(distance.min(2) < 8, distance.argmin(2) + 1, 0).astype(np.int32)
    maps = perfect_maps(labels) * rng.uniform(0.5, 1, (2, *labels.shape)).astype(np.float16)
    decoding = Contour(growth=growth).first_decoding()  # type: ignore[arg-type]
    whole = contour_instances(maps, labels.shape, decoding)
    assert whole.max() > 30
    monkeypatch.setattr(shared_decode, "BLOCK", 40)
    assert np.array_equal(contour_instances(maps, labels.shape, decoding), whole)


def test_the_loss_weighs_classes_and_frames() -> None:
    target = torch.tensor([[[0, 1], [2, 2]]])
    logits = torch.zeros(3, 1, 3, 2, 2)
    mean_weight = (0.15 + 0.25 + 0.6 + 0.6) / 4
    assert float(Contour().loss(logits, target)) == pytest.approx(np.log(3) * mean_weight)
    right = torch.nn.functional.one_hot(target, 3).permute(0, 3, 1, 2) * 50.0
    last_right, first_right = logits.clone(), logits.clone()
    last_right[2], first_right[0] = right, right
    left = np.log(3) * mean_weight / 1.6
    assert float(Contour().loss(last_right, target)) == pytest.approx(left * 0.6, abs=1e-6)
    assert float(Contour().loss(first_right, target)) == pytest.approx(left * 1.3, abs=1e-6)


def test_the_first_decoding_is_the_published_rule() -> None:
    first = Contour().first_decoding()
    assert (first.edge, first.grow) == (0.2, 2)
    assert Contour().decodings()[0].edge == 0.2
    assert first in Contour().decodings()
