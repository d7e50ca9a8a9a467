"""The further columns of scores.csv: `--metrics all`."""

import csv
import sys
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

import evaluator.cli
from contract import write_mask
from evaluator.metrics.aji import aji
from evaluator.metrics.aji_plus import aji_plus
from evaluator.metrics.boundary_f1 import boundary_f1
from evaluator.metrics.hausdorff_95 import hausdorff_95
from evaluator.metrics.panoptic_quality import panoptic_quality
from evaluator.metrics.seg import seg
from evaluator.overlap.cell_fates import fates
from evaluator.overlap.joined import joined
from evaluator.overlap.matching import match_cells
from evaluator.overlap.outlines import outline_pairs
from evaluator.overlap.table import overlap_table
from evaluator.report import build_report
from evaluator.report.read.run import load_report
from evaluator.report.verification import report_faults
from evaluator.scores.further import FURTHER_COLUMNS, further
from evaluator.scores.rescore import rescore_folder
from evaluator.scores.rows import SCORE_COLUMNS, read_scores, rows_for, write_scores
from evaluator.scores.score import score_folders
from evaluator.scores.verification import verify
from tests.unit.label_maps import random_pair, squares
from tests.unit.scored_runs import TRUTH, found, real_run, scored

TABLES = ("further-metrics", "outlines", "counts")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


class TestColumns:
    @pytest.mark.parametrize("seed", range(8))
    def test_they_are_those_of_the_metrics(self, seed: int) -> None:
        truth, predicted = random_pair(np.random.default_rng(seed), size=48, cells=12)
        whole = overlap_table(truth, predicted)
        for protocol, border in (("plain", False), ("plain", True), ("challenge", False)):
            table = whole.without_border() if border or protocol == "challenge" else whole
            kept = [
                np.where(np.isin(mask, side.ids), mask, 0)
                for mask, side in ((truth, table.truth), (predicted, table.predicted))
            ]
            rules = {"protocol": protocol, "border": border}
            columns = further(whole, [0.3, 0.5, 0.7], masks=(truth, predicted), **rules)  # type: ignore[arg-type]
            for threshold, one in columns.items():
                match = match_cells(table, threshold)
                quality = panoptic_quality(match, empty=0.0 if protocol == "challenge" else 1.0)
                assert (one.pq, one.sq, one.rq) == (quality.pq, quality.sq, quality.rq)
                if len(table.truth):
                    assert (one.aji, one.aji_plus, one.seg) == (
                        aji(table),
                        aji_plus(table),
                        seg(table),
                    )
                counts = fates(table, threshold)
                assert one.missed == counts.true_counts[2]
                assert one.spurious == counts.predicted_counts[3]
                assert one.count_error == match.predicted_cells - match.true_cells
                assert one.missed + one.split + one.merged + match.tp == match.true_cells
                # The outlines of masks from which the cells on the border were taken.
                cleared = overlap_table(*kept)
                pairs = list(outline_pairs(*kept, cleared, match_cells(cleared, threshold)))
                if pairs:
                    assert one.boundary_f1 == pytest.approx(boundary_f1(pairs))
                    assert one.hausdorff_95 == pytest.approx(hausdorff_95(pairs))
                else:
                    assert one.boundary_f1 is one.hausdorff_95 is None

    def test_halves_of_the_work(self) -> None:
        truth = squares((40, 40), (5, 5, 8, 8), (5, 13, 8, 8))
        merged = np.where(truth > 0, 1, 0)
        (one,) = further(overlap_table(truth, merged), [0.7], masks=(truth, merged)).values()
        assert (one.f1_true_foreground, one.f1_true_splits) == (0, 1)
        assert (one.merged, one.missed, one.split, one.spurious) == (2, 0, 0, 0)
        small = squares((40, 40), (5, 5, 8, 3), (5, 18, 8, 3))
        (one,) = further(overlap_table(truth, small), [0.7], masks=(truth, small)).values()
        assert (one.f1_true_foreground, one.f1_true_splits) == (1, 0)

    def test_without_masks_only_outlines_are_unknown(self) -> None:
        table = overlap_table(TRUTH, found(9))
        (blind,) = further(table, [0.5]).values()
        (seeing,) = further(table, [0.5], masks=(TRUTH, found(9))).values()
        unknown = {name for name in FURTHER_COLUMNS if getattr(blind, name) is None}
        assert unknown == {"boundary_f1", "hausdorff_95", "f1_true_foreground", "f1_true_splits"}
        assert replace(seeing, **dict.fromkeys(unknown)) == blind

    def test_tiles_of_a_large_image_are_taken_together(self) -> None:
        truth = np.zeros((5000, 5000), np.uint8)
        truth[10:30, 10:30], truth[4400:4420, 4400:4420], truth[1990:2010, 50:70] = 1, 2, 3
        predicted = np.roll(truth, 1, axis=1)
        table = overlap_table(truth, predicted)
        assert len(table.tiles) == 9
        (one,) = further(table, [0.5], masks=(truth, predicted)).values()
        # The third cell lies across two tiles and touches the frame of both.
        assert (one.count_error, one.missed) == (0, 0)
        assert one.aji == one.seg == one.sq == pytest.approx(380 / 420)
        assert (one.boundary_f1, one.hausdorff_95) == (1.0, 1.0)

    def test_joined_tables_keep_their_pairs_apart(self) -> None:
        one = overlap_table(np.array([[1, 1, 0, 2]]), np.array([[5, 0, 0, 5]]))
        both = joined([one, one])
        assert both.pair_truth.tolist() == [0, 1, 2, 3]
        assert both.pair_predicted.tolist() == [0, 0, 1, 1]
        assert both.pair_unions().tolist() == [*one.pair_unions(), *one.pair_unions()]


