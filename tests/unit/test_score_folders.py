"""`evaluator score`: pairing files, outcomes, what is written, exit codes, scoring again."""

import json
import re
import sys
import types
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import evaluator
import evaluator.cli
from contract import CallError, CellbenchError
from contract.written import Written
from evaluator.overlap.table import OverlapTable
from evaluator.report import build_report
from evaluator.runs.folder import RunFolder
from evaluator.scores.rescore import rescore_folder
from evaluator.scores.rows import read_scores, rows_for, write_scores
from evaluator.scores.score import TruthFault, score_folders, score_pair
from evaluator.scores.verification import verify
from tests.programs import code, finish
from tests.unit.label_maps import squares
from tests.unit.scored_runs import write_run

TRUTH = squares((30, 40), (5, 5, 6, 6), (15, 15, 7, 5), (0, 30, 4, 4))
FOUND = squares((30, 40), (5, 5, 6, 6), (16, 15, 6, 5), dtype="uint8")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Truth, prediction and output; the first two exist and are empty."""
    for name in ("gt", "my model"):
        (tmp_path / name).mkdir()
    return tmp_path / "gt", tmp_path / "my model", tmp_path / "out"


def save(path: Path, labels: np.ndarray) -> Path:
    match path.suffix:
        case ".npy":
            np.save(path, labels)
        case ".tif" | ".tiff":
            tifffile.imwrite(path, labels, compression="zlib")
        case _:
            Image.fromarray(labels).save(path)
    return path


def evaluate(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of `evaluator` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["evaluator", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        evaluator.cli.main()
    return int(left.value.code or 0)


class TestPair:
    def test_scored(self, tmp_path: Path) -> None:
        result = score_pair(save(tmp_path / "a.tif", TRUTH), save(tmp_path / "b.png", FOUND))
        assert result.outcome == "scored"
        assert result.table is not None
        assert len(result.table.pair_pixels) == 2

    @pytest.mark.parametrize(
        ("labels", "outcome", "said"),
        [
            (None, "missing", "no mask"),
            (b"", "unreadable", "0 bytes"),
            (b"no image at all", "unreadable", "cannot be decoded"),
            (FOUND[:-1], "wrong_shape", "29×40"),
            (FOUND.T, "wrong_shape", "40×30"),
            (np.stack([FOUND] * 3, axis=-1), "wrong_type", "one H×W plane"),
            (FOUND / 3, "wrong_type", "fractions"),
            (-FOUND.astype(np.int16), "wrong_type", "negative"),
        ],
    )
    def test_failed(
        self, tmp_path: Path, labels: np.ndarray | bytes | None, outcome: str, said: str
    ) -> None:
        mask = tmp_path / "mask.tif"
        if isinstance(labels, bytes):
            mask.write_bytes(labels)
        elif labels is not None:
            save(mask, labels)
        result = score_pair(save(tmp_path / "truth.tif", TRUTH), mask)
        assert (result.outcome, result.table) == (outcome, None)
        assert said in result.message
        assert len(result.truth_table.truth) == 3

    @pytest.mark.parametrize(
        ("suffix", "dtype", "first"),
        [
            ("png", "uint8", 1),
            ("png", "uint16", 60_000),
            ("tif", "int32", 1),
            ("tif", "uint32", 2**32 - 3),
            ("tif", "float32", 1),
            ("tif", "float64", 2**53 - 3),
            ("npy", "bool", 1),
            ("npy", "int8", 1),
            ("npy", "float16", 7),
            ("npy", "int64", 2**63 - 3),
            ("npy", "uint64", 2**64 - 3),
        ],
    )
    def test_ids_of_any_type_of_number(
        self, tmp_path: Path, suffix: str, dtype: str, first: int
    ) -> None:
        labels = FOUND.astype(np.uint64)
        labels[FOUND > 0] += np.uint64(first - 1)
        mask = save(tmp_path / f"mask.{suffix}", labels.astype(dtype))
        result = score_pair(save(tmp_path / "truth.tif", TRUTH), mask)
        assert result.outcome == "scored"
        assert bool(result.warnings) == (dtype == "bool")
        ids = [1] if dtype == "bool" else [first, first + 1]
        assert result.truth_table.predicted.ids.tolist() == ids

    def test_one_id_for_all_cells_is_said(self, tmp_path: Path) -> None:
        truth, binary = save(tmp_path / "a.tif", TRUTH), save(tmp_path / "b.png", TRUTH > 0)
        for side, pair in (("prediction", (truth, binary)), ("truth", (binary, truth))):
            (said,) = score_pair(*pair).warnings
            assert said.startswith(f"the {side}: one id, 1, lies over 3 cells of the other mask")
        both = score_pair(binary, binary).warnings
        assert [text.partition(":")[0] for text in both] == ["the truth", "the prediction"]

    @pytest.mark.parametrize("highest", [255, 65535])
    def test_the_last_id_of_a_type_is_said(self, tmp_path: Path, highest: int) -> None:
        labels = FOUND.astype(np.uint16)
        labels[labels == 2] = highest
        masks = [save(tmp_path / "a.tif", TRUTH), save(tmp_path / "b.tif", labels)]
        (said,) = score_pair(*masks).warnings
        assert said.startswith(f"the prediction: the highest id is {highest}")
        labels[labels == highest] -= 1
        assert score_pair(masks[0], save(tmp_path / "c.tif", labels)).warnings == ()

    def test_no_path_is_missing(self, tmp_path: Path) -> None:
        assert score_pair(save(tmp_path / "a.tif", TRUTH), None).outcome == "missing"

    @pytest.mark.parametrize("labels", [None, np.stack([TRUTH] * 3, axis=-1), TRUTH / 2])
    def test_a_fault_of_the_truth_is_no_ones_outcome(
        self, tmp_path: Path, labels: np.ndarray | None
    ) -> None:
        truth = tmp_path / "truth.tif"
        if labels is not None:
            save(truth, labels)
        with pytest.raises(TruthFault, match=r"truth\.tif"):
            score_pair(truth, save(tmp_path / "mask.tif", FOUND))


def test_pairs_by_stem_whatever_the_format(folders: tuple[Path, Path, Path]) -> None:
    truth, predicted, out = folders
    names = {
        "a_label.tiff": "a.png",
        "b.png": "b_label.npy",
        "c d_label.TIF": "c d_label.v2.tiff",
        "é.1.npy": "é_label.bmp",
    }
    for theirs, ours in names.items():
        for path, labels in ((truth / theirs, TRUTH), (predicted / ours, FOUND)):
            written = save(path.with_suffix(path.suffix.lower()), labels.astype(np.uint8))
            written.rename(path)
    (truth / "notes.txt").write_text("no mask")
    scores = score_folders(truth, predicted, out)
    assert [row.image for row in scores.rows if row.threshold == 0.5] == sorted(names)
    assert {(row.model, row.outcome) for row in scores.rows} == {("my model", "scored")}
    assert {row.tp for row in scores.rows if row.threshold < 0.9} == {2}
    assert read_scores(out / "scores.csv") == list(scores.rows)
    record = json.loads((out / "score.json").read_text(encoding="utf-8"))
    assert (record["protocol"], record["thresholds"]) == ("challenge", [0.5, 0.7, 0.9])
    assert sorted(path.stem for path in (out / "overlaps").iterdir()) == ["a", "b", "c d", "é"]


def test_the_truth_is_the_denominator(folders: tuple[Path, Path, Path]) -> None:
    truth, predicted, out = folders
    for name in ("good", "gone", "small", "fault"):
        save(truth / f"{name}.tif", TRUTH)
    (truth / "fault.tif").write_bytes(b"")
    save(predicted / "good.tif", FOUND)
    save(predicted / "fault.tif", FOUND)
    save(predicted / "extra.tif", FOUND)
    save(predicted / "small.tif", FOUND[:5])
    scores = score_folders(truth, predicted, out, thresholds=[0.5])
    assert {row.image: (row.outcome, row.true_cells, row.tp) for row in scores.rows} == {
        "gone.tif": ("missing", 2, 0),
        "good.tif": ("scored", 2, 2),
        "small.tif": ("wrong_shape", 2, 0),
    }
    assert set(scores.failures) == {"gone.tif", "small.tif"}
    assert set(scores.faults) == {"fault.tif"}
    assert scores.unpaired == ("extra.tif",)
    assert scores.outcomes == {"missing": 1, "scored": 1, "wrong_shape": 1}


class TestWrongCalls:
    """Exit 2, one message, and nothing is written."""

    def refused(self, folders: tuple[Path, Path, Path], said: str, **options: object) -> None:
        with pytest.raises(CallError, match=said) as error:
            score_folders(*folders, **options)  # type: ignore[arg-type]
        assert error.value.exit_code == 2
        assert not folders[2].exists()

    def test_no_folder(self, folders: tuple[Path, Path, Path]) -> None:
        truth, predicted, out = folders
        self.refused((truth / "none", predicted, out), "No folder")
        self.refused((truth, predicted / "none", out), "No folder")

    def test_two_files_with_one_stem(self, folders: tuple[Path, Path, Path]) -> None:
        truth, predicted, _ = folders
        save(truth / "a.tif", TRUTH)
        save(predicted / "a.tif", FOUND)
        save(predicted / "a.png", FOUND)
        self.refused(folders, r"several labels: a\.png and a\.tif")

    def test_no_pair(self, folders: tuple[Path, Path, Path]) -> None:
        self.refused(folders, "No mask in")
        save(folders[0] / "a.tif", TRUTH)
        save(folders[1] / "b.tif", FOUND)
        self.refused(folders, "No mask in")

    @pytest.mark.parametrize("thresholds", [(), (0.5, 0.0), (1.5,), (float("nan"),)])
    def test_thresholds(
        self, folders: tuple[Path, Path, Path], thresholds: tuple[float, ...]
    ) -> None:
        self.refused(folders, "threshold", thresholds=thresholds)

    def test_only_faulty_truths(self, folders: tuple[Path, Path, Path]) -> None:
        (folders[0] / "a.tif").write_bytes(b"")
        save(folders[1] / "a.tif", FOUND)
        with pytest.raises(CallError, match="No truth"):
            score_folders(*folders)

    def test_output_is_a_file(self, folders: tuple[Path, Path, Path]) -> None:
        truth, predicted, out = folders
        save(truth / "a.tif", TRUTH)
        save(predicted / "a.tif", FOUND)
        out.write_text("mine")
        with pytest.raises(CallError, match="is a file"):
            score_folders(truth, predicted, out)
        assert out.read_text() == "mine"


class TestCommandLine:
    def test_all_scored(
        self,
        folders: tuple[Path, Path, Path],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        truth, predicted, out = folders
        save(truth / "a.tif", TRUTH)
        save(predicted / "a.tif", FOUND)
        options = ["--protocol", "plain", "--thresholds", "0.5,.8, 0.9", "--model", "[red]x"]
        code = evaluate("score", truth, predicted, "--out", out, *options, monkeypatch=monkeypatch)
        assert code == 0
        said = capsys.readouterr()
        assert said.err == ""
        assert "images: 1 (1 scored)" in said.out
        assert "[red]x, plain" in said.out
        rows = read_scores(out / "scores.csv")
        assert [(row.threshold, row.tp, row.true_cells) for row in rows] == [
            (0.5, 2, 3), (0.8, 2, 3), (0.9, 1, 3),
        ]  # fmt: skip
        assert {row.model for row in rows} == {"[red]x"}

    def test_failures_are_named_and_both_means_shown(
        self,
        folders: tuple[Path, Path, Path],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        truth, predicted, out = folders
        for name in ("a", "b"):
            save(truth / f"{name}.tif", TRUTH)
        save(predicted / "a.tif", TRUTH)
        save(predicted / "c.tif", TRUTH)
        code = evaluate("score", truth, predicted, "--out", out, monkeypatch=monkeypatch)
        assert code == 3
        said = capsys.readouterr()
        assert "b.tif counts 0: there is no mask" in said.err
        assert "c.tif is left out" in said.err
        assert re.search(r"0\.9 .*0\.5000.*0\.5000.*0\.5000.*1\.0000.*1\.0000", said.out)
        assert "images: 2 (1 scored, 1 missing)" in said.out

    def test_suspicious_masks_are_named(
        self,
        folders: tuple[Path, Path, Path],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        truth, predicted, out = folders
        save(truth / "a.tif", TRUTH)
        save(predicted / "a.tif", (TRUTH > 0).astype(np.uint8))
        assert evaluate("score", truth, predicted, "--out", out, monkeypatch=monkeypatch) == 0
        assert "a.tif: the prediction: one id" in capsys.readouterr().err
        assert list(json.loads((out / "score.json").read_text())["warnings"]) == ["a.tif"]

    @pytest.mark.parametrize(
        "options",
        [["--thresholds", "high"], ["--thresholds", "2"], ["--protocol", "coco"], ["--what"]],
    )
    def test_wrong_calls(
        self,
        folders: tuple[Path, Path, Path],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        options: list[str],
    ) -> None:
        truth, predicted, out = folders
        save(truth / "a.tif", TRUTH)
        save(predicted / "a.tif", FOUND)
        code = evaluate("score", truth, predicted, "--out", out, *options, monkeypatch=monkeypatch)
        assert code == 2
        assert "Traceback" not in capsys.readouterr().err
        assert not out.exists()

    def test_interrupted(
        self, folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(evaluator.cli, "score_folders", interrupt)
        assert evaluate("score", *folders[:2], "--out", "x", monkeypatch=monkeypatch) == 130

    def test_a_report_has_one_source(
        self, folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert evaluate("report", "--out", folders[2], monkeypatch=monkeypatch) == 2
        both = ["report", folders[0], "--challenge-csv", "a:0.5=b.csv", "--out", folders[2]]
        assert evaluate(*both, monkeypatch=monkeypatch) == 2


def test_scoring_again_equals_scoring_the_masks(folders: tuple[Path, Path, Path]) -> None:
    truth, predicted, out = folders
    for name in ("a", "b_label", "c"):
        save(truth / f"{name}.tif", TRUTH)
        save(predicted / f"{name}.png", FOUND)
    (predicted / "c.png").unlink()
    score_folders(truth, predicted, out, model="m")
    for options in (
        {"protocol": "plain", "thresholds": (0.55, 0.8)},
        {"protocol": "plain", "border": True},
        {"protocol": "challenge", "thresholds": (0.3,)},
    ):
        fresh = score_folders(truth, predicted, out.with_name("fresh"), model="m", **options)
        assert rescore_folder(out, **options) == list(fresh.rows)


def test_scoring_again_without_a_table_is_refused(folders: tuple[Path, Path, Path]) -> None:
    truth, predicted, out = folders
    save(truth / "a.tif", TRUTH)
    save(predicted / "a.tif", FOUND)
    score_folders(truth, predicted, out)
    (out / "overlaps" / "a.npz").unlink()
    with pytest.raises(CellbenchError, match=r"a\.npz"):
        rescore_folder(out)


def test_a_run_is_scored_again_its_failed_images_from_their_labels(tmp_path: Path) -> None:
    label, run = save(tmp_path / "truth.tif", TRUTH), RunFolder(tmp_path / "run")
    write_run(run.root, {"a.png": label, "b.png": label})
    pair = score_pair(label, save(tmp_path / "mask.tif", FOUND))
    assert pair.table is not None
    pair.table.save(run.overlaps("unet", 1) / "a.npz")
    facts = {"model": "unet", "seed": 1, "modality": "DIC"}
    write_scores(
        run.scores_csv,
        [
            *rows_for(pair.truth_table, image="a.png", **facts),
            *rows_for(pair.truth_table, image="b.png", outcome="timeout", **facts),
        ],
    )
    plain = {"protocol": "plain", "thresholds": (0.5,)}
    again = rescore_folder(run.root, **plain)
    assert again == [
        *rows_for(pair.truth_table, image="a.png", **facts, **plain),
        *rows_for(pair.truth_table, image="b.png", outcome="timeout", **facts, **plain),
    ]
    assert [(row.true_cells, row.tp) for row in again] == [(3, 2), (3, 0)]
    (run.overlaps("unet", 1) / "a.npz").unlink()
    with pytest.raises(CellbenchError, match=r"a\.npz"):
        rescore_folder(run.root)


def test_every_public_name_can_be_imported() -> None:
    for name in evaluator.__all__:
        assert not isinstance(getattr(evaluator, name), types.ModuleType), name
    assert evaluator.f1(true_cells=2, predicted_cells=2, tp=1, empty=0.0) == 0.5
    assert isinstance(evaluator.OverlapTable, type)
    with pytest.raises(AttributeError, match="nothing"):
        _ = evaluator.nothing  # type: ignore[attr-defined]


def test_the_scoring_path_loads_no_heavy_package(tmp_path: Path) -> None:
    """Neither what reports need nor what models need, so that `evaluator score` starts at once."""
    for name in ("gt", "pred"):
        (tmp_path / name).mkdir()
        save(tmp_path / name / "a.tif", TRUTH)
    text = (
        "import sys; from evaluator import score_folders; from pathlib import Path; import"
        " evaluator.cli; score_folders(*map(Path, ['gt', 'pred', 'out'])); print(sorted({'pandas',"
        " 'matplotlib', 'torch', 'skimage', 'jinja2', 'docker'} & set(sys.modules)))"
    )
    done = finish(code(text), cwd=tmp_path)
    assert done.stdout.strip() == "[]"
    assert OverlapTable.load(tmp_path / "out" / "overlaps" / "a.npz").shape == (30, 40)


class TestPairing:
    def test_the_documented_name_is_taken_and_the_other_said(
        self, folders: tuple[Path, Path, Path]
    ) -> None:
        truth, predicted, out = folders
        save(truth / "a_label.tiff", TRUTH)
        save(truth / "a.png", (TRUTH > 0).astype(np.uint8))
        save(predicted / "a.tif", FOUND)
        scores = score_folders(truth, predicted, out, thresholds=[0.5])
        (row,) = scores.rows
        assert (row.image, row.true_cells) == ("a_label.tiff", 2)  # one lies on the border
        assert scores.passed_over == {str(truth / "a.png"): "passed over, a_label.tiff is taken"}
        assert json.loads((out / "score.json").read_text())["passed_over"] == scores.passed_over

    def test_names_that_differ_behind_the_first_dot_make_no_pair(
        self, folders: tuple[Path, Path, Path]
    ) -> None:
        truth, predicted, out = folders
        for name in ("exp1.5min", "exp2.5min"):
            save(truth / f"{name}_label.tiff", TRUTH)
        save(predicted / "exp1_label.tiff", FOUND)  # as this program names its masks
        save(predicted / "exp2.9min_label.tiff", FOUND)
        scores = score_folders(truth, predicted, out, thresholds=[0.5])
        assert [row.outcome for row in scores.rows] == ["scored", "missing"]
        assert "exp2.9min_label.tiff agrees with it up" in scores.failures["exp2.5min_label.tiff"]
        (predicted / "exp1_label.tiff").unlink()
        with pytest.raises(CallError, match="No mask in"):
            score_folders(truth, predicted, out)

    def test_accents_are_compared_in_one_form(self, folders: tuple[Path, Path, Path]) -> None:
        truth, predicted, out = folders
        save(truth / unicodedata.normalize("NFC", "größe.tif"), TRUTH)
        save(predicted / unicodedata.normalize("NFD", "größe_label.tiff"), FOUND)
        assert [row.outcome for row in score_folders(truth, predicted, out).rows] == ["scored"] * 3
        assert verify(out).differing == ()

    def test_what_is_not_read_as_a_mask_is_named(self, folders: tuple[Path, Path, Path]) -> None:
        truth, predicted, out = folders
        for name in ("a", "b"):
            save(truth / f"{name}.tif", TRUTH)
        (truth / "c.czi").touch()
        save(predicted / "a.tif", FOUND)
        (predicted / "b_label.jpg").touch()
        scores = score_folders(truth, predicted, out)
        assert "b_label.jpg is of a format" in scores.failures["b.tif"]
        assert "1 file of another format (c.czi)" in scores.passed_over[str(truth)]

    def test_a_truth_with_a_fault_is_left_out_and_said_by_the_exit_code(
        self,
        folders: tuple[Path, Path, Path],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        truth, predicted, out = folders
        for name in ("a", "b"):
            save(truth / f"{name}.tif", TRUTH)
            save(predicted / f"{name}.tif", FOUND)
        (truth / "b.tif").write_bytes(b"II*\0 cut")
        assert evaluate("score", truth, predicted, "--out", out, monkeypatch=monkeypatch) == 3
        said = capsys.readouterr()
        assert "b.tif is left out, the truth has a fault" in said.err
        assert "images: 1 (1 scored); left out for a faulty truth: 1" in said.out


class TestWhatIsThere:
    """Only what an earlier call wrote is replaced."""

    def test_scores_of_somebody_else_are_kept(self, folders: tuple[Path, Path, Path]) -> None:
        truth, predicted, out = folders
        save(truth / "a.tif", TRUTH)
        save(predicted / "a.tif", FOUND)
        out.mkdir()
        (out / "scores.csv").write_text("mine")
        (out / "notes.txt").write_text("mine")
        with pytest.raises(CallError, match=r"scores\.csv, which cellbench did not write"):
            score_folders(truth, predicted, out)
        assert sorted(path.name for path in out.iterdir()) == ["notes.txt", "scores.csv"]
        (out / "scores.csv").unlink()
        for _ in range(2):
            score_folders(truth, predicted, out)
        assert (out / "notes.txt").read_text() == "mine"

    def test_a_killed_call_does_not_stand_in_the_way(
        self, folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        truth, predicted, out = folders
        save(truth / "a.tif", TRUTH)
        save(predicted / "a.tif", FOUND)

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("evaluator.scores.score.write_scores", killed)
            with pytest.raises(KeyboardInterrupt):
                score_folders(truth, predicted, out)
        assert list((out / "overlaps").iterdir())
        assert score_folders(truth, predicted, out).complete

    def test_reports_replace_reports_alone(
        self, folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        truth, predicted, out = folders
        save(truth / "a.tif", TRUTH)
        save(predicted / "a.tif", FOUND)
        score_folders(truth, predicted, out)
        project = out.parent / "project"
        (project / "figures").mkdir(parents=True)
        (project / "figures" / "mine.svg").write_text("mine")
        with pytest.raises(CallError, match="figures/, which cellbench did not write"):
            build_report(out, project)
        assert sorted(path.name for path in project.rglob("*")) == ["figures", "mine.svg"]
        new = out.parent / "new"
        for _ in range(2):
            build_report(out, new)
            (new / "figures" / "mine.svg").write_text("mine")
            (new / "tables" / "old.csv").write_text("of an earlier report")
            Written(new).note("tables/old.csv")
        build_report(out, new)
        assert (new / "figures" / "mine.svg").read_text() == "mine"
        assert not (new / "tables" / "old.csv").exists()


def test_remarks_reach_the_report(folders: tuple[Path, Path, Path]) -> None:
    truth, predicted, out = folders
    save(truth / "a.tif", TRUTH)
    save(truth / "a_label.tiff", TRUTH)
    save(predicted / "a.tif", (TRUTH > 0).astype(np.uint8))
    score_folders(truth, predicted, out)
    text = build_report(out, out / "report").report_md.read_text()
    assert "the prediction: one id" in text
    assert "a\\_label.tiff is taken" in text
