"""What is odd about labels, counted."""

from pathlib import Path

import numpy as np
import pytest

from contract import write_mask
from evaluator.overlap.health import cells_with_holes, health_of
from evaluator.overlap.mask_checks import check_mask
from evaluator.overlap.table import overlap_table
from evaluator.runs.records import Health
from harness.datasets.check import check_dataset
from harness.datasets.folder import load_dataset
from tests.datasets import make_dataset
from tests.unit.label_maps import squares


def odd() -> np.ndarray:
    """Nine cells: one in two pieces, a speck, one with a hole, two on the frame, a large one."""
    boxes = [(10 + 12 * i, 10 + 12 * j, 6, 6) for i in range(2) for j in range(3)]
    labels = squares((120, 120), *boxes)
    labels[50:56, 10:16] = 1
    labels[13, 25] = 0  # in cell 2
    labels[60, 60] = 7
    labels[0:6, 60:66] = 8
    labels[70:118, 60:119] = 255
    return labels.astype(np.uint8)


def health(labels: np.ndarray) -> Health:
    cells = overlap_table(labels).truth
    return health_of(labels, cells, check_mask(labels, cells))


def test_each_oddity_is_counted() -> None:
    assert health(odd()) == Health(
        labels=1,
        cells=9,
        fragmented=1,
        specks=1,
        with_holes=1,
        on_frame=2,
        outlying=2,
        saturated=1,
    )


def test_labels_of_one_id_and_of_none_are_counted() -> None:
    several = squares((60, 60), *[(4 + 12 * i, 4, 8, 8) for i in range(4)]) > 0
    several = several.astype(np.uint8)
    assert health(several).foreground == 1
    nothing = np.zeros((9, 9), np.uint8)
    assert health(nothing) == Health(labels=1, empty=1)


def test_a_gap_between_two_cells_is_no_hole() -> None:
    labels = np.ones((9, 9), np.uint8)
    labels[:, 5:] = 2
    labels[4, 4:6] = 0
    assert cells_with_holes(labels) == 0
    labels[2, 2] = labels[7, 7] = labels[7, 1] = 0
    assert cells_with_holes(labels) == 2
    labels[0, 0] = 0  # open to the outside
    assert cells_with_holes(labels) == 2


def test_check_shows_the_health_of_each_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_dataset(tmp_path / "data", train=1)
    labels = np.zeros((48, 48), np.uint8)
    labels[20:30, 20:30] = 1
    labels[24, 24] = 0
    write_mask(root / "Tuning" / "labels" / "cell_1_label.tiff", labels)
    found = load_dataset(root).health
    assert (found["Tuning"].labels, found["Training-labeled"].labels) == (2, 1)
    assert found["Tuning"].with_holes == 1
    check_dataset(root)
    assert "Cells with a hole" in capsys.readouterr().out
