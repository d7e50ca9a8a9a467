"""scores.csv: rows, writing and reading, averages and count ranges."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from evaluator.overlap.table import overlap_table
from evaluator.runs.words import OUTCOMES
from evaluator.scores.rows import (
    SCORE_COLUMNS,
    MalformedScores,
    ScoreRow,
    read_scores,
    rows_for,
    write_scores,
)
from evaluator.scores.strata import COUNT_RANGES, count_range
from evaluator.scores.summaries import by_group, pool, summarise
from tests.unit.label_maps import squares

TRUTH = squares((30, 30), (5, 5, 6, 6), (15, 15, 5, 5), (0, 0, 4, 4))
FOUND = squares((30, 30), (5, 5, 6, 6), (20, 5, 5, 5))


def some_rows() -> list[ScoreRow]:
    return rows_for(overlap_table(TRUTH, FOUND), model="a model", image="é, 1.tif", seed=3)


def test_the_columns_are_the_fixed_ones() -> None:
    assert ",".join(SCORE_COLUMNS) == (
        "model,seed,image,threshold,outcome,true_cells,predicted_cells,tp,fp,fn,precision,recall,"
        "f1,dice,modality"
    )


def test_a_row_per_threshold() -> None:
    rows = some_rows()
    assert [row.threshold for row in rows] == [0.5, 0.7, 0.9]
    assert {(r.true_cells, r.predicted_cells, r.tp, r.fp, r.fn) for r in rows} == {(2, 2, 1, 1, 1)}
    plain = rows_for(overlap_table(TRUTH, FOUND), model="m", image="i", protocol="plain")
    assert plain[0].true_cells == 3


@pytest.mark.parametrize("outcome", [outcome for outcome in OUTCOMES if outcome != "scored"])
@pytest.mark.parametrize("table", [overlap_table(TRUTH), overlap_table(TRUTH, TRUTH)])
def test_a_failed_image_counts_0_with_all_its_cells_missed(outcome, table) -> None:
    for row in rows_for(table, model="m", image="i", outcome=outcome, protocol="plain"):
        assert (row.outcome, row.true_cells, row.fn) == (outcome, 3, 3)
        assert (row.predicted_cells, row.tp, row.fp) == (0, 0, 0)
        assert (row.precision, row.recall, row.f1, row.dice) == (0, 0, 0, 0)


def test_a_failed_image_without_cells_counts_0_all_the_same() -> None:
    row = rows_for(
        overlap_table(squares((9, 9))), model="m", image="i", outcome="crashed", protocol="plain"
    )[0]
    assert (row.true_cells, row.fn, row.f1, row.dice) == (0, 0, 0, 0)


def test_written_and_read_again(tmp_path: Path) -> None:
    rows = [
        *some_rows(),
        replace(some_rows()[0], seed=9, f1=1 / 3, outcome="missing", modality='"x"\ny'),
    ]
    write_scores(tmp_path / "scores.csv", rows)
    assert read_scores(tmp_path / "scores.csv") == rows


def test_no_rows_leave_a_header(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.csv", [])
    assert read_scores(tmp_path / "scores.csv") == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("true_cells", "cells", "no column true_cells"),
        (",2,2,1,1,1,", ",two,2,1,1,1,", "line 2"),
        (",scored,", ",perfect,", "'perfect' is no outcome"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "scores.csv"
    write_scores(path, some_rows())
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MalformedScores, match=said):
        read_scores(path)


def test_a_line_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_scores(path, some_rows())
    path.write_text(path.read_text(encoding="utf-8")[:-30], encoding="utf-8")
    with pytest.raises(MalformedScores, match="line 4"):
        read_scores(path)


def test_summaries_keep_both_denominators() -> None:
    row = some_rows()[0]
    rows = [
        replace(row, image="1", f1=1.0),
        replace(row, image="2", f1=0.6),
        replace(row, image="3", f1=0.0, outcome="crashed"),
        replace(row, image="4", f1=0.0),
    ]
    summary = summarise(rows, "f1")
    assert (summary.images, summary.scored) == (4, 3)
    assert (summary.mean, summary.median) == (0.4, 0.3)
    assert summary.scored_mean == pytest.approx(1.6 / 3)
    assert summary.sd == pytest.approx(math.sqrt((0.36 + 0.04 + 0.16 + 0.16) / 3))


def test_summaries_of_few_images() -> None:
    row = some_rows()[0]
    one, none = summarise([replace(row, outcome="crashed")], "dice"), summarise([], "dice")
    assert (one.images, one.scored, one.mean) == (1, 0, row.dice)
    assert math.isnan(one.scored_mean)
    assert math.isnan(one.sd)
    assert none.images == 0
    assert math.isnan(none.mean)


def test_mixed_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        summarise(some_rows(), "f1")
    groups = by_group(some_rows())
    assert list(groups) == [("a model", 3, t) for t in (0.5, 0.7, 0.9)]
    assert summarise(groups["a model", 3, 0.7], "f1").images == 1


def test_pooled_scores_come_from_the_cells_of_all_images() -> None:
    row = some_rows()[0]
    big = replace(row, true_cells=98, predicted_cells=48, tp=39)
    pooled = pool([row, big])
    assert (pooled.true_cells, pooled.predicted_cells, pooled.tp) == (100, 50, 40)
    assert (pooled.recall, pooled.precision) == (0.4, 0.8)
    assert pooled.f1 == pytest.approx(80 / 150)


def test_count_ranges_are_exhaustive_and_without_overlap() -> None:
    members = dict.fromkeys(COUNT_RANGES, 0)
    for cells in range(1501):
        members[count_range(cells)] += 1
    assert list(members.values()) == [1, 5, 5, 10, 30, 50, 900, 500]
    edges = {0: "0", 1: "1-5", 5: "1-5", 6: "6-10", 100: "51-100", 101: "101-1000", 1001: ">1000"}
    assert {cells: count_range(cells) for cells in edges} == edges
    with pytest.raises(ValueError, match="-1"):
        count_range(-1)
