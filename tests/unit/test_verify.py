"""`evaluator verify`: what it finds, and its exit codes."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import evaluator.cli
from contract import write_mask
from evaluator.runs.folder import RunFolder
from evaluator.scores.rows import read_scores, rows_for, write_scores
from evaluator.scores.score import TruthFault, score_folders, score_pair
from evaluator.scores.verification import verify
from tests.unit.label_maps import Labels, squares
from tests.unit.scored_runs import write_run

TRUTH = squares((60, 60), *[(4 + 14 * i, 4 + 14 * j, 9, 9) for i in range(4) for j in range(4)])


def found(cells: int) -> Labels:
    """The first `cells` of 16."""
    return np.where(cells >= TRUTH, TRUTH, 0).astype(np.uint16)


def scored(folder: Path, cells: list[int | None], **options: object) -> Path:
    """A folder of scores of model "m" that found so many cells of each image; None: no mask."""
    for number, count in enumerate(cells):
        write_mask(folder / "gt" / f"{number:02}.tif", TRUTH)
        if count is not None:
            write_mask(folder / "pred" / f"{number:02}.tif", found(count))
    score_folders(folder / "gt", folder / "pred", folder / "out", **{"model": "m", **options})  # type: ignore[arg-type]
    return folder / "out"


def evaluate(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["evaluator", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        evaluator.cli.main()
    return int(left.value.code or 0)


class TestVerify:
    def test_every_mask_of_a_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for protocol in ("challenge", "plain"):
            run = scored(tmp_path / protocol, [16, 3, None, 9], protocol=protocol, border=True)
            result = verify(run)
            assert (result.checked, result.of, result.differing) == (4, 4, ())
        assert evaluate("verify", run, monkeypatch=monkeypatch) == 0
        assert "4 of 4 masks were scored again: every number agrees" in capsys.readouterr().out

    def test_a_changed_number_and_a_changed_mask(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run = scored(tmp_path, [16, 3])
        rows = read_scores(run / "scores.csv")
        write_scores(run / "scores.csv", [replace(rows[0], tp=15), *rows[1:]])
        (said,) = verify(run).differing
        assert said == "m, seed 0, 00.tif, IoU 0.5: tp is 15 in scores.csv, 16 from the mask"
        write_mask(tmp_path / "pred" / "01.tif", found(4))
        said = "\n".join(verify(run).differing)
        assert "01.tif, IoU 0.9: f1 is" in said
        (tmp_path / "pred" / "00.tif").unlink()
        assert "outcome is scored in scores.csv, missing" in "\n".join(verify(run).differing)
        assert evaluate("verify", run, monkeypatch=monkeypatch) == 3
        assert "numbers differ" in capsys.readouterr().out

    def test_a_sample_is_drawn_by_its_seed(self, tmp_path: Path) -> None:
        run = scored(tmp_path, [16] * 12)
        rows = read_scores(run / "scores.csv")
        write_scores(run / "scores.csv", [replace(row, dice=0.5) for row in rows])
        samples = {verify(run, sample=3, seed=seed).differing for seed in (0, 0, 1, 2)}
        assert {len(differing) for differing in samples} == {9}
        assert len(samples) == 3

    def test_a_run_and_its_failures(self, tmp_path: Path) -> None:
        label = tmp_path / "truth.tif"
        write_mask(label, TRUTH)
        run = RunFolder(tmp_path / "run")
        write_run(run.root, {"a.png": label, "b.png": label})
        mask = run.step("unet", 1, "predict") / "a_label.tiff"
        write_mask(mask, found(9))
        table = score_pair(label, mask).truth_table
        facts = {"model": "unet", "seed": 1, "thresholds": (0.5,)}
        scored_rows = rows_for(table, image="a.png", **facts)  # type: ignore[arg-type]
        failed_rows = rows_for(table, image="b.png", outcome="timeout", **facts)  # type: ignore[arg-type]
        write_scores(run.scores_csv, [*scored_rows, *failed_rows])
        assert verify(run.root).differing == ()
        write_scores(run.scores_csv, [*scored_rows, *(replace(r, f1=0.1) for r in failed_rows)])
        assert "f1 is 0.1 in scores.csv, 0.0" in "".join(verify(run.root).differing)
        label.unlink()
        with pytest.raises(TruthFault, match=r"truth\.tif"):
            verify(run.root)

    def test_wrong_calls(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert evaluate("verify", tmp_path, monkeypatch=monkeypatch) == 2
        run = scored(tmp_path, [16])
        assert evaluate("verify", run, "--images", 0, monkeypatch=monkeypatch) == 2
        record = json.loads((run / "score.json").read_text())
        (run / "score.json").write_text(json.dumps(record | {"protocol": "coco"}))
        assert evaluate("verify", run, monkeypatch=monkeypatch) == 1
