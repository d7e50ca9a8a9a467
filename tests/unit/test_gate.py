"""`evaluator compare` as a gate: what it passes, what it refuses, and its exit codes."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract import CallError, CellbenchError, write_mask
from evaluator.compare.gate import GateCode, RunComparison, compare_runs
from evaluator.compare.sentences import last_line, sentence
from evaluator.runs.words import Outcome
from evaluator.scores.rows import ScoreRow, read_scores, write_scores
from evaluator.scores.score import score_folders
from tests import programs
from tests.unit.scored_runs import TRUTH, Kind, found, model_record, scored, write_run

Scores = Mapping[str, Mapping[int, Sequence[float | None]]]
"""Model → seed → F1 of each image; None for one that crashed."""

FIVE: Scores = {
    "maunet": {0: (0.82, 0.91, 0.55, 0.64, 0.71, 0.43, 0.78, 0.58)},
    "nnunet": {0: (0.61, 0.83, 0.55, 0.49, 0.52, 0.43, 0.66, 0.41)},
    "sac": {0: (0.32, 0.11, 0.05, 0.27, 0.00, 0.13, 0.21, 0.09)},
    "unet": {0: (0.41, 0.62, 0.38, 0.44, 0.29, 0.33, 0.57, 0.24)},
    "oracle": {0: (1.0,) * 8},
}


def run(
    root: Path,
    scores: Scores,
    *,
    thresholds: tuple[float, ...] = (0.5, 0.7, 0.9),
    sha256: str = "d" * 64,
    finished: bool = True,
    groups: Sequence[str] = (),
    images: int = 8,
    profile: str = "",
) -> Path:
    """A run folder with these scores, a little lower at each further threshold."""
    kinds: dict[str, Kind] = {"oracle": "control"}
    models = {
        name: model_record(tuple(seeds), kinds.get(name, "segmenter"))
        for name, seeds in scores.items()
    }
    names = [f"{number:02}.png" for number in range(images)]
    write_run(
        root,
        {name: Path("/nowhere") / name for name in names},
        models,
        thresholds=thresholds,
        finished=finished,
        sha256=sha256,
        groups=groups,
    )
    write_scores(
        root / "scores.csv",
        [
            row(model, seed, name, threshold, value * 0.9**place if value else value)
            for model, seeds in scores.items()
            for seed, values in seeds.items()
            for name, value in zip(names, values, strict=True)
            for place, threshold in enumerate(thresholds)
        ],
    )
    return root


def row(model: str, seed: int, image: str, threshold: float, f1: float | None) -> ScoreRow:
    outcome: Outcome = "crashed" if f1 is None else "scored"
    f1 = f1 or 0.0
    return ScoreRow(
        model=model,
        seed=seed,
        image=image,
        threshold=threshold,
        outcome=outcome,
        true_cells=20,
        predicted_cells=20,
        tp=round(20 * f1),
        fp=20 - round(20 * f1),
        fn=20 - round(20 * f1),
        precision=f1,
        recall=f1,
        f1=f1,
        dice=f1,
        modality="",
    )


def changed(scores: Scores, model: str, change: Callable[[float, int], float | None]) -> Scores:
    """The same with the F1 of one model changed image by image."""
    seeds = {
        seed: tuple(change(value or 0.0, place) for place, value in enumerate(values))
        for seed, values in scores[model].items()
    }
    return {**scores, model: seeds}


def edited(folder: Path, edit: Callable[[list[ScoreRow]], list[ScoreRow]]) -> Path:
    """The folder with its scores.csv edited by hand."""
    write_scores(folder / "scores.csv", edit(read_scores(folder / "scores.csv")))
    return folder


def verdicts(result: RunComparison) -> dict[str, str]:
    return {one.model: one.verdict for one in result.differences}


class TestVerdicts:
    def test_a_run_against_itself(self, tmp_path: Path) -> None:
        a = run(tmp_path / "a", FIVE)
        same = compare_runs(a, a)
        assert verdicts(same) == dict.fromkeys(("maunet", "nnunet", "sac", "unet"), "not worse")
        assert same.code == GateCode.NOT_WORSE == 0
        assert sentence(same.differences[0]) == (
            "maunet: not worse: each of 8 images has the same F1 in both."
        )

    def test_a_model_that_finds_nothing_any_more_is_worse(self, tmp_path: Path) -> None:
        """On 8 images, beside unchanged models and a control."""
        b = run(tmp_path / "b", changed(FIVE, "maunet", lambda _value, _place: 0.0))
        result = compare_runs(run(tmp_path / "a", FIVE), b)
        assert verdicts(result)["maunet"] == "worse"
        assert verdicts(result)["nnunet"] == "not worse"
        assert result.code == GateCode.WORSE == 3
        assert "mean F1 fell by 0.6775; with 95 % confidence it lost at least 0." in sentence(
            result.differences[0]
        )
        assert last_line(result) == "run B is worse: maunet"

    def test_small_losses_are_not_worse_whatever_the_test_says(self, tmp_path: Path) -> None:
        b = run(tmp_path / "b", changed(FIVE, "maunet", lambda v, place: v - 0.01 - place / 5000))
        result = compare_runs(run(tmp_path / "a", FIVE), b)
        assert set(verdicts(result).values()) == {"not worse"}
        assert "no image lost 0.02 or more" in sentence(result.differences[0])
        strict = compare_runs(tmp_path / "a", tmp_path / "b", margin=0.001)
        assert verdicts(strict)["maunet"] == "worse"

    def test_the_margin_is_held_by_the_interval(self, tmp_path: Path) -> None:
        """One image loses more than the margin, but the mean cannot have."""
        b = changed(FIVE, "unet", lambda value, place: value + (0.02 if place else -0.03))
        result = compare_runs(run(tmp_path / "a", FIVE), run(tmp_path / "b", b), margin=0.05)
        (unet,) = (one for one in result.differences if one.model == "unet")
        assert unet.verdict == "not worse"
        assert unet.interval is not None
        close = compare_runs(tmp_path / "a", tmp_path / "b", margin=0.02)
        (unet,) = (one for one in close.differences if one.model == "unet")
        assert unet.largest_loss == pytest.approx(0.03)
        assert unet.verdict == ("not worse" if unet.interval.low > -0.02 else "undecided")

    def test_undecided_says_what_would_settle_it(self, tmp_path: Path) -> None:
        b = changed(FIVE, "unet", lambda value, place: value + (0.12, -0.13)[place % 2])
        result = compare_runs(run(tmp_path / "a", FIVE), run(tmp_path / "b", b))
        assert result.code == GateCode.UNDECIDED == 4
        assert "undecided whether run B is worse: unet; to settle it: about " in last_line(result)
        assert "would fit as well" in sentence(result.differences[-1])

    def test_few_unequal_images_settle_nothing(self, tmp_path: Path) -> None:
        b = changed(FIVE, "maunet", lambda value, place: value if place > 4 else 0.0)
        result = compare_runs(run(tmp_path / "a", FIVE), run(tmp_path / "b", b))
        one = result.differences[0]
        assert (one.verdict, one.interval, one.unequal) == ("undecided", None, 5)
        assert "only 5 of 8 images differ" in sentence(one)
        assert "at least 6 differ" in last_line(result)

    def test_groups_count_once(self, tmp_path: Path) -> None:
        groups = ("x",) * 4 + ("y",) * 4
        b = changed(FIVE, "maunet", lambda _value, _place: 0.0)
        runs = [run(tmp_path / n, s, groups=groups) for n, s in (("a", FIVE), ("b", b))]
        result = compare_runs(*runs)
        assert verdicts(result)["maunet"] == "undecided"

    def test_seeds_are_averaged_and_widen_the_interval(self, tmp_path: Path) -> None:
        def two(shift: float) -> Scores:
            values = FIVE["maunet"][0]
            high = tuple((value or 0) + shift for value in values)
            return {"maunet": {0: values, 1: high}}

        before = run(tmp_path / "a", two(0.0))
        after = run(tmp_path / "b", changed(two(0.0), "maunet", lambda v, p: v - 0.1 - p / 500))
        settled = compare_runs(before, after)
        assert settled.differences[0].over_trainings
        assert settled.verdict == "worse"
        apart = run(tmp_path / "c", two(-0.4))
        assert compare_runs(run(tmp_path / "d", two(-0.4)), apart).verdict == "not worse"

    def test_new_failures_are_worse(self, tmp_path: Path) -> None:
        b = changed(FIVE, "sac", lambda value, place: None if place == 4 else value)
        result = compare_runs(run(tmp_path / "a", FIVE), run(tmp_path / "b", b))
        assert verdicts(result)["sac"] == "worse"
        assert result.differences[2].new_failures == ("sac, seed 0, 04.png: crashed",)
        back = compare_runs(tmp_path / "b", tmp_path / "a")
        assert back.repaired == ("sac, seed 0, 04.png: was crashed",)
        assert back.verdict == "not worse"

    def test_controls_decide_nothing(self, tmp_path: Path) -> None:
        b = changed(FIVE, "oracle", lambda _value, _place: 0.0)
        result = compare_runs(run(tmp_path / "a", FIVE), run(tmp_path / "b", b))
        assert "oracle" not in verdicts(result)
        assert result.code == 0


class TestNotComparable:
    def refused(self, a: Path, b: Path, message: str) -> None:
        with pytest.raises(CallError, match=message):
            compare_runs(a, b)

    def test_another_dataset(self, tmp_path: Path) -> None:
        a, b = run(tmp_path / "a", FIVE), run(tmp_path / "b", FIVE, sha256="e" * 64)
        self.refused(a, b, r"different datasets: .*dddd.*eeee")

    def test_other_counts_of_true_cells(self, tmp_path: Path) -> None:
        """Even of one model alone, with hashes of the truth that agree."""
        a, b = run(tmp_path / "a", FIVE), run(tmp_path / "b", FIVE)
        edited(
            b,
            lambda rows: [
                replace(one, true_cells=70) if one.model == "sac" else one for one in rows
            ],
        )
        self.refused(a, b, r"different truths: 8 of 8 .*20 true cells in A, 20 or 70 in B")

    def test_removed_rows(self, tmp_path: Path) -> None:
        a, b = run(tmp_path / "a", FIVE), run(tmp_path / "b", FIVE)
        edited(b, lambda rows: [r for r in rows if (r.model, r.image) != ("unet", "03.png")])
        message = r"run B are not .*unet, seed 0, 03\.png, IoU 0\.5, 0\.7, 0\.9: no row"
        self.refused(a, b, message)

    def test_repeated_and_foreign_rows(self, tmp_path: Path) -> None:
        a, b = run(tmp_path / "a", FIVE), run(tmp_path / "b", FIVE)
        edited(a, lambda rows: [*rows, rows[0]])
        self.refused(a, b, r"run A are not .*00\.png, IoU 0\.5: more than one row")
        c = run(tmp_path / "c", FIVE)
        edited(b, lambda rows: [*rows, replace(rows[0], seed=7)])
        self.refused(c, b, "maunet, seed 7, .* not part of what was run")

    def test_a_crash_under_another_seed(self, tmp_path: Path) -> None:
        moved = {**FIVE, "sac": {1: (None,) * 8}}
        a, b = run(tmp_path / "a", FIVE), run(tmp_path / "b", moved)
        self.refused(a, b, r"lacks 1 training that run A has: sac seed 0")

    def test_a_removed_model(self, tmp_path: Path) -> None:
        fewer = {name: seeds for name, seeds in FIVE.items() if name != "maunet"}
        a, b = run(tmp_path / "a", FIVE), run(tmp_path / "b", fewer)
        self.refused(a, b, "Run B has no model maunet")
        back = compare_runs(b, a)
        assert back.notes == ("only run B has model maunet",)
        assert back.verdict == "not worse"

    def test_removed_images(self, tmp_path: Path) -> None:
        fewer = {name: {0: seeds[0][:6]} for name, seeds in FIVE.items()}
        a, b = run(tmp_path / "a", FIVE), run(tmp_path / "b", fewer, images=6)
        self.refused(a, b, r"lacks 2 images that run A has: 06\.png, 07\.png")
        assert compare_runs(b, a).notes == ("only run B has image 06.png, 07.png",)

    def test_an_unfinished_run(self, tmp_path: Path) -> None:
        a, b = run(tmp_path / "a", FIVE), run(tmp_path / "b", FIVE, finished=False)
        edited(b, lambda rows: rows[:30])
        self.refused(a, b, "has not finished")

    def test_other_rules(self, tmp_path: Path) -> None:
        a, b = scored(tmp_path / "a", [16]), scored(tmp_path / "b", [16], protocol="plain")
        self.refused(a, b, r"protocol challenge.*plain")
        self.refused(a, tmp_path, "neither a run nor")
        c = scored(tmp_path / "c", [16], thresholds=(0.8,))
        self.refused(a, c, "nothing to compare")
        (c / "score.json").write_text("{}")
        with pytest.raises(CellbenchError, match=r"no usable run\.json or score\.json"):
            compare_runs(a, c)

    @pytest.mark.parametrize("kept", [True, False])
    def test_a_corrected_truth(self, tmp_path: Path, kept: bool) -> None:
        """With its hash recorded, and without."""
        a, b = scored(tmp_path / "a", [16] * 6), scored(tmp_path / "b", [16] * 6)
        write_mask(tmp_path / "b" / "gt" / "03.tif", found(12))
        score_folders(tmp_path / "b" / "gt", tmp_path / "b" / "pred", b, model="m")
        if not kept:
            for out in (a, b):
                record = json.loads((out / "score.json").read_text())
                (out / "score.json").write_text(json.dumps(record | {"truth_sha256": {}}))
        self.refused(a, b, r"1 of 6 images differ: 03\.tif \(16 true cells in A, 12 in B")

    def test_truths_with_other_outlines(self, tmp_path: Path) -> None:
        a, b = scored(tmp_path / "a", [16]), scored(tmp_path / "b", [16])
        wider = np.where(np.roll(TRUTH, 1, axis=0) > 0, np.roll(TRUTH, 1, axis=0), TRUTH)
        write_mask(tmp_path / "b" / "gt" / "00.tif", wider)
        score_folders(tmp_path / "b" / "gt", tmp_path / "b" / "pred", b, model="m")
        self.refused(a, b, "other outlines or ids")


class TestFolders:
    def test_a_renamed_model_and_the_lowest_common_threshold(self, tmp_path: Path) -> None:
        a = scored(tmp_path / "a", [16] * 6, model="old name", thresholds=(0.5, 0.7))
        b = scored(tmp_path / "b", [8] * 7, model="new name", thresholds=(0.7, 0.9))
        result = compare_runs(a, b)
        (one,) = result.differences
        assert (one.model, result.threshold, one.images) == ("old name → new name", 0.7, 6)
        assert (one.primary.a, round(one.primary.b, 4)) == (1, 0.6667)
        assert result.notes == ("only run B has image 06.tif",)
        assert result.verdict == "worse"  # all six lose a third

    def test_images_are_one_in_either_form_of_an_accent(self, tmp_path: Path) -> None:
        folders = []
        for side, name in (("a", "é"), ("b", "e\u0301")):
            write_mask(tmp_path / side / "gt" / f"{name}.tif", TRUTH)
            write_mask(tmp_path / side / "pred" / f"{name}.tif", TRUTH)
            out = tmp_path / side / "out"
            score_folders(tmp_path / side / "gt", tmp_path / side / "pred", out, model="m")
            folders.append(out)
        assert compare_runs(*folders).verdict == "not worse"


def test_the_program_and_its_exit_codes(tmp_path: Path) -> None:
    def compare(b: Path, *options: str) -> tuple[int, str]:
        done = programs.run("evaluator", "compare", a, b, *options)
        return done.returncode, done.stdout + done.stderr

    a = run(tmp_path / "a", FIVE)
    worse = run(tmp_path / "worse", changed(FIVE, "maunet", lambda _value, _place: 0.0))
    open_ = run(
        tmp_path / "open", changed(FIVE, "unet", lambda v, place: v + (0.12, -0.13)[place % 2])
    )
    other = run(tmp_path / "other", FIVE, sha256="e" * 64)
    code, said = compare(a)
    assert code == 0, said
    assert said.splitlines()[-1] == "run B is not worse than run A by 0.02 or more"
    assert "This is said of these trainings" in said
    code, said = compare(worse)
    assert (code, said.splitlines()[-1]) == (3, "run B is worse: maunet")
    code, said = compare(open_)
    assert code == 4, said
    assert said.splitlines()[-1].startswith("undecided whether run B is worse: unet; to settle it")
    assert compare(open_, "--margin", "0.5")[0] == 0
    code, said = compare(other)
    assert code == 2
    assert "different datasets" in said
