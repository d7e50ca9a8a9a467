"""The challenge's own script printed three CSVs for 42 pairs of masks: each row must be equal."""

import csv
from pathlib import Path

import pytest

from evaluator.scores.score import FolderScores, score_folders


@pytest.fixture(scope="module")
def scores(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> FolderScores:
    folder = shared / "data" / "official_metric"
    return score_folders(folder / "gt", folder / "pred", tmp_path_factory.mktemp("scores"))


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9])
def test_every_row_equals_the_scripts(scores: FolderScores, shared: Path, threshold: float) -> None:
    path = shared / "data" / "official_metric" / "official" / f"official-{threshold}.csv"
    with path.open(newline="") as stream:
        official = list(csv.DictReader(stream))
    ours = {row.image: row for row in scores.rows if row.threshold == threshold}
    assert len(official) == len(ours) == 42
    for theirs in official:
        row = ours[theirs["names"]]
        assert {
            "true_num": row.true_cells,
            "pred_num": row.predicted_cells,
            "correct_num(TP)": row.tp,
            "precision": row.precision,
            "recall": row.recall,
            "dice": row.dice,
            "F1": row.f1,
        } == {
            name: float(value)
            for name, value in theirs.items()
            if name not in ("names", "missed_num(FN)", "wrong_num(FP)")
        }, row.image
        assert (row.fn, row.outcome) == (row.true_cells - row.tp, "scored")