class TestFiles:
    def test_they_follow_the_fixed_columns_and_are_read_again(self, tmp_path: Path) -> None:
        folder = scored(tmp_path, [16, 0, None], metrics="all")
        lines = read(folder / "scores.csv")
        assert tuple(lines[0]) == (*SCORE_COLUMNS, *FURTHER_COLUMNS)
        assert [line["hausdorff_95"] for line in lines[::3]] == ["0.0", "", ""]
        rows = read_scores(folder / "scores.csv")
        failed = rows[-1].further
        assert failed is not None
        # The border rule drops none of the 16 cells.
        assert (failed.missed, failed.count_error, failed.ap, failed.seg) == (16, -16, 0.0, 0.0)
        write_scores(tmp_path / "again.csv", rows)
        assert (tmp_path / "again.csv").read_bytes() == (folder / "scores.csv").read_bytes()

    def test_without_the_option_the_file_is_as_it_was(self, tmp_path: Path) -> None:
        assert tuple(read(scored(tmp_path, [16]) / "scores.csv")[0]) == SCORE_COLUMNS

    def test_other_rules_from_tables_and_masks(self, tmp_path: Path) -> None:
        folder = scored(tmp_path, [16, 3, None], metrics="all")
        assert rescore_folder(folder, metrics="all") == read_scores(folder / "scores.csv")
        plain = rescore_folder(folder, metrics="all", protocol="plain", thresholds=[0.6])
        wanted = scored(tmp_path / "b", [16, 3, None], metrics="all", protocol="plain",
                        thresholds=[0.6])  # fmt: skip
        assert plain == read_scores(wanted / "scores.csv")
        (tmp_path / "pred" / "00.tif").unlink()
        blind = rescore_folder(folder, metrics="all")[0].further
        assert blind is not None
        assert (blind.ap, blind.boundary_f1) == (1.0, None)

    def test_the_command(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_mask(tmp_path / "gt" / "a.tif", TRUTH)
        words = ("score", tmp_path / "gt", tmp_path / "gt", "--out", tmp_path, "--metrics", "all")
        monkeypatch.setattr(sys, "argv", ["evaluator", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            evaluator.cli.main()
        assert not left.value.code
        assert read(tmp_path / "scores.csv")[0]["pq"] == "1.0"


class TestVerify:
    def test_every_further_number_counts(self, tmp_path: Path) -> None:
        folder = scored(tmp_path, [16, 3], metrics="all")
        assert verify(folder).differing == ()
        rows = read_scores(folder / "scores.csv")
        one = rows[0].further
        assert one is not None
        changed = replace(rows[0], further=replace(one, hausdorff_95=None, aji=0.5))
        write_scores(folder / "scores.csv", [changed, *rows[1:]])
        assert verify(folder).differing == (
            "m, seed 0, 00.tif, IoU 0.5: aji is 0.5 in scores.csv, 1.0 from the mask",
            "m, seed 0, 00.tif, IoU 0.5: hausdorff_95 is empty in scores.csv, 0.0 from the mask",
        )

    def test_columns_that_were_asked_for_and_are_gone(self, tmp_path: Path) -> None:
        folder = scored(tmp_path, [16], metrics="all")
        rows = read_scores(folder / "scores.csv")
        write_scores(folder / "scores.csv", [replace(row, further=None) for row in rows])
        assert "pq is empty in scores.csv, 1.0" in "\n".join(verify(folder).differing)


class TestReport:
    @pytest.fixture
    def run(self, tmp_path: Path) -> Path:
        return real_run(tmp_path / "run")

    def test_basic_scores_have_no_such_sections(self, run: Path, tmp_path: Path) -> None:
        made = build_report(run, tmp_path / "report")
        assert not any((made.tables / f"{name}.csv").exists() for name in TABLES)
        assert "Further metrics" not in made.report_md.read_text("utf-8")

    def test_asked_for_later_they_are_scored_from_the_masks(
        self, run: Path, tmp_path: Path
    ) -> None:
        made = build_report(run, run / "report", metrics="all")
        line = {one["Model"]: one for one in read(made.tables / "further-metrics.csv")}["m"]
        # 16, 9, 12 and 2 of 16 cells, each outlined as it is.
        assert float(line["SEG"]) == pytest.approx(39 / 64)
        assert float(line["AP"]) == pytest.approx(39 / 64)
        line = {one["Model"]: one for one in read(made.tables / "counts.csv")}["m"]
        assert float(line["Count error, signed"]) == pytest.approx(-25 / 64)
        line = {one["Model"]: one for one in read(made.tables / "outlines.csv")}["m"]
        assert (line["Boundary F1"], line["Images with a found cell"]) == ("1.0", "4")
        assert report_faults(run, run / "report") == ()
        text = made.report_md.read_text("utf-8")
        assert "## Foreground or splitting" in text
        assert "m: which half loses more is not settled." in text  # neither costs anything

    def test_a_missing_pair_counts_0(self, tmp_path: Path) -> None:
        run = real_run(tmp_path / "run")
        rows = rescore_folder(run, thresholds=(0.5, 0.7), metrics="all")
        write_scores(run / "scores.csv", [row for row in rows if row.image != "03.tif"])
        record = (run / "run.json").read_text("utf-8")
        (run / "run.json").write_text(record.replace('"basic"', '"all"'), "utf-8")
        frame = load_report(run).scores
        absent = frame[(frame["image"] == "03.tif") & (frame["threshold"] == 0.5)].iloc[0]
        assert absent["outcome"] == "missing"
        assert (absent["pq"], absent["aji"], absent["count_error"]) == (0, 0, 0)
        assert np.isnan(absent["boundary_f1"])

    def test_the_order_of_the_models_by_each_metric(self, tmp_path: Path) -> None:
        """One model finds all cells loosely, another half of them exactly."""
        loose = np.roll(TRUTH, 1, axis=0)
        run = tmp_path / "scores"
        rows = []
        for model, mask in (("loose", loose), ("exact", found(10)), ("both", TRUTH)):
            for number in range(6):
                write_mask(tmp_path / model / f"{number}.tif", mask)
                write_mask(tmp_path / "gt" / f"{number}.tif", TRUTH)
            score_folders(tmp_path / "gt", tmp_path / model, tmp_path / "one", metrics="all")
            rows += read_scores(tmp_path / "one" / "scores.csv")
        run.mkdir()
        write_scores(run / "scores.csv", rows)
        made = build_report(run, tmp_path / "report")
        ranks = {one["Model"]: one for one in read(made.tables / "ranks-by-metric.csv")}
        assert [ranks[name]["F1"] for name in ("both", "loose", "exact")] == ["1", "1", "3"]
        assert [ranks[name]["SQ"] for name in ("both", "loose", "exact")] == ["1", "3", "1"]
        agreement = ranks["Agreement with F1 (Kendall's τ)"]
        assert (agreement["F1"], float(agreement["SQ"]) < 0) == ("1.00", True)
        assert "depends on the metric" in made.report_md.read_text("utf-8")


def test_rows_know_nothing_of_columns_that_nobody_asked_for() -> None:
    (row,) = rows_for(overlap_table(TRUTH, TRUTH), model="m", image="a", thresholds=[0.5])
    assert row.further is None
    (one,) = further(overlap_table(TRUTH, TRUTH), [0.5]).values()
    assert len(astuple(one)) == len(FURTHER_COLUMNS)
