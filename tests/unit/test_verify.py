"""`evaluator verify`: what it finds, and its exit codes."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import evaluator.cli
from contract import sha256_file, write_json, write_mask
from evaluator.report import build_report
from evaluator.report.verification import report_faults
from evaluator.runs.folder import RunFolder
from evaluator.scores.rows import read_scores, rows_for, write_scores
from evaluator.scores.score import TruthFault, score_pair
from evaluator.scores.verification import verify
from tests import programs
from tests.unit.scored_runs import TRUTH, found, model_record, real_run, scored, write_run


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
        said = capsys.readouterr().out
        assert "4 of 4 masks were scored again, there is no report in" in said
        assert "every number agrees" in said

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
        assert " faults" in capsys.readouterr().out

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
        images = {"a.png": label, "b.png": label}
        write_run(run.root, images, {"unet": model_record((1,))})
        mask = run.step("unet", 1, "predict") / "a_label.tiff"
        write_mask(mask, found(9))
        table = score_pair(label, mask).truth_table
        table.save(run.overlaps("unet", 1) / "a.npz")
        hashes = {"a.png": [sha256_file(label), sha256_file(mask)]}
        write_json(run.overlaps("unet", 1) / "index.json", hashes)
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


class TestTampering:
    """Each change of a run's files by hand is found, without a word on what was left alone."""

    def faults(self, run: Path) -> str:
        return "\n".join((*verify(run).differing, *report_faults(run, run / "report")))

    @pytest.fixture
    def run(self, tmp_path: Path) -> Path:
        run = real_run(tmp_path / "run")
        build_report(run, run / "report")
        return run

    def test_an_untouched_run(self, run: Path) -> None:
        assert self.faults(run) == ""

    def test_rows_of_the_worst_image_deleted(self, run: Path) -> None:
        rows = read_scores(run / "scores.csv")
        kept = [row for row in rows if (row.model, row.image) != ("m", "03.tif")]
        write_scores(run / "scores.csv", kept)
        said = self.faults(run)
        assert "m, seed 0, 03.tif, IoU 0.5, 0.7: no row in scores.csv" in said
        assert "m, seed 0, 02.tif" not in said

    def test_rows_duplicated(self, run: Path) -> None:
        rows = read_scores(run / "scores.csv")
        write_scores(run / "scores.csv", [*rows, rows[0]])
        assert "m, seed 0, 00.tif, IoU 0.5: more than one row in scores.csv" in self.faults(run)
        done = programs.run("evaluator", "report", run, "--out", run / "report")
        assert "Traceback" not in done.stderr
        assert "more than one row for m, seed 0, 00.tif, IoU 0.5" in (
            run / "report" / "report.md"
        ).read_text("utf-8")

    def test_foreign_rows(self, run: Path) -> None:
        rows = read_scores(run / "scores.csv")
        write_scores(run / "scores.csv", [*rows, replace(rows[0], model="mine")])
        said = self.faults(run)
        assert "mine, seed 0, 00.tif, IoU 0.5: in scores.csv, but not part of what was run" in said

    def test_one_number_anywhere(self, run: Path) -> None:
        rows = read_scores(run / "scores.csv")
        for place in range(len(rows)):
            write_scores(
                run / "scores.csv",
                [replace(row, f1=0.123) if at == place else row for at, row in enumerate(rows)],
            )
            (said,) = verify(run).differing
            assert "f1 is 0.123 in scores.csv" in said

    def test_overlaps_replaced_by_those_of_the_oracle(self, run: Path) -> None:
        folder = RunFolder(run)
        for path in folder.overlaps("oracle", 0).iterdir():
            shutil.copy(path, folder.overlaps("m", 0) / path.name)
        said = self.faults(run)
        assert "m, seed 0, 01.tif: the overlap table 01.npz is not that of its truth" in said
        assert "m, seed 0, 01.tif: the hashes of truth and mask are not those recorded" in said
        assert "oracle, seed" not in said

    def test_an_overlap_table_removed_or_damaged(self, run: Path) -> None:
        folder = RunFolder(run).overlaps("m", 0)
        (folder / "01.npz").unlink()
        (folder / "02.npz").write_bytes(b"nothing")
        said = self.faults(run)
        assert "m, seed 0, 01.tif: no overlap table 01.npz" in said
        assert "02.npz is no overlap table" in said

    def test_a_mask_swapped_and_a_truth_changed(self, run: Path, tmp_path: Path) -> None:
        masks = RunFolder(run).step("m", 0, "predict")
        shutil.copy(masks / "00_label.tiff", masks / "01_label.tiff")
        assert "m, seed 0, 01.tif, IoU 0.5: tp is" in self.faults(run)
        write_mask(tmp_path / "truth" / "02.tif", found(15))
        said = self.faults(run)
        assert "oracle, seed 0, 02.tif: the truth is not the one whose hash is recorded" in said

    def test_the_page_edited(self, run: Path) -> None:
        page = run / "report" / "index.html"
        text = page.read_text("utf-8")
        number = f"{mean_f1(run):.4f}"
        assert number in text
        page.write_text(text.replace(number, "0.9999"), "utf-8")
        said = self.faults(run)
        assert "index.html, table-" in said
        assert "0.9999" in said

    def test_tables_and_twin_edited(self, run: Path) -> None:
        tables = run / "report" / "tables"
        one = next(path for path in tables.iterdir() if "m" in path.read_text("utf-8"))
        one.write_text(one.read_text("utf-8") + "mine,1\n", "utf-8")
        (tables / "more.csv").write_text("a\n", "utf-8")
        twin = run / "report" / "report.md"
        twin.write_text(twin.read_text("utf-8") + "\nAll is well.\n", "utf-8")
        said = self.faults(run)
        assert f"tables/{one.name}, line " in said
        assert "tables/more.csv is no table of this report" in said
        assert "report.md is not what the scores give" in said

    def test_a_report_by_another_margin_and_protocol(self, run: Path) -> None:
        build_report(run, run / "report", margin=0.1, protocol="plain")
        assert self.faults(run) == ""

    def test_the_program_looks_at_all_of_it(self, run: Path) -> None:
        done = programs.run("evaluator", "verify", run)
        assert (done.returncode, done.stderr) == (0, "")
        assert "8 of 8 masks were scored again" in done.stdout
        assert "was made again: every number agrees" in done.stdout
        (run / "report" / "tables" / "more.csv").write_text("a\n", "utf-8")
        done = programs.run("evaluator", "verify", run, "--images", 1)
        assert done.returncode == 3
        assert "1 of 8 masks" in done.stdout


def mean_f1(run: Path) -> float:
    """Of model m at IoU 0.5."""
    rows = [r for r in read_scores(run / "scores.csv") if (r.model, r.threshold) == ("m", 0.5)]
    return sum(row.f1 for row in rows) / len(rows)
