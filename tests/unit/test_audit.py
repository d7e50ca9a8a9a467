"""`evaluator audit`: what it finds in other people's tables, and what it leaves alone."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from contract import CallError
from evaluator.audit.findings import Audit, audit_table, line_ranges
from tests import programs

Record = Mapping[str, object]

GOOD = [0.81, 0.62, 0.93, 0.54, 0.75, 0.66, 0.87, 0.78]
FAIR = [0.71, 0.55, 0.80, 0.43, 0.66, 0.60, 0.75, 0.70]


def table(path: Path, records: Sequence[Record], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(records[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(records)
    return path


def records(
    good: Sequence[float] = GOOD, seeds: int = 1, **more: object
) -> list[dict[str, object]]:
    """Two arms that differ by about the same on every image: nothing to find."""
    return [
        {"arm": arm, "seed": seed, "image": f"{place}.png", "score": value, **more}
        for arm, values in (("good", good), ("fair", FAIR))
        for seed in range(seeds)
        for place, value in enumerate(values)
    ]


def audited(tmp_path: Path, rows: Sequence[Record]) -> Audit:
    return audit_table(table(tmp_path / "table.csv", rows))


def only(found: Audit) -> tuple[str, tuple[int, ...]]:
    """The single finding and its rows."""
    (one,) = found.findings
    return one.text, one.lines


class TestFindings:
    def test_an_honest_table(self, tmp_path: Path) -> None:
        rows = [one | {"true_cells": 9, "epochs": 50} for one in records(seeds=2)]
        found = audited(tmp_path, rows)
        assert found.findings == ()
        assert found.notes[-1].startswith("fair: 16 rows are 8 images")

    def test_empty_truths_that_score_1(self, tmp_path: Path) -> None:
        rows = [one | {"true_cells": 9} for one in records()]
        rows[2] |= {"true_cells": 0, "score": 1.0}
        rows[10] |= {"true_cells": 0, "score": 0.9}
        text, lines = only(audited(tmp_path, rows))
        assert text.startswith("good: 1 image without a true cell with score 1, in a mean of 0.75")
        assert lines == (4,)

    def test_scores_that_are_no_shares(self, tmp_path: Path) -> None:
        rows = records()
        rows[1]["score"], rows[3]["score"], rows[9]["score"] = 62, "n/a", -0.1
        found = {one.text: one.lines for one in audited(tmp_path, rows).findings}
        assert found["1 row without a number for a score"] == (5,)
        assert found["2 scores outside 0 to 1"] == (3, 11)

    def test_scores_of_nothing(self, tmp_path: Path) -> None:
        rows = [one | {"true_num": 9, "pred_num": 9} for one in records()]
        rows[3]["pred_num"] = 0
        rows[4] |= {"pred_num": 0, "true_num": 0}
        text, lines = only(audited(tmp_path, rows))
        assert (text, lines) == ("1 score above 0 where nothing was predicted", (5,))

    def test_scores_that_are_all_the_same(self, tmp_path: Path) -> None:
        text, lines = only(audited(tmp_path, records(good=[0.9] * 8)))
        assert (text, lines) == ("good: all 8 scores are 0.9", tuple(range(2, 10)))

    def test_repeated_rows(self, tmp_path: Path) -> None:
        rows = records()
        text, lines = only(audited(tmp_path, [*rows, rows[4]]))
        assert (text, lines) == ("good, seed 0, 4.png: 2 rows for one score", (6, 18))

    def test_missing_images(self, tmp_path: Path) -> None:
        rows = records(seeds=2)
        text, lines = only(audited(tmp_path, [r for r in rows if r is not rows[3]]))
        assert text == "good, seed 0: 1 of 8 images have no row: 3.png"
        assert lines == tuple(range(2, 9))

    def test_seeds_pooled_as_images(self, tmp_path: Path) -> None:
        rows = [one | {"n": 16} for one in records(seeds=2)]
        found = audited(tmp_path, rows)
        assert [one.text.partition(";")[0] for one in found.findings] == [
            "good: n is given as 16, but there are 8 images",
            "fair: n is given as 16, but there are 8 images",
        ]
        unnamed = [
            {key: value for key, value in one.items() if key != "seed"} for one in records(seeds=2)
        ]
        for place, one in enumerate(unnamed):
            one["score"] = float(str(one["score"])) + place / 1000
        found = audited(tmp_path, unnamed)
        assert "good: 16 rows are 8 images, without a column of seeds" in found.findings[0].text
        assert found.findings[0].lines == tuple(range(2, 18))

    def test_unequal_budgets(self, tmp_path: Path) -> None:
        rows = [one | {"epochs": 100 if one["arm"] == "good" else 20} for one in records()]
        text, lines = only(audited(tmp_path, rows))
        assert text == "steps or epochs differ between arms: good 100, fair 20"
        assert lines == (2, 10)
        more = [*records(), *({**one, "seed": 1} for one in records() if one["arm"] == "good")]
        assert only(audited(tmp_path, more))[0] == (
            "the number of seeds differs between arms: good 2, fair 1"
        )

    def test_a_gain_that_one_image_carries(self, tmp_path: Path) -> None:
        carried = [value - 0.01 for value in FAIR]
        carried[5] = 0.97
        text, lines = only(audited(tmp_path, records(good=carried)))
        assert text == "good leads fair by 0.0375 on 8 images; without 5.png it is -0.0100"
        assert lines == (7, 15)

    def test_one_sided_tests(self, tmp_path: Path) -> None:
        rows = [one | {"p": "", "alternative": ""} for one in records()]
        rows[0] |= {"p": 0.03, "alternative": "greater"}
        rows[8] |= {"p": 0.03, "alternative": "two-sided"}
        text, lines = only(audited(tmp_path, rows))
        assert text.startswith("good: p = 0.03 is of a one-sided test (greater)")
        assert text.endswith("it is about 0.06, no longer below 0.05")
        assert lines == (2,)
        silent = audited(tmp_path, [one | {"p": 0.03} for one in records()])
        assert silent.findings == ()
        assert any("not of which test" in note for note in silent.notes)


class TestReading:
    def test_other_names_and_delimiters(self, tmp_path: Path) -> None:
        rows = [
            {"Method": r["arm"], "Image ID": r["image"], "F1-Score": r["score"], "Notes": "x"}
            for r in records()
        ]
        for delimiter in ",;\t":
            found = audit_table(table(tmp_path / "t.csv", rows, delimiter)).table
            assert found.columns == {"arm": "Method", "image": "Image ID", "score": "F1-Score"}
            assert found.unused == ("Notes",)
            assert found.rows[1].score == 0.62

    def test_three_kinds_of_json(self, tmp_path: Path) -> None:
        rows = records()
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        read = []
        for content in (rows, {"source": "us", "results": rows}, {"rows": rows}, columns):
            (tmp_path / "t.json").write_text(json.dumps(content))
            read.append(audit_table(tmp_path / "t.json").table.rows)
        assert read[0] == read[1] == read[2] == read[3]
        assert (read[0][0].line, len(read[0])) == (1, 16)

    def test_the_first_of_several_thresholds(self, tmp_path: Path) -> None:
        rows = [one | {"threshold": iou} for one in records() for iou in (0.5, 0.9)]
        found = audited(tmp_path, rows)
        assert found.findings == ()
        assert "2 thresholds: the rows at 0.5 were looked at" in found.notes

    @pytest.mark.parametrize(
        "text", ["", "a,b\n1,2\n", "{", "[1]", '{"a": 1}', "arm,image,score\n"]
    )
    def test_no_table(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "t.csv").write_text(text)
        with pytest.raises(CallError):
            audit_table(tmp_path / "t.csv")
        (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(CallError, match="cannot be read"):
            audit_table(tmp_path / "t.csv")

    def test_lines_in_few_words(self) -> None:
        assert line_ranges([3, 5, 6, 7, 12]) == "3, 5 to 7, 12"
        assert line_ranges(range(0, 40, 2)).endswith("22 and 8 more places")


def test_the_program_and_its_exit_codes(tmp_path: Path) -> None:
    good = programs.run("evaluator", "audit", table(tmp_path / "good.csv", records()))
    assert good.returncode == 0, good.stderr
    assert "column score: score" in good.stdout
    assert good.stdout.splitlines()[-1] == "16 rows: nothing found"
    rows = records()
    bad = programs.run("evaluator", "audit", table(tmp_path / "bad.csv", [*rows, rows[0]]))
    assert bad.returncode == 3
    assert "finding: good, seed 0, 0.png: 2 rows for one score (rows 2, 18)" in bad.stdout
    none = programs.run("evaluator", "audit", tmp_path / "nowhere.csv")
    assert none.returncode == 2
    assert "Traceback" not in none.stderr
