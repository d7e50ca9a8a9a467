"""The sections that explain scores: other rules, cell size, the models together, ceiling, cost."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from contract import label_name, write_mask
from evaluator.explain.rules import RULE_SETS
from evaluator.overlap.cell_fates import Fate
from evaluator.overlap.table import overlap_table
from evaluator.report import ReportPaths, build_report
from evaluator.report.numbers import Numbers
from evaluator.report.reachable import ceiling, chosen
from evaluator.report.read.run import load_report
from evaluator.report.sections import groups, rules, together
from evaluator.scores.protocols import count
from evaluator.scores.strata import SIZE_CLASSES, size_places
from evaluator.statistics.growth import growth
from tests.unit.label_maps import squares
from tests.unit.report_fixtures import NAMES, make_run, truth
from tests.unit.scored_runs import real_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("explained"))


@pytest.fixture(scope="module")
def report(run: Path) -> ReportPaths:
    return build_report(run, run / "report")


@pytest.fixture(scope="module")
def numbers(run: Path) -> Numbers:
    return Numbers(data=load_report(run))


def lines(report: ReportPaths, name: str) -> list[dict[str, str]]:
    with (report.tables / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


class TestRules:
    def test_who_is_first_and_how_often(self, report: ReportPaths) -> None:
        first = {line["Images are summed up as"]: line for line in lines(report, "first-by-rules")}
        assert len(RULE_SETS) == 40
        # Every prediction is a true cell, so that more of them are better by any rule.
        assert first["Mean of the images' F1"]["IoU 0.5"] == "good in all 12"
        assert first["F1 of all cells together"]["IoU 0.9"] == "good in all 4"
        settled = first["Settled verdicts (others it is better than)"]
        assert (settled["IoU 0.5"], settled["IoU 0.7"]) == ("good 1, fair 0", "")
        assert [line["IoU 0.5"] for line in lines(report, "ranks-by-rules")] == ["1", "2"]
        text = report.report_md.read_text("utf-8")
        assert (
            "At IoU 0.5, under all 40 sets of rules, the models have one order: good, fair." in text
        )

    def test_an_order_that_rules_turn_round(self, tmp_path: Path) -> None:
        """One model finds the cells on the border alone, the other all but these."""
        inner, edge = (10, 10, 8, 8), [(0, 10, 8, 8), (0, 20, 8, 8)]
        run = real_run(tmp_path / "run")
        truths = tmp_path / "truth"
        masks = {"m": squares((60, 60), inner), "oracle": squares((60, 60), *edge)}
        record = json.loads((run / "run.json").read_text())
        record["models"]["oracle"]["kind"] = "segmenter"
        record["protocol"] = "plain"
        (run / "run.json").write_text(json.dumps(record))
        for place in range(4):
            whole = squares((60, 60), inner, *edge)
            write_mask(truths / f"{place:02}.tif", whole)
            for model, mask in masks.items():
                folder = run / "models" / model / "seed0"
                write_mask(folder / "predict" / label_name(f"{place:02}.tif"), mask)
                overlap_table(whole, mask).save(folder / "overlaps" / f"{place:02}.npz")
        found = rules.section(Numbers(data=load_report(run)))
        assert found is not None
        said = str(found.blocks[0])
        assert "under all 40 sets of rules, no model is ahead of any other" in said

    def test_without_tables_there_is_no_such_section(self, run: Path, tmp_path: Path) -> None:
        (tmp_path / "scores.csv").write_bytes((run / "scores.csv").read_bytes())
        made = build_report(tmp_path, tmp_path / "report")
        text = made.report_md.read_text("utf-8")
        for title in ("Other rules", "Cell size", "True cells by how many models find them"):
            assert title not in text
        assert "## The models together" in text, "the bound needs the scores alone"


class TestCellSize:
    def test_every_counted_cell_has_a_size(self, report: ReportPaths) -> None:
        cells = [count(overlap_table(truth(n)), 0.5).true_cells for n in range(len(NAMES))]
        table = {line["Diameter"]: line for line in lines(report, "cells-by-size")}
        assert int(table["All cells"]["True cells"]) == sum(cells)
        assert sum(int(line["True cells"]) for line in table.values()) == 2 * sum(cells)
        assert float(table["10-20 px"]["oracle"]) == 100

    def test_shares_are_means_over_images(self, report: ReportPaths, numbers: Numbers) -> None:
        table = {line["Diameter"]: line for line in lines(report, "recall-by-size")}
        # Discs of radius 8, but for one image with discs of radius 4.
        assert (table["10-20 px"]["Images"], table["below 10 px"]["Images"]) == ("10", "1")
        assert table["below 10 px"]["oracle: low"] == "", "one image has no interval"
        assert table["All cells"]["broken"] == "", "of a model without masks nothing is said"
        good = next(model for model in numbers.data.models if model.name == "good")
        shares = []
        for name in NAMES:
            seeds = [numbers.cells(good, run).of(name) for run in good.runs]
            codes = [one.counted_fates[0].truth for one in seeds if one is not None]
            if len(codes[0]):
                shares.append(np.mean([(one == Fate.MATCHED).mean() for one in codes]))
        assert float(table["All cells"]["good"]) == pytest.approx(np.mean(shares))

    def test_classes_of_discs(self) -> None:
        areas = np.round(np.pi * np.array([9.9, 10.1, 39.9, 40.1, 80.1]) ** 2 / 4).astype(int)
        names = [SIZE_CLASSES[place] for place in size_places(areas)]
        assert names == ["below 10 px", "10-20 px", "20-40 px", "40-80 px", "80 px or more"]


class TestGroups:
    def test_small_groups_are_grey_and_say_so(self, numbers: Numbers) -> None:
        found = groups.section(numbers)
        ranges = found.blocks[0]
        few = [row for row in ranges.rows if row.role == "few"]  # type: ignore[union-attr]
        assert few
        assert all(int(str(row.cells[1])) < 5 for row in few)
        assert "Grey lines are groups of fewer than 5 images" in str(found.blocks)

    def test_images_by_the_size_of_their_cells(self, report: ReportPaths) -> None:
        table = {line["Cell size"]: line["Images"] for line in lines(report, "image-sizes")}
        assert table == {
            "below 10 px": "1", "10-20 px": "10", "no counted cell": "1", "All images": "12",
        }  # fmt: skip
        inside = lines(report, "inside-cell-sizes")
        assert {line["Cell size"] for line in inside} == {"10-20 px"}


class TestTogether:
    def test_bound_and_agreement(self, report: ReportPaths, numbers: Numbers) -> None:
        best, leader, gap = (
            float(line["Mean F1, 95 % interval"]) for line in lines(report, "best-of")
        )
        assert best == pytest.approx(leader + gap)
        assert leader == pytest.approx(numbers.mean_f1["good"])
        table = {line["Cells"]: line for line in lines(report, "agreement")}
        assert sum(float(line["In percent"]) for line in table.values()) == pytest.approx(100)
        alone = {line["Model"]: line for line in lines(report, "alone")}
        some = int(table["Found by some"]["Number"])
        column = "True cells that it alone finds"
        assert sum(int(line[column]) for line in alone.values()) == some, "of two models"

    def test_one_model_has_no_such_section(self, tmp_path: Path) -> None:
        numbers = Numbers(data=load_report(real_run(tmp_path / "run")))
        assert together.section(numbers) is None
        assert rules.section(numbers) is None


class TestCeiling:
    def test_the_truth_moved_by_a_pixel(self, report: ReportPaths, numbers: Numbers) -> None:
        band = ceiling(numbers)
        shifted = [band["shifted", threshold].f1 for threshold in (0.5, 0.7, 0.9)]
        assert shifted[0] > shifted[2]
        table = {line["Outlines"]: line for line in lines(report, "ceiling")}
        assert float(table["shifted"]["IoU 0.9"]) == shifted[2]
        assert "on all images" in report.report_md.read_text("utf-8")
        assert "truth, 1 px off" in (report.figures / "f1_over_thresholds.svg").read_text("utf-8")

    def test_of_many_pixels_some_images_are_taken_evenly(
        self, numbers: Numbers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("evaluator.report.reachable.PIXELS", 6 * 96 * 120)
        names = [image.name for image in chosen(numbers)]
        assert names == [NAMES[place] for place in (0, 2, 4, 7, 9, 11)]
        monkeypatch.setattr("evaluator.report.reachable.PIXELS", 1)
        assert len(chosen(numbers)) == 5

    def test_cells_close_to_the_threshold(self, report: ReportPaths) -> None:
        table = {line["Model"]: line for line in lines(report, "near-threshold")}
        assert set(table) == {"good", "fair"}
        # Every cell that is found is outlined as it is.
        assert {line["Lost at 0.52"] for line in table.values()} == {"0"}
        assert {line["Gained at 0.48"] for line in table.values()} == {"0"}


class TestCost:
    def test_a_fixed_part_and_one_that_grows(self) -> None:
        sizes = np.array([0.1, 0.1, 0.5, 1, 2, 4])
        found = growth(sizes, 3 + 0.2 * sizes + np.array([0, 0, 0, 5, 0, 0]))
        assert found is not None
        assert (found.fixed, found.slope) == pytest.approx((3, 0.2), abs=0.05)
        assert found.interval.low <= 0.2 <= found.interval.high

    def test_small_images_are_not_carried_on_to_a_megapixel(self, report: ReportPaths) -> None:
        assert growth(np.full(8, 0.07), np.full(8, 5.0)) is None
        assert growth(np.array([1.0, 1.9, 1.5, 1.2, 1.1]), np.full(5, 5.0)) is None
        assert growth(np.array([1.0, 9.0]), np.array([1.0, 2.0])) is None
        heads = set(lines(report, "cost")[0])
        assert not any("megapixel" in head for head in heads)
        text = report.report_md.read_text("utf-8")
        assert "How time grows with the size of an image is not said" in text
