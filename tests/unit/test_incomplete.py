"""Truth that is not complete: ignored regions, and images of which only some cells are labelled."""

import math
from pathlib import Path

import numpy as np
import pytest

from contract import write_mask
from evaluator.compare.comparable import comparable
from evaluator.overlap.ignored import ignored_cells, without_cells
from evaluator.overlap.table import TILE, overlap_table
from evaluator.report import build_report
from evaluator.report.read.run import load_report
from evaluator.scores.incomplete import is_sparse
from evaluator.scores.rescore import rescore_folder
from evaluator.scores.rows import read_scores
from evaluator.scores.score import score_folders, score_pair
from evaluator.scores.summaries import summarise
from evaluator.scores.verification import verify
from harness.datasets.folder import load_dataset
from tests.datasets import make_dataset
from tests.unit.label_maps import squares
from tests.unit.scored_runs import TRUTH, found, real_run

SHAPE = (40, 40)
LABELS = squares(SHAPE, (4, 4, 8, 8), (4, 20, 8, 8))
FOUND = squares(SHAPE, (4, 4, 8, 8), (4, 20, 8, 8), (20, 4, 8, 8), (20, 20, 8, 8), (30, 4, 6, 6))
REGION = np.zeros(SHAPE, np.uint8)
REGION[:24, :] = 7
REGION[29:, :12] = 1


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Truth with an ignored region, prediction, and where the scores go."""
    write_mask(tmp_path / "gt" / "a_label.tiff", LABELS)
    write_mask(tmp_path / "gt" / "a_ignore.tiff", REGION)
    write_mask(tmp_path / "pred" / "a_label.tiff", FOUND)
    return tmp_path / "gt", tmp_path / "pred", tmp_path / "out"


def test_a_cell_is_ignored_with_more_than_half_of_it_where_nothing_was_decided() -> None:
    assert ignored_cells(LABELS, FOUND, REGION).tolist() == [5]
    wider = REGION.copy()
    wider[24] = 1
    assert ignored_cells(LABELS, FOUND, wider).tolist() == [3, 4, 5]
    assert ignored_cells(LABELS, FOUND, np.ones(SHAPE, np.uint8)).tolist() == [3, 4, 5]


def test_tiles_lose_the_cells_too() -> None:
    truth = np.zeros((5 * TILE // 2, 5 * TILE + 1), np.uint8)
    predicted = truth.copy()
    predicted[TILE - 9 : TILE + 9, TILE - 9 : TILE + 9] = 3
    predicted[50:60, 50:60] = 4
    whole = overlap_table(truth, predicted)
    table = without_cells(whole, np.array([3]))
    assert table.predicted.ids.tolist() == [4]
    assert sum(len(tile.predicted) for tile in whole.tiles) == 5
    assert sum(len(tile.predicted) for tile in table.tiles) == 1
    assert len(table.tiles) == len(whole.tiles)


def test_cells_in_an_ignored_region_count_nowhere(folders: tuple[Path, Path, Path]) -> None:
    truth, predicted, out = folders
    score_folders(truth, predicted, out, thresholds=(0.5,), protocol="plain", metrics="all")
    (row,) = read_scores(out / "scores.csv")
    assert (row.true_cells, row.predicted_cells, row.tp, row.fp) == (2, 4, 2, 2)
    assert row.further is not None
    assert row.further.spurious == 2
    assert verify(out).differing == ()
    (again,) = rescore_folder(out, thresholds=(0.5,), protocol="plain")
    assert again.fp == 2
    write_mask(truth / "a_ignore.tiff", np.ones(SHAPE, np.uint8))
    assert any("truth is not the one" in text for text in verify(out).differing)
    assert score_pair(truth / "a_label.tiff", predicted / "a_label.tiff").truth_table.same(
        overlap_table(LABELS, LABELS)
    )


def test_an_ignored_region_of_another_size_spoils_its_image(
    folders: tuple[Path, Path, Path],
) -> None:
    truth, predicted, out = folders
    write_mask(truth / "a_ignore.tiff", REGION[1:])
    write_mask(truth / "b_label.tiff", LABELS)
    scores = score_folders(truth, predicted, out)
    assert "the ignored region cannot be used" in scores.faults["a_label.tiff"]
    assert list(scores.failures) == ["b_label.tiff"]


def test_a_dataset_takes_ignored_regions_along(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", train=2)
    before = load_dataset(root)
    path = root / "Tuning" / "labels" / "cell_1_ignore.tiff"
    write_mask(path, np.ones((48, 48), np.uint8))
    after = load_dataset(root)
    assert after.faults == ()
    assert after.test_sha256 != before.test_sha256
    assert after.test[0].truth_sha256 != before.test[0].truth_sha256
    assert after.test[1:] == before.test[1:]
    write_mask(path, np.ones((48, 40), np.uint8))
    (fault,) = load_dataset(root).faults
    assert "the ignored region cannot be used" in fault.reason


def test_a_sparse_image_carries_recall_alone(tmp_path: Path) -> None:
    for name, count in (("a", 8), ("b", 16), ("c", None)):
        write_mask(tmp_path / "gt" / f"{name}_label.tiff", TRUTH)
        if count is not None:
            write_mask(tmp_path / "pred" / f"{name}_label.tiff", found(count))
    lines = "image,labelling\na.tif,complete\nb.tif,sparse\nc.tif,Sparse\n"
    (tmp_path / "manifest.csv").write_text(lines)
    score_folders(tmp_path / "gt", tmp_path / "pred", tmp_path / "out", thresholds=(0.5, 0.9))
    rows = read_scores(tmp_path / "out" / "scores.csv")
    assert [is_sparse(row) for row in rows] == [False] * 2 + [True] * 4
    assert [row.recall for row in rows[::2]] == [0.5, 1.0, 0.0]
    assert math.isnan(rows[-1].precision)
    text = (tmp_path / "out" / "scores.csv").read_text().splitlines()[3]
    assert ",,1.0,,," in text
    assert summarise(rows[::2], "f1").images == 1
    assert summarise(rows[::2], "recall").images == 3
    assert verify(tmp_path / "out").differing == ()
    again = rescore_folder(tmp_path / "out", thresholds=(0.5,), protocol="plain")
    assert [is_sparse(row) for row in again] == [False, True, True]


def test_a_report_says_how_many_images_carry_each_number(tmp_path: Path) -> None:
    run = real_run(tmp_path / "run", sparse=("01.tif", "03.tif"))
    assert verify(run).differing == ()
    data = load_report(run)
    assert [image.name for image in data.images] == ["00.tif", "02.tif"]
    assert data.scores["f1"].notna().all()
    build_report(run, run / "report")
    told = (run / "report" / "report.md").read_text(encoding="utf-8")
    assert "Of 2 of 4 test images only some cells are labelled" in told
    assert "over 2 images" in told
    # Of 16 cells 9 and 2 were found on the sparse images, 16 and 12 on the others.
    assert "| m | 0.3438 | 0.6094 |" in told.replace("\\", "")
    assert comparable(run, run).a.images == ("00.tif", "02.tif")


def test_a_report_without_a_complete_truth_has_no_best_model(tmp_path: Path) -> None:
    run = real_run(tmp_path / "run", sparse=tuple(f"0{place}.tif" for place in range(4)))
    build_report(run, run / "report")
    told = (run / "report" / "report.md").read_text(encoding="utf-8")
    assert "No scores but recall" in told
    assert "| m | 0.6094 | 0.6094 |" in told.replace("\\", "")
