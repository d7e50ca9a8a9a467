"""What explains a score: each table on a case worked out by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from evaluator.explain.agreement import agreement
from evaluator.explain.attribution import attribution
from evaluator.explain.best_of import best_of
from evaluator.explain.ceiling import ceiling_rows, ceilings, disturbed
from evaluator.explain.proximity import near_threshold
from evaluator.explain.rules import RULE_SETS, rankings, surviving
from evaluator.overlap.table import overlap_table
from evaluator.overlap.transplant import transplanted
from evaluator.scores.rescore import StoredTable, stored_tables
from evaluator.scores.score import score_folders
from evaluator.scores.strata import COUNT_RANGES
from evaluator.statistics.score_matrix import ScoreMatrix
from tests.unit.label_maps import Labels, random_pair, squares

SHAPE = (40, 40)
EMPTY = np.zeros(SHAPE, np.uint16)


class TestCeiling:
    def test_disturbances_of_one_cell(self) -> None:
        cell = squares(SHAPE, (10, 10, 8, 8))
        found = list(disturbed(cell))
        assert [name for name, _ in found] == ["shifted"] * 4 + ["dilated", "eroded"]
        corners = {tuple(np.argwhere(labels).min(axis=0)) for _, labels in found[:4]}
        assert corners == {(9, 10), (11, 10), (10, 9), (10, 11)}
        assert [int((labels > 0).sum()) for _, labels in found] == [64] * 4 + [64 + 32, 36]

    def test_neighbours_keep_their_pixels_and_both_shrink(self) -> None:
        cells = squares(SHAPE, (10, 10, 8, 8), (10, 18, 8, 8))
        *_, (_, dilated), (_, eroded) = disturbed(cells)
        assert (dilated[cells > 0] == cells[cells > 0]).all()
        assert [(eroded == i).sum() for i in (1, 2)] == [36, 36]
        before = cells.copy()
        list(disturbed(cells))
        assert (before == cells).all()

    def test_scores_of_squares(self) -> None:
        cell = squares(SHAPE, (10, 10, 8, 8))
        rows = ceiling_rows(cell, image="a", thresholds=(0.5, 0.7, 0.9))
        scores = {(one.disturbance, one.threshold): one.f1 for one in ceilings(rows)}
        # Shifted: 56 / 72; dilated: 64 / 96; eroded: 36 / 64.
        assert [scores["shifted", t] for t in (0.5, 0.7, 0.9)] == [1, 1, 0]
        assert [scores["dilated", t] for t in (0.5, 0.7, 0.9)] == [1, 0, 0]
        assert [scores["eroded", t] for t in (0.5, 0.7, 0.9)] == [1, 0, 0]

    def test_count_ranges_add_up_to_all_images(self) -> None:
        large = squares(SHAPE, (5, 5, 30, 30))
        small = squares(SHAPE, *[(4 + 5 * i, 4 + 5 * j, 4, 4) for i in range(6) for j in range(6)])
        rows = [
            row
            for name, labels in (("large", large), ("small", small), ("none", EMPTY))
            for row in ceiling_rows(labels, image=name, thresholds=(0.7,), protocol="plain")
        ]
        table = [one for one in ceilings(rows) if one.disturbance == "shifted"]
        by_range = {one.count_range: (one.images, one.f1) for one in table}
        assert by_range == {"0": (1, 1), "1-5": (1, 1), "21-50": (1, 0), "all": (3, 2 / 3)}
        assert [one.count_range for one in table[:-1]] == [r for r in COUNT_RANGES if r in by_range]


class TestProximity:
    @pytest.mark.parametrize(
        ("pixels", "near"), [(67, (0, 0, 0)), (68, (1, 0, 0)), (69, (1, 0, 0)), (70, (0, 1, 1)),
                             (71, (0, 1, 1)), (72, (0, 0, 1)), (100, (0, 0, 1))],
    )  # fmt: skip
    def test_within_two_hundredths(self, pixels: int, near: tuple[int, int, int]) -> None:
        truth, predicted = np.zeros((2, 1, 100), np.uint8)
        truth[:] = 1
        predicted[:, :pixels] = 1
        found = near_threshold(overlap_table(truth, predicted), 0.7)
        assert (found.below, found.above, found.found) == near

    def test_at_the_ends_of_the_range(self) -> None:
        truth, predicted = random_pair(np.random.default_rng(3))
        table = overlap_table(truth, predicted)
        assert near_threshold(table, 1.0).above == near_threshold(table, 1.0).found
        with pytest.raises(ValueError, match="threshold"):
            near_threshold(table, 0.02)


class TestAttribution:
    def test_merged_cells_are_a_matter_of_splitting(self) -> None:
        truth = squares(SHAPE, (10, 10, 8, 8), (10, 18, 8, 8))
        found = attribution(truth, (truth > 0).astype(np.uint8), 0.7)
        assert (found.f1, found.true_foreground, found.true_splits) == (0, 0, 1)

    def test_cells_too_large_are_a_matter_of_the_foreground(self) -> None:
        truth = squares(SHAPE, (10, 10, 6, 6), (25, 10, 6, 6))
        grown = squares(SHAPE, (8, 8, 10, 10), (23, 8, 10, 10))
        found = attribution(truth, grown, 0.7)
        assert (found.f1, found.true_foreground, found.true_splits) == (0, 1, 0)

    def test_the_truth_loses_nothing(self) -> None:
        truth = squares(SHAPE, (10, 10, 8, 8), (10, 18, 8, 8))
        found = attribution(truth, truth, 0.9)
        assert (found.f1, found.true_foreground, found.true_splits) == (1, 1, 1)
        assert attribution(EMPTY, EMPTY, 0.5, protocol="plain").true_foreground == 1

    def test_pixels_go_to_the_nearest_cell_of_their_piece(self) -> None:
        foreground = np.zeros((3, 12), bool)
        foreground[1, :7], foreground[1, 8:10], foreground[1, 11] = True, True, True
        splits = np.zeros((3, 12), np.uint32)
        splits[1, 0], splits[1, 5], splits[:, 7], splits[1, 11] = 70, 9, 4, 2**31
        row = transplanted(splits, foreground)[1].tolist()
        # Cell 4 lies in the gap, so the second piece has no cell of its own.
        assert row == [3, 3, 3, 2, 2, 2, 2, 0, 5, 5, 0, 4]

    def test_a_mask_without_background(self) -> None:
        splits = np.array([[5, 5, 8]], np.uint8)
        assert transplanted(splits, np.array([[True, True, True]])).tolist() == [[1, 1, 2]]


class TestAgreement:
    TRUTH = squares(SHAPE, (2, 2, 6, 6), (2, 12, 6, 6), (2, 22, 6, 6), (12, 2, 6, 6))

    def with_cells(self, *ids: int) -> Labels:
        return np.where(np.isin(self.TRUTH, ids), self.TRUTH, 0).astype(np.uint16)

    def test_who_found_what(self) -> None:
        tables = {
            "a": overlap_table(self.TRUTH, self.with_cells(1, 2)),
            "b": overlap_table(self.TRUTH, self.with_cells(1, 3)),
        }
        found = agreement(tables, 0.5)
        assert found.missed_by_all.tolist() == [4]
        assert found.found_by_all.tolist() == [1]
        assert found.found_only_by("a").tolist() == [2]
        assert found.found_only_by("b").tolist() == [3]
        assert found.union_recall == 0.75
        alone = agreement({"a": tables["a"]}, 0.5)
        assert alone.found_only_by("a").tolist() == [1, 2]

    def test_refusals_and_no_cells(self) -> None:
        with pytest.raises(ValueError, match="another truth"):
            agreement({"a": overlap_table(self.TRUTH), "b": overlap_table(EMPTY)}, 0.5)
        with pytest.raises(ValueError, match="no table"):
            agreement({}, 0.5)
        assert math.isnan(agreement({"a": overlap_table(EMPTY)}, 0.5).union_recall)


def test_best_of() -> None:
    a, b = np.array([[1, 0.5, 0.2, 0.3]]), np.array([[0.5, 0.5, 0.6, np.nan]])
    found = best_of(ScoreMatrix(images=tuple("wxyz"), by_seed={"a": a, "b": b}))
    assert found.images == 3
    assert found.mean == pytest.approx((1 + 0.5 + 0.6) / 3)
    assert (found.best_model, found.best_mean) == ("a", pytest.approx(1.7 / 3))
    assert found.wins == {"a": 1, "b": 1}
    with pytest.raises(ValueError, match="no model"):
        best_of(ScoreMatrix(images=(), by_seed={}))


class TestRules:
    INNER, EDGE = (10, 10, 6, 6), (0, 20, 6, 6)

    def stored(self, model: str, image: str, truth: Labels, predicted: Labels) -> StoredTable:
        return StoredTable(
            model=model, seed=0, image=image, modality="", outcome="scored", sparse=False,
            table=overlap_table(truth, predicted),
        )  # fmt: skip

    def test_all_combinations(self) -> None:
        assert len(RULE_SETS) == len(set(RULE_SETS)) == 2 * 2 * (3 * 3 + 1)

    def test_each_rule_turns_a_ranking_round(self) -> None:
        both, inner = squares(SHAPE, self.INNER, self.EDGE), squares(SHAPE, self.INNER)
        half = squares(SHAPE, (10, 10, 3, 6))
        edge_only = both - inner
        tables = [
            self.stored("half", "1", both, half + edge_only),  # the edge's cell, and IoU of 1/2
            self.stored("inner", "1", both, inner),
            self.stored("half", "2", EMPTY, EMPTY),
            self.stored("inner", "2", EMPTY, inner),
        ]
        found = {one.rules: dict(one.scores) for one in rankings(tables, 0.5)}

        def scores(**rules: object) -> tuple[float, float]:
            base = {"border": False, "strict": False, "average": "mean", "empty": "left out"}
            (one,) = [
                scores
                for rule, scores in found.items()
                if all(getattr(rule, name) == value for name, value in (base | rules).items())
            ]
            return one["half"], one["inner"]

        # F1 of "inner" with the edge's cell counted: precision 1, recall 1/2.
        assert scores() == pytest.approx((1, 1 / 3))  # "inner" is not empty on image 2
        assert scores(strict=True) == pytest.approx((1 / 2, 1 / 3))
        assert scores(border=True) == pytest.approx((1, 1 / 2))
        assert scores(border=True, strict=True) == (0, 1 / 2)
        assert scores(empty="scores 1") == pytest.approx((1, 1 / 3))
        assert scores(empty="scores 0") == pytest.approx((1 / 2, 1 / 3))
        assert scores(average="pooled", empty=None) == pytest.approx((1, 1 / 2))
        assert scores(average="median", empty="scores 0") == pytest.approx((1 / 2, 1 / 3))
        # "inner" is ahead on image 1 and level on 2; or each is ahead on one.
        assert scores(average="mean rank", empty="scores 0", strict=True) == (1 / 4, 3 / 4)
        assert scores(average="mean rank", empty="scores 1", strict=True) == (1 / 2, 1 / 2)
        assert scores(average="mean rank", empty="scores 1", border=True, strict=True) == (0.5, 0.5)
        assert surviving(rankings(tables, 0.5)) == []
        tables += [self.stored("none", "1", both, EMPTY), self.stored("none", "2", EMPTY, EMPTY)]
        assert surviving(rankings(tables, 0.4)) == [("half", "none")]

    def test_failures_count_0_and_seeds_are_averaged(self) -> None:
        both = squares(SHAPE, self.INNER)
        facts = {"model": "a", "image": "1", "modality": "", "sparse": False}
        facts["table"] = overlap_table(both, both)
        tables = [
            StoredTable(seed=0, outcome="scored", **facts),
            StoredTable(seed=1, outcome="timeout", **facts),
        ]
        found = rankings(tables, 0.5)
        assert {one.scores["a"] for one in found} == {0.5}
        empty = [StoredTable(seed=0, outcome="crashed", **facts | {"table": overlap_table(EMPTY)})]
        for one in rankings(empty, 0.5):
            score = one.scores["a"]
            assert math.isnan(score) if one.rules.empty == "left out" else score in (0, 1)
            if one.rules.empty == "scores 1":
                assert score == 0

    def test_from_a_scored_folder(self, tmp_path: Path) -> None:
        truth = squares(SHAPE, self.INNER, self.EDGE)
        for name in ("gt", "pred"):
            (tmp_path / name).mkdir()
            np.save(tmp_path / name / "a.npy", truth)
        score_folders(tmp_path / "gt", tmp_path / "pred", tmp_path / "out")
        (stored,) = stored_tables(tmp_path / "out")
        assert (stored.model, stored.image, stored.outcome) == ("pred", "a.npy", "scored")
        assert {one.scores["pred"] for one in rankings([stored], 0.9)} == {1.0}
