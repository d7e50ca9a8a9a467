"""`evaluator compare` and `evaluator verify`: what they find, and their exit codes."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import evaluator.cli
from contract import CallError, CellbenchError, write_mask
from evaluator.compare import compare_runs
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


class TestCompare:
    MIXED = (5, 8, 12, 9, 14, 7, 10, 11, 13, 6)

    def test_a_run_against_itself(self, tmp_path: Path) -> None:
        run = scored(tmp_path / "a", list(self.MIXED))
        same = compare_runs(run, run)
        assert [one.change for one in same.differences] == [0, 0, 0]
        assert not same.worse
        assert (same.new_failures, same.repaired, same.only_in_one) == ((), (), ())

    def test_better_and_worse(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        a = scored(tmp_path / "a", list(self.MIXED))
        b = scored(tmp_path / "b", [n + 1 + n % 2 for n in self.MIXED])
        for one in compare_runs(a, b).differences:
            assert one.change > 0
            assert one.comparison is not None
            assert one.comparison.separable
            assert one.comparison.p_raw <= one.comparison.p <= 0.05
            assert (one.images, one.worse) == (10, False)
        assert [one.worse for one in compare_runs(b, a).differences] == [True] * 3
        assert evaluate("compare", a, b, monkeypatch=monkeypatch) == 0
        assert "run B is not worse" in capsys.readouterr().out
        assert evaluate("compare", b, a, monkeypatch=monkeypatch) == 3
        said = capsys.readouterr().out
        assert "run B is worse" in said
        assert "-0.0" in said

    def test_a_difference_that_may_be_chance_does_not_close_the_gate(self, tmp_path: Path) -> None:
        a = scored(tmp_path / "a", list(self.MIXED))
        b = scored(tmp_path / "b", [n + (1, -2)[i % 2] for i, n in enumerate(self.MIXED)])
        result = compare_runs(a, b)
        assert result.differences[0].change < 0
        assert not result.worse

    def test_new_failures_close_the_gate(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        a, b = scored(tmp_path / "a", [16, 16, None]), scored(tmp_path / "b", [16, None, 16])
        result = compare_runs(a, b)
        assert result.new_failures == ("m, seed 0, 01.tif: missing",)
        assert result.repaired == ("m, seed 0, 02.tif: was missing",)
        assert result.differences[0].comparison is None
        assert evaluate("compare", a, b, monkeypatch=monkeypatch) == 3
        said = capsys.readouterr().out
        assert "new failure: m, seed 0, 01.tif: missing" in said
        assert "too few" in said

    def test_only_what_both_have(self, tmp_path: Path) -> None:
        a = scored(tmp_path / "a", [16] * 6, model="old name", thresholds=(0.5, 0.7))
        b = scored(tmp_path / "b", [8] * 7, model="new name", thresholds=(0.7, 0.9))
        result = compare_runs(a, b)
        (one,) = result.differences
        assert (one.model, one.threshold, one.images) == ("old name → new name", 0.7, 6)
        assert (one.mean_a, round(one.mean_b, 4)) == (1, 0.6667)
        assert result.only_in_one == ("only run B has image 06.tif",)

    @pytest.mark.parametrize("kept", [True, False])
    def test_different_truths_do_not_compare(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        kept: bool,
    ) -> None:
        """A truth that was corrected in between, its hash recorded or not."""
        a, b = scored(tmp_path / "a", [16] * 6), scored(tmp_path / "b", [16] * 6)
        write_mask(tmp_path / "b" / "gt" / "03.tif", found(12))
        score_folders(tmp_path / "b" / "gt", tmp_path / "b" / "pred", b, model="m")
        if not kept:
            for out in (a, b):
                record = json.loads((out / "score.json").read_text())
                (out / "score.json").write_text(json.dumps(record | {"truth_sha256": {}}))
        with pytest.raises(CallError, match=r"different truths: 1 of 6 images differ: 03\.tif"):
            compare_runs(a, b)
        assert evaluate("compare", a, b, monkeypatch=monkeypatch) == 2
        assert "16 true cells in A, 12 in B" in capsys.readouterr().err

    def test_truths_with_other_outlines_do_not_compare(self, tmp_path: Path) -> None:
        a, b = scored(tmp_path / "a", [16]), scored(tmp_path / "b", [16])
        wider = np.where(np.roll(TRUTH, 1, axis=0) > 0, np.roll(TRUTH, 1, axis=0), TRUTH)
        write_mask(tmp_path / "b" / "gt" / "00.tif", wider)
        score_folders(tmp_path / "b" / "gt", tmp_path / "b" / "pred", b, model="m")
        with pytest.raises(CallError, match="other outlines or ids"):
            compare_runs(a, b)

    def test_runs_on_different_truths_do_not_compare(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            label = tmp_path / f"{name}.tif"
            write_mask(label, TRUTH if name == "a" else found(12))
            write_run(tmp_path / name, {"é.png" if name == "a" else "e\u0301.png": label})
            table = score_pair(label, label).truth_table
            image = "é.png" if name == "a" else "e\u0301.png"
            rows = rows_for(table, model="m", image=image, thresholds=(0.5,))
            write_scores(RunFolder(tmp_path / name).scores_csv, rows)
        with pytest.raises(CallError, match="different truths: 1 of 1"):
            compare_runs(tmp_path / "a", tmp_path / "b")

    def test_wrong_calls(self, tmp_path: Path) -> None:
        a, b = scored(tmp_path / "a", [16]), scored(tmp_path / "b", [16], protocol="plain")
        with pytest.raises(CallError, match=r"protocol challenge.*plain"):
            compare_runs(a, b)
        with pytest.raises(CallError, match="neither a run nor"):
            compare_runs(a, tmp_path)
        c = scored(tmp_path / "c", [16], thresholds=(0.8,))
        with pytest.raises(CallError, match="nothing to compare"):
            compare_runs(a, c)
        (c / "score.json").write_text("{}")
        with pytest.raises(CellbenchError, match=r"no usable run\.json or score\.json"):
            compare_runs(a, c)


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
